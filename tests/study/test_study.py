"""A study explains every image once, keeps it, and goes on where it stopped."""

import dataclasses
import io
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data import ImageFormat, open_folder
from sightline.errors import FileError, ModelError, OptionError
from sightline.study import Study, known_images
from support.problems import PLAN, images, model, numbers


class Counting:
    """A model that counts the images it is asked about."""

    def __init__(self, inner=model):
        self.inner, self.calls = inner, 0

    def __call__(self, batch):
        self.calls += len(batch)
        return self.inner(batch)


@pytest.mark.slow
def test_every_image_gets_what_explain_says_of_it(study):
    pixels, labels = images()
    assert study.places.tolist() == list(range(24))
    for row in study.rows():
        predicted = int(model(pixels[row.place][np.newaxis])[0] > 0.5)
        assert (row.predicted, row.label) == (predicted, labels[row.place])
        assert row.targets == ((predicted,) if row.right else (predicted, row.label))
        alone = sl.explain(pixels[row.place], model, PLAN, target=list(row.targets))
        np.testing.assert_allclose(row.attribution.values, alone.attribution.values, atol=1e-6)
        np.testing.assert_allclose(row.attribution.error, alone.attribution.error, rtol=2e-3)
        np.testing.assert_array_equal(row.segments.labels, alone.segments.labels)
        np.testing.assert_allclose(row.full, alone.scores.full, atol=1e-6)


@pytest.mark.slow
def test_a_finished_study_is_read_without_its_images_or_model(study):
    again = Study(study.path)
    assert numbers(again) == numbers(study)
    assert again.plan == PLAN
    np.testing.assert_array_equal(again.labels, images()[1])
    assert again.row(5).place == 5
    with pytest.raises(OptionError, match=r"images .* were given from memory: give them again"):
        again.image(0)
    with pytest.raises(OptionError, match=r"model .* was given from memory: give it again"):
        _ = again.model
    again.attach(images(), model)
    np.testing.assert_array_equal(again.image(3), images()[0][3])
    assert again.model(images()[0][:2]).shape == (2, 2)


@pytest.mark.slow
def test_nothing_is_computed_twice(study):
    before = numbers(study)
    counting = Counting()
    Study(study.path).run(images(), counting)
    assert counting.calls <= 8 * 5  # to know the model again
    assert numbers(study) == before


@pytest.mark.slow
def test_an_interrupted_run_keeps_its_parts_and_goes_on(tmp_path):
    whole = numbers(Study(tmp_path / "whole", PLAN).run(images(), model))

    class Interrupting(Counting):
        def __call__(self, batch):
            if self.calls > 400:
                raise KeyboardInterrupt
            return super().__call__(batch)

    study = Study(tmp_path / "run", PLAN)
    with pytest.raises(KeyboardInterrupt):
        study.run(images(), Interrupting())
    assert 0 < len(study) < 24
    counting = Counting()
    assert numbers(study.run(images(), counting)) == whole
    assert counting.calls < 24 * 32


def test_a_plan_that_fits_no_image_is_told_at_the_end(tmp_path):
    plan = dataclasses.replace(PLAN, attribute="grad-cam")
    with pytest.raises(ModelError, match=r"none of the 5 images could be explained.*known by its answers"):
        Study(tmp_path / "run", plan).run(images(5), model)


def test_outcomes_count_right_and_wrong(study):
    outcomes = study.outcomes()
    pixels, labels = images()
    predicted = (model(pixels) > 0.5).astype(int)
    assert outcomes.accuracy == pytest.approx((predicted == labels).mean())
    np.testing.assert_array_equal(outcomes.wrong, np.flatnonzero(predicted != labels))
    assert "accuracy" in repr(outcomes)


@pytest.mark.slow
def test_its_table_is_queried_in_sql(study):
    wrong = study.sql("select count(distinct place) from rows where label <> predicted").fetchall()
    assert wrong == [(len(study.outcomes().wrong),)]
    (line,) = study.sql("select * from rows where place = 0 and rank = 0").df().to_dict("records")
    assert line["calls"] <= 32
    assert re.fullmatch("[0-9a-f]{16}", line["content"])
    assert line["seconds"] > 0


