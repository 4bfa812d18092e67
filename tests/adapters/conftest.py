"""The served models that the adapters' tests share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support.linear import Linear, fitted
from support.scripts import command
from support.servers import serving

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
    with serving(command("serve", weights), weights.with_name("serve.log"), ready="/v2/health/ready") as root:
        yield root
