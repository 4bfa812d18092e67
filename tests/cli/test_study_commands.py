"""The commands about many images, as a user runs them."""

import contextlib
import functools
import inspect
import json
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import sightline as sl
from sightline import regions
from sightline.cli import app
from sightline.cli.options import read_regions
from sightline.cli.repair_commands import _blamed_region
from sightline.data import drawn_faces
from sightline.errors import OptionError
from sightline.regions.concept_shapes import ConceptShapes, Detector
from sightline.regions.region_set import one_region_a_piece
from sightline.regions.segment_looks import BLOCKS
from sightline.regions.shapes import PolygonShapes
from sightline.study import Study
from sightline.study.schema import answers_digest
from support import tokens
from support.kept_results import keep_blame, keep_causes
from support.studies import Answered
from support.tokens import clean_images, with_tokens

MODEL = '''
import numpy as np

def model(images):
    """p of class 1: how bright the upper half is; read as bytes."""
    return np.clip(images[:, :16].mean(axis=(1, 2, 3)) / 255, 0, 1)

def slow(images):
    import time
    time.sleep(0.01 * len(images))
    return model(images)
'''
PLAN = ["--budget", "20", "--segment", "grid:rows=2,columns=2", "--fill", "colour"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model and 12 images of two classes."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "mine.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    for number, image in enumerate(drawn_faces(12, size=32, seed=3).images):
        path = folder / "data" / ("bright" if rng.random() < 0.6 else "dark") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255).astype(np.uint8)).save(path)
    return folder


def run(place, *words, code=0):
    with contextlib.chdir(place):
        done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exit_code == 2 and done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.output


@pytest.fixture(scope="module")
def studied(place):
    output = run(place, "study", "mine:model", "data", "-o", "run", *PLAN)
    assert "12 of 12 images explained" in output
    assert "accuracy" in output
    return place / "run"


@pytest.mark.slow
def test_a_study_goes_on_by_its_folder_alone(place, studied):
    next((studied / "parts").iterdir()).unlink()
    assert len(Study(studied)) < 12
    assert "12 of 12 images explained" in run(place, "study", "-o", "run", "--trust")


@pytest.mark.slow
def test_a_failed_image_is_told_of_and_ends_with_1(place, studied, tmp_path):
    shutil.copytree(place / "data", tmp_path / "data")
    shutil.copy(place / "mine.py", tmp_path)
    (tmp_path / "data" / "dark" / "broken.png").write_bytes(b"nothing")
    output = run(tmp_path, "study", "mine.py:model", "data", "-o", "run", *PLAN, code=1)
    assert "12 of 13 images explained" in output
    assert "failed: dark/broken.png:" in output


def test_the_table_is_asked_in_three_forms(place, studied):
    query = "select count(*) as images from rows where rank = 0"
    assert "12" in run(place, "sql", "run", query)
    assert run(place, "sql", "run", query, "--format", "csv") == "images\n12\n"
    assert json.loads(run(place, "sql", "run", query, "--format", "json")) == [{"images": 12}]


