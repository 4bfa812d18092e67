"""The sections of a model card: headings of the field, the summary's own words, nothing that breaks out."""

import re

from sightline.exports.model_card import card_markdown

HEADINGS = [
    "## Evaluation",
    "### Testing Data, Factors & Metrics",
    "#### Testing Data",
    "#### Factors",
    "#### Metrics",
    "### Results",
    "#### Summary",
    "## Model Examination",
    "### What was repaired",
    "## Bias, Risks, and Limitations",
    "### Recommendations",
]
"""Those of Hugging Face's model card that can be told of, in its order, and ours of the repair."""


def test_headings_are_the_field_s_and_nobody_else_s(made):
    card = made.model_card
    assert [line for line in card.splitlines() if line.startswith("#")] == HEADINGS


def test_names_of_classes_stay_names(made):
    card = made.model_card
    assert not re.search(r"(?<!\\)<(?!!--)", card), "a tag"
    assert "\n<i>c" not in card
    assert r"턱 \<b\>" in card


def test_it_says_what_the_summary_says(made):
    summary = made.values.summary
    accuracy = summary.measures[0].after
    assert (
        f"| accuracy | {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}] | 18 |"
        in made.model_card
    )
    assert "Nothing: the model is as it was examined." in made.model_card
    assert "Nobody asked: " in made.model_card


def test_a_proof_is_told_with_its_rule_and_measures(proof, proved):
    card = proved.model_card
    assert "### How it was proved" in card
    assert proof.rule_text.split(":")[0] in card
    assert f"{proof['accuracy'].before:.3f}" in card
    assert proof.verdict != "repaired"
    assert "read the verdict above before either model is used" in card


def test_of_a_repair_that_is_not_proved_it_says_so(made):
    import dataclasses

    from sightline.reports.repair_part import _unproved_repair

    mended = _unproved_repair("fixed", "Guard()", "jaw", (), "sightline proof faces fixed")
    card = card_markdown(dataclasses.replace(made.values.summary, repair=mended))
    assert "not proved yet" in card
    assert "Prove the repair before the model is used: sightline proof faces fixed" in card


def test_a_study_without_an_answer_has_a_card(made):
    import dataclasses

    none = dataclasses.replace(made.values.summary.examined, explained=0, wrong=0)
    empty = dataclasses.replace(made.values.summary, examined=none, measures=(), confusion=None)
    assert "Nothing is measured yet." in card_markdown(empty)
