"""What tests of exports share, for each takes a while to make; none of it is to be changed."""

import pytest

import sightline as sl
from support.exported import odd_proof, odd_study


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    """A study of classes whose names could do harm."""
    return odd_study(tmp_path_factory.mktemp("odd") / "s")


@pytest.fixture(scope="session")
def proof():
    """A proof of a repair, of such a study's region."""
    return odd_proof()


@pytest.fixture(scope="session")
def made(odd):
    """The export of that study."""
    return sl.export(odd, progress=False)


@pytest.fixture(scope="session")
def proved(odd, proof):
    """The export of that study with the proof."""
    return sl.export(odd, repaired=proof, progress=False)
