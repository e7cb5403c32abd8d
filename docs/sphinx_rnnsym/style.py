"""The site's style: the font of the mathematics, equations as the derivations set them, pictures that follow the theme.

Goes out: one style sheet. The colours of pictures are those that the SVG itself states; they are repeated here for a reader who chooses
light or dark on the page against the system's own setting.
"""

from __future__ import annotations

from pathlib import Path

from rnnsym.documents.html_document import FONT
from rnnsym.pictures.svg import COLOURS


def style_sheet() -> str:
    """The whole sheet."""
    face = f'@font-face{{font-family:"rnnsym math";src:url("{FONT.name}") format("woff2")}}'
    light = ";".join(f"--picture-{name}:{value}" for name, (value, _) in COLOURS.items())
    dark = ";".join(f"--picture-{name}:{value}" for name, (_, value) in COLOURS.items())
    themes = [
        f"body .rnnsym-picture{{{light}}}",
        f'body[data-theme="dark"] .rnnsym-picture{{{dark}}}',
        f'@media (prefers-color-scheme:dark){{body:not([data-theme="light"]) .rnnsym-picture{{{dark}}}}}',
    ]
    return "\n".join([face, *themes, (Path(__file__).with_name("site.css")).read_text(encoding="utf-8")])