@pytest.mark.slow
def test_interrupting_says_how_to_go_on(place, tmp_path):
    words = [
        sys.executable,
        "-m",
        "sightline",
        "study",
        "mine:slow",
        "data",
        "-o",
        str(tmp_path / "run"),
        *PLAN,
    ]
    process = subprocess.Popen(
        words,
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
        # What is started in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 60
    while not list((tmp_path / "run" / "parts").glob("*.parquet")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "of 12 images are explained and kept. Go on with" in errors
    assert f"sightline study -o {tmp_path / 'run'} --trust" in errors
    assert "Traceback" not in errors


def width(path):
    with Image.open(path) as image:
        return image.size[0]


@pytest.mark.slow
def test_findings_are_written_beside_the_study(place, studied):
    output = run(place, "atlas", "run", "--by", "pair", "--regions", "grid:rows=2,columns=2")
    assert "wrote run/atlas.png" in output
    assert width(studied / "atlas.png") > 100
    output = run(place, "atlas", "run", "--most-images", "3")
    assert "the mean images under them of 3 images of each kind" in " ".join(output.split())
    output = run(place, "blame", "run", "--regions", "grid:rows=2,columns=2")
    assert "too few errors" in output
    assert width(studied / "blame.png") > 100
    assert json.loads((studied / "blame.json").read_text())["verdict"].startswith("too few errors")
    output = run(place, "blame", "run", "--regions", "grid:rows=2,columns=2", "--lang", "ko")
    assert "오답이 너무 적습니다" in output
    assert json.loads((studied / "blame.json").read_text())["verdict"].startswith("too few errors")
    unknown = CliRunner().invoke(app, ["atlas", "run", "--lang", "tlh"]).exception
    assert str(unknown).startswith("the language must be en (English) or ko (한국어), but 'tlh' was given.")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["study", "mine:model"], "begins one"),
        (["study", "-o", "run"], "to open it is to import the module 'mine' and run 'model'"),
        (["study", "mine:model", "nowhere", "-o", "new"], "nowhere"),
        (
            ["study", "mine:model", "data", "-o", "new", "--workers", "0"],
            "workers must be a whole number",
        ),
        (["study", "mine:model", "data", "-o", "new", "--gpus", "1"], "--gpus goes with --ray"),
        (["sql", "run", "select 1", "--format", "xml"], "there is no --format 'xml'"),
        (["sql", "nowhere", "select 1"], "there is no study in nowhere"),
        (["blame", "run", "--regions", "fase"], "fase"),
        (["blame", "run", "--regions", "auto"], "regions are looked for in half of the images"),
        (["atlas", "run", "--out", "nowhere/x.png"], "must be a .png file in a folder that is there"),
        # Before anything else is looked at, since the work may take an hour.
        (["blame", "run", "--out", "x.jpg", "--fill", "no-fill"], "--out x.jpg must be a .png file"),
        (["regions", "run", "--out", "x.jpg", "--regions", "fase"], "--out x.jpg must be a .png file"),
        (["concepts", "run", "-o", "x.txt"], "--out x.txt must be a .toml file"),
        (["concepts", "run", "--sheet", "x.jpg"], "--sheet x.jpg must be a .png file"),
        (["atlas", "run", "--by", "outcom"], "outcom"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(place, studied, words, told):
    with contextlib.chdir(place):
        done = CliRunner().invoke(app, words)
    assert told in str(done.exception)
    assert not (place / "new").exists()


@pytest.mark.slow
def test_regions_are_drawn_and_kept_and_blame_takes_them(place, studied):
    said = run(place, "regions", "run", "--regions", "grid:rows=2,columns=3", "-o", "two.png")
    assert "wrote two.png" in said
    assert width(place / "two.png") > 100
    assert len(regions.load(studied / "regions.toml")) == 6
    run(place, "blame", "run")
    assert len(json.loads((studied / "blame.json").read_text())["areas"]["polygons"]) == 6
    said = run(place, "regions", "two.png", "--regions", "grid:rows=1,columns=2", "-o", "one.png")
    assert "<Regions: 2 (r1c1, r1c2)>" in said


@pytest.mark.slow
def test_regions_found_before_are_taken_by_the_commands_that_follow(place, studied):
    outline = (np.array([[0.0, 0.0], [0.0, 1.0], [0.2, 1.0], [0.2, 0.0]]),)
    found = PolygonShapes(("top side",), (outline,), found_in=(Study(studied).row(0).id,))
    one_region_a_piece(found).save(studied / "regions.toml")
    assert read_regions("auto", Study(studied)).shapes.found_in == found.found_in
    assert "top side" in run(place, "atlas", "run", "--regions", "auto")
    with pytest.raises(OptionError, match="regions are looked for in half"):  # by blame they are anew
        read_regions("auto", Study(studied), anew=True)
    with pytest.raises(OptionError, match="finds regions in the errors of a study"):
        read_regions("auto")
    (studied / "regions.toml").unlink()


def test_blame_takes_concepts_from_a_file_and_keeps_them_for_a_repair(place, studied):
    detector = Detector(np.zeros(sum(BLOCKS)), np.ones(sum(BLOCKS)), 1.0)
    shapes = ConceptShapes(("concept 1",), (detector,), (1,))
    one_region_a_piece(shapes).rename({"concept 1": "token"}).save(place / "concepts.toml")
    said = run(place, "blame", "run", "--regions", "concepts.toml", "--no-whole-images")
    assert "too few right answers: " in said
    assert "one that concepts are found in and the one that confirms" in said
    assert json.loads((studied / "blame.json").read_text())["of_concepts"]
    kept = regions.load(studied / "regions.toml")
    assert kept.names == ("token",)
    assert kept.needs_image
    (studied / "regions.toml").unlink()


@pytest.mark.slow
def test_concepts_are_found_drawn_and_taken_by_the_other_commands(tmp_path):
    images, labels = clean_images(80)
    images, _ = with_tokens(images, np.random.default_rng(0).random(80) < 0.5)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "data" / ("dark", "light")[label] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255).round().astype(np.uint8)).save(path)
    (tmp_path / "tokens.py").write_text(inspect.getsource(tokens))
    plan = ["--budget", 80, "--segment", "grid:rows=4,columns=4", "--fill", "colour:value=0.5"]
    model = ["tokens:model", "data", "--estimator", "regression", "--values", "unit"]
    run(tmp_path, "study", *model, "-o", "run", *plan)
    output = run(tmp_path, "concepts", "run", "-o", "found.toml", "--n-concepts", 2, "--trust")
    assert "found in each image" in output
    assert "sightline blame run --regions found.toml" in output
    assert width(tmp_path / "found.png") > 100
    found = regions.load(tmp_path / "found.toml")
    assert 1 <= len(found) <= 2
    assert "concept 1" in run(tmp_path, "atlas", "run", "--regions", "found.toml")


