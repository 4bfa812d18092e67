"""What is small on the disk does not fill the memory: limits, and how they are overruled."""

import io
import resource
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tomli_w

import sightline as sl
from sightline._limits import LIMITS, check_opened_size, limit_of, read_arrays, read_text
from sightline.adapters.inputs import only_input
from sightline.data.data_spec import open_data
from sightline.errors import FileError, OptionError, SightlineError
from sightline.study import Study
from sightline.study.schema import row_from_lines
from support.problems import PLAN, images, model

ZEROS = 400 << 20


def packed(path: Path, length: int, claimed: int | None = None) -> Path:
    """An .npz file of zeros, written without having them; its head may claim more."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (claimed or length,)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("masks.npy", "w") as file:
        file.write(head.getvalue())
        for _ in range(length >> 20):
            file.write(bytes(1 << 20))
    return path


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    path = packed(tmp_path_factory.mktemp("bomb") / "bomb.npz", ZEROS)
    assert path.stat().st_size < 1 << 20
    return path


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_small_archive_that_opens_to_much_is_refused_with_the_way_out(bomb):
    before = peak()
    with pytest.raises(FileError, match=r"SIGHTLINE_MAX_ARRAY_BYTES=\d+. \[file-size\]"):
        read_arrays(bomb)
    assert peak() - before < 50 << 10


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"claims 1,000,000,000,000 bytes of numbers, but has 1,0"):
        read_arrays(packed(tmp_path / "a.npz", 1 << 20, 10**12))


def test_a_limit_is_overruled_by_the_environment(monkeypatch):
    check_opened_size("x", LIMITS["ARRAY_BYTES"], 1, "ARRAY_BYTES")
    check_opened_size("x", 50 << 30, 1 << 30, "ARRAY_BYTES")
    with pytest.raises(FileError):
        check_opened_size("x", LIMITS["ARRAY_BYTES"] + 1, 1, "ARRAY_BYTES")
    monkeypatch.setenv("SIGHTLINE_MAX_ARRAY_BYTES", str(1 << 40))
    assert limit_of("ARRAY_BYTES") == 1 << 40
    check_opened_size("x", LIMITS["ARRAY_BYTES"] + 1, 1, "ARRAY_BYTES")
    for wrong in ("", "0", "-1", "1e9", "much"):
        monkeypatch.setenv("SIGHTLINE_MAX_ARRAY_BYTES", wrong)
        with pytest.raises(OptionError, match="must be a whole number from 1"):
            limit_of("ARRAY_BYTES")


def test_texts_have_a_limit_and_are_files(tmp_path, monkeypatch):
    path = tmp_path / "plan.toml"
    path.write_text("é")
    assert read_text(path) == "é"
    monkeypatch.setenv("SIGHTLINE_MAX_TEXT_BYTES", "1")
    with pytest.raises(FileError, match=r"has 2 bytes, but .* 1 at most.*SIGHTLINE_MAX_TEXT_BYTES=2"):
        read_text(path)
    with pytest.raises(FileError, match="no file, but a pipe or a device"):
        read_text(Path("/dev/zero"))


@pytest.mark.slow
def test_every_archive_that_is_read_has_the_limit(bomb, tmp_path):
    study = Study(tmp_path / "run", sl.Plan(segment=PLAN.segment, budget=32, fill=sl.Donors(images(2)[0])))
    study.run(images(6), model)
    (arrays,) = study.path.glob("plan*.npz")
    saved = study.attach(images(6), model).explanation(0).save(tmp_path / "e.npz")
    regions = tmp_path / "r.toml"
    regions.write_text('[masks]\nfile = "m.npz"\nnames = ["a"]\n')
    for path, read in (
        (arrays, lambda: Study(study.path)),
        (saved, lambda: sl.Explanation.load(saved)),
        (tmp_path / "m.npz", lambda: sl.regions.load(regions)),
    ):
        path.write_bytes(bomb.read_bytes())
        with pytest.raises(FileError, match="would open from"):
            read()


@pytest.mark.parametrize(("table", "entry"), [("model", "columns"), ("data", "images"), ("", "part")])
def test_numbers_of_a_plan_are_no_trap(table, entry, tmp_path):
    Study(tmp_path, PLAN).run(images(6), model)
    path = tmp_path / "plan.toml"
    text = tomllib.loads(path.read_text())
    (text[table] if table else text)[entry] = 10**15
    path.write_text(tomli_w.dumps(text))
    with pytest.raises(FileError, match="does not describe a study"):
        Study(tmp_path)


def test_segments_that_would_be_huge_are_refused(tmp_path):
    study = Study(tmp_path, PLAN).run(images(6), model)
    lines = [line | {"height": 2**31 - 1, "width": 2**31 - 1} for line in study.store.image_lines(0)]
    with pytest.raises(FileError, match="the segments of 0 would open from"):
        row_from_lines(lines, 2)


def test_a_server_or_file_cannot_have_a_batch_filled_up_without_end():
    with pytest.raises(SightlineError, match="takes exactly 1,000,000,000 images at once"):
        only_input([("x", "FP32", (10**9, 8, 8, 3))], {"FP32": np.dtype("float32")}, "net")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["drawn-faces:count=1000000000", "drawn-faces:count=9999,size=512"])
def test_drawn_faces_that_a_strangers_plan_asks_for_do_not_fill_the_memory(text, tmp_path, monkeypatch):
    with pytest.raises(OptionError, match=r"would take .* SIGHTLINE_MAX_DRAWN_BYTES=\d+\. \[option-large\]"):
        open_data(text)
    Study(tmp_path, PLAN).run("drawn-faces:count=4,people=2,size=32", drawn_model, progress=False)
    path = tmp_path / "plan.toml"
    path.write_text(path.read_text().replace("drawn-faces:count=4,people=2,size=32", text))
    with pytest.raises(SightlineError, match="option-large"):
        _ = Study(tmp_path).source
    monkeypatch.setenv("SIGHTLINE_MAX_DRAWN_BYTES", "50000")
    assert len(sl.data.drawn_faces(3, size=32)) == 3
    with pytest.raises(OptionError, match="4 drawn faces of 32×32 pixels would take 57,344 bytes"):
        sl.data.drawn_faces(4, size=32)


def drawn_model(faces):
    bright = faces.mean(axis=(1, 2, 3))
    return np.stack([bright, 1 - bright], axis=1)


def test_masks_that_a_strangers_budget_asks_for_do_not_fill_the_memory():
    with pytest.raises(OptionError, match=r"masks of 16 segments would take .* SIGHTLINE_MAX_MASK_BYTES"):
        sl.explain(
            np.eye(16),
            lambda some: some[:, :2, 0],
            segment="grid:rows=4,columns=4",
            sample="bernoulli",
            budget=10**12,
            progress=False,
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda: sl.regions.grid(10**6, 2),
        lambda: sl.Noise(draws=10**6),
        lambda: sl.IntegratedGradients(steps=10**6),
        lambda: sl.data.drawn_faces(2, people=10**7),
        lambda: sl.Plan(seed=10**30),
        lambda: sl.Noise(seed=-1),
        lambda: sl.Plan(seed=float("inf")),
        lambda: sl.Plan(seed=float("nan")),
    ],
)
def test_counts_and_seeds_without_measure_are_refused_at_once(ask):
    with pytest.raises((OptionError, TypeError), match=r"must be a whole number|violates type hint"):
        ask()
