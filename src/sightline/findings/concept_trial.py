"""concepts and images → where each is found, and what the model says where it is hidden or pasted."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from sightline._scales import Scale, are_probabilities, log_odds, unscaled_scores, with_evidence
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.image import PixelForm, pixel_form
from sightline.findings.region_effects import RegionEffects, measure_effects
from sightline.findings.region_occlusion import Probe, Question, model_answers, occlude_regions
from sightline.regions.concept_ranking import mark_the_same
from sightline.regions.concept_shapes import GROWN, MOST_COVERED, paste_piece
from sightline.regions.margins import control_areas, widen_mask
from sightline.regions.region_set import Regions
from sightline.study.sample_split import SampleSplit
from sightline.study.schema import StudyResults
from sightline.types import Fill, record

Image = Shaped[np.ndarray, "..."]
Mask = Bool[np.ndarray, "H W"]


class Sightings:
    """Where each concept is found in each image of a study; the masks are kept packed.

    Parameters
    ----------
    study : Study
    concepts : Regions
    tick : callable
        Told how many more images have been looked at.

    Attributes
    ----------
    found : bool array, shape (N, R)
        Whether a concept was found in an image, in the order of ``study.places``.
    shares : float array, shape (N, R)
        Share of the image that it covers.
    forms : list of PixelForm
        Of each image: pixels of another form mean something else.
    """

    def __init__(
        self, study: StudyResults, concepts: Regions, tick: Callable[[int], None] = lambda count: None
    ) -> None:
        self.study, self.places = study, np.asarray(study.places).tolist()
        self.shares = np.zeros((len(self.places), len(concepts)))
        self.forms: list[PixelForm] = []
        self._shapes: list[tuple[int, int]] = []
        self._packed: dict[tuple[int, int], UInt8[np.ndarray, "_"]] = {}
        for number, place in enumerate(self.places):
            image = study.image(place)
            shape = image.shape[0], image.shape[1]
            self._shapes.append(shape)
            self.forms.append(pixel_form(image))
            for concept, mask in enumerate(concepts.masks(shape, place, image)):
                share = float(mask.mean())
                if 0 < share <= MOST_COVERED:
                    self.shares[number, concept] = share
                    self._packed[number, concept] = np.packbits(mask)
            tick(1)
        self.found = self.shares > 0

    def mask(self, number: int, concept: int) -> Mask:
        """Where a concept was found in the image of that number."""
        shape = self._shapes[number]
        bits = np.unpackbits(self._packed[number, concept], count=shape[0] * shape[1])
        return np.asarray(bits.astype(bool).reshape(shape))

    def image(self, number: int) -> Image:
        """The image of that number."""
        return self.study.image(self.places[number])

    def are_alike(self, one: int, other: int, among: Int[np.ndarray, "n"]) -> bool:
        """Whether two concepts mark the same place in most of some images in which both are found."""
        both = among[self.found[among, one] & self.found[among, other]]
        rarer = int(min(self.found[among, one].sum(), self.found[among, other].sum()))
        masks = [(self.mask(number, one), self.mask(number, other)) for number in both.tolist()]
        return mark_the_same(masks, rarer)


@record
class PasteEffects:
    """What pasting a concept does to the score of the class that it speaks for, n images.

    Parameters
    ----------
    groups : array, shape (n,)
        What each image belongs to.
    gain, control_gain : float array, shape (n,)
        When the thing is pasted, and when another piece of the same image is, at the same place.
    lacked : float array, shape (n,)
        Score of the predicted class less that of the class it speaks for.
    odds_gain, odds_control_gain, odds_lacked : float array, shape (n,)
        The same in log-odds where scores are probabilities.
    """

    groups: Shaped[np.ndarray, "n"]
    gain: Float[np.ndarray, "n"]
    control_gain: Float[np.ndarray, "n"]
    lacked: Float[np.ndarray, "n"]
    odds_gain: Float[np.ndarray, "n"]
    odds_control_gain: Float[np.ndarray, "n"]
    odds_lacked: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.gain)

    def beyond(self, margin: float) -> Float[np.ndarray, "n"]:
        """By how much the thing does more than the other piece, less that share of what was lacked."""
        return np.asarray(self.odds_gain - self.odds_control_gain - margin * self.odds_lacked)


@dataclasses.dataclass
class ConceptTrial:
    """The model, asked about images of a study with what was found in them hidden or pasted.

    Parameters
    ----------
    sightings : Sightings
    model : CheckedModel
    fill : Fill
        What hidden looks like.
    split : SampleSplit
    seed : int
        Which equal areas elsewhere, which donors and where to.
    batch_size : int or None
    calls : int
        Images that the model was given so far.
    """

    sightings: Sightings
    model: CheckedModel
    fill: Fill
    split: SampleSplit
    seed: int
    batch_size: int | None
    calls: int = 0

    def hide(self, concept: int, numbers: Int[np.ndarray, "n"], controls: int) -> RegionEffects:
        """What hiding a concept does in images in which it was found, in the order given."""
        answers = occlude_regions(
            self._hidden_probes(concept, numbers),
            (with_evidence(self.model),),
            self.fill,
            controls=controls,
            seed=self.seed,
            batch_size=self.batch_size,
        )
        made = measure_effects((scores for (scores,) in answers), self.split)
        self.calls += made.calls
        return made

    def _hidden_probes(self, concept: int, numbers: Int[np.ndarray, "n"]) -> Iterator[Probe]:
        for number in numbers.tolist():
            mask = widen_mask(self.sightings.mask(number, concept), GROWN)
            yield Probe(self.sightings.places[number], self.sightings.image(number), mask[np.newaxis])

    def paste(
        self, concept: int, towards: int, donors: Sequence[int], targets: Sequence[int]
    ) -> PasteEffects:
        """What pasting a concept from some images, one at random each, into others does."""
        model = with_evidence(self.model)
        said: dict[int, list[Float[np.ndarray, "L"]]] = {}
        for number, _, (scores,) in model_answers(
            self._pasted_questions(concept, donors, targets), (model,), self.batch_size
        ):
            said.setdefault(number, []).append(scores)
            self.calls += 1
        numbers = np.array(list(said), dtype=np.intp)
        classes = max((len(one[0]) for one in said.values()), default=towards + 1)
        answers = np.array(list(said.values())).reshape(-1, 3, classes)
        scale: Scale = getattr(model, "scale", "probability")
        scores = unscaled_scores(answers, scale)
        odds = answers
        if scale != "log-odds" and are_probabilities(answers):
            odds = log_odds(answers.reshape(-1, classes)).reshape(answers.shape)
        predicted = self.split.predicted[numbers]
        plain, tested = (_paste_gains(each, towards, predicted) for each in (scores, odds))
        return PasteEffects(self.split.groups[numbers], *plain, *tested)

    def donors_of(self, target: int, donors: Sequence[int]) -> list[int]:
        """The images whose pixels mean the same as those of a target: of one kind of numbers and channels."""
        return [one for one in donors if self.sightings.forms[one] == self.sightings.forms[target]]

    def _pasted_questions(
        self, concept: int, donors: Sequence[int], targets: Sequence[int]
    ) -> Iterator[Question]:
        """Each target as it is, with the thing, and with another piece of the same donor; by its number."""
        for number in targets:
            rng = np.random.default_rng((self.seed, 1, self.sightings.places[number]))
            alike = self.donors_of(number, donors)
            donor = int(alike[int(rng.integers(len(alike)))])
            mask = widen_mask(self.sightings.mask(donor, concept), GROWN)
            target = self.sightings.image(number)
            pair = paste_pair(self.sightings.image(donor), mask, target, rng)
            for which, image in enumerate((target, *pair)):
                yield number, ("pasted", which), image


def _paste_gains(
    said: Float[np.ndarray, "n 3 L"], towards: int, predicted: Int[np.ndarray, "n"]
) -> Iterator[Float[np.ndarray, "n"]]:
    """Gains of the class with the thing and with another piece, and what it lacked."""
    plain = said[:, 0, towards]
    yield said[:, 1, towards] - plain
    yield said[:, 2, towards] - plain
    yield said[np.arange(len(said)), 0, predicted] - plain


def paste_pair(donor: Image, mask: Mask, target: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """The target with what a mask cuts out of a donor, and with another piece of the donor, at one place.

    The place is drawn at random, as far as the thing leaves room; of a target that is smaller than the thing
    the part that fits is covered. The other piece has the same shape, cut out elsewhere; where the donor has
    no room for that, it is what lies nearest to a random pixel, and is put where it was.
    """
    (other,) = control_areas(mask, 1, rng)
    shape = target.shape[:2]
    own, moved = _bounding_corner(mask), _bounding_corner(other)
    height, width = np.ptp(np.nonzero(mask), axis=1) + 1
    place = rng.integers(np.maximum(np.array(shape) - (height, width), 0) + 1)
    alike = other.sum() == mask.sum() and np.array_equal(np.roll(other, own - moved, axis=(0, 1)), mask)
    return (
        paste_piece(target, donor, mask, place - own),
        paste_piece(target, donor, other, place - moved if alike else np.zeros(2, dtype=int)),
    )


def _bounding_corner(mask: Mask) -> Int[np.ndarray, "2"]:
    """Upper left corner of the box around a mask; of an empty one that of the image."""
    where = np.nonzero(mask)
    return np.array([axis.min(initial=mask.size) if axis.size else 0 for axis in where], dtype=int)


def numbers_where(*conditions: Iterable[bool] | Bool[np.ndarray, "N"]) -> Int[np.ndarray, "n"]:
    """Numbers of the images of which all conditions are true."""
    return np.flatnonzero(np.logical_and.reduce([np.asarray(one, dtype=bool) for one in conditions]))
