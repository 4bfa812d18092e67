"""the operations that a network ends in → what its outputs are: probabilities, logarithms, or logits."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from sightline.types import End

T = TypeVar("T")
PASSED = (
    *("view", "unsafeview", "reshape", "flatten", "squeeze", "unsqueeze", "expanddims", "tocopy", "cast"),
    *(
        "select",
        "slice",
        "getitem",
        "gather",
        "clone",
        "alias",
        "contiguous",
        "detach",
        "identity",
        "dropout",
    ),
)
"""What may be done to outputs and leaves them what they are; operations are known by how they begin."""
MIXING = frozenset(
    {"mean", "average", "reducemean", "sum", "reducesum", "stack", "cat", "concat", "concatenate"}
    | {"add", "sub", "subtract", "rsub", "mul", "div", "divide", "truedivide", "prod", "maximum", "minimum"}
    | {"max", "min", "where", "index", "expand", "clamp", "clampmin", "clip", "to"}
)
"""What averages, limits and complements are made of: they leave probabilities what they are, and logits."""
LIMITING = frozenset({"clamp", "clampmin", "clip"})
SQUASHING = frozenset({"softmax", "sigmoid", "safesoftmax", "hardsigmoid"})
UNBOUNDED = (
    *("addmm", "mm", "bmm", "addbmm", "baddbmm", "linear", "dense", "gemm", "matmul", "mv", "dot", "conv"),
    *("relu", "leakyrelu", "gelu", "softplus", "elu", "celu", "selu", "silu", "nativebatchnorm"),
    *("nativelayernorm", "batchnorm", "layernorm"),
)
"""What logits come from; operations are known by how they begin."""
VALUES = frozenset({"linearregressor", "treeensembleregressor", "svmregressor"})
MOST = 64
"""How far the end of a network is followed."""


def traced_end(last: T, look: Callable[[T], tuple[str, Sequence[T]]]) -> End | None:
    """What comes out of a network, by its last operations; None where they do not tell.

    Parameters
    ----------
    last : object
        The operation that makes the outputs.
    look : callable
        An operation → its name in whatever spelling, and the operations whose results it takes, without
        weights and constants.

    Examples
    --------
    >>> made_of = {"Log": ["Sigmoid"], "Sigmoid": ["Linear"], "Linear": []}
    >>> traced_end("Log", lambda one: (one, made_of[one])), traced_end("Linear", lambda one: (one, []))
    ('log-probability', 'logit')
    """
    return _Tracer(look).end_of(last)


class _Tracer:
    """Follows operations backwards, and counts them."""

    def __init__(self, look: Callable[[T], tuple[str, Sequence[T]]]) -> None:
        self.look: Callable[[object], tuple[str, Sequence[object]]] = look  # type: ignore[assignment]
        self.seen = 0

    def end_of(self, last: object) -> End | None:
        self.seen += 1
        if self.seen > MOST:
            return None
        spelt, ends = self.look(last)
        word = operation_word(spelt)
        if word in SQUASHING:
            return "probability"
        if word in VALUES:
            return "value"
        if word in ("logsoftmax", "logsigmoid"):
            return "log-probability"
        if word == "exp":
            return "probability" if self._joint_end(ends) == "log-probability" else None
        if word == "log":
            return "log-probability" if self._joint_end(ends) == "probability" else "logit"
        if word in ("neg", "negative"):
            inner = [operation_word(self.look(one)[0]) for one in ends]
            return "log-probability" if inner == ["softplus"] else None
        if ends and (word in MIXING or word.startswith(PASSED)):
            found = self._joint_end(ends)
            # Outputs that are no probabilities are brought to 0 to 1 by some networks.
            return None if word in LIMITING and found == "logit" else found
        return "logit" if word.startswith(UNBOUNDED) else None

    def _joint_end(self, ends: Sequence[object]) -> End | None:
        """What all of them are, where they are the same."""
        found = {self.end_of(one) for one in ends}
        return found.pop() if len(found) == 1 else None


def operation_word(spelt: str) -> str:
    """An operation's name without what frameworks put around it.

    Examples
    --------
    >>> [operation_word(one) for one in ("LogSoftmaxBackward0", "aten::_log_softmax", "log_softmax")]
    ['logsoftmax', 'logsoftmax', 'logsoftmax']
    """
    bare = re.sub(r"(Backward\d*|\.\w+)$", "", spelt.rpartition("::")[2])
    return bare.replace("_", "").casefold()