def test_a_repair_takes_the_region_that_was_blamed_and_says_first_what_was_acquitted(place, studied):
    study = sl.Study(studied)
    errors = int((study.labels != study.predicted).sum())
    made = keep_blame(studied, {"r1c1": False, "r1c2": True}, errors=errors)
    assert _blamed_region(studied, None, study) == ("r1c2", "")
    assert _blamed_region(studied, "r1c1", study) == ("r1c1", made.finding("r1c1"))
    assert "r1c1 is not shown to drive errors" in made.finding("r1c1")
    for text in ("no JSON", json.dumps({"regions": []})):
        (studied / "blame.json").write_text(text)
        with pytest.raises(OptionError, match=r"no region was blamed in .*repair-region"):
            _blamed_region(studied, None, study)
        assert _blamed_region(studied, "jaw", study) == ("jaw", "")


def test_going_on_names_only_what_was_given(place, studied):
    assert "12 of 12 images explained" in run(place, "study", "mine:model", "data", "-o", "run")
    assert "12 of 12 images explained" in run(place, "study", "-o", "run", "--trust", "--budget", "20")
    for words, named in (
        (["mine:model", "data", "--seed", "3"], "made with seed=0, but now seed=3"),
        (["--trust", "--budget", "64"], "made with budget=20, but now budget=64"),
        (["mine:model", "data", "--mode", "grey"], "brought to mode='asis', but now mode='grey' was given"),
        (["--trust", "--size", "8x8"], "brought to size=None, but now size=(8, 8) was given (--size)"),
    ):
        with pytest.raises(OptionError) as told, contextlib.chdir(place):
            CliRunner().invoke(app, ["study", *words, "-o", "run"], catch_exceptions=False)
        assert named in str(told.value)


def test_a_folder_without_a_study_is_said_to_be_so_and_the_studies_below_it_are_named(place, tmp_path):
    (tmp_path / "runs" / "faces").mkdir(parents=True)
    (tmp_path / "runs" / "faces" / "plan.toml").write_text("x = 1")
    (tmp_path / "notes.txt").write_text("a note")
    runs, note = str(tmp_path / "runs"), str(tmp_path / "notes.txt")
    for line in (["regions", runs], ["regions", runs, "--regions", "face"], ["atlas", runs], ["blame", runs]):
        told = str(CliRunner().invoke(app, line).exception)
        assert told.endswith(
            "there is no study in runs, but in folders below it: 'faces'. [study-missing]"
        ) or (f"there is no study in {runs}, but in folders below it: 'faces'. [study-missing]" == told), told
    for line in (["atlas", note], ["blame", note], ["sql", note, "select 1"]):
        told = str(CliRunner().invoke(app, line).exception)
        assert told == f"{note} is a file, and not the folder of a study. [study-missing]"
    told = str(CliRunner().invoke(app, ["regions", "face"]).exception)
    assert told.startswith("'face' is neither the folder of a study nor an image. Which regions are drawn is")


