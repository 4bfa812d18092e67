"""What names do to a terminal or figure: nothing."""

import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import sightline as sl
from sightline._printing import printable_text
from sightline.cli import app, main
from sightline.data import ArrayDataset
from sightline.errors import OptionError, warn
from sightline.figures.layout import legible_text
from sightline.repair.method import Provenance, RepairResult
from sightline.repair.repair_region import RepairRegion
from sightline.repair.store import load_repair, save_repair
from sightline.study import Study
from support.problems import PLAN, grey

ERASES = "cat\x1b[2K\x1b[1A"
BREAKS = "cat\nVerdict: repaired\r"
TURNS = "cat \u202edetsurt ton\u2066"
EVIL = (ERASES, BREAKS, TURNS, "cat\x9b2K", "cat\u2028Verdict", "cat\udcff", "cat\x00\x07\b\b\b")
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("name", EVIL)
def test_a_name_is_shown_as_letters_on_one_line(name):
    shown = printable_text(name)
    assert not UNSAFE.search(shown)
    assert "\n" not in shown
    assert shown.startswith("cat")
    assert len(shown) > len(name)


@pytest.mark.parametrize(
    "name", ["cat", "œuf à la coque", "왼쪽 눈", "می\u200cخواهم", "👨\u200d👩", "全\u3000角", "a\\n"]
)
def test_names_of_every_language_stay_as_they_are(name):
    assert printable_text(name) == name


def test_a_page_keeps_its_lines():
    assert printable_text("a\n\tb\x1b\r", lines=True) == "a\n\tb\\x1b\\r"


@pytest.mark.parametrize("name", EVIL)
def test_results_print_names_without_what_they_could_do(name, rng):
    names = (name, "dog")
    pixels = rng.random((8, 8, 8, 3))
    labels = np.arange(8) % 2
    data = ArrayDataset(pixels, labels, names)
    made = sl.explain(pixels[0], grey, PLAN, class_names=names, target=0)
    done = sl.evaluate(grey, data, class_names=names)
    for shown in (repr(made), repr(data), repr(done), made.name(0), done.name(0), made._headline()):
        assert not UNSAFE.search(shown)
        assert "\nVerdict" not in shown
    assert not UNSAFE.search(legible_text(made.name(0)))


def test_errors_and_warnings_move_no_cursor():
    assert str(OptionError(f"no {ERASES}", slug="x")) == "no cat\\x1b[2K\\x1b[1A [x]"
    with pytest.warns(sl.SightlineWarning, match=r"no cat\\x1b\[2K"):
        warn(f"no {ERASES}", slug="x")


def test_a_repair_s_notes_are_a_line_each(tmp_path):
    region = RepairRegion(sl.regions.grid(2, 2)["r1c1"], 0.0)
    guarded = sl.repair.Guard(region="jaw", fill="colour")
    image = np.zeros((8, 8, 3), np.uint8)
    data = ArrayDataset(
        np.zeros((40, 8, 8, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None],
        np.arange(40) % 2,
        None,
    )
    made = guarded(grey, data)
    lying = RepairResult(made.model, (BREAKS,), Provenance(f"Guard({BREAKS})", region, frozenset()))
    save_repair(tmp_path / "fix", lying, "support.problems:grey", image)
    again = load_repair(tmp_path / "fix", trust=True)
    assert "\nVerdict" not in repr(again)
    assert not UNSAFE.search(repr(again))


@pytest.mark.slow
def test_the_command_draws_nothing_that_a_name_says(tmp_path):
    kind = tmp_path / "data" / f"a{ERASES}"
    for folder, value in ((kind, 20), (tmp_path / "data" / "b", 200)):
        folder.mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (8, 8), (value, value, number)).save(folder / f"{number}\x1b[31m.png")
    (kind / "x\x1b]0;t\x07\nVerdict: fine.png").write_bytes(b"nothing")
    study = Study(tmp_path / "run", PLAN).run(str(tmp_path / "data"), "support.problems:grey")
    assert "\x1b" in study.class_names[0]
    runner = CliRunner()
    for words in (
        ["study", "-o", study.path, "--trust"],
        ["sql", study.path, "select id, reason from rows"],
        ["atlas", study.path, "--by", "pair"],
    ):
        done = runner.invoke(app, list(map(str, words)), color=True)
        plain = re.sub(r"\x1b\[\d*m", "", done.output)  # the command's own colours
        assert not UNSAFE.search(plain.replace("\r", "")), (words, plain)
        assert "\nVerdict" not in plain


def test_further_lines_of_an_error_are_set_in(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["sightline", "explain", "numpy:mean", str(tmp_path / "a\nVerdict: fine.png")]
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main()
    shown = capsys.readouterr()
    assert "Verdict" in shown.out + shown.err
    assert "\nVerdict" not in shown.out + shown.err
