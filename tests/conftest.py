"""Fixtures that every test may use."""

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data named by SIGHTLINE_DATA; on CI it has to be there."""
    named = os.environ.get("SIGHTLINE_DATA")
    folder = Path(named) if named else None
    if folder is not None and folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"SIGHTLINE_DATA must name the folder of real data on CI, but it is {named!r}")
    pytest.skip("SIGHTLINE_DATA does not name the folder of real data")
