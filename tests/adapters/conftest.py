"""The served models that the adapters' tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from linear import Linear, fitted
from process import serving

SHAPE = (5, 7, 3)


@pytest.fixture(scope="session")
def linear() -> Linear:
    """The model behind every served one."""
    return fitted(SHAPE)[1]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, linear: Linear) -> Path:
    path = tmp_path_factory.mktemp("served") / "weights.npz"
    np.savez(path, weights=linear.weights, offsets=linear.offsets, shape=SHAPE)
    return path


@pytest.fixture(scope="session")
def server(weights: Path) -> Iterator[str]:
    """Root URL of a server process that speaks V1 and V2."""
    command = [sys.executable, str(Path(__file__).with_name("serve.py")), str(weights)]
    with serving(command, weights.with_name("serve.log"), ready="/v2/health/ready") as root:
        yield root
