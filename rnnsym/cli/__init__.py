"""Words on the command line: `arguments` says which there are, `main` runs one, every other file is one command."""
