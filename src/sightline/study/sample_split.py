"""the answers of a study → two halves that share no group: one chooses the suspects, one confirms them."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, Int, Shaped

from sightline._printing import printable_text
from sightline.errors import OptionError, warn
from sightline.study.schema import StudyResults
from sightline.types import record


@record
class SampleSplit:
    """Which answers of a study choose and which confirm.

    Parameters
    ----------
    places, labels, predicted : int array, shape (N,)
        Of the explained images.
    groups : int array, shape (N,)
        What each image belongs to.
    choosing : bool array, shape (N,)
        Which images are of the half that chooses; none where suspects are named, and all confirm.
    grouped : bool
        Whether the groups were given, rather than each image being its own.
    """

    places: Int[np.ndarray, "N"]
    labels: Int[np.ndarray, "N"]
    predicted: Int[np.ndarray, "N"]
    groups: Int[np.ndarray, "N"]
    choosing: Bool[np.ndarray, "N"]
    grouped: bool

    @property
    def whole(self) -> bool:
        """Whether all answers confirm."""
        return not self.choosing.any()

    @property
    def wrong(self) -> Bool[np.ndarray, "N"]:
        """Which answers are wrong."""
        return np.asarray(self.labels != self.predicted)

    @property
    def n_errors(self) -> int:
        """How many answers are wrong."""
        return int(self.wrong.sum())

    def fewest_answers(self, which: Bool[np.ndarray, "N"]) -> int:
        """How many of some answers there are in the half that has fewer."""
        parts = (~self.choosing,) if self.whole else (self.choosing, ~self.choosing)
        return min(int((which & part).sum()) for part in parts)

    def draw_confirming(
        self,
        most: int,
        n_right: int,
        rng: np.random.Generator,
        doubtful: Bool[np.ndarray, "N"] | None = None,
    ) -> dict[int, float]:
        """Places of the confirming images to ask about, and how many images each stands for.

        At most `most` wrong ones, and of right ones as many; of these there are `n_right`, even if there are
        fewer wrong ones. Of right ones that are `doubtful` the same share is taken as of wrong ones.
        """
        confirming = ~self.choosing
        doubts = np.zeros_like(self.wrong) if doubtful is None else doubtful & ~self.wrong
        wrong = self.places[self.wrong & confirming]
        taken = min(most, len(wrong))
        others = self.places[doubts & confirming]
        right = self.places[~self.wrong & ~doubts & confirming]
        parts = (
            (wrong, taken),
            (others, min(most, round(len(others) * taken / max(1, len(wrong))))),
            (right, min(most, max(n_right, taken))),
        )
        return {
            int(place): len(part) / min(count, len(part))
            for part, count in parts
            for place in rng.permutation(part)[:count]
        }


def split_answers(
    study: StudyResults,
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None,
    rng: np.random.Generator,
    *,
    whole: bool = False,
    found_in: Collection[str] = (),
) -> SampleSplit:
    """Part the answers of a study at random, whole groups together.

    Groups with wrong answers and groups without are dealt out in turn, so that both halves have of each. With
    `whole` nothing is left to choose, and all answers confirm. With `found_in`, the ids of images in which
    something was found before, all of these choose, with what belongs to their groups, and all others
    confirm.

    Raises
    ------
    OptionError
        If there is not one group for each explained image.
    """
    places, labels, predicted = map(np.asarray, (study.places, study.labels, study.predicted))
    if isinstance(groups, str) and groups == "label":
        groups = labels
    which = np.arange(len(places)) if groups is None else np.asarray(groups)
    if which.shape != places.shape:
        shown = repr(groups) if isinstance(groups, str) else f"an array of shape {which.shape}"
        raise OptionError(
            f'groups must be "label" or have one item for each of the {len(places)} explained images, in the '
            f"order of study.places, but {shown} was given.",
            slug="blame-groups",
        )
    _, which = np.unique(which, return_inverse=True)
    wrong = labels != predicted
    if found_in:
        known = set(found_in)
        seen = [one in known for one in study.ids]
        if not any(seen):
            warn(
                "none of the images that these regions were found or drawn on is among the study's by its "
                f"id, such as {printable_text(min(known))}: if they are there under other ids, answers that "
                "chose the regions confirm them. Give the images the ids that they had then, or draw or "
                "look for the regions anew in this study.",
                slug="regions-other-ids",
            )
        choosing = np.isin(which, which[seen])
    else:
        choosing = np.zeros(len(which), dtype=bool) if whole else _deal_groups(which, wrong, rng)
    return SampleSplit(places, labels, predicted, which, choosing, groups is not None)


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
    choosing = np.empty(count, dtype=bool)
    choosing[order] = first
    return np.asarray(choosing[which])
