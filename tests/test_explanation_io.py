"""Explanation ⇄ file: nothing is lost, nothing half-written, nothing executed."""

import dataclasses
import gc
import io
import json
import pickle
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import sightline
from sightline import _serialise, explanation_io
from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.cam import (
    Cam,
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    HiResCam,
    LayerCam,
    ScoreCam,
    Tokens,
)
from sightline.engine.fills import Blur, Colour, Donors, Inpaint, Noise, SegmentMean, Surroundings
from sightline.engine.gradients import GradientXInput, IntegratedGradients, SmoothGrad
from sightline.engine.model_query import Classes, Top
from sightline.engine.pipeline import run_plan
from sightline.engine.plan import Plan
from sightline.engine.sampling import Balanced, Bernoulli, Exhaustive, FoldOver, LeaveOneOut
from sightline.engine.segmentation import Felzenszwalb, Given, Grid, Quickshift, Slic, Watershed
from sightline.errors import FileError, OptionError
from sightline.explanation import Explanation
from sightline.types import Attribution, Contrast, Scores, Segments
from support import unchecked
from support.reference import random_game

SEGMENTS = Segments(np.array([[0, 0, 1], [2, 2, 1]]))


def square(image: object) -> np.ndarray:
    return SEGMENTS.labels


def explanation(plan: Plan = Plan(), image: np.ndarray | None = None, **changes: object) -> Explanation:
    rng = np.random.default_rng(0)
    scores = Scores(rng.random((4, 2)), rng.random(2), rng.random(2), (1, Contrast(1, 0)), rng.random(3), 6)
    error = np.array([[0.0, np.inf, 0.25], [1e-300, 0.5, 1.0]])
    attribution = Attribution(rng.normal(size=(2, 3)), error, rng.random(2), np.array([np.nan, 0.5]), 7, True)
    pixels = rng.random((2, 3)) if image is None else image
    made = Explanation(pixels, plan, SEGMENTS, scores, attribution)
    return dataclasses.replace(made, **changes)


