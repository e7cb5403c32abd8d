"""Writing files so that nothing is lost: seals, and all-or-nothing.

Comes in: paths and texts. A text that rnnsym writes carries a seal, the digest of the rest of the file, as its last line: so a later run
knows a file that nobody has touched from one that a person has edited, and leaves the second alone. Several files are all written
beside their places first and renamed then; a failure leaves every old file as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnsym.errors import UsageError

MARK = "rnnsym-seal: sha256:"
_CLOSING = " -->"


def seal(text: str, comment: str = "#") -> str:
    """The text with its seal as a last comment line (`comment` opens it: "#" in Python, "%" in LaTeX, "<!--" in HTML and Markdown).

    >>> is_untouched(seal("a = 1\\n")), is_untouched(seal("a = 1\\n").replace("1", "2", 1))
    (True, False)
    """
    body = text.rstrip("\n") + "\n"
    gap = "\n\n" if comment == "#" else "\n"
    return f"{body}{gap}{comment} {MARK}{_digest(body)}{_CLOSING if comment == '<!--' else ''}\n"


def is_sealed(text: str) -> bool:
    """Whether the text was written by rnnsym (and perhaps edited since)."""
    return re.search(rf"(?m)^(?:[#%]|<!--) {MARK}[0-9a-f]{{64}}(?:{_CLOSING})?\r?$", text) is not None


def is_untouched(text: str) -> bool:
    """Whether the text is as rnnsym wrote it. Line ends do not count: a checkout may have changed them."""
    body, _, last = text.replace("\r\n", "\n").rstrip().rpartition("\n")
    return MARK in last and last.removesuffix(_CLOSING).endswith(MARK + _digest(body.rstrip("\n") + "\n"))


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def read_text(path: Path) -> str | None:
    """The text of a file, None where there is none; bytes that are no UTF-8 come out as marks (such a file is not ours)."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError.at("U205", f"`{path}` cannot be read: {error.strerror or error}", file="rnnsym") from None


def write_all(texts: Mapping[Path, str], force: bool = False) -> tuple[Path, ...]:
    """Write every file or none; returns those whose content changed.

    Raises UsageError where a file was edited by hand or was not written by rnnsym (unless `force`), a folder stands in the way, or
    a folder cannot be written.
    """
    changed = {path: text for path, text in texts.items() if _differs(path, text)}
    if not force:
        refuse_edited(tuple(changed))
    for path in changed:
        _make_folder(path.parent)
    _replace_all(changed)
    return tuple(changed)


def write_bytes(path: Path, content: bytes, force: bool = False) -> bool:
    """Write one file that carries no seal (a figure), old or new and never half; returns whether it changed.

    Raises UsageError where another file stands there (unless `force`), or the place cannot be written.
    """
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise UsageError.at("U203", f"`{path}` is no ordinary file", expected="a place for a file", file="rnnsym")
    if path.exists():
        if path.read_bytes() == content:
            return False
        if not force:
            raise UsageError.at("U201", f"`{path}` exists, and is left as it is", instead="--force to overwrite it", file="rnnsym")
    _make_folder(path.parent)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.resolve().parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path.resolve())
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError.at("U204", f"`{path}` cannot be written: {error.strerror or error}", file="rnnsym") from None
    return True


def _differs(path: Path, text: str) -> bool:
    if path.is_dir():
        raise UsageError.at("U203", f"`{path}` is a folder", expected="a place for a file", file="rnnsym")
    if path.exists() and not path.is_file():  # a device or a pipe: to rename something over it would destroy it
        raise UsageError.at("U203", f"`{path}` is no ordinary file", instead="leave -o out, and the text is printed", file="rnnsym")
    return read_text(path) != text


def refuse_edited(paths: Sequence[Path]) -> None:
    """Raise UsageError unless each file is absent or as rnnsym wrote it."""
    for path in paths:
        text = read_text(path)
        if text is None or is_untouched(text):
            continue
        if is_sealed(text):
            found, instead = "was edited after rnnsym wrote it", "--force to lose these edits, or another place (-o)"
        else:
            found, instead = "was not written by rnnsym", "--force to overwrite it, or another place (-o)"
        raise UsageError.at("U201", f"`{path}` {found}, and is left as it is", instead=instead, file="rnnsym")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError.at("U203", f"`{folder}` is not a folder: a file stands in the way", file="rnnsym") from None
    except OSError as error:
        raise UsageError.at("U204", f"the folder `{folder}` cannot be made: {error.strerror or error}", file="rnnsym") from None


def _replace_all(texts: Mapping[Path, str]) -> None:
    """Write all beside their places, then rename all; on the way back, remove what is left over."""
    waiting: list[tuple[str, Path]] = []
    path = Path()
    try:
        for path, text in texts.items():
            waiting.append((_write_beside(path.resolve(), text), path.resolve()))
        while waiting:
            path = waiting[0][1]
            os.replace(*waiting[0])
            waiting.pop(0)
    except OSError as error:
        raise UsageError.at("U204", f"`{path}` cannot be written: {error.strerror or error}", file="rnnsym") from None
    finally:
        for temporary, _ in waiting:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _write_beside(path: Path, text: str) -> str:
    """A temporary file in the same folder, with the permissions that the file has or would get."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # the text is on the disk before its name is
        os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