def test_regions_of_an_image_are_a_grid_where_none_are_named(tmp_path):
    image, out = tmp_path / "a.png", tmp_path / "out.png"
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(image)
    done = CliRunner().invoke(app, ["regions", str(image), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "Regions: 16 (r1c1" in done.output
    assert out.is_file()


CAST = '''
import numpy as np

def model(images):
    """Goes by the red of the whole image."""
    shown = images.astype(float)
    red = (shown[..., 0].mean(axis=(1, 2)) + 1) / (shown.mean(axis=(1, 2, 3)) + 1)
    p = 1 / (1 + np.exp(-10 * (red - 1.1)))
    return np.stack([1 - p, p], axis=1)
'''


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """A study of a list with further columns, whose model goes by a cast."""
    folder = tmp_path_factory.mktemp("listed")
    (folder / "tint.py").write_text(CAST)
    rng = np.random.default_rng(0)
    lines = ["path,label,scanner,patient"]
    for number in range(60):
        warm, label = rng.random() < 0.5, rng.integers(0, 2)
        image = rng.random((12, 12, 3)) * 80 + 60
        image = image * ([1.2, 1.0, 0.8] if warm else [1.0, 1.0, 1.0])
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{label},{'AB'[int(warm)]},p{number // 2}")
    (folder / "list.csv").write_text("\n".join(lines))
    plan = ["--budget", "20", "--segment", "grid:rows=3,columns=3", "--fill", "colour:value=0"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is explained does not matter here
        run(folder, "study", "tint:model", "list.csv", "-o", "run", *plan)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cast_and_the_scanner_that_goes_with_it_are_told_before_any_area(listed):
    output = run(listed, "blame", "run", "--trust", "--regions", "grid:rows=2,columns=2")
    assert output.index("Whole-image causes: ") < output.index("Blame: ")
    assert "scanner = B goes with errors" in output
    assert "an association" in output
    told = json.loads((listed / "run" / "causes.json").read_text())
    assert told["confirmed"] == ["chromaticity"]
    assert "Whole-image" not in run(
        listed, "blame", "run", "--trust", "--no-whole-images", "--groups", "patient"
    )


@pytest.mark.filterwarnings("ignore")
def test_slices_by_the_lists_own_columns(listed):
    output = run(listed, "slices", "run", "--column", "scanner")
    assert "scanner = A" in output
    assert json.loads((listed / "run" / "slices.json").read_text())["slices"][0]["column"] == "scanner"
    assert (listed / "run" / "slices.png").exists()


def test_what_misleads_whole_images_is_repaired_unless_an_area_gives_more_back(tmp_path, answered):
    study = answered(np.arange(60) < 40)
    keep_causes(tmp_path, "chromaticity", errors=40, gain=0.55)
    assert _blamed_region(tmp_path, None, study) == ("chromaticity", "")
    assert _blamed_region(tmp_path, "jaw", study) == ("jaw", "")
    keep_blame(tmp_path, {"jaw": True}, errors=40)
    assert _blamed_region(tmp_path, None, study) == ("chromaticity", "")
    keep_causes(tmp_path, "chromaticity", errors=40, gain=0.45)
    assert _blamed_region(tmp_path, None, study) == ("jaw", "")


@pytest.fixture
def answered():
    return functools.partial(Answered, lambda x: x[:, 0], np.zeros((60, 1, 2)), plan=sl.Plan())


def test_what_was_found_before_the_study_went_on_is_left_aside(tmp_path, capsys, answered):
    keep_causes(tmp_path, "chromaticity", errors=40)
    keep_blame(tmp_path, {"jaw": True}, errors=52)
    forty, fifty_two, sixty = (answered(np.arange(60) < wrong) for wrong in (40, 52, 60))
    assert _blamed_region(tmp_path, None, forty) == ("chromaticity", "")
    assert "blame.json is left aside: it was found in other answers" in capsys.readouterr().err
    assert _blamed_region(tmp_path, None, fifty_two) == ("jaw", "")
    assert f"Ask again: sightline causes {tmp_path}" in capsys.readouterr().err
    with pytest.raises(OptionError, match="no region was blamed"):
        _blamed_region(tmp_path, None, sixty)
    keep_causes(tmp_path, "contrast", errors=40, answers=answers_digest(forty))
    assert _blamed_region(tmp_path, None, forty) == ("contrast", "")
    others = answered(np.arange(60) >= 20)  # as many errors, but other ones
    with pytest.raises(OptionError, match="no region was blamed"):
        _blamed_region(tmp_path, None, others)
