"""what the model said with regions hidden → a few numbers an image → whether a region drives its errors."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._language import in_english
from sightline._scales import Scale, are_probabilities, log_probabilities, within_reach
from sightline.errors import ModelError
from sightline.findings.rebalancing import shifted_answers
from sightline.findings.region_occlusion import RegionScores
from sightline.findings.significance import holm_adjusted, sign_flip_test
from sightline.study.sample_split import SampleSplit
from sightline.types import record

RULES = (
    in_english("least effect"),
    in_english("elsewhere"),
    in_english("right answers"),
    in_english("turns elsewhere"),
    in_english("a shift of the scores"),
)
"""What a region is held against to be confirmed: see `blame`. The last is the fourth, rebalanced."""
TURNED = 1 / 3
"""Share of wrong answers that hiding a region turns right from which on the model is said to go by it."""
OF_EVIDENCE = 3
"""How many of the rules ask how much evidence goes with the region; the fourth asks whether answers turn."""
ANOTHER = 0.1
"""Share of answers that may differ from the study's before it is taken for another model."""


@record
class RegionEffects:
    """What hiding each region does to each image, N images of those that confirm.

    NaN where the model was not asked: a region that one rule rules out is not asked about for the others.

    Parameters
    ----------
    wrong : bool array, shape (N,)
        Whether the answer was.
    groups : array, shape (N,)
        What each image belongs to.
    weights : float array, shape (N,)
        How many images of the study each stands for.
    lacked : float array, shape (N,)
        Score of the predicted class less that of the true one.
    gain, control_gain : float array, shape (N, R)
        What the true class's score gains when the region is hidden, and when as much elsewhere is.
    odds_lacked, odds_gain, odds_control_gain : float array
        The same in log-odds where scores are probabilities: what is tested, for where a model is sure a
        probability hardly moves.
    evidence : float array, shape (N,)
        For the true class, against the strongest other one.
    hidden_evidence : float array, shape (N, R)
        The same with the region hidden.
    right, control_right : float array, shape (N, R)
        Whether the answer is right with the region hidden, and how often with as much elsewhere hidden.
    scale : str
        ``"log-odds"`` where scores are probabilities.
    calls : int
        Images that the model was given.
    """

    wrong: Bool[np.ndarray, "N"]
    groups: Shaped[np.ndarray, "N"]
    weights: Float[np.ndarray, "N"]
    lacked: Float[np.ndarray, "N"]
    gain: Float[np.ndarray, "N R"]
    control_gain: Float[np.ndarray, "N R"]
    odds_lacked: Float[np.ndarray, "N"]
    odds_gain: Float[np.ndarray, "N R"]
    odds_control_gain: Float[np.ndarray, "N R"]
    evidence: Float[np.ndarray, "N"]
    hidden_evidence: Float[np.ndarray, "N R"]
    right: Float[np.ndarray, "N R"]
    control_right: Float[np.ndarray, "N R"]
    scale: Scale = "probability"
    calls: int = 0


@dataclasses.dataclass
class _ImageAnswers:
    """What is kept of one image: scores of the true class, and the odds of three classes.

    The three are the true class, the predicted one, and the strongest other than the true one. Columns are
    the image as it is, with each of R regions hidden, and with P equal areas elsewhere hidden for each.
    """

    classes: tuple[int, int, int]
    lacked: float
    score: Float[np.ndarray, "V"]
    right: Float[np.ndarray, "V"]
    odds: Float[np.ndarray, "3 V"]


