"""`name:param=value` and the values that it stands for."""

from os import PathLike
from typing import Any

import pytest

from sightline._spec import from_spec, read_values, split_spec, to_spec
from sightline.errors import OptionError
from sightline.types import option


@option
class Knob:
    turns: int
    speed: float = 1.0
    label: str | None = None
    ends: tuple[float, ...] | float = 0.0
    open: bool = False


KINDS = {"knob": Knob}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("knob:turns=3", Knob(turns=3)),
        (" KNOB : turns = 3 , speed=2 ", Knob(turns=3, speed=2)),
        ("knob:turns=-3,speed=1e-3,label=a b/c.d", Knob(turns=-3, speed=1e-3, label="a b/c.d")),
        ("knob:turns=3,label=4", Knob(turns=3, label="4")),
        ("knob:turns=3,label='4'", Knob(turns=3, label="4")),
        ("knob:turns=3,label=None,open=true", Knob(turns=3, open=True)),
        ("knob:turns=3,ends=(1, 2.5),open=False", Knob(turns=3, ends=(1, 2.5))),
        ("knob:turns=3,ends=7", Knob(turns=3, ends=7)),
        ("knob:turns=3,ends=[1,2.5]", Knob(turns=3, ends=(1, 2.5))),
        ("knob:turns=3,ends=1,2.5,speed=2", Knob(turns=3, ends=(1, 2.5), speed=2)),
        ("knob:turns=1e2", Knob(turns=100)),
        ("knob:turns=007,label=007", Knob(turns=7, label="007")),
        ("knob:turns=3,label='a, speed=2',speed=3", Knob(turns=3, label="a, speed=2", speed=3)),
        ('knob:label="x,y",turns=3', Knob(turns=3, label="x,y")),
        ("knob:label=it's, here (,turns=3", Knob(turns=3, label="it's, here (")),
        ("knob:turns=3,,label=a),", Knob(turns=3, label="a)")),
    ],
)
def test_a_text_stands_for_a_value(text: str, value: Knob) -> None:
    assert from_spec(text, KINDS, "tool") == value


@pytest.mark.parametrize(
    ("text", "said", "slug"),
    [
        (
            "knop:turns=1",
            "there is no tool named 'knop'. Did you mean 'knob'? Valid: knob.",
            "option-unknown",
        ),
        ("knob:turn=1", "Knob has no option 'turn'. Did you mean 'turns'?", "option-unknown"),
        ("knob", "'knob' cannot be read: turns must be given, as in knob:turns=…", "option-syntax"),
        ("knob:3", "'knob:3' cannot be read: write name:parameter=value", "option-syntax"),
        ("knob:turns=", "cannot be read: write name:parameter=value", "option-syntax"),
        ("knob:turns=1,turns=2", "cannot be read: write name:parameter=value", "option-syntax"),
        ("knob:turns=few", "turns=few of Knob cannot be read: it must be a whole number.", "option-value"),
        ("knob:turns=2.5", "turns=2.5 of Knob cannot be read: it must be a whole number.", "option-value"),
        ("knob:turns=True", "turns=True of Knob cannot be read: it must be a whole number.", "option-value"),
        ("knob:turns=1,speed=x", "speed=x of Knob cannot be read: it must be a number.", "option-value"),
        ("knob:turns=1,open=1", "open=1 of Knob cannot be read: it must be True or False.", "option-value"),
        (
            "knob:turns=1,ends={1: 2}",
            "ends={1: 2} of Knob cannot be read: it must be a number or a tuple.",
            "option-value",
        ),
        ("knob:turns=__import__('os')", "of Knob cannot be read: it must be a whole number", "option-value"),
        (
            "knob:turns=" + "-" * 100_000 + "1",
            "of Knob cannot be read: it must be a whole number",
            "option-value",
        ),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_can(text: str, said: str, slug: str) -> None:
    with pytest.raises(OptionError) as caught:
        from_spec(text, KINDS, "tool")
    assert said in str(caught.value)
    assert caught.value.slug == slug


def test_defaults_are_for_those_that_have_them_and_the_text_comes_first() -> None:
    assert from_spec("knob:speed=3", KINDS, "tool", defaults={"turns": 1, "speed": 2, "else": 3}) == Knob(
        turns=1, speed=3
    )


def test_a_path_is_taken_as_it_is_written() -> None:
    kinds: dict[str, Any] = {"root": str | PathLike[str] | None, "name": str}
    for path in ("/a (b, c)/1", "/a (b", "/a)b", "/a, b]", "/it's"):
        for text in (f"list:root={path},name=007", f"list:name=007,root={path}"):
            assert read_values("list", split_spec(text)[1], kinds) == {"root": path, "name": "007"}


def test_a_text_can_be_written_and_read_again() -> None:
    text = to_spec("knob", {"turns": 3, "ends": (1, 2)})
    assert (text, to_spec("knob", {})) == ("knob:turns=3,ends=(1, 2)", "knob")
    assert from_spec(text, KINDS, "tool") == Knob(turns=3, ends=(1, 2))
