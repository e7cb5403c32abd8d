"""A derivation as PDF, through latexmk.

Comes in: LaTeX source and a place. Goes out: the file. Where no TeX is installed a plain sentence says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rnnsym.cli.terminal import progress
from rnnsym.errors import UsageError

SECONDS = 300  # after which TeX is given up
_COMMAND = ("latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-norc", "derivation.tex")


def write_pdf(source: str, target: Path, force: bool) -> int:
    """Compile in a folder of its own, then put the result in its place. Raises UsageError where that cannot be done."""
    if shutil.which("latexmk") is None:
        instead = "--format tex or --format html; or install TeX Live with latexmk"
        raise UsageError.at("U304", "a PDF needs latexmk, which is not installed", instead=instead, file="rnnsym")
    if target.exists() and not force:
        raise UsageError.at("U201", f"`{target}` exists, and is left as it is", instead="--force to overwrite it", file="rnnsym")
    with tempfile.TemporaryDirectory() as folder, progress(f"{target.name}: TeX"):
        Path(folder, "derivation.tex").write_text(source, encoding="utf-8")
        environment = os.environ | {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}  # the same bytes each time
        try:
            done = subprocess.run(_COMMAND, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise UsageError.at("U303", f"TeX did not end within {SECONDS} seconds", file="rnnsym") from None
        made = Path(folder, "derivation.pdf")
        if done.returncode or not made.is_file():
            said = next((line for line in done.stdout.splitlines() if line.startswith("!")), "no reason given")
            raise UsageError.at("U303", f"TeX could not compile the derivation: {said}", file="rnnsym")
        try:
            shutil.copyfile(made, target)
        except OSError as error:
            raise UsageError.at("U204", f"`{target}` cannot be written: {error.strerror or error}", file="rnnsym") from None
    print(target)
    return 0
