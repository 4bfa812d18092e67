"""the answers of a study → two halves that share no group: one chooses the suspects, one confirms them."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped

from sightline.errors import OptionError
from sightline.study.schema import StudyResults
from sightline.types import record


@record
class SampleSplit:
    """Which answers choose and which confirm.

    Parameters
    ----------
    places : int array, shape (N,)
        Of the explained images.
    wrong : bool array, shape (N,)
    groups : array, shape (N,)
        What each image belongs to.
    chooses : bool array, shape (N,)
        Which images are of the half that chooses.
    named : bool
        Whether the groups were given, rather than each image being its own.
    """

    places: Int[np.ndarray, "N"]
    wrong: Bool[np.ndarray, "N"]
    groups: Shaped[np.ndarray, "N"]
    chooses: Bool[np.ndarray, "N"]
    named: bool

    @property
    def n_errors(self) -> int:
        """How many answers are wrong."""
        return int(self.wrong.sum())

    def fewest_groups(self) -> int:
        """Groups of wrong answers, in the half that has fewer."""
        return min(np.unique(self.groups[self.wrong & half]).size for half in (self.chooses, ~self.chooses))

    def fewest_answers(self, which: Bool[np.ndarray, "N"]) -> int:
        """How many of some answers there are in the half that has fewer."""
        return min(int((which & half).sum()) for half in (self.chooses, ~self.chooses))

    def draw_confirming(self, most: int, right: int, rng: np.random.Generator) -> set[int]:
        """Places of the confirming half to ask about: at most `most` wrong ones, and of right ones as many.

        Of right ones there are `right`, even if there are fewer wrong ones.
        """
        wrong = _draw_places(self.places[self.wrong & ~self.chooses], most, rng)
        rights = self.places[~self.wrong & ~self.chooses]
        return {*wrong, *_draw_places(rights, min(most, max(right, len(wrong))), rng)}


def split_answers(study: StudyResults, groups: Any, rng: np.random.Generator) -> SampleSplit:
    """Part the answers of a study at random, whole groups together.

    Groups with wrong answers and groups without are dealt out in turn, so that both halves have of each.

    Raises
    ------
    OptionError
        If there is not one group for each explained image.
    """
    places, labels = np.asarray(study.places), np.asarray(study.labels)
    wrong = labels != np.asarray(study.predicted)
    named = groups is not None
    if isinstance(groups, str) and groups == "label":
        groups = labels
    which = np.asarray(groups) if named else np.arange(len(places))
    if which.shape != places.shape:
        raise OptionError(
            f'groups must be "label" or have one item for each of the {len(places)} explained images, in the '
            f"order of study.places, but {_describe_groups(groups)} was given.",
            slug="blame-groups",
        )
    _, which = np.unique(which, return_inverse=True)
    return SampleSplit(places, wrong, which, _deal_groups(which, wrong, rng), named)


def _deal_groups(
    which: Int[np.ndarray, "N"], wrong: Bool[np.ndarray, "N"], rng: np.random.Generator
) -> Bool[np.ndarray, "N"]:
    count = int(which.max(initial=-1)) + 1
    errors = np.bincount(which, weights=wrong, minlength=count)
    order = rng.permutation(count)
    # By number of errors, ties at random; then pairs are split by a coin, so that both halves have as many.
    order = order[np.argsort(-errors[order], kind="stable")]
    first = np.repeat(rng.integers(0, 2, size=(count + 1) // 2), 2)[:count]
    first[1::2] ^= 1
    chooses = np.empty(count, dtype=bool)
    chooses[order] = first
    return np.asarray(chooses[which])


def _draw_places(places: Int[np.ndarray, "n"], most: int, rng: np.random.Generator) -> list[int]:
    return [int(one) for one in rng.permutation(places)[:most]]


def _describe_groups(groups: Any) -> str:
    return repr(groups) if isinstance(groups, str) else f"an array of shape {np.shape(groups)}"
