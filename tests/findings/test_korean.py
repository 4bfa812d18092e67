"""Findings told in Korean: their numbers and names as in English, no other English word, and JSON as ever."""

import dataclasses
import re

import pytest

from sightline._language import use_language
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.cause_result import ErrorLink, ImageCause, ImageCauses
from sightline.findings.rebalancing import ScoreShift
from sightline.findings.slice_result import Slices

NAN = float("nan")
MAYBE_LATIN = {
    "p",
    "jaw",
    "hat",
    "cat",
    "dog",
    "hospital",
    "b",
    "chromaticity",
    "Blur",
    "sigma",
    "margin",
    "fill",
}
MAYBE_LATIN |= {"scale", "log", "odds", "slic", "suspect", "n_suspects", "g"}


def english_words(text):
    return set(re.findall(r"[A-Za-z_]{1,}", text)) - MAYBE_LATIN


def region_effect(**changes):
    usual = RegionEffect(
        region="jaw",
        suspect=True,
        gain=0.25,
        low=0.2,
        high=0.3,
        control_gain=0.01,
        p=0.004,
        corrected=30,
        control_corrected=1.5,
        broken=2,
        control_broken=1.0,
        wrong_share=0.4,
        right_share=0.1,
        confirmed=False,
        net=(0.1, 0.2),
        as_is_p=0.01,
        evidence_p=0.02,
        odds_gain=1.0,
        odds_control_gain=0.1,
        towards="cat",
        found_wrong=20,
        called_wrong=40,
        found_all=100,
        asked_all=50,
        lacked=0.5,
        odds_lacked=2.0,
        pasted=30,
        pasted_gain=0.2,
        pasted_control=0.01,
        overall=0.1,
        overall_ci=(0.05, 0.15),
        class_share=0.5,
        others_share=0.2,
        class_odds=(1.5, 4.0),
    )
    return dataclasses.replace(usual, **changes)


def blame_of(*effects, **changes):
    usual = Blame(
        regions=effects,
        errors=100,
        wrong=50,
        right=60,
        groups=12,
        lacked=0.6,
        min_effect=0.1,
        level=0.05,
        fill="Blur(sigma=8)",
        calls=1234,
        scale="log-odds",
        odds_lacked=2.5,
        hidden_little=7,
    )
    return dataclasses.replace(usual, **changes)


SHIFT = ScoreShift((0.0, 1.0), errors=40, corrected=70, broken=10, most="dog → cat", share=0.8)
RULES = ("least effect", "elsewhere", "right answers", "turns elsewhere", "a shift of the scores")
BLAMES = {
    "confirmed": blame_of(region_effect(confirmed=True, margin=0.05), halved=True),
    "nothing": blame_of(region_effect(failed=RULES), region_effect(region="hat", suspect=False)),
    "bound": blame_of(region_effect(failed=RULES, margin_gain=0.1, margin_net=(0.0, 0.2)), named=True),
    "ruled out": blame_of(region_effect(failed=RULES[:1], net=(NAN, NAN)), named=True),
    "shift": blame_of(region_effect(shifted=True, failed=RULES[4:]), rebalanced=SHIFT),
    "undecided": blame_of(region_effect(failed=RULES[4:], as_is_p=0.01, p=0.4), rebalanced=SHIFT),
    "misleads": blame_of(region_effect(misleads=True, failed=RULES[3:4])),
    "too few": blame_of(
        lack="too few errors: they come from 3 groups in the half that confirms, and testing 4 regions needs 8"
    ),
    "concept": blame_of(region_effect(confirmed=True), of_concepts=True, screened=9),
    "costly concept": blame_of(region_effect(confirmed=True, overall=-0.1), of_concepts=True, screened=9),
    "worthwhile": blame_of(region_effect(worthwhile=True, broken=9.0), of_concepts=True, screened=9),
    "no concept": blame_of(region_effect(failed=RULES[:1]), of_concepts=True, screened=9),
    "named concepts": blame_of(
        region_effect(failed=RULES[:2]), region_effect(region="hat", gain=NAN), of_concepts=True, named=True
    ),
}


@pytest.mark.parametrize("kind", BLAMES)
def test_a_blame_is_told_in_korean_without_an_english_word(kind):
    blame = BLAMES[kind]
    english = repr(blame)
    kept = blame.to_dict()
    with use_language("ko"):
        korean = repr(blame)
        assert english_words(korean) == set()
        assert blame.to_dict() == kept
    assert repr(blame) == english
    numbers = re.findall(r"\d[\d,.]*\d|\d", english.splitlines()[-1])
    assert sorted(numbers) == sorted(re.findall(r"\d[\d,.]*\d|\d", korean.splitlines()[-1]))


def test_the_sentence_of_a_region_that_drives_errors():
    with use_language("ko"):
        told = BLAMES["confirmed"].finding("jaw")
        few = BLAMES["too few"].verdict
    assert told == (
        "턱(여백 0.05)이 오답을 일으킵니다: 오답에서 이곳을 가리면 0.600 모자라던 실제 클래스의 점수가 0.250 [0.200, 0.300] 오르고, 다른 곳을 같은 넓이로 "
        "가리면 0.010 변합니다 (검정에 쓰는 로그 오즈로는 부족분 2.50 중 +1.00, 다른 곳 +0.10). 보정 p = 0.004. 오답 50개 중 30개가 정답으로 바뀌고"
        "(다른 곳 1.5개), 정답 60개 중 2개가 오답으로 바뀝니다(다른 곳 1.0개)."
    )
    assert few == (
        "오답이 너무 적습니다: 확인에 쓰는 절반에서 3개 그룹에서만 나왔습니다. 영역 4개를 검정하려면 8개가 필요합니다."
    )


CAUSE = ImageCause(
    "brightness", 0, "cat", 40, (0.2,), (0.5,), 0.01, (), True, 0.6, 0.3, 0.2, 0.4, 0.05, 0.3, 0.02,
    2.5, 1.0, 0.1, 1.0, 0.1, 20.0, 2.0, 0.8, 0.9, 0.001, True,
)  # fmt: skip
LINK = ErrorLink("hospital", "b", 0, "cat", 30, 100, 5, 200, 0.003, True)
CAUSES = {
    "misleads": ImageCauses((CAUSE,), (LINK,), 100, 400, 0.1, 0.1, 0.05, 900, "log-odds"),
    "weighs": ImageCauses(
        (dataclasses.replace(CAUSE, misleads=False), dataclasses.replace(CAUSE, called_name="dog")),
        (dataclasses.replace(LINK, found=False),),
        100, 400, 0.1, 0.1, 0.05, 900,
        notes=("Column hospital has another value for nearly every image, and was left out.",),
    ),
    "nothing": ImageCauses(
        (dataclasses.replace(CAUSE, confirmed=False, gain=NAN, failed=("values",)),), (), 100, 400, 0.1, 0.1, 0.05, 0
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CAUSES)
def test_causes_are_told_in_korean_without_an_english_word(kind):
    kept = CAUSES[kind].to_dict()
    with use_language("ko"):
        korean = repr(CAUSES[kind])
        assert CAUSES[kind].to_dict() == kept
    assert english_words(korean) == set()
    assert "밝기" in korean


def test_slices_are_told_in_korean():
    empty = Slices((), 40, 3, 0.925, 0.05, ("Left out, with fewer than 20 images: hospital = b.",))
    with use_language("ko"):
        assert repr(empty) == (
            "이미지 40장의 부분집합, 오답 3개, 정확도 0.925\n"
            "이미지가 20장 미만이라 제외: hospital = b.\n"
            "이미지가 충분한 부분집합이 없습니다."
        )
