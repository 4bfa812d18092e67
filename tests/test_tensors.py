"""Tensors of other libraries as arrays."""

import numpy as np
import pytest

from sightline._tensors import to_numpy


class Frame:
    """As pandas and polars have it."""

    def to_numpy(self):
        return np.eye(2)


class Tensor:
    """As TensorFlow has it."""

    def numpy(self):
        return np.eye(2)


@pytest.mark.parametrize("value", [Frame(), Tensor(), np.eye(2), [[1, 0], [0, 1]]])
def test_whatever_knows_arrays_becomes_one(value):
    np.testing.assert_array_equal(to_numpy(value), np.eye(2))


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int64", "bool"])
def test_a_tensor_of_torch_loses_its_gradient_and_a_dtype_that_numpy_has_not(kind):
    torch = pytest.importorskip("torch")
    tensor = torch.ones(3, dtype=getattr(torch, kind), requires_grad="float" in kind)
    made = to_numpy(tensor)
    assert made.dtype == ("float32" if kind == "bfloat16" else kind)
    assert made.tolist() == [1, 1, 1]
