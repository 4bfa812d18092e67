"""Verdicts of proofs in Korean: kept in English, told again from what was kept, no English word left."""

import re

import pytest

from sightline._language import in_english, translate_kept, use_language
from sightline.proof import verdict
from sightline.proof.property_names import property_words, told_of_property

RULES = [
    *verdict.IDLE.values(),
    *verdict.NOT_FEWER.values(),
    *verdict.LACKS.values(),
    *(verdict.ALL_WELL, verdict.OTHERS_CAME, verdict.NOT_MISLED),
    *(verdict.BY_MARKS, verdict.BY_MARKS_WELL, verdict.BY_MARKS_LOWER),
]
VALUES = {
    "accuracy": "p = 0.011",
    "fewer": "p < 0.0001",
    "drove": "p = 0.31",
    "misled": "p = 0.41",
    "linked": "p = 0.021",
    "weaker": "p = 0.031",
    "left": "61%",
    "lower": "고양이, p = 0.001, 개, p = 0.002",
}


def words_of(text):
    return set(re.findall(r"[A-Za-z]+", text)) - {"p"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_was_kept_is_told_with_its_own_numbers(rule):
    kept = in_english(rule, **VALUES)
    asked = {name: value for name, value in VALUES.items() if f"{{{name}}}" in rule}
    with use_language("ko"):
        told = translate_kept(kept)
        of_property = told_of_property(property_words(kept))
    assert words_of(told) == words_of(of_property) == set()
    assert all(told.count(value) == 1 for value in asked.values())
    assert told_of_property(property_words(kept)) == property_words(kept)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("recall of 고양이", "고양이의 재현율"),
        ("worst group (cat, present; then dog, absent)", "최하위 집단(cat, 있음, 이후 dog, 없음)"),
        ("accuracy, shortcut not found", "정확도, 지름길 미발견"),
        ("errors blamed on 턱", "턱에서 비롯된 오답"),
        ("answers that change when 코 is hidden", "코를 가렸을 때 바뀌는 답"),
        ("answers that change when it is exchanged", "이것을 없앴을 때 바뀌는 답"),
        ("accuracy, exchanged", "정확도, 이것을 없앰"),
        ("too few images: 12, and 50 are needed", "이미지가 너무 적습니다: 12장이며 50장이 필요합니다"),
    ],
)
def test_names_of_measures_are_told_from_what_was_kept(kept, told):
    with use_language("ko"):
        assert told_of_property(kept) == told
    assert told_of_property(kept) == kept
