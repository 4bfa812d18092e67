"""held-out images and two models → what both say: as they are, with regions hidden, exchanged and moved."""

from collections.abc import Callable, Iterator
from itertools import chain, groupby, islice
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._batch_sizes import choose_batch_size
from sightline.data.datasets import Subset
from sightline.findings.region_effects import class_evidence
from sightline.findings.region_occlusion import control_areas, occluded_images
from sightline.regions.region_set import Regions
from sightline.repair.region_swap import draw_donor, paste_region
from sightline.repair.repair_region import RepairRegion
from sightline.types import Fill, record

DONORS = {"own": "same_class", "other": "other_class"}
CONTENTS = (*DONORS, "moved")
"""What the region shows instead: that of an image of the own class, of another, its own at another place."""

Key = tuple[str, int, int]
Question = tuple[int, Key, Shaped[np.ndarray, "..."]]


@record
class Responses:
    """The classes that a model predicted for N images, R regions of which the first is the repaired one.

    Parameters
    ----------
    full : int array, shape (N,)
        Of the images as they are.
    there : int array, shape (N, R)
        With each region hidden; the mean score over draws of the fill decides.
    elsewhere : int array, shape (N, R, P)
        With an equal area elsewhere hidden.
    contents : dict of str to float array, shape (N,)
        Share of right answers with another content of the repaired region, see `CONTENTS`; nan where it
        could not be replaced, such as by that of images of another size.
    evidence, hidden : float array, shape (N,)
        For the true class, as the image is and with the repaired region hidden.
    calls : int
        Images that the model was given.
    """

    full: Int[np.ndarray, "N"]
    there: Int[np.ndarray, "N R"]
    elsewhere: Int[np.ndarray, "N R P"]
    contents: dict[str, Float[np.ndarray, "N"]]
    evidence: Float[np.ndarray, "N"]
    hidden: Float[np.ndarray, "N"]
    calls: int


@record
class Probes:
    """All images to ask about, one held-out image after the other, always the same ones.

    Parameters
    ----------
    part : Part
    area : Area
        The repaired region with its margin.
    others : Regions or None
        Regions to report on besides.
    how : Fill
        What hidden looks like.
    draws : int
        Equal areas elsewhere, donors and places moved to, for each image.
    seed : int
    """

    part: Subset
    area: RepairRegion
    others: Regions | None
    how: Fill
    draws: int
    seed: int

    def __iter__(self) -> Iterator[Question]:
        for place in range(len(self.part)):
            image = self.part[place][0]
            yield place, ("full", 0, 0), image
            for key, pixels in (*self._hidden(place, image), *self._contents(place, image)):
                yield place, key, pixels

    def masks(self, place: int, shape: tuple[int, int]) -> list[Bool[np.ndarray, "H W"]]:
        """Pixels of the repaired region and of the others in one image."""
        at = self.part.root_index(place)
        others = () if self.others is None else self.others.masks(shape, at)
        return [self.area.mask(shape, at), *others]

    def _hidden(
        self, place: int, image: Shaped[np.ndarray, "..."]
    ) -> Iterator[tuple[Key, Shaped[np.ndarray, "..."]]]:
        rng = np.random.default_rng((self.seed, place))
        for number, mask in enumerate(self.masks(place, image.shape[:2])):
            holes = [mask, *control_areas(mask, self.draws, rng)]
            for hole, pixels in occluded_images(image, holes, self.how):
                yield (("there", number, 0) if hole == 1 else ("elsewhere", number, hole - 2)), pixels

    def _contents(
        self, place: int, image: Shaped[np.ndarray, "..."]
    ) -> Iterator[tuple[Key, Shaped[np.ndarray, "..."]]]:
        mask = self.masks(place, image.shape[:2])[0]
        rng = np.random.default_rng((self.seed, place, 1))
        for donors in ("own", "other") if np.unique(self.part.labels).size > 1 else ("own",):
            for draw in range(self.draws):
                donor = draw_donor(self.part.labels, int(self.part.labels[place]), DONORS[donors], rng)
                shown = self.part[donor][0]
                if shown.shape == image.shape:
                    yield (donors, 0, draw), paste_region(image, mask, shown)
        for draw, pixels in enumerate(move_content(image, mask, self.how, self.draws, rng)):
            yield ("moved", 0, draw), pixels