def test_a_folder_without_a_study_says_so(tmp_path):
    study = Study(tmp_path / "run")
    assert "not run yet" in repr(study)
    assert len(study) == 0
    for ask in (lambda: list(study.rows()), study.outcomes, lambda: study.image(0)):
        with pytest.raises(FileError, match="there is no study in"):
            ask()
    with pytest.raises(OptionError, match=r"there is no study in .* yet: run\(data, model\) begins one"):
        study.run()


@pytest.mark.parametrize(
    ("options", "told"), [({"workers": 0}, "workers"), ({"batch_size": 0}, "batch_size")]
)
def test_impossible_numbers_are_refused(tmp_path, options, told):
    with pytest.raises(OptionError, match=f"{told} must be a whole number from 1 up"):
        Study(tmp_path / "run", PLAN).run(images(), model, **options)


@pytest.mark.slow
def test_an_image_that_is_not_there_is_told_of(study):
    with pytest.raises(OptionError, match="image 99 is not among the 24 explained ones of 24"):
        study.row(99)


@pytest.mark.slow
def test_its_explanations_are_drawn_and_kept(study, tmp_path):
    made = study.explanation(4)
    assert made.plot("overlay").axes
    made.save(tmp_path / "one.npz")
    assert sl.Explanation.load(tmp_path / "one.npz").targets == made.targets


@pytest.mark.slow
def test_a_damaged_part_is_named_and_computed_anew_once_it_is_deleted(study):
    whole = numbers(study)
    (part,) = study.store.parts()
    part.path.write_bytes(part.path.read_bytes()[:500])
    for ask in (lambda: len(study), lambda: study.row(3), lambda: study.sql("select 1")):
        with pytest.raises(FileError, match=r"parquet is damaged .* images 0 to 23 are then computed anew"):
            ask()
    part.path.unlink()
    assert numbers(study.run(images(), model)) == whole


def test_names_that_are_no_utf8_are_written_as_they_can_be(tmp_path):
    rng = np.random.default_rng(0)
    for folder in (b"cat", b"d\xf6g"):
        place = tmp_path / "data" / os.fsdecode(folder)
        place.mkdir(parents=True)
        for name in (b"1.png", b"f\xfcr.png", b"z\xe9.png"):
            file = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (12, 12), np.uint8)).save(file, "PNG")
            (place / os.fsdecode(name)).write_bytes(b"" if name.startswith(b"z") else file.getvalue())
    as_units = ImageFormat(values="unit")
    study = Study(tmp_path / "run", PLAN).run(tmp_path / "data", model, image_format=as_units)
    assert study.class_names == ("cat", r"d\xf6g")
    ids = ["cat/1.png", r"cat/f\xfcr.png", r"d\xf6g/1.png", r"d\xf6g/f\xfcr.png"]
    assert [row.id for row in study.rows()] == ids
    assert [one.id for one in study.failures()] == [r"cat/z\xe9.png", r"d\xf6g/z\xe9.png"]
    again = Study(tmp_path / "run").attach(model=model)
    assert again.explanation(r"d\xf6g/f\xfcr.png").image.shape == (12, 12)


