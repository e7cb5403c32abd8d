"""Where the files that are not Python lie: the library's models and the templates.

Goes out: folders. A wheel carries the templates inside the package; a checkout has them at its top level, and an editable install
reads those, so that no copy can go stale.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def templates_folder() -> Path:
    """The folder of Jinja templates: the checkout's where there is one, else the wheel's."""
    return PACKAGE.parent / "templates" if is_checkout() else PACKAGE / "templates"


def models_folder() -> Path:
    """The folder of the library's `.rnn` files."""
    return PACKAGE / "models"


def is_checkout() -> bool:
    """Whether the package lies in its source tree (and not in a folder of installed packages, which has no project file)."""
    return (PACKAGE.parent / "pyproject.toml").is_file() and (PACKAGE.parent / "templates").is_dir()
