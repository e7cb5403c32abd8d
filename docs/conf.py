"""Sphinx reads its settings here: furo, MyST, and `sphinx_rnnsym`, which prints what the pages show from the program itself."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # this folder's `sphinx_rnnsym`; the checkout's `rnnsym`, `generated` and `tests`

from rnnsym import __version__  # noqa: E402 (the path is set above)

project = "rnnsym"
author = "the rnnsym authors"
release = version = __version__
copyright = "the rnnsym authors; MIT licence"

extensions = ["myst_parser", "sphinx_rnnsym"]
exclude_patterns = ["_build", "derivations", "sphinx_rnnsym", "README.md"]
myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3
html_math_renderer = "rnnsym"
suppress_warnings: list[str] = []
nitpicky = True

html_theme = "furo"
html_title = "rnnsym"
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {"navigation_with_keys": True}
