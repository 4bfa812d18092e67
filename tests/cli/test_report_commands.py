"""The command that writes a report, as a user runs it."""

import contextlib
import json
import shlex

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sightline.cli import app
from sightline.reports.summary import Summary
from sightline.study import Study


@pytest.fixture
def study(small_study):
    return small_study


def run(folder, *words, code=0):
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def test_it_writes_the_report_and_says_what_it_comes_to(study, tmp_path):
    done = run(study.path.parent, "report", "faces", "-o", tmp_path / "r.json")
    made = Summary.from_dict(json.loads((tmp_path / "r.json").read_text(encoding="utf-8")))
    for one in made.verdict:
        assert one.text in done.output
    assert f"{(tmp_path / 'r.json').stat().st_size:,} bytes, {len(made.images):,} images" in done.output
    assert made.commands[-1] == "sightline report faces -o report.html"
    assert made.examined.study == "faces"


@pytest.mark.slow
def test_its_command_repeats_a_study_whose_classes_were_named(tmp_path):
    """In another order than the data's: without the names all answers would be wrong."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\ndef model(x):\n"
        "    p = x.mean(axis=(1, 2, 3)) / 255\n    return np.stack([p, 1 - p], 1)\n"
    )
    for number in range(8):
        file = tmp_path / "data" / ("bright", "a dark one")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 200 - 150 * (number % 2), np.uint8)).save(file)
    (tmp_path / "names.txt").write_text("bright\na dark one\n")
    options = "--values byte --budget 20 --segment grid:rows=2,columns=2 --fill colour"
    run(tmp_path, *f"study mine.py:model data -o run --names names.txt {options}".split())
    assert Study(tmp_path / "run").outcomes().accuracy == 1

    run(tmp_path, "report", "run", "-o", "r.json")
    command = json.loads((tmp_path / "r.json").read_text())["commands"][0]
    assert "--names run/class_names.txt" in command
    run(tmp_path, *shlex.split(command.replace("-o run", "-o again"), comments=True)[1:])
    assert Study(tmp_path / "again").outcomes().accuracy == 1


@pytest.mark.slow
def test_its_default_place_is_the_studys_folder(study):
    run(study.path.parent, "report", "faces", "--format", "md")
    assert (study.path / "report.md").read_text(encoding="utf-8").splitlines()[1] == "## Report of faces"


@pytest.mark.slow
def test_a_gate_does_not_let_pass_what_drives_errors(study, tmp_path):
    words = ("report", "faces", "-o", tmp_path / "r.md", "--fail-on", "errors-driven")
    assert "no proof says that all of it is repaired" in run(study.path.parent, *words, code=3).output
    assert (tmp_path / "r.md").exists()


@pytest.mark.slow
def test_a_gate_for_which_nothing_was_asked_is_an_error(study, tmp_path):
    words = ("report", "faces", "-o", tmp_path / "r.md", "--fail-on", "harmful")
    error = run(study.path.parent, *words, code=1).exception
    assert error.slug == "report-gate"
    assert not (tmp_path / "r.md").exists()


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (("-o", "r.pdf"), "option-value"),
        (("-o", "nowhere/r.html"), "option-value"),
        (("-o", "r.html", "--format", "json"), "option-value"),
        (("--format", "pdf"), "option-unknown"),
        (("--fail-on", "rain"), "option-unknown"),
        (("--lang", "xx"), "language-unknown"),
        (("nowhere",), "repair-missing"),
        (("--max-bytes", "2000", "-o", "r.json"), "report-bytes"),
    ],
)
def test_what_cannot_be_written_is_said_before(study, words, slug):
    error = run(study.path.parent, "report", "faces", *words, code=1).exception
    assert error.slug == slug


@pytest.mark.slow
def test_in_korean(study, tmp_path):
    run(study.path.parent, "report", "faces", "-o", tmp_path / "r.json", "--lang", "ko")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["language"] == "ko"
