"""Served models, against KServe's own server, where a Python that has it is named.

Its requirements do not go with those of the other tests (pandas below 3), so it has an environment of its
own: SIGHTLINE_KSERVE_PYTHON is the path of that environment's interpreter.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sightline.adapters import as_model
from sightline.errors import ModelError
from support.linear import Linear, random_images
from support.scripts import command
from support.servers import serving

pytestmark = pytest.mark.slow
SHAPE = (5, 7, 3)


@pytest.fixture(scope="module")
def kserve(weights: Path) -> Iterator[str]:
    python = os.environ.get("SIGHTLINE_KSERVE_PYTHON")
    if python is None and importlib.util.find_spec("kserve") is not None:
        python = sys.executable
    if python is None:
        pytest.skip("SIGHTLINE_KSERVE_PYTHON does not name a Python that has kserve")
    words = command("serve_kserve", weights, python=python)
    with serving(words, weights.with_name("kserve.log"), ready="/v2/health/ready") as root:
        yield root


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize(
    "path",
    ["v1/models/flat", "v1/models/flat:predict", "v2/models/flat", "v2/models/nchw", "v2/models/undeclared"],
)
def test_a_model_on_kserve_gives_its_own_scores(kserve: str, linear: Linear, path: str, dtype: str) -> None:
    model, images = as_model(f"{kserve}/{path}"), random_images(5, SHAPE, dtype)
    np.testing.assert_allclose(model(images), linear(images), atol=1e-4)
    assert "3 columns kept as they are: probabilities" in repr(model)


def test_half_floats_reach_kserve_as_bytes(kserve: str, linear: Linear) -> None:
    model, images = as_model(f"{kserve}/v2/models/half"), random_images(5, SHAPE, "float32")
    np.testing.assert_allclose(model(images), linear(images), atol=1e-3)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_kserve_says_of_an_unknown_model_is_passed_on(kserve: str, version: str) -> None:
    with pytest.raises(
        ModelError, match=r"answered 404: Model with name nobody does not exist. \[model-server\]"
    ):
        as_model(f"{kserve}/{version}/models/nobody")(random_images(1, SHAPE, "float32"))


def test_a_model_on_kserve_that_returns_classes_is_refused(kserve: str) -> None:
    with pytest.raises(ModelError, match="this returns classes, not scores"):
        as_model(f"{kserve}/v2/models/classes")(random_images(2, SHAPE, "float32"))