class AskedAnswers:
    """What a model said of images with regions hidden, as it is asked piece by piece.

    What was said of other classes than three is dropped at once.

    Parameters
    ----------
    split : SampleSplit
    regions, controls : int
        How many regions there are, and how many equal areas elsewhere are hidden for each.
    biases : dict of int to float array, shape (L,), optional
        By which the scores of each image are shifted; its answer is then the class that leads after that.
    """

    def __init__(
        self,
        split: SampleSplit,
        regions: int,
        controls: int,
        biases: Mapping[int, Float[np.ndarray, "L"]] | None = None,
    ) -> None:
        self.split, self.regions, self.controls, self.biases = split, regions, controls, biases
        self.calls = 0
        self._index = {int(place): number for number, place in enumerate(split.places)}
        self._kept: dict[int, _ImageAnswers] = {}
        self._likely: bool | None = None
        self._others = 0

    def add(self, one: RegionScores, of: Sequence[int]) -> None:
        """One more image with some of the regions hidden, or with as much elsewhere."""
        self.calls += one.calls
        if self._likely is None:
            self._likely = one.log_odds is not None or are_probabilities(one.full)
        if self.biases is not None:
            one = shifted_answers(one, self.biases[one.place], self._likely)
        kept = self._kept.get(one.place) or self._first_answers(one)
        self._kept[one.place] = kept
        columns = self._columns(of, own=len(one.hidden) > 0, elsewhere=one.controls.shape[1] > 0)
        evidence = one.evidence if self._likely else one
        said, told = (
            np.concatenate([each.full[np.newaxis], each.hidden, each.controls.reshape(-1, each.full.size)])
            for each in (one, evidence)
        )
        label = kept.classes[0]
        kept.score[columns] = said[:, label]
        kept.right[columns] = said.argmax(axis=1) == label
        kept.odds[:, columns] = told[:, list(kept.classes)].T

    def _columns(self, of: Sequence[int], *, own: bool, elsewhere: bool) -> list[int]:
        """Where the answers of these regions stand."""
        hidden = [1 + region for region in of] if own else []
        first = 1 + self.regions
        around = [first + region * self.controls + at for region in of for at in range(self.controls)]
        return [0, *hidden, *(around if elsewhere else [])]

    def _first_answers(self, one: RegionScores) -> _ImageAnswers:
        at = self._index[one.place]
        label, predicted = int(self.split.labels[at]), int(self.split.predicted[at])
        if self.biases is None:
            self._others += int(one.full.argmax() != predicted)
        else:
            predicted = int(one.full.argmax())
        width = 1 + self.regions * (1 + self.controls)
        told = one.evidence if self._likely else one
        return _ImageAnswers(
            classes=(label, predicted, strongest_other(told.full, label)),
            lacked=float(one.full[predicted] - one.full[label]),
            score=np.full(width, np.nan),
            right=np.full(width, np.nan),
            odds=np.full((3, width), np.nan),
        )

    def check_model(self) -> None:
        """Refuse a model that answers otherwise than in the study.

        Raises
        ------
        ModelError
            If too many answers differ from the study's.
        """
        if self._others > max(1, ANOTHER * len(self._kept)):
            raise ModelError(
                f"the model gives {self._others} of {len(self._kept)} images another class than in the "
                "study, so it is not the one that was explained, or gets its images in another form: give "
                "that one, with the same preprocess=.",
                slug="blame-model",
            )

    def effects(self, weights: Mapping[int, float] | None = None) -> RegionEffects:
        """What hiding each region did, of all images so far; each stands for one if no weights are given."""
        places = sorted(self._kept)
        kept = [self._kept[place] for place in places]
        at = [self._index[place] for place in places]
        score, right = (np.stack([getattr(one, name) for one in kept]) for name in ("score", "right"))
        odds = np.stack([one.odds for one in kept])
        if self._likely:
            # Of all images together: a probability of 0 is no farther out than it has to be.
            odds = within_reach(odds.reshape(-1, 1)).reshape(odds.shape)
        logs = log_probabilities(odds) if self._likely else odds
        evidence = logs[:, 0] - logs[:, 2]
        hidden = np.s_[:, 1 : 1 + self.regions]
        return RegionEffects(
            wrong=np.array([one.classes[0] != one.classes[1] for one in kept]),
            groups=self.split.groups[at],
            weights=np.array([weights[place] if weights else 1.0 for place in places]),
            lacked=np.array([one.lacked for one in kept]),
            gain=score[hidden] - score[:, :1],
            control_gain=self._mean_elsewhere(score) - score[:, :1],
            odds_lacked=odds[:, 1, 0] - odds[:, 0, 0],
            odds_gain=odds[:, 0][hidden] - odds[:, 0, :1],
            odds_control_gain=self._mean_elsewhere(odds[:, 0]) - odds[:, 0, :1],
            evidence=evidence[:, 0],
            hidden_evidence=evidence[hidden],
            right=right[hidden],
            control_right=self._mean_elsewhere(right),
            scale="log-odds" if self._likely else "probability",
            calls=self.calls,
        )

    def _mean_elsewhere(self, values: Float[np.ndarray, "N V"]) -> Float[np.ndarray, "N R"]:
        return np.asarray(values[:, 1 + self.regions :].reshape(len(values), self.regions, -1).mean(axis=2))


def measure_effects(answers: Iterable[RegionScores], split: SampleSplit) -> RegionEffects:
    """Keep of what the model said, all at once, what the tests need.

    Raises
    ------
    ModelError
        If too many answers differ from the study's.
    """
    made: AskedAnswers | None = None
    for one in answers:
        regions, controls = one.controls.shape[:2]
        made = made or AskedAnswers(split, regions, controls)
        made.add(one, range(regions))
    if made is None:
        raise ValueError("no image was asked about")
    made.check_model()
    return made.effects()


def strongest_other(scores: Float[np.ndarray, "L"], label: int) -> int:
    """The class of the highest score, but for one."""
    rivals = scores.copy()
    rivals[label] = -np.inf
    return int(rivals.argmax())