def same(one: object, other: object) -> bool:
    """Equal part by part, arrays with their dtypes."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, Segments | Scores | Attribution):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return type(one) is type(other) and one == other


def unequal_parts(one: Explanation, other: Explanation) -> list[str]:
    fields = [field.name for field in dataclasses.fields(one)]
    return [name for name in fields if not same(getattr(one, name), getattr(other, name))]


OPTIONS = {
    "segment": [
        Slic(),
        Slic(n_segments=100, compactness=0.1 + 0.2, sigma=1.0),
        Quickshift(kernel_size=2.0, max_dist=9.5, ratio=0.3, seed=7),
        Felzenszwalb(scale=3.0, sigma=0.1, min_size=4),
        Watershed(n_segments=9, compactness=0.5),
        Grid(rows=2, columns=3),
        Given(np.array([[0, 5, -1], [2, 2, 1]], dtype=np.int32)),
        Given(np.array([[True, False, True]] * 2)),
    ],
    "fill": [
        SegmentMean(),
        Colour(),
        Colour(127.5),
        Colour((255.0, 0.0, 0.1)),
        Blur(),
        Blur(sigma=8.0),
        Noise(draws=3, seed=4),
        Inpaint(),
        Surroundings(),
        Surroundings(sigma=2.0),
        Donors(np.random.default_rng(0).random((2, 2, 3, 1)).astype(np.float32)),
        Donors(np.zeros((2, 3), np.uint8)),
    ],
    "sample": [None, FoldOver(), Balanced(), Bernoulli(p=0.3), LeaveOneOut(), Exhaustive()],
    "attribute": [
        *(Lime(), Lime(kernel_width=0.5, ridge=0.0), Shapley(), Banzhaf(), Rise(p=0.9), Occlusion()),
        *(
            Cam(),
            GradCam(layer="a.b"),
            GradCamPlusPlus(),
            HiResCam(),
            LayerCam(),
        ),
        *(
            ScoreCam(reshape=Tokens(height=2, skip=0)),
            EigenCam(),
            GradientXInput(),
        ),
        *(
            IntegratedGradients(steps=3, baseline=-1.5),
            SmoothGrad(samples=4, noise=0.5),
        ),
    ],
    "target": [Top(), Top(k=3), Classes(2), Classes(0, Contrast(2, 1), 1), Contrast(0, 1), 4],
    "budget": [3, 1000, "auto"],
    "seed": [0, 2**40],
}


@pytest.mark.parametrize(
    ("field", "value"), [(f, v) for f, values in OPTIONS.items() for v in values], ids=lambda v: repr(v)[:40]
)
def test_every_option_comes_back(field, value, tmp_path):
    made = explanation(Plan(**{field: value}))
    again = Explanation.load(made.save(tmp_path / "e.npz"))
    assert unequal_parts(made, again) == []
    assert repr(again.plan) == repr(made.plan)


def test_every_named_option_was_tried():
    tried = {type(value) for field in ("segment", "fill", "sample", "attribute") for value in OPTIONS[field]}
    assert tried - {type(None)} == set(_serialise.OPTIONS.values()) - {Top, Tokens}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64", "bool", "int64"])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 5)])
def test_every_image_comes_back(dtype, shape, tmp_path):
    made = explanation(image=(np.random.default_rng(0).random(shape) * 9).astype(dtype))
    assert unequal_parts(made, Explanation.load(made.save(tmp_path / "e.npz"))) == []


@pytest.mark.parametrize("names", [None, ("정상", "폐렴", 'a "b"\n'), ("", " ", "0")])
def test_names_come_back_in_any_script(names, tmp_path):
    made = explanation(class_names=names)
    assert Explanation.load(made.save(tmp_path / "e.npz")).class_names == names


def test_a_real_explanation_comes_back_and_can_be_repeated(tmp_path):
    game = random_game(8, targets=2)
    plan = game.plan(attribute=Shapley(), target=Classes(1, Contrast(0, 1)), budget=100, seed=3)
    made = Explanation(game.image, plan, *run_plan(game.image, game.model, plan))
    again = Explanation.load(made.save(tmp_path / "e.npz"))
    assert unequal_parts(made, again) == []
    *_, attribution = run_plan(again.image, game.model, again.plan)
    assert np.array_equal(attribution.values, made.attribution.values)
    assert repr(again) == repr(made)


# Functions


def test_a_segmenter_of_the_user_s_comes_back_as_its_segments(tmp_path):
    made = explanation(Plan(segment=square))
    again = Explanation.load(made.save(tmp_path / "e.npz"))
    assert again.plan.segment == Given(SEGMENTS.labels)


@pytest.mark.parametrize("field", ["fill", "sample", "attribute", "target"])
def test_any_other_function_of_the_user_s_is_named_and_asked_for_when_it_is_needed(field, tmp_path):
    made = explanation(Plan(**{field: square}))
    again = Explanation.load(made.save(tmp_path / "e.npz"))
    assert unequal_parts(made, again) == ["plan"]
    with pytest.raises(
        OptionError, match="used the function square, which a file cannot hold: give it again"
    ) as caught:
        getattr(again.plan, field)(1, 2)
    assert caught.value.slug == "plan-function"
    twice = Explanation.load(again.save(tmp_path / "again.npz"))
    assert repr(twice.plan) == repr(again.plan)
    repaired = dataclasses.replace(again.plan, **{field: square})
    assert getattr(repaired, field) is square


# Files


@pytest.mark.parametrize(
    ("name", "written"), [("e.npz", "e.npz"), ("e", "e.npz"), ("fig.3", "fig.3.npz"), ("e.png", "e.png.npz")]
)
def test_a_file_has_the_right_ending_and_says_where_it_is(name, written, tmp_path):
    path = explanation().save(tmp_path / name)
    assert path == tmp_path / written
    assert [file.name for file in tmp_path.iterdir()] == [written]
    assert explanation().save(str(tmp_path / name)) == path


def test_an_interrupted_save_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    path = explanation(class_names=("old", "b", "c")).save(tmp_path / "e.npz")

    def full_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(explanation_io.np, "savez_compressed", full_disk)
    with pytest.raises(FileError, match=r"cannot be written: No space left on device\. \[file-write\]"):
        explanation(class_names=("new", "b", "c")).save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["e.npz"]
    assert Explanation.load(path).class_names == ("old", "b", "c")


def test_what_cannot_be_saved_leaves_no_half_file(tmp_path):
    made = explanation()
    object.__setattr__(made, "class_names", ({1, 2}, "b", "c"))
    with pytest.raises(TypeError):
        made.save(tmp_path / "e.npz")
    assert list(tmp_path.iterdir()) == []


def test_nothing_in_a_file_is_a_pickle(tmp_path):
    path = explanation(Plan(fill=square, segment=Given(SEGMENTS.labels))).save(tmp_path / "e.npz")
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "biufU" for name in file.files)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match=r"there is no file .*no\.npz") as caught:
        Explanation.load(tmp_path / "no.npz")
    assert caught.value.slug == "file-missing"


@pytest.mark.parametrize("name", ["face", "face.npz", "fig.3", "face.png"])
def test_a_file_is_found_by_the_name_that_it_was_saved_under(name, tmp_path):
    made = explanation()
    made.save(tmp_path / name)
    assert unequal_parts(made, Explanation.load(tmp_path / name)) == []


def test_a_file_is_read_under_its_own_name_before_another_is_looked_for(tmp_path):
    explanation(class_names=("old", "b", "c")).save(tmp_path / "face").rename(tmp_path / "face")
    explanation(class_names=("new", "b", "c")).save(tmp_path / "face")
    assert Explanation.load(tmp_path / "face").class_names == ("old", "b", "c")


def test_saving_into_a_folder_that_is_not_there_names_the_folder_and_makes_nothing(tmp_path):
    folder = tmp_path / "not" / "there"
    with pytest.raises(FileError) as caught:
        explanation().save(folder / "face")
    assert str(caught.value) == (
        f"there is no folder {folder} to save face.npz in. Make it first: "
        f"pathlib.Path({str(folder)!r}).mkdir(parents=True). [file-missing]"
    )
    assert list(tmp_path.iterdir()) == []


def rewritten(path: Path, **changes: object) -> Path:
    """The file with some of its arrays replaced, or left out where None; `about` is given as a value."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= {
        name: value if name != "about" else np.array(json.dumps(value)) for name, value in changes.items()
    }
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def about(path: Path) -> dict:
    with np.load(path) as file:
        return json.loads(str(file["about"]))


