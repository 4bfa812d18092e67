"""Networks that a mark misleads, trained once."""

import pytest

from support.marked import misled_keras_model, misled_module


@pytest.fixture(scope="session")
def misled_net():
    """A PyTorch module with one logit."""
    return misled_module()


@pytest.fixture(scope="session")
def misled_keras():
    """A Keras model with one sigmoid."""
    return misled_keras_model()
