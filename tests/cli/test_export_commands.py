"""The command that exports: it names each file that it wrote, and refuses before it reads."""

import json

import pytest
from typer.testing import CliRunner

from sightline.cli import app
from support.exported import odd_study


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return odd_study(tmp_path_factory.mktemp("odd") / "s").path


def invoke(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)])


def wrote(result):
    """The paths that it named."""
    lines = result.output.replace("\n    ", " ").splitlines()
    return sorted(line.removeprefix("  wrote ") for line in lines if line.startswith("  wrote "))


@pytest.mark.parametrize("to", ["csv", "parquet", "json", "model-card", "fiftyone", "tensorboard"])
def test_every_file_is_named(run, tmp_path, to):
    if to == "tensorboard":
        pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    out = tmp_path / {"json": "f.json", "model-card": "card.md"}.get(to, "out")
    done = invoke(run, "--to", to, "-o", out)
    assert done.exit_code == 0, done.output
    there = sorted(str(one) for one in tmp_path.rglob("*") if one.is_file())
    assert [one for one in wrote(done) if one != str(out) or out.is_file()] == there


def test_where_files_go_if_nobody_says(run):
    assert invoke(run, "--to", "json").exit_code == 0
    assert json.loads((run / "findings.json").read_text(encoding="utf-8"))["layout"] == 1
    assert invoke(run).exit_code == 0
    assert (run / "csv" / "answers.csv").is_file()


def test_sentences_are_korean_where_that_is_asked(run, tmp_path):
    assert invoke(run, "--to", "model-card", "-o", tmp_path / "c.md", "--lang", "ko").exit_code == 0
    assert "## 평가" in (tmp_path / "c.md").read_text(encoding="utf-8")


def test_images_out_of_reach_are_told(run, tmp_path):
    assert (
        "18 images cannot be read from here" in invoke(run, "--to", "fiftyone", "-o", tmp_path / "f").output
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "xlsx"], "csv, parquet"),
        (["--to", "csv", "--name", "x"], "--name goes with"),
        (["--to", "json", "-o", "nowhere/f.json"], "must be a .json file"),
        (["--to", "model-card", "-o", "card.txt"], "must be a .md file"),
        (["--to", "csv", "-o", "nowhere/deep/csv"], "must be a folder"),
    ],
)
def test_what_it_cannot_do_is_refused(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = invoke(run, *words)
    assert done.exit_code != 0
    assert said.replace(" ", "") in (done.output + str(done.exception)).replace("\n", "").replace(" ", "")
    assert list(tmp_path.iterdir()) == []
