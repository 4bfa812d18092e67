"""Make the font that figures fall back on: `python scripts/hangul_font.py NanumGothic.ttf`.

The font is that of Debian's package fonts-nanum, under the SIL Open Font License with reserved names; so the
subset has a name of its own. All 11,172 syllables are kept, as names of people and classes have any of them,
with letters and brackets; hints and everything but outlines are left out. It needs fonttools.
"""

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

MADE = Path(__file__).parents[1] / "src" / "sightline" / "figures" / "fonts" / "SightlineHangul.ttf"
NAME = "Sightline Hangul"
SYLLABLES, LETTERS, BRACKETS = range(0xAC00, 0xD7A4), range(0x3131, 0x3164), range(0x3000, 0x3016)
NOT_OUTLINES = ["BASE", "DSIG", "GDEF", "GPOS", "GSUB", "VORG", "gasp", "kern", "vhea", "vmtx"]
NOT_OUTLINES += ["TSI0", "TSI1", "TSI2", "TSI3", "TSI5"]


def make_subset(source: str) -> None:
    """Write the subset, under its own name."""
    options = Options(hinting=False, layout_features=[], name_IDs=[0], recalc_timestamp=False)
    options.drop_tables += NOT_OUTLINES
    font = TTFont(source, recalcTimestamp=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[*SYLLABLES, *LETTERS, *BRACKETS])
    subsetter.subset(font)
    texts = {
        1: NAME,
        2: "Regular",
        3: f"{NAME} 1",
        4: NAME,
        5: "Version 1.0",
        6: NAME.replace(" ", ""),
        10: "A subset, without hints, of a font of NAVER Corporation.",
        13: "SIL Open Font License, Version 1.1",
        14: "https://openfontlicense.org",
    }
    for number, text in texts.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    font.save(MADE)


if __name__ == "__main__":
    make_subset(sys.argv[1])
