"""The definitions, written slowly and obviously: what the engine's answers are held against."""

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sightline.engine.fills import Colour
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Given
from sightline.types import Attribution, Masks, Scores


@dataclass(frozen=True)
class Game:
    """A complete table of scores: row b is what the model says when the segments of b's bits are visible."""

    table: np.ndarray  # 2^S × K

    @property
    def segments(self) -> int:
        return len(self.table).bit_length() - 1

    @property
    def targets(self) -> int:
        return self.table.shape[1]

    def value(self, visible: Iterable[int], k: int = 0) -> float:
        return float(self.table[sum(1 << i for i in set(visible)), k])

    def values(self, keep: np.ndarray) -> np.ndarray:
        return self.table[keep @ (1 << np.arange(self.segments))]

    def masks(self) -> Masks:
        rows = list(itertools.product([False, True], repeat=self.segments))
        return Masks(np.array(rows), np.ones(len(rows)))

    def scores(self, masks: Masks) -> Scores:
        return Scores(
            values=self.values(masks.keep),
            full=self.table[-1],
            empty=self.table[0],
            targets=tuple(range(self.targets)),
            classes=self.table[-1],
            calls=len(masks.keep) + 2,
        )

    def ask(self, attribute: Callable[[Masks, Scores], Attribution], masks: Masks) -> Attribution:
        return attribute(masks, self.scores(masks))

    # The same game played by an image of one row: pixel i is segment i, 1 where visible and 0 where hidden.

    @property
    def image(self) -> np.ndarray:
        return np.ones((1, self.segments))

    def model(self, images: np.ndarray) -> np.ndarray:
        return self.values(images[:, 0] > 0.5)

    def plan(self, **options: object) -> Plan:
        return Plan(segment=Given(np.arange(self.segments)[np.newaxis]), fill=Colour(0.0), **options)


def random_game(segments: int, targets: int = 1, seed: int = 0) -> Game:
    return Game(np.random.default_rng(seed).normal(size=(2**segments, targets)))


def additive_game(weights: np.ndarray, level: np.ndarray) -> Game:
    """Score = level + the sum of the weights, shape (K, S), of the visible segments."""
    keep = (np.arange(2 ** weights.shape[1])[:, np.newaxis] >> np.arange(weights.shape[1])) & 1
    return Game(level + keep @ weights.T)


def shapley(game: Game, k: int = 0) -> np.ndarray:
    """The mean, over all orders of the segments, of what showing a segment adds to those before it."""
    values = np.zeros(game.segments)
    for order in itertools.permutations(range(game.segments)):
        for place, one in enumerate(order):
            values[one] += game.value(order[: place + 1], k) - game.value(order[:place], k)
    return values / math.factorial(game.segments)


def banzhaf(game: Game, k: int = 0) -> np.ndarray:
    """The mean, over all sets of the other segments, of what showing a segment adds."""
    values = np.zeros(game.segments)
    for one in range(game.segments):
        others = [i for i in range(game.segments) if i != one]
        for visible in subsets(others):
            values[one] += game.value([*visible, one], k) - game.value(visible, k)
    return values / 2 ** (game.segments - 1)


def lime_kernel(keep: np.ndarray, kernel_width: float) -> np.ndarray:
    """lime's weight of each mask, by the cosine of its angle with the full one (0 for the empty one)."""
    weights = []
    for row in keep.astype(float):
        lengths = np.linalg.norm(row) * np.linalg.norm(np.ones(len(row)))
        distance = 1 - (row @ np.ones(len(row)) / lengths if lengths else 0.0)
        weights.append(np.sqrt(np.exp(-(distance**2) / kernel_width**2)))
    return np.array(weights)


def least_squares(keep: np.ndarray, values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and intercept that make the weighted sum of squares least."""
    design = np.column_stack([np.ones(len(keep)), keep]) * np.sqrt(weight)[:, np.newaxis]
    solution = np.linalg.lstsq(design, values * np.sqrt(weight), rcond=None)[0]
    return solution[1:], float(solution[0])


def lime(game: Game, k: int = 0, kernel_width: float = 0.25) -> tuple[np.ndarray, float]:
    """lime's weighted regression on every mask, without a ridge."""
    keep = game.masks().keep
    return least_squares(keep, game.values(keep)[:, k], lime_kernel(keep, kernel_width))


def rise(game: Game, k: int = 0, p: float = 0.5) -> np.ndarray:
    """Mean score of the masks that show a segment, minus the mean of all, masks being coin flips."""
    seen, seen_mass, whole = np.zeros(game.segments), np.zeros(game.segments), 0.0
    for visible in subsets(range(game.segments)):
        chance = p ** len(visible) * (1 - p) ** (game.segments - len(visible))
        whole += chance * game.value(visible, k)
        for one in visible:
            seen[one] += chance * game.value(visible, k)
            seen_mass[one] += chance
    return seen / seen_mass - whole


def occlusion(game: Game, k: int = 0) -> np.ndarray:
    """How far the score of everything falls when one segment is hidden."""
    everything = range(game.segments)
    full = game.value(everything, k)
    return np.array([full - game.value([i for i in everything if i != one], k) for one in everything])


def pixel_loop(image: np.ndarray, hidden: np.ndarray, labels: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The image of each mask, one pixel at a time."""
    images = np.empty((len(keep), *image.shape), image.dtype)
    for m, row in enumerate(keep):
        for y, x in np.ndindex(labels.shape):
            images[m, y, x] = image[y, x] if row[labels[y, x]] else hidden[y, x]
    return images


def subsets(items: Iterable[int]) -> list[tuple[int, ...]]:
    known = list(items)
    return [chosen for size in range(len(known) + 1) for chosen in itertools.combinations(known, size)]