def move_content(
    image: Shaped[np.ndarray, "..."],
    mask: Bool[np.ndarray, "H W"],
    how: Fill,
    draws: int,
    rng: np.random.Generator,
) -> Iterator[Shaped[np.ndarray, "..."]]:
    """The image with the region's content at a random place elsewhere, and the fill where it was.

    Nothing where the region is so large that it fits nowhere else.
    """
    hidden = [pixels for _, pixels in occluded_images(image, [mask], how)]
    for draw, hole in enumerate(control_areas(mask, draws, rng)):
        step = tuple(np.argwhere(hole).min(axis=0) - np.argwhere(mask).min(axis=0)) if hole.any() else (0, 0)
        if not hole.any() or not (np.roll(mask, step, (0, 1)) == hole).all():
            return
        pixels = hidden[draw % len(hidden)].copy()
        pixels[hole] = np.roll(image, step, (0, 1))[hole]
        yield pixels


def ask_models(
    questions: Probes, models: tuple[Any, Any], batch_size: int | None, tick: Callable[[int], None]
) -> tuple[Responses, Responses]:
    """What each of two models says; a batch at a time is in memory.

    Each image is made once and given to both.
    """
    kept: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    likely: list[bool | None] = [None, None]
    calls = 0
    for place, group in groupby(_answers(questions, models, batch_size), key=lambda one: one[0]):
        answers = list(group)
        calls += len(answers)
        label = int(questions.part.labels[place])
        for which in (0, 1):
            scores = _averaged([(key, both[which]) for _, key, both in answers])
            if likely[which] is None:
                full = scores["full", 0, 0]
                likely[which] = bool(((full >= 0) & (full <= 1)).all())
            kept[which].append(_told(scores, label, bool(likely[which])))
        tick(1)
    before, after = (_said(each, calls) for each in kept)
    return before, after


def _answers(
    questions: Probes, models: tuple[Any, Any], batch_size: int | None
) -> Iterator[tuple[int, Key, list[Float[np.ndarray, "L"]]]]:
    """Both models' scores in order; images that follow each other and are alike go in one batch."""
    for _, run in groupby(questions, key=lambda one: (one[2].shape, one[2].dtype)):
        yield from _of_alike(run, models, batch_size)


def _of_alike(
    run: Iterator[Question], models: tuple[Any, Any], size: int | None
) -> Iterator[tuple[int, Key, list[Float[np.ndarray, "L"]]]]:
    first = next(run)
    size = min(choose_batch_size(size, model, first[2]) for model in models)
    rest = chain([first], run)
    while batch := list(islice(rest, size)):
        images = np.stack([image for _, _, image in batch])
        # A copy each: a model may change what it is given.
        said = [np.asarray(model(images.copy()), dtype=np.float64) for model in models]
        for number, (place, key, _) in enumerate(batch):
            yield place, key, [scores[number] for scores in said]


def _averaged(answers: list[tuple[Key, Float[np.ndarray, "L"]]]) -> dict[Key, Float[np.ndarray, "L"]]:
    """The mean score of each question over the draws of its fill."""
    gathered: dict[Key, list[Float[np.ndarray, "L"]]] = {}
    for key, scores in answers:
        gathered.setdefault(key, []).append(scores)
    return {key: np.mean(several, axis=0) for key, several in gathered.items()}


def _told(scores: dict[Key, Float[np.ndarray, "L"]], label: int, likely: bool) -> dict[str, Any]:
    """What is kept of one image."""
    said = {key: int(one.argmax()) for key, one in scores.items()}
    regions = sum(kind == "there" for kind, _, _ in said)
    weighed = class_evidence(np.stack([scores["full", 0, 0], scores["there", 0, 0]]), label, likely=likely)
    contents = {
        name: [one == label for (kind, _, _), one in said.items() if kind == name] for name in CONTENTS
    }
    return {
        "full": said["full", 0, 0],
        "there": [said["there", number, 0] for number in range(regions)],
        "elsewhere": [
            [one for (kind, which, _), one in said.items() if kind == "elsewhere" and which == number]
            for number in range(regions)
        ],
        "contents": {name: float(np.mean(right)) if right else np.nan for name, right in contents.items()},
        "evidence": float(weighed[0]),
        "hidden": float(weighed[1]),
    }


def _said(kept: list[dict[str, Any]], calls: int) -> Responses:
    arrays = {name: np.array([one[name] for one in kept]) for name in kept[0] if name != "contents"}
    contents = {name: np.array([one["contents"][name] for one in kept]) for name in CONTENTS}
    return Responses(contents=contents, calls=calls, **arrays)
