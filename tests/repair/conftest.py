"""Networks that a mark misleads, trained once."""

from importlib.util import find_spec

import pytest

FRAMEWORKS = find_spec("keras") is not None and find_spec("torch") is not None
collect_ignore_glob = [] if FRAMEWORKS else ["*"]  # Repairs are tested on networks too.


@pytest.fixture(scope="session")
def misled_net():
    """A PyTorch module with one logit."""
    from support.marked import misled_module

    return misled_module()


@pytest.fixture(scope="session")
def misled_keras():
    """A Keras model with one sigmoid."""
    from support.marked import misled_keras_model

    return misled_keras_model()
