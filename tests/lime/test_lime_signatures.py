"""Every public name of lime's image part is here, with lime's parameters and defaults."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import lime.tests
import numpy as np
import pytest
from lime.utils import generic_utils
from lime.wrappers import scikit_image

from lime import lime_base, lime_image

MODULES = [lime_image, lime_base, scikit_image, generic_utils]
CLASSES = [
    lime_image.LimeImageExplainer,
    lime_image.ImageExplanation,
    lime_base.LimeBase,
    scikit_image.BaseWrapper,
    scikit_image.SegmentationAlgorithm,
]


def ours(theirs: Any) -> Any:
    """Our thing of the same place and name."""
    module = importlib.import_module(theirs.__module__.replace("lime.", "sightline.lime.", 1))
    return getattr(module, theirs.__name__)


def methods() -> list[Any]:
    own = [(kind, name) for kind in CLASSES for name in vars(kind) if name in ("__init__", "__call__")]
    public = [(kind, name) for kind in CLASSES for name in vars(kind) if not name.startswith("_")]
    return [pytest.param(kind, name, id=f"{kind.__name__}.{name}") for kind, name in own + public]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.__name__))
def test_every_public_class_and_function_is_importable_from_limes_place(module: Any) -> None:
    mine = importlib.import_module(module.__name__.replace("lime.", "sightline.lime.", 1))
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_"):
            assert hasattr(mine, name), f"{mine.__name__} lacks {name}"


@pytest.mark.parametrize(("kind", "name"), methods())
def test_every_public_method_takes_limes_parameters_in_limes_order_with_limes_defaults(
    kind: Any, name: str
) -> None:
    expected = list(inspect.signature(getattr(kind, name)).parameters.values())
    given = list(inspect.signature(getattr(ours(kind), name)).parameters.values())
    assert [(p.name, p.kind, p.default) for p in given[: len(expected)]] == [
        (p.name, p.kind, p.default) for p in expected
    ]
    assert all(p.default is not inspect.Parameter.empty for p in given[len(expected) :])


@pytest.mark.parametrize("name", ["explain_instance", "data_labels"])
def test_the_main_branchs_progress_bar_is_its_last_parameter(name: str) -> None:
    method = getattr(ours(lime_image.LimeImageExplainer), name)
    last = list(inspect.signature(method).parameters.values())[-1]
    assert (last.name, last.default) == ("progress_bar", True)


def test_an_explanation_has_every_attribute_that_limes_has(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    found = []
    for kind in (lime_image.LimeImageExplainer, ours(lime_image.LimeImageExplainer)):
        explainer = kind(random_state=0)
        found.append(
            explainer.explain_instance(photo, classify, num_samples=20, segmentation_fn=four_segments)
        )
        assert {"random_state", "feature_selection", "base"} <= vars(explainer).keys()
    lime, mine = found
    assert vars(lime).keys() <= vars(mine).keys()
    assert mine.image is not None
    np.testing.assert_array_equal(mine.image, lime.image)


def test_limes_own_tests_of_its_wrappers_pass_on_ours() -> None:
    source = (Path(lime.tests.__file__).parent / "test_scikit_image.py").read_text()
    space: dict[str, Any] = {"__name__": "theirs"}
    exec(source.replace("from lime.", "from sightline.lime."), space)
    case = space["TestBaseWrapper"]
    assert case.test_filter_params.__globals__["BaseWrapper"].__module__.startswith("sightline.")
    names = [name for name in vars(case) if name.startswith("test")]
    assert len(names) >= 4
    for name in names:
        getattr(case(name), name)()
