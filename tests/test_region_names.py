"""Names of regions in the reader's language: those that the library gave, and no others."""

import pytest

from sightline._language import use_language
from sightline._region_names import NAMES, shown_name
from sightline.auditing.audit_setup import usual_regions
from sightline.regions import chest, face


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("jaw", "턱"),
        ("concept 12", "개념 12"),
        ("r3c2 of 3x3", "3x3 격자의 r3c2"),
        ("corner top-left", "모서리 맨 위 왼쪽"),
        ("bottom side 2", "맨 아래 가장자리 2"),
        ("jaw + my own", "턱 + my own"),
        ("concept 1, concept 2", "개념 1, 개념 2"),
        ("my jaw", "my jaw"),
        ("jaw with a margin of 0.06", "턱(여백 0.06)"),
        ("mine with a margin of 0.1", "mine(여백 0.1)"),
        ("jaw (drawn)", "턱(직접 그림)"),
        ("my jaw (not drawn)", "my jaw(그리지 않음)"),
        ("the left", "the left"),
        ("2", "2"),
        ("x of 3x3", "x of 3x3"),
    ],
)
def test_in_korean(name, told):
    assert shown_name(name) == name
    with use_language("ko"):
        assert shown_name(name) == told


def test_all_that_the_library_names_have_a_word():
    names = {*usual_regions().names}
    for sides in (False, True):
        names |= {*face(sides=sides).names, *face(sides=sides, cut="head").names, *chest(sides=sides).names}
    with use_language("ko"):
        told = {name: shown_name(name) for name in names}
    assert [name for name, one in told.items() if one == name] == []
    assert len(set(told.values())) == len(told)
    assert {name for name in names if " of " not in name} >= NAMES