def class_evidence(scores: Float[np.ndarray, "B L"], label: int, *, likely: bool) -> Float[np.ndarray, "B"]:
    """Evidence for a class against the strongest other one of the first row, which is the image as it is.

    Parameters
    ----------
    scores : float array, shape (B, L)
    label : int
    likely : bool
        Whether scores are log-odds: then the logarithms of the probabilities are compared, which add up where
        independent pieces of evidence do, and do not run into a wall at 0 and 1.

    Examples
    --------
    >>> odds = np.log([[1, 1 / 3, 1 / 3], [1 / 4, 2 / 3, 2 / 3]])  # of 0.5, 0.25, 0.25 and 0.2, 0.4, 0.4
    >>> class_evidence(odds, 0, likely=True)
    array([ 0.69314718, -0.69314718])
    """
    values = log_probabilities(scores) if likely else scores
    return np.asarray(values[:, label] - values[:, strongest_other(scores[0], label)])


def rule_p_values(
    effects: RegionEffects, region: int, min_effect: float, rng: np.random.Generator
) -> tuple[float, ...]:
    """The p-value of each of the first four of `RULES` for one region; all have to hold.

    Of a rule that the model was not asked for it is 0: nothing speaks against the region there.
    """
    wrong, groups = effects.wrong, effects.groups[effects.wrong]
    needed = min_effect * effects.odds_lacked[wrong]
    gain, elsewhere = effects.odds_gain[wrong, region], effects.odds_control_gain[wrong, region]
    more = excess_reliance(effects.evidence, effects.hidden_evidence[:, region], wrong, effects.weights)
    held = (gain - needed, gain - elsewhere - needed, more)
    tested = [0.0 if np.isnan(each).any() else sign_flip_test(each, groups, rng) for each in held]
    return *tested, turning_p_value(effects, region, rng)


def turning_p_value(effects: RegionEffects, region: int, rng: np.random.Generator) -> float:
    """Whether hiding a region turns more wrong answers right than hiding elsewhere; 0 if not asked."""
    wrong = effects.wrong
    turned = effects.right[wrong, region] - effects.control_right[wrong, region]
    return 0.0 if np.isnan(turned).any() else sign_flip_test(turned, effects.groups[wrong], rng)


def adjusted_p_values(
    tested: Sequence[tuple[float, ...]], level: float, share: float = 1.0, among: int = 0
) -> list[tuple[float, tuple[str, ...]]]:
    """The p-value of each suspect, adjusted for how many there are, and the rules that did not surely hold.

    Parameters
    ----------
    tested : sequence of tuple of float
        The p-values of `RULES` of each suspect, or of some of them in a row.
    level : float
        At or below which a rule surely holds.
    share : float
        Share of the chance of a false one that these suspects may use up.
    among : int
        How many suspects there were, if more than these.

    Examples
    --------
    >>> adjusted_p_values([(0.001, 0.002, 0.001), (0.001, 0.5, 0.9)], 0.05)
    [(0.004, ()), (0.9, ('elsewhere', 'right answers'))]
    """
    # All have to hold, so the largest p counts and needs no adjusting (Berger 1982).
    largest = [max(each) for each in tested]
    adjusted = [min(1.0, p / share) for p in holm_adjusted(largest, among)]
    return [
        (p, tuple(rule for rule, own in zip(RULES, each, strict=False) if own * p / max(each) > level))
        for p, each in zip(adjusted, tested, strict=True)
    ]


def excess_reliance(
    full: Float[np.ndarray, "N"],
    hidden: Float[np.ndarray, "N"],
    wrong: Bool[np.ndarray, "N"],
    weights: Float[np.ndarray, "N"] | None = None,
) -> Float[np.ndarray, "n"]:
    """How much more evidence hiding a region takes from each wrong answer than it takes from right ones.

    Parameters
    ----------
    full, hidden : float array, shape (N,)
        Evidence for the true class, as the image is and with the region hidden.
    wrong : bool array, shape (N,)
        Which answers are wrong.
    weights : float array, shape (N,), optional
        How many images each stands for; by default one.
    """
    weights = np.ones(len(wrong)) if weights is None else weights
    usual = reliance(full[~wrong], hidden[~wrong], weights[~wrong])
    return np.asarray(hidden[wrong] - (1 - usual) * full[wrong])


def reliance(
    full: Float[np.ndarray, "n"], hidden: Float[np.ndarray, "n"], weights: Float[np.ndarray, "n"]
) -> float:
    """Share of the evidence in right answers that goes when a region is hidden, at most.

    One standard error above what was measured, for it is an estimate.
    """
    if not len(full):
        return np.nan
    usual, lost = np.average(full, weights=weights), full - hidden
    if usual <= 0:
        return 1.0
    mean = np.average(lost, weights=weights)
    error = np.sqrt((weights**2 * (lost - mean) ** 2).sum()) / weights.sum()
    return float((mean + error) / usual)
