"""label → value, which is at once the value of the leading label: lime's two APIs in one."""

from typing import Any

import numpy as np

from sightline.lime.errors import LabelError


class PerLabel(np.lib.mixins.NDArrayOperatorsMixin, dict[int, Any]):
    """What `ImageExplanation.score` and `.local_pred` are.

    In lime's main branch they are dicts from label to value, in lime 0.2.0.1 the value of the label that
    was fitted last, which is the leading one. This is both: a dict to look up, and a number (or array) to
    compute with, format and compare. Looking up comes first: ``local_pred[0]`` is label 0 where that was
    explained, else the first number of the leading label's prediction.

    Examples
    --------
    >>> score = PerLabel({4: 0.5, 9: 0.75})
    >>> score[4], float(score), f"{score:.1%}", bool(score > 0.7)
    (0.5, 0.75, '75.0%', True)
    """

    __hash__ = None

    @property
    def leading_value(self) -> Any:
        """The value of the label that was fitted last."""
        if not self:
            raise LabelError(
                "nothing has been explained yet: this explanation holds no label.", slug="target-unexplained"
            )
        return next(reversed(self.values()))

    def __missing__(self, label: Any) -> Any:
        if self and np.ndim(self.leading_value) and label in (0, -1, ...):
            return self.leading_value[label]
        raise LabelError(not_explained(label, self), slug="target-unexplained")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.leading_value, dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        values = [np.asarray(one) if isinstance(one, PerLabel) else one for one in inputs]
        return getattr(ufunc, method)(*values, **options)

    def __getattr__(self, name: str) -> Any:
        # What a dict does not have (shape, item, is_integer, …) the value may.
        if name.startswith("__") or not self:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.leading_value, name)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, dict) or not self:
            return dict.__eq__(self, other)
        return np.asarray(self) == other

    def __ne__(self, other: object) -> Any:
        if isinstance(other, dict) or not self:
            return dict.__ne__(self, other)
        return np.asarray(self) != other

    def __or__(self, other: Any) -> Any:
        return PerLabel(dict.__or__(self, other))

    def __float__(self) -> float:
        return float(np.asarray(self).item())

    def __round__(self, digits: int | None = None) -> Any:
        return round(float(self), digits)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)


def not_explained(label: Any, explained: Any) -> str:
    """The message for a label that has no explanation."""
    known = ", ".join(str(one) for one in explained) or "none"
    return (
        f"label {label!r} was not explained. Explained: {known}. "
        f"To explain it too, pass labels=({label!r},) to explain_instance."
    )
