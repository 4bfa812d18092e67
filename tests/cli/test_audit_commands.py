"""The command for everybody: what is typed, what it prints, and how it ends."""

import numpy as np
import pytest
from typer.testing import CliRunner

from sightline.auditing import audit_steps
from sightline.cli import app
from support.audits import marked_problem, write_folder

LEARN, TEST, ESTIMATOR = marked_problem()


@pytest.fixture
def folder(tmp_path):
    few = TEST[np.arange(66)]
    return write_folder(few, tmp_path / "images")


@pytest.fixture
def model(tmp_path):
    import skops.io

    skops.io.dump(ESTIMATOR, tmp_path / "model.skops")
    return tmp_path / "model.skops"


@pytest.mark.slow
def test_it_ends_with_three_sentences_and_the_reports_path(model, folder, tmp_path):
    out = tmp_path / "audit"
    done = CliRunner().invoke(app, ["audit", str(model), str(folder), "-o", str(out), "--held-out", "0"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.strip().splitlines()
    assert lines[-1] == f"report: {out / 'report.html'}"
    assert "answers are wrong" in lines[-4]
    assert "[1/8] looking at the model and the images" in done.stderr
    assert "range of values: from 0 to 1" in done.stderr
    assert (out / "report.html").stat().st_size > 10_000


def test_a_stopped_audit_says_how_it_goes_on(model, folder, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(audit_steps, "find_out", stopped)
    done = CliRunner().invoke(app, ["audit", str(model), str(folder), "-o", str(tmp_path / "audit")])
    assert done.exit_code == 130
    assert "The same command goes on" in done.stderr


def test_code_is_refused_before_anything_is_there(tmp_path):
    done = CliRunner().invoke(app, ["audit", "net.py:load", "images", "-o", str(tmp_path / "audit")])
    assert done.exit_code != 0
    assert "audit-trust" in str(done.exception)
    assert not (tmp_path / "audit").exists()
