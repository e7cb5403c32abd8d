"""Makes `stix-two-math.woff2`: the part of STIX Two Math (SIL Open Font License, beside this file) that documents need.

Comes in: the path of the complete font (npm package @fontsource/stix-two-math). Goes out: the subset, its table MATH and the variants of
its glyphs included. Needs fonttools and brotli, which rnnsym itself does not: `python subset.py FONT`.
"""

from __future__ import annotations

import sys
from pathlib import Path

TARGET = Path(__file__).with_name("stix-two-math.woff2")
RANGES = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x2C6, 0x2DD), (0x300, 0x333), (0x391, 0x3F5), (0x2010, 0x2044), (0x2061, 0x2064), (0x2070, 0x2094),
    (0x20D6, 0x20D7), (0x2102, 0x2134), (0x2190, 0x21D4), (0x2200, 0x22C6), (0x22EE, 0x22F1), (0x2308, 0x230B), (0x27E8, 0x27E9),
    (0x1D400, 0x1D503), (0x1D504, 0x1D56B), (0x1D5A0, 0x1D5D3), (0x1D670, 0x1D6DA), (0x1D6E2, 0x1D71B), (0x1D7CE, 0x1D7D7),
)  # fmt: skip


def main(source: str) -> None:
    from fontTools.subset import Options, Subsetter, load_font, save_font

    options = Options(flavor="woff2", layout_features=["ssty", "dtls", "kern"], hinting=False, notdef_outline=True)
    font = load_font(source, options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[code for first, last in RANGES for code in range(first, last + 1)])
    subsetter.subset(font)
    save_font(font, str(TARGET), options)


if __name__ == "__main__":
    main(sys.argv[1])