class Exploit:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def saved_array() -> bytes:
    held = io.BytesIO()
    np.save(held, np.zeros(3))
    return held.getvalue()


def zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("readme.txt", "hello")
    return held.getvalue()


def junk(path: Path) -> dict[str, object]:
    """Ways to spoil a saved file: each writes over it."""
    whole = path.read_bytes()
    told = about(path)

    def write(content: bytes):
        return lambda: path.write_bytes(content)

    def say(**changes: object):
        return lambda: rewritten(path, about={**told, **changes})

    return {
        "empty": write(b""),
        "text": write(b"not an explanation"),
        "half": write(whole[: len(whole) // 2]),
        "without its end": write(whole[:-30]),
        "one byte": write(whole[:1]),
        "flipped bytes": write(whole[:200] + bytes(255 - byte for byte in whole[200:400]) + whole[400:]),
        "another array": write(saved_array()),
        "other arrays": lambda: np.savez(path, a=np.zeros(3)),
        "pickled array": lambda: np.savez(path, about=np.array([Exploit()], dtype=object)),
        "pickle": lambda: path.write_bytes(pickle.dumps(Exploit())),
        "zip of something": write(zipped()),
        "no image": lambda: rewritten(path, image=None),
        "no labels": lambda: rewritten(path, labels=None),
        "bad labels": lambda: rewritten(path, labels=np.array([[3, 4]])),
        "about of another kind": lambda: rewritten(path, about=[1, 2]),
        "no layout": lambda: rewritten(path, about={k: v for k, v in told.items() if k != "layout"}),
        "layout of words": say(layout="first"),
        "no plan": lambda: rewritten(path, about={k: v for k, v in told.items() if k != "plan"}),
        "unknown option": say(plan={**told["plan"], "fill": {"option": "Glitter", "with": {}}}),
        "unknown parameter": say(plan={**told["plan"], "fill": {"option": "Blur", "with": {"sigmoid": 1}}}),
        "unknown field": say(plan={**told["plan"], "mood": "good"}),
        "bad budget": say(plan={**told["plan"], "budget": 1}),
        "missing array": say(
            plan={**told["plan"], "segment": {"option": "Given", "with": {"labels": {"array": "x"}}}}
        ),
        "no calls": say(calls=[]),
        "bad targets": say(targets=3),
    }


with tempfile.TemporaryDirectory() as folder:
    WAYS = list(junk(explanation().save(Path(folder) / "e.npz")))


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_something_else_or_damaged_is_refused(way, tmp_path):
    path = explanation().save(tmp_path / "e.npz")
    junk(path)[way]()
    with pytest.raises(FileError, match="is not an explanation saved by sightline, or is damaged") as caught:
        Explanation.load(path)
    assert str(path) in str(caught.value)
    assert caught.value.slug == "file-explanation"


@pytest.mark.slow
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", ["half", "another array", "no image"])
def test_a_refused_file_is_left_closed(way, tmp_path):
    path = explanation().save(tmp_path / "e.npz")
    junk(path)[way]()
    with pytest.raises(FileError):
        Explanation.load(path)
    gc.collect()  # a file left open warns when it is collected


@pytest.mark.slow
def test_any_bytes_damaged_are_refused_or_read_and_nothing_else(tmp_path):
    path, rng = explanation().save(tmp_path / "e.npz"), np.random.default_rng(0)
    whole = path.read_bytes()
    slugs = set()
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 2):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            assert isinstance(Explanation.load(path), Explanation)
        except FileError as error:
            slugs.add(error.slug)
    assert slugs <= {"file-explanation", "file-layout", "file-size"}
    assert slugs


def test_a_folder_is_no_explanation(tmp_path):
    with pytest.raises(FileError, match="is not an explanation"):
        Explanation.load(tmp_path)


def test_a_file_of_a_newer_layout_asks_for_a_newer_sightline(tmp_path):
    path = explanation().save(tmp_path / "e.npz")
    rewritten(path, about={**about(path), "layout": 3, "plan": "of another kind"})
    with pytest.raises(
        FileError, match="has layout 3, but this sightline reads up to 2: upgrade sightline"
    ) as caught:
        Explanation.load(path)
    assert caught.value.slug == "file-layout"


AS_USERS_DO = """
import sys, tempfile, numpy as np
from pathlib import Path
from sightline.engine.cam import GradCam, Tokens
from sightline.engine.fills import Colour, Noise
from sightline.engine.model_query import Classes, Top
from sightline.engine.pipeline import run_plan
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Grid
from sightline.explanation import Explanation
from sightline.types import Contrast

plan = Plan(
    segment=Grid(rows=np.int64(3), columns=np.int64(3)),
    fill=Colour([np.float32(0.5)]),
    target=Classes(np.int64(1), Contrast(np.int64(1), np.int64(0))),
    budget=np.int64(40),
    seed=np.int64(5),
)
image = np.random.default_rng(0).random((9, 9))
model = lambda images: images.reshape(len(images), -1)[:, :3]
made = Explanation(image, plan, *run_plan(image, model, plan))
again = Explanation.load(made.save(Path(tempfile.mkdtemp()) / "e"))
assert again.plan == made.plan and again.targets == made.targets, (again.plan, again.targets)
assert np.array_equal(run_plan(again.image, model, again.plan)[2].values, made.attribution.values)
"""


@pytest.mark.slow
def test_a_plan_made_of_numpy_s_numbers_comes_back_too():
    unchecked.run(AS_USERS_DO)


def test_what_was_seen_inside_a_network_comes_back(tmp_path):
    from support.torch_nets import Transformer

    image = np.random.default_rng(0).random((16, 16, 3)).astype(np.float32)
    plan = Plan(attribute=GradCam(layer="norm", reshape=Tokens(skip=1)), target=Classes(1), segment=Grid())
    made = sightline.explain(image, Transformer(), plan)
    again = Explanation.load(made.save(tmp_path / "inside.npz"))
    np.testing.assert_array_equal(again.attribution.pixels, made.attribution.pixels)
    assert again.attribution.layer == "norm"
    assert again.plan == made.plan
    assert repr(again) == repr(made)


def test_a_file_of_the_first_layout_is_read(tmp_path):
    """It has neither pixels nor a layer."""
    made = explanation()
    path = made.save(tmp_path / "old.npz")
    told = {key: value for key, value in about(path).items() if key != "layer"}
    rewritten(path, about=told | {"layout": 1})
    again = Explanation.load(path)
    assert again.attribution.pixels is None
    assert again.attribution.layer is None
    np.testing.assert_array_equal(again.attribution.values, made.attribution.values)


def test_what_answered_is_kept_with_the_explanation(tmp_path):
    told = {"estimator": "gaussian-process", "reason": "as asked for", "stopped": "the leaders are known"}
    made = explanation()
    made = dataclasses.replace(made, attribution=dataclasses.replace(made.attribution, **told))
    again = Explanation.load(made.save(tmp_path / "e"))
    assert {name: getattr(again.attribution, name) for name in told} == told
    assert repr(again).splitlines()[1] == (
        "  by a Gaussian process (as asked for), ended as the leaders are known"
    )


def test_a_file_of_before_there_was_a_choice_of_estimators_is_the_regressions(tmp_path):
    path = explanation().save(tmp_path / "e")
    told = about(path)
    plan = {name: value for name, value in told["plan"].items() if name != "estimator"}
    rest = {name: value for name, value in told.items() if name not in ("estimator", "reason", "stopped")}
    again = Explanation.load(rewritten(path, about={**rest, "plan": plan}))
    assert again.plan.estimator == "regression"
    assert again.estimator is None
