"""Errors and warnings: what they are, what they carry."""

import copy
import inspect
import pickle
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from sightline import errors, explain
from sightline._optional import require
from sightline.errors import MissingExtra, SightlineError, SightlineWarning, silence_warnings

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, SightlineError | SightlineWarning)
]


def test_every_kind_of_error_is_also_one_of_python_s():
    python = {
        "ImageError": ValueError,
        "SegmentError": ValueError,
        "OptionError": TypeError,
        "TargetError": ValueError,
        "BudgetError": ValueError,
        "ModelError": ValueError,
        "FileError": ValueError,
        "MissingExtra": ImportError,
    }
    ours = {kind.__name__: kind for kind in KINDS if issubclass(kind, SightlineError)}
    assert set(ours) == {*python, "SightlineError"}
    for name, base in python.items():
        assert issubclass(ours[name], base)
    assert issubclass(SightlineWarning, UserWarning)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_carries_its_message_and_its_slug(kind):
    made = kind("what was given", slug="some-slug")
    assert str(made) == "what was given [some-slug]"
    assert made.slug == "some-slug"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_survives_the_way_to_another_process(kind):
    made = kind("what was given [a bracket]", slug="some-slug")
    for again in (
        pickle.loads(pickle.dumps(made)),
        copy.copy(made),
        pickle.loads(pickle.dumps(copy.copy(made))),
    ):
        assert type(again) is kind
        assert str(again) == "what was given [a bracket] [some-slug]"
        assert again.slug == "some-slug"


def test_a_warning_can_be_silenced_and_caught_by_its_class():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SightlineWarning)
        warnings.warn(SightlineWarning("text", slug="a-slug"), stacklevel=1)
    with pytest.warns(SightlineWarning, match=r"text \[a-slug\]"):
        warnings.warn(SightlineWarning("text", slug="a-slug"), stacklevel=1)


def test_a_package_that_is_there_is_imported():
    assert require("json", extra="http").dumps([1]) == "[1]"


def test_a_package_that_is_not_there_names_the_extra():
    with pytest.raises(
        MissingExtra, match=r"needs no_such_package, .* pip install 'sightline-xai\[onnx\]'"
    ) as caught:
        require("no_such_package", extra="onnx")
    assert caught.value.slug == "missing-extra"
    assert isinstance(caught.value, ImportError)


def test_a_package_inside_a_missing_one_names_the_extra_too():
    with pytest.raises(MissingExtra, match=r"needs no_such_package\.part"):
        require("no_such_package.part", extra="http")


def test_a_package_that_is_there_but_broken_says_so_itself(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import something_it_needs\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_it_needs") as caught:
        require("half_installed", extra="onnx")
    assert not isinstance(caught.value, SightlineError)


def test_a_warning_points_at_the_users_line_however_deep_it_arose():
    """Through the wrappers that the test run puts on every function, too."""
    image = np.linspace(0, 1, 64).reshape(8, 8)
    with pytest.warns(SightlineWarning) as caught:
        explain(image, lambda images: np.full(len(images), 0.5), segment="grid", budget=80)
    assert [Path(one.filename) for one in caught] == [Path(__file__)]


def test_of_threads_that_silence_warnings_one_after_the_other_none_takes_them_away_for_good():
    first, second, done = (threading.Event() for _ in range(3))

    def quiet(begin, end):
        with silence_warnings(UserWarning):
            begin.set()
            end.wait(5)

    before = list(warnings.filters)
    early = threading.Thread(target=quiet, args=(first, second))
    early.start()
    first.wait(5)
    late = threading.Thread(target=quiet, args=(second, done))
    late.start()
    early.join(5)
    done.set()
    late.join(5)
    assert list(warnings.filters) == before
    with pytest.warns(UserWarning, match="still heard"):
        warnings.warn("still heard", UserWarning, stacklevel=1)
