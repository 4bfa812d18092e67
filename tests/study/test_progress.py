"""Progress says how many, how fast, how long, and how many failed."""

import sys

import pytest

from sightline.study import progress as module
from sightline.study.progress import StudyProgress


def test_a_line_has_the_count_the_rate_the_time_left_and_the_failures(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    counted = StudyProgress(7200, shown=False)
    assert counted.status_line() == "0 of 7,200 images, …, ? left, 0 failed"
    now[0] = 100.0
    counted.add(200, 3)
    assert counted.status_line() == "200 of 7,200 images, 2 a second, 0:58:20 left, 3 failed"


def test_away_from_a_terminal_a_line_is_written_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    counted = StudyProgress(10, shown=True)
    with counted.running():
        for second in (1.0, module.EVERY + 1, module.EVERY + 2):
            now[0] = second
            counted.add(1)
    assert capsys.readouterr().err == "2 of 10 images, 0.0645 a second, 0:02:04 left, 0 failed\n"


@pytest.mark.parametrize("shown", [True, False])
def test_on_a_terminal_a_bar_is_shown_if_wanted(monkeypatch, capsys, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    counted = StudyProgress(4, shown=shown)
    with counted.running():
        counted.add(4, 1)
    assert ("1 failed" in capsys.readouterr().err) == shown
