"""a region's name, as files and commands have it → the same in the reader's language.

Names that a template, a grid or a search gave are told in words of that language; a name of somebody's own
stays as it is. Files, commands and errors have the English one, by which a region is asked for.
"""

import re

from sightline._language import current_language, translatable_in
from sightline._language import translate as tr
from sightline._language import translate_in as tr_in

RUN_REGIONS, DRAWN_REGIONS = "regions.toml", "drawn_regions.toml"
"""Where a study keeps the regions that were last looked at, and those that a person drew."""
DRAWN, FIXED = " (drawn)", " (not drawn)"
"""What stands after a name that a drawn region and another one have."""
REGION = "of a region"
NAMES = frozenset(
    (
        translatable_in("of a region", "hair"),
        translatable_in("of a region", "forehead"),
        translatable_in("of a region", "eyes"),
        translatable_in("of a region", "nose"),
        translatable_in("of a region", "cheeks"),
        translatable_in("of a region", "mouth"),
        translatable_in("of a region", "jaw"),
        translatable_in("of a region", "background"),
        translatable_in("of a region", "left eye"),
        translatable_in("of a region", "right eye"),
        translatable_in("of a region", "left cheek"),
        translatable_in("of a region", "right cheek"),
        translatable_in("of a region", "left lung"),
        translatable_in("of a region", "right lung"),
        translatable_in("of a region", "heart"),
        translatable_in("of a region", "mediastinum"),
        translatable_in("of a region", "shoulders"),
        translatable_in("of a region", "left shoulder"),
        translatable_in("of a region", "right shoulder"),
        translatable_in("of a region", "abdomen"),
        translatable_in("of a region", "corners"),
        translatable_in("of a region", "border"),
    )
)
"""Of the templates."""
PLACES = frozenset(
    (
        translatable_in("of a region", "top"),
        translatable_in("of a region", "upper"),
        translatable_in("of a region", "middle"),
        translatable_in("of a region", "lower"),
        translatable_in("of a region", "bottom"),
        translatable_in("of a region", "left"),
        translatable_in("of a region", "mid-left"),
        translatable_in("of a region", "mid-right"),
        translatable_in("of a region", "right"),
        translatable_in("of a region", "corner"),
        translatable_in("of a region", "side"),
    )
)
"""Words that names of places are made of."""
NUMBERED = re.compile(r"(.+) (\d+)")
TOLD_APART = re.compile(r"(.+) \((drawn|not drawn)\)")
WITH_MARGIN = re.compile(r"(.+) with a margin of ([\d.e-]+)")
IN_GRID = re.compile(r"(.+) of (\d+x\d+)")


def shown_name(name: str) -> str:
    """What a region is called in the reader's language; several, joined by plus signs or commas, each.

    Parameters
    ----------
    name : str
        As files have it.

    Examples
    --------
    >>> from sightline._language import use_language
    >>> with use_language("ko"):
    ...     [shown_name(one) for one in ("jaw", "concept 2", "top left of 4x4", "my jaw", "jaw + nose")]
    ['턱', '개념 2', '4x4 격자의 맨 위 왼쪽', 'my jaw', '턱 + 코']
    """
    if current_language() == "en":
        return name
    for sign in (" + ", ", "):
        if sign in name:
            return sign.join(map(shown_name, name.split(sign)))
    return _translated(name) or name


def _translated(name: str) -> str:
    """The name in the reader's language; empty where it is nobody's but its maker's."""
    if name in NAMES:
        return tr_in(REGION, name)
    if found := WITH_MARGIN.fullmatch(name):
        inside = _translated(found[1]) or found[1]
        return tr("{name} with a margin of {margin}", name=inside, margin=found[2])
    if found := TOLD_APART.fullmatch(name):
        inside = _translated(found[1]) or found[1]
        if found[2] == "drawn":
            return tr("{name} (drawn)", name=inside)
        return tr("{name} (not drawn)", name=inside)
    if found := IN_GRID.fullmatch(name):
        inside = _place_text(found[1]) or (found[1] if re.fullmatch(r"r\d+c\d+", found[1]) else "")
        return tr("{place} of a grid of {size}", place=inside, size=found[2]) if inside else ""
    if found := NUMBERED.fullmatch(name):
        if found[1] == "concept":
            return tr("concept {number}", number=found[2])
        told = _translated(found[1])
        return f"{told} {found[2]}" if told else ""
    return _place_text(name)


def _place_text(name: str) -> str:
    words = re.split(r" |(?<=top)-|(?<=bottom)-", name)
    return " ".join(tr_in(REGION, one) for one in words) if set(words) <= PLACES else ""
