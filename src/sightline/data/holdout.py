"""share and seed → which images of a data set are set apart, for a proof to use and nothing else."""

import numpy as np
from jaxtyping import Bool, Int

from sightline._checks import check_number
from sightline._language import translate as tr
from sightline.types import record


@record
class HoldoutRule:
    """The rule that says which images are held out; it never changes, and is the same on every machine.

    Parameters
    ----------
    share : float
        Of the images, about, that are held out: above 0 and below 1.
    seed : int
        Which ones.
    held_out : bool
        Whether it is the ones held out that are meant, rather than the others.

    Raises
    ------
    OptionError
        If the share is out of range.

    Examples
    --------
    >>> rule = HoldoutRule(share=0.3)
    >>> len(rule.select(1000)) + len(rule.complement().select(1000))
    1000
    """

    share: float
    seed: int = 0
    held_out: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", check_number("held_out", self.share, above=0, below=1))

    def complement(self) -> "HoldoutRule":
        """The same rule, the other images meant."""
        return HoldoutRule(self.share, self.seed, not self.held_out)

    def select(self, count: int) -> Int[np.ndarray, "n"]:
        """Indices of the images that are meant, of `count`."""
        return np.flatnonzero(self.selected(np.arange(count)))

    def describe(self, count: int) -> str:
        """How many of so many images are held out, beside how many were asked for, and why they differ.

        Examples
        --------
        >>> HoldoutRule(share=0.4).describe(100).partition(",")[0]
        'held out: 43 of 100 images'
        """
        held = len(self.select(count)) if self.held_out else count - len(self.select(count))
        return tr(
            "held out: {held:,} of {count:,} images, where {share:g} asks for {asked:,.0f}. Each image is "
            "drawn by lot by itself, so that none changes sides when images are added.",
            held=held,
            count=count,
            share=self.share,
            asked=self.share * count,
        )

    def selected(self, indices: Int[np.ndarray, "N"]) -> Bool[np.ndarray, "N"]:
        """Which of some indices are meant: each is decided alone, by its own random number."""
        # SplitMix64 (Steele, Lea & Flood 2014), a hash of the index that is random enough to deal by.
        with np.errstate(over="ignore"):
            mixed = indices.astype(np.uint64) + np.uint64(self.seed + 1) * np.uint64(0x9E3779B97F4A7C15)
            mixed *= np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
        return np.asarray((mixed / np.float64(2**64) < self.share) == self.held_out)
