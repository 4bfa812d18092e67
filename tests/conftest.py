"""Fixtures that every test may use."""

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: each computes in one thread
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(threads, "1")

import numpy as np
import pytest

from support import type_checks

type_checks.install()

from sightline import errors

errors.OURS |= type_checks.PASSED_ON_THE_WAY


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


def pytest_runtest_setup() -> None:
    type_checks.begin_test()
