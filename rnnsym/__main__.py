"""`python -m rnnsym` is the command `rnnsym`."""

from rnnsym.cli.main import run

if __name__ == "__main__":
    run()
