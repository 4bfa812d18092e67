"""A second proof on the same images says that they were used before."""

import dataclasses
import json
import warnings

import pytest

from sightline._language import use_language
from sightline.errors import FileError, SightlineWarning
from sightline.proof.earlier_proofs import NAME, images_key, note_proof
from sightline.reports.claims import make_verdict
from sightline.reports.markdown import page_markdown
from sightline.reports.page import page_html
from sightline.reports.repair_part import make_repair
from sightline.reports.saved_results import StudyFindings, read_proof
from support.kept_results import quick_proof

SAID = "These images were used by an earlier proof of this study, of another repair"
NOTHING = StudyFindings(None, None, None, None, {})


@pytest.fixture(scope="module")
def proof():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        return quick_proof()


def test_the_first_proof_says_nothing_and_a_second_of_another_repair_does(proof, tmp_path):
    first = note_proof(dataclasses.replace(proof, repair="first"), tmp_path)
    assert (first.earlier, first.reused_text) == (0, "")
    second = note_proof(dataclasses.replace(proof, repair="second"), tmp_path)
    assert second.earlier == 1
    assert second.sentences[1] == second.reused_text
    assert second.reused_text.startswith(SAID)
    assert SAID in " ".join(repr(second).split())
    assert note_proof(dataclasses.replace(proof, repair="third"), tmp_path).earlier == 2
    with use_language("ko"):
        assert "손대지 않은 이미지가 아닙니다" in second.reused_text


def test_the_same_repair_proved_anew_and_other_images_are_no_earlier_proof(proof, tmp_path):
    one, other = (dataclasses.replace(proof, repair=name) for name in ("one", "other"))
    note_proof(one, tmp_path)
    assert note_proof(one, tmp_path).earlier == 0
    assert note_proof(other, tmp_path, images_key("more.csv")).earlier == 0
    assert note_proof(other, tmp_path).earlier == 1
    assert note_proof(one, tmp_path).earlier == 0  # it was the first on these images
    noted = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))["proofs"]
    assert [(line["repair"], line["images"]) for line in noted] == [
        ("one", ""),
        ("other", "more.csv"),
        ("other", ""),
    ]


def test_one_folder_by_two_paths_is_the_same_images(tmp_path, monkeypatch):
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path)
    assert images_key("new") == images_key(str(tmp_path / "new"))
    assert images_key(None) == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"layout": 99, "proofs": []}', '{"layout": 1, "proofs": [{}]}'])
def test_notes_that_cannot_be_read_are_an_error_and_stay(proof, tmp_path, text):
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match="which says which proofs have used which images") as raised:
        note_proof(proof, tmp_path)
    assert raised.value.slug == "proof-notes"
    assert (tmp_path / NAME).read_text(encoding="utf-8") == text


def test_file_report_and_verdict_say_it_and_it_is_no_longer_called_untouched(
    proof, small_study, small_summary, tmp_path
):
    again = dataclasses.replace(proof, earlier=1)
    assert read_proof(again.save(tmp_path / "proof.json"))[0].earlier == 1
    repair = make_repair(small_study, again, None, "run")
    assert repair.reused.startswith(SAID)
    for mended, basis in ((make_repair(small_study, proof, None, "run"), "proved"), (repair, "confirmed")):
        told = make_verdict(small_summary.examined, small_summary.measures, None, NOTHING, mended, "run")[2]
        assert (SAID in told.text) is (basis == "confirmed")
        assert told.basis == {"cannot tell": "unknown", "no effect": "tested"}.get(proof.verdict, basis)
        shown = dataclasses.replace(small_summary, repair=mended)
        for page in (page_html(shown), page_markdown(shown)):
            assert (SAID in page) is (basis == "confirmed")
