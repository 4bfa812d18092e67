"""A bar where a person looks."""

import sys

import numpy as np
import pytest

import sightline as sl
from sightline import _progress as module
from sightline._progress import progress_bar
from sightline.engine.estimators import most_open_calls


def worked(shown):
    done = []
    with progress_bar(shown, 3, "explaining answers") as tick:
        for one in range(3):
            tick(1)
            done.append(one)
    return done


def test_nothing_is_shown_where_nobody_wants_it(capsys):
    assert worked(False) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_unasked_in_a_file(capsys):
    assert worked(None) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_bar_says_what_is_done_and_leaves_the_output_alone(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert worked(True) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == ""
    assert "explaining answers" in err


def test_the_whole_may_be_unknown():
    with progress_bar(True, None) as tick:
        tick(2)


@pytest.mark.parametrize(
    ("total", "line"),
    [(40, "asking the model: 20 of 40, 0:00:11 left\n"), (None, "asking the model: 20\n")],
)
def test_away_from_a_terminal_a_line_is_written_now_and_then(monkeypatch, capsys, total, line):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress_bar(True, total) as tick:
        for second in (1.0, module.EVERY + 1, module.EVERY + 2):
            now[0] = second
            tick(10)
    assert capsys.readouterr() == ("", line)


def test_a_limit_is_told_from_a_number(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    for total in (40, None):
        with progress_bar(True, total, at_most=True) as tick:
            now[0] += module.EVERY + 1
            tick(20)
    told = capsys.readouterr().err.splitlines()
    assert told == ["asking the model: 20 of at most 40, 0:00:11 left at most", "asking the model: 20"]


def test_an_open_budget_of_a_process_is_bounded_by_what_it_can_fit():
    plan = sl.Plan(budget="auto")
    kept = sl.Plan(budget="auto", estimator="gaussian-process")
    model = sl.as_model(bright)
    assert most_open_calls(plan, model, 8192) == 8192
    assert most_open_calls(kept, model, 8192) == 4096


def asked_often(monkeypatch):
    """Lines at each step: what is waited for in real work is not waited for here."""
    monkeypatch.setattr(module, "ProgressLine", lambda: module_line(0.0))


module_line = module.ProgressLine


def bright(images):
    return images[:, :4].mean(axis=(1, 2))


def test_explain_compare_and_evaluate_say_how_far_they_are_without_a_terminal(monkeypatch, capsys):
    asked_often(monkeypatch)
    options = {"segment": "grid", "fill": "colour", "budget": 200, "progress": True}
    sl.explain(np.eye(16), bright, **options)
    assert " of 200, 0:00:00 left" in capsys.readouterr().err
    sl.compare(np.eye(16), bright, ["lime", "occlusion"], **options)
    assert "measuring: 2 of 2" in capsys.readouterr().err
    images = np.random.default_rng(0).random((20, 8, 8))
    sl.evaluate(bright, (images, np.arange(20) % 2), progress=True)
    assert "asking the model: 20 of 20" in capsys.readouterr().err
