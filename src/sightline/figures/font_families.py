"""letters → the fonts that draw them: those of the machine, and Hangul that comes with sightline.

Latin stays in matplotlib's own font. For letters that it lacks, fonts that are installed are asked in turn,
and last a font with all syllables of Hangul, which is registered beside them: a Korean name is never a row
of boxes.
"""

import dataclasses
import functools
from pathlib import Path

OURS = "Sightline Hangul"
"""What the font in `fonts` is called; the licence text beside it says what it was made from."""
FONT_FILE = Path(__file__).parent / "fonts" / "SightlineHangul.ttf"
# Asked in turn for letters that the first does not have; those of the common systems.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Noto Sans CJK SC",
    "Noto Sans CJK TC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "Arial Unicode MS",
    OURS,
)


@functools.cache
def known_families() -> tuple[str, ...]:
    """Names of the fonts that figures are drawn with, in the order that letters are looked for."""
    from matplotlib.font_manager import fontManager

    if OURS not in fontManager.get_font_names():
        fontManager.addfont(FONT_FILE)
        plain = next(one for one in fontManager.ttflist if one.name == OURS)
        # It is bold as well, or each bold text would log that it is not.
        fontManager.ttflist.append(dataclasses.replace(plain, weight=700))
    known = set(fontManager.get_font_names())
    return tuple(family for family in FAMILIES if family in known)


@functools.cache
def known_letters() -> frozenset[int]:
    """Code points that the fonts here can draw, plain and bold."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    drawn = []
    for weight in ("normal", "bold"):
        paths = [findfont(FontProperties(family=family, weight=weight)) for family in known_families()]
        drawn.append({code for path in paths for code in get_font(path).get_charmap()})
    return frozenset(drawn[0] & drawn[1])


def families_after_own(text: str) -> list[str]:
    """The user's own fonts, and behind them, for letters beyond Latin, those that figures have."""
    from matplotlib import rcParams

    own = rcParams["font.family"]
    return [*own, *(() if text.isascii() else known_families())]
