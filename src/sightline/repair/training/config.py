"""How a network is trained."""

from sightline._checks import check_number, check_whole
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
    learning_rate : float
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
            check_whole(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate, above=0, below=10)
