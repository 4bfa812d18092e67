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
    | {"add", "sub", "subtract", "rsub", "mul", "multiply", "div", "divide", "truedivide", "prod"}
    | {"maximum", "minimum", "max", "min", "where", "index", "expand", "clamp", "clampmin", "clip", "to"}
)
"""What averages, limits and complements are made of: most leave probabilities what they are, and logits."""
GATHERING = frozenset({"stack", "cat", "concat", "concatenate", "where", "index", "expand", "to"})
"""Those of them that change no number."""
LIMITING = frozenset({"clamp", "clampmin", "clip"})
DIVIDING = frozenset({"div", "divide", "truedivide"})
SQUASHING = {
    **dict.fromkeys(("softmax", "safesoftmax", "softmaxzero"), "softmax"),
    **dict.fromkeys(("sigmoid", "hardsigmoid", "logistic"), "probability"),
}
"""What brings anything to 0 to 1: a softmax all classes jointly, the others each alone."""
LOGGED = {
    "logsoftmax": "log-softmax",
    **dict.fromkeys(("logsigmoid", "logndtr", "speciallogndtr"), "log-probability"),
}
LOGARITHMS = {"softmax": "log-softmax", "probability": "log-probability"}
EXPONENTS = {"log-softmax": "softmax", "log-probability": "probability", "log-mixture": "probability"}
ALONE = {"softmax": "probability", "log-softmax": "log-probability"}
PRODUCTS = frozenset({"bmm", "mm", "matmul", "dot", "baddbmm"})
"""Of probabilities with probabilities, these mix those of several networks."""
UNBOUNDED = (
    *("addmm", "mm", "bmm", "addbmm", "baddbmm", "linear", "dense", "gemm", "matmul", "mv", "dot", "conv"),
    *("relu", "leakyrelu", "gelu", "softplus", "elu", "celu", "selu", "silu", "nativebatchnorm"),
    *("nativelayernorm", "batchnorm", "layernorm"),
)
"""What logits come from; operations are known by how they begin."""
BOUNDED = frozenset({"relu6"})
"""What looks like those, but may be how a network brings its outputs to 0 to 1."""
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
    found = _Tracer(look).kind_of(last)
    return ALONE.get(found or "", found)  # type: ignore[return-value]


class _Tracer:
    """Follows operations backwards, and counts them.

    It tells what is of all classes jointly, a softmax and its logarithm, from what is of each alone.
    """

    def __init__(self, look: Callable[[T], tuple[str, Sequence[T]]]) -> None:
        self.look: Callable[[object], tuple[str, Sequence[object]]] = look  # type: ignore[assignment]
        self.seen = 0

    def kind_of(self, last: object) -> str | None:
        self.seen += 1
        if self.seen > MOST:
            return None
        spelt, ends = self.look(last)
        word = operation_word(spelt)
        if word in SQUASHING:
            return SQUASHING[word]
        if word in VALUES:
            return "value"
        if word in LOGGED:
            return LOGGED[word]
        if word == "exp":
            return EXPONENTS.get(self._joint_kind(ends) or "")
        if word in ("log", "logit"):
            # That of odds, and of what is not limited, is what a softmax or sigmoid is taken of.
            return "logit" if word == "logit" else LOGARITHMS.get(self._joint_kind(ends) or "", "logit")
        if word in ("neg", "negative", "log1p"):
            return self._kind_of_complement(word, ends)
        if ends and (word in MIXING or word.startswith(PASSED)):
            return _mixed_kind(word, self._joint_kind(ends), len(ends))
        if word in PRODUCTS:
            return self._kind_of_product(ends)
        if word in BOUNDED:
            return None
        return "logit" if word.startswith(UNBOUNDED) else None

    def _kind_of_complement(self, word: str, ends: Sequence[object]) -> str | None:
        """Of −softplus(−a) and log1p(−p), which are logarithms of probabilities."""
        looked = [self.look(one) for one in ends]
        inner = [operation_word(spelt) for spelt, _ in looked]
        if word == "log1p":
            minus = inner in (["neg"], ["negative"]) and self._is_probable(looked[0][1])
            return "log-probability" if minus else None
        # −log(1 + exp(−a)) by hand has but one part that is computed.
        added = inner == ["logaddexp"] and len(looked[0][1]) == 1
        return "log-probability" if added or inner == ["softplus"] else None

    def _kind_of_product(self, ends: Sequence[object]) -> str | None:
        """Of probabilities by probabilities not known, of a softmax by weights a mixture, else logits."""
        kind = self._joint_kind(ends)
        if len(ends) > 1:
            return None if kind in LOGARITHMS else "logit"
        return "mixture" if kind == "softmax" else "logit"

    def _is_probable(self, ends: Sequence[object]) -> bool:
        return self._joint_kind(ends) in LOGARITHMS

    def _joint_kind(self, ends: Sequence[object]) -> str | None:
        """What all of them are, where they are the same, of all classes jointly or each alone."""
        found = {self.kind_of(one) for one in ends}
        if len(found) > 1:
            found = {ALONE.get(kind or "", kind) for kind in found}
        return found.pop() if len(found) == 1 else None


def _mixed_kind(word: str, kind: str | None, count: int) -> str | None:
    """What becomes of `count` results of one kind that are mixed, limited or passed on."""
    if word in GATHERING or word.startswith(PASSED):
        return kind
    if kind == "logit" and word in LIMITING:
        return None  # outputs that are no probabilities are brought to 0 to 1 by some networks
    divides = word in DIVIDING and count > 1
    if kind in ("softmax", "probability"):
        return "ratio" if divides else kind
    if kind in ("log-softmax", "log-probability", "log-mixture"):
        if divides or word in ("prod", "rsub"):
            return None
        if count > 1 and word in ("sub", "subtract"):
            return "logit"  # log p − log q, the logarithm of a ratio
        return "log-probability" if kind == "log-probability" else "log-mixture"
    return kind


def operation_word(spelt: str) -> str:
    """An operation's name without what frameworks put around it.

    Examples
    --------
    >>> [operation_word(one) for one in ("LogSoftmaxBackward0", "aten::_log_softmax", "log_softmax")]
    ['logsoftmax', 'logsoftmax', 'logsoftmax']
    """
    bare = re.sub(r"(Backward\d*|\.\w+)$", "", spelt.rpartition("::")[2])
    return bare.replace("_", "").casefold()
