"""a model, or options → a digest of all that they hold; nothing where that does not tell what they do.

Numbers, arrays, and objects of known libraries do what their state says. A function or class of the user's
own may also go by what it calls, reads or was closed over, which changes unseen: what holds one has no digest
and is never taken for the same. Only networks are asked for, whose class is nearly always one's own: these
are known by the code that is loaded as well.
"""

import dataclasses
import hashlib
import pickle
import site
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sightline._digests import combined_digest, file_digest, image_digest
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.torch.model import TorchModel
from sightline.errors import silence_warnings
from sightline.repair.training.sklearn import sklearn_estimator

LIBRARIES = frozenset(
    (*sys.stdlib_module_names, "sightline", "numpy", "scipy", "sklearn", "torch", "torchvision", "keras")
)
"""What is known to do the same with the same state."""


def state_digest(value: object) -> str:
    """A digest of all that a value holds: the same only for what does the same.

    Raises
    ------
    Exception
        Of many kinds, if it holds what has no such digest, as a function of the user's own.

    Examples
    --------
    >>> state_digest({"copies": 3}) == state_digest({"copies": 3}), state_digest(3) == state_digest("3")
    (True, False)
    """
    digest = hashlib.blake2b(digest_size=16)
    _StatePickler(_Digested(digest)).dump(value)
    return digest.hexdigest()


def model_digest(model: CheckedModel) -> str | None:
    """A digest of a model that can be trained from here, with how its answers are read; else None.

    It has to have been asked before: only then is it known what its columns are.
    """
    try:
        return state_digest(
            [
                *_parts_of(model),
                [model.settled_output, model.rule, model.column_names, model.class_labels],
                [model.view, model.batch_size, model.preprocess],
            ]
        )
    except Exception:  # a framework's own class may refuse anything; then it is not known again
        return None


def _parts_of(model: CheckedModel) -> Iterator[object]:
    """What a model is made of, by its framework.

    Raises
    ------
    TypeError
        If it is known by its answers alone.
    """
    backend: Any = model.backend
    estimator = sklearn_estimator(model)
    if estimator is not None:
        asked = getattr(backend, "function", None) or backend.bound_method
        yield from (estimator, getattr(backend, "method", ""), getattr(asked, "__name__", ""))
    elif isinstance(backend, TorchModel):
        yield from (backend.module, backend.preprocess, str(backend.dtype), str(backend.device))
    elif isinstance(backend, KerasModel):
        network = backend.model
        yield network.to_json()
        with silence_warnings(DeprecationWarning):  # of NumPy's, when Keras reads its own weights
            for weight in network.weights:
                yield [
                    weight.path,
                    bool(weight.trainable),
                    np.asarray(backend.keras.ops.convert_to_numpy(weight)),
                ]
        yield [type(layer) for layer in network._flatten_layers()]
    else:
        raise TypeError(f"{backend!r} is known by its answers alone")


class _Digested:
    """What a pickler writes to: nothing is kept but a digest."""

    def __init__(self, digest: Any) -> None:
        self.write = digest.update


class _StatePickler(pickle.Pickler):
    """Walks through a value as to keep it, so that all that it holds is seen; the result is never read."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=4)
        self.fast = True  # by values alone, whether or not two of them are one object
        self._own_code = ""

    def reducer_override(self, value: Any) -> Any:
        """What stands for a value in the digest."""
        torch = sys.modules.get("torch")
        if isinstance(value, np.ndarray):
            return _stand_in(*_array_parts(value))
        if torch is not None and isinstance(value, torch.Tensor):
            return _stand_in(*_tensor_parts(value))
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            if value.__module__ is None or value.__module__.split(".")[0] in LIBRARIES:
                return NotImplemented
            return _stand_in(self._network_code(value))
        if dataclasses.is_dataclass(value):  # without what it only remembers
            return _stand_in(type(value), *(getattr(value, one.name) for one in dataclasses.fields(value)))
        return NotImplemented

    def _network_code(self, kind: Any) -> str:
        """A class of networks of one's own: its file, and all code of one's own that is loaded.

        Raises
        ------
        TypeError
            If it is a function, or another class.
        """
        family = [one.__module__ for one in getattr(kind, "__mro__", ())]
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if file is None or not any(one.startswith(("torch.nn.", "keras.")) for one in family):
            raise TypeError(f"what {kind!r} does may change unseen")
        self._own_code = self._own_code or _own_code_digest()
        return f"{kind.__module__}.{kind.__qualname__} {file_digest(file)} {self._own_code}"


def _stand_in(*parts: object) -> tuple[Any, tuple[object, ...]]:
    return tuple, (list(parts),)


def _own_code_digest() -> str:
    """Digest of all files of code that are loaded now and that nobody installed."""
    paths = sysconfig.get_paths()
    installed = [paths[one] for one in ("stdlib", "platstdlib", "purelib", "platlib")]
    roots = {Path(one).resolve() for one in (*installed, *site.getsitepackages())}
    found = set()
    for module in list(sys.modules.values()):
        named = getattr(module, "__file__", None)
        if isinstance(named, str) and named.endswith(".py") and Path(named).is_file():
            path = Path(named).resolve()
            if roots.isdisjoint(path.parents):
                found.add(path)
    return combined_digest([f"{one} {file_digest(one)}\n" for one in sorted(found)])


def _array_parts(array: np.ndarray) -> list[object]:
    if array.dtype.names:  # field by field: what lies between them is not set
        return [array.shape, *([name, np.ascontiguousarray(array[name])] for name in array.dtype.names)]
    if array.dtype == object:
        return [array.shape, array.tolist()]
    return [image_digest(array)]


def _tensor_parts(tensor: Any) -> list[object]:
    """A tensor's kind, whether it learns, and its numbers, byte by byte."""
    numbers = tensor.detach().cpu().contiguous()
    raw = numbers.reshape(-1).view(sys.modules["torch"].uint8).numpy()
    return [type(tensor).__qualname__, str(tensor.dtype), tuple(tensor.shape), tensor.requires_grad, raw]