def test_relative_paths_hold_wherever_one_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    study = Study("run", PLAN)
    assert repr(study) == "Study('run': not run yet)"
    folder = write_images(tmp_path / "data")
    data = open_folder("data", ImageFormat(values="unit"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    study.run(data, model)
    assert (len(study), len(data[0][0])) == (6, 12)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "run" / "plan.toml").exists()
    assert folder.is_dir()


def write_images(folder):
    pixels, _ = images(6)
    for place, image in enumerate(pixels):
        (folder / f"class {place % 2}").mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / f"class {place % 2}" / f"{place}.png")
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
def test_a_full_disk_is_told_of_and_what_was_written_stays(tmp_path):
    """In a process of its own whose files may not grow: as on a full disk, what is written last fails."""
    script = (
        "import resource, signal, sys\n"
        "from sightline.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "data = 'drawn-faces:count=20,people=2,size=32'\n"
        "sys.argv[1:] = ['study', sys.argv[1], data, '-o', sys.argv[2], '--budget', '32']\n"
        "main()\n"
    )
    # Not traced: its record of lines cannot be written either, which says so on top.
    untraced = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    made = subprocess.run(
        [sys.executable, "-c", script, "support.problems:grey", tmp_path / "run"],
        env=untraced,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert made.returncode == 2, made.stderr
    assert "Traceback" not in made.stderr
    assert "[study-write]" in made.stderr
    assert not list((tmp_path / "run" / "parts").glob(".*"))


@pytest.mark.parametrize("place", [[], float("nan"), 10**30, 6, -7, np.zeros(2), True])
def test_an_image_is_asked_for_by_a_place_that_is_there(place, tmp_path):
    study = Study(tmp_path, PLAN).run(images(6), model, progress=False)
    assert study.image(5).shape == study.image(0).shape
    with pytest.raises((OptionError, TypeError), match=r"a whole number"):
        study.image(place)


def test_an_open_budget_tells_what_it_spent_and_reached(tmp_path):
    plan = dataclasses.replace(PLAN, segment=sl.Grid(rows=4, columns=3), budget="auto")
    study = Study(tmp_path / "run", plan).run(images(4), model)
    calls = [row.attribution.calls for row in study.rows()]
    rows = [row.attribution for row in study.rows()]
    shares = [np.linalg.norm(one.error[0]) / np.linalg.norm(one.values[0]) for one in rows]
    told = re.search(
        r"; (\S+) calls, (\S+) for the median image \((\S+) to (\S+)\), for errors of (\S+) % of the values",
        repr(study),
    )
    assert [float(one.replace(",", "")) for one in told.groups()[:4]] == [
        *(sum(calls), round(np.median(calls)), min(calls), max(calls))
    ]
    assert float(told[5]) == pytest.approx(100 * np.median(shares), rel=0.06)
    assert max(calls) < 600
    assert max(shares) < 0.2
    assert "calls" not in repr(Study(tmp_path / "fixed", PLAN).run(images(2), model))


class Halved(sl.data.Dataset):
    """Images whose names hold half a letter, as bytes of file names that are no UTF-8 do."""

    class_names = ("a\ud800", "b\udcff")
    labels = images(6)[1]

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return images(6)[0][index], int(self.labels[index])

    def image_id(self, index):
        return f"{index}\udcff\ud800"


@pytest.mark.parametrize(
    ("data", "names", "told"),
    [
        ("rows", ("a\ud800", "b\udcff"), ("a\\ud800", "b\\xff")),
        ("rows", {"a\ud83d": 1, "b": 0}, ("b", "a\\ud83d")),
        ("own", None, ("a\\ud800", "b\\xff")),
    ],
)
def test_half_letters_in_names_are_written_so_that_files_can_hold_them(data, names, told, tmp_path):
    given = Halved() if data == "own" else images(6)
    study = Study(tmp_path / "run", PLAN).run(given, model, class_names=names, progress=False)
    again = Study(tmp_path / "run")
    assert again.class_names == study.class_names == told
    if data == "own":
        assert again.ids[0] == "0\\udcff\\ud800"
    made = sl.report(again, progress=False)
    assert told[0].replace("\\", "\\\\") in made.save(tmp_path / "r.json").read_text(encoding="utf-8")
    assert told[0] in made.save(tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_folder_whose_name_is_no_utf_8_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(FileError, match=r"'r\\\\xff': the name is not in UTF-8") as caught:
        Study("r\udcff")
    assert caught.value.slug == "study-write"


def test_threads_that_show_images_at_once_open_them_once(study, monkeypatch):
    again = Study(study.path).attach(images())
    digests, read = known_images.ImageDigests.from_tables, []
    monkeypatch.setattr(
        known_images.ImageDigests,
        "from_tables",
        lambda tables: read.append(1) or time.sleep(0.1) or digests(tables),
    )
    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(again.image, [0, 1, 2, 3]))
    assert len(read) == 1
    for one, expected in zip(shown, images()[0], strict=False):
        np.testing.assert_array_equal(one, expected)
