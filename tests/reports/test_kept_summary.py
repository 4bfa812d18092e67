"""A summary that is kept in the study's folder: read again as it was, and never of another state."""

import os

import pytest

from sightline._language import use_language
from sightline.reports.kept_summary import KeptSummary


@pytest.fixture
def summary(small_summary):
    return small_summary


def test_what_was_kept_is_read_as_it_was(tmp_path, summary):
    KeptSummary(tmp_path, "state", "run").write(summary)
    assert KeptSummary(tmp_path, "state", "run").read().to_dict() == summary.to_dict()


def test_another_state_place_or_language_has_nothing(tmp_path, summary):
    KeptSummary(tmp_path, "state", "run").write(summary)
    assert KeptSummary(tmp_path, "later", "run").read() is None
    assert KeptSummary(tmp_path, "state", "elsewhere/run").read() is None
    with use_language("ko"):
        assert KeptSummary(tmp_path, "state", "run").read() is None


def test_what_is_damaged_or_no_summary_at_all_is_not_read(tmp_path, summary):
    kept = KeptSummary(tmp_path, "state", "run")
    assert kept.read() is None
    kept.write(summary)
    whole = kept.path.read_bytes()
    changed = whole.replace(b'"title": "', b'"title": "x', 1)
    assert changed != whole
    for damaged in (b"", whole[:-1], changed, b"\xff" + whole, b"[" * 100_000, b"\n{}"):
        kept.path.write_bytes(damaged)
        assert kept.read() is None
    kept.path.write_text(f"{kept._first_line('{}')}\n{{}}")
    assert kept.read() is None
    kept.path.unlink()
    os.mkfifo(kept.path)
    assert kept.read() is None


def test_a_folder_that_cannot_be_written_into_is_left_alone(tmp_path, summary):
    KeptSummary(tmp_path / "missing" / "run", "state", "run").write(summary)
    assert not (tmp_path / "missing").exists()
