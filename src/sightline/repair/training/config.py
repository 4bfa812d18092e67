"""How a network is trained."""

from typing import Any

from sightline.errors import OptionError
from sightline.types import option


@option
class TrainingConfig:
    """How a network is trained: with Adam (Kingma & Ba 2015), stopped when validation gets no better.

    Parameters
    ----------
    epochs : int
        Most times through the images.
    patience : int
        Times in a row that the validation loss may be no better before training stops.
    rate : float
        Learning rate.
    batch_size : int

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-3
    batch_size: int = 32

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size"):
            _check_whole(name, getattr(self, name))
        if (
            isinstance(self.learning_rate, bool)
            or not isinstance(self.learning_rate, int | float)
            or not 0 < self.learning_rate < 10
        ):
            raise OptionError(
                f"learning_rate must be above 0 and below 10, but {self.learning_rate!r} was given.",
                slug="option-value",
            )


def _check_whole(name: str, value: Any) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise OptionError(
            f"{name} must be a whole number from 1 up, but {value!r} was given.", slug="option-value"
        )
