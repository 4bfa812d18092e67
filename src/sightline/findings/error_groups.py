"""wrong answers → groups of them whose explanations look alike, if there are any."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from sightline._class_names import class_text
from sightline._language import translate as tr
from sightline.engine.image import unit_rgb
from sightline.errors import OptionError, SightlineError
from sightline.findings.heatmaps import MeanHeatmap, at_size, image_if_readable, resize_rgb, size_within
from sightline.study.row_blocks import chosen_rows
from sightline.study.schema import Row, StudyResults
from sightline.types import record

MOST = 1000
"""Wrong answers that are grouped; of more, so many at random."""
FEWEST = 12
"""Wrong answers below which none are grouped."""
MOST_GROUPS = 6
COARSE = 8
"""Rows and columns of the grid on which explanations are compared."""
PATCH = 32
"""Pixels of a side of the patches that are compared."""
GRID = 200
"""Places at which a density is known."""
PARTS = 10
"""Principal components that are kept of what is compared."""
CHANCES = 39
"""Sets without groups that are drawn for comparison: with 39, the highest of 40 is 1 in 40."""
TYPICAL = 4
HOW = (
    "Ward's method; their number by the mean silhouette, which has to exceed that of 39 sets drawn with one "
    "peak along each principal component"
)
LEAST = 4
"""Answers that a group has at least, and a twentieth of all: a few odd ones make no group."""
THUMB = 256
"""Most pixels of a side of the typical images that are kept."""


@record
class ErrorGroup:
    """Wrong answers whose explanations look alike.

    Parameters
    ----------
    count : int
    mean : float array, shape (H, W)
        Mean attribution towards the predicted class.
    places : int array
        Of its most typical images, the nearest to its middle first.
    pairs : tuple of (str, int)
        Label and predicted class, and how often; the most frequent three.
    image : float array, shape (H, W, 3), or None
        Mean of its images, 0 to 1; None if they are out of reach.
    answers : tuple of str
        Label and predicted class of each of `places`.
    images : tuple of uint8 arrays, shape (h, w, 3)
        Each of `places` as it is looked at, at most 256 pixels a side; empty if they are out of reach.
    leading_segments : tuple of bool arrays, shape (h, w)
        In each of `images`, the segment that speaks most for the answer.
    members : int array
        Places of all its images.
    """

    count: int
    mean: Float[np.ndarray, "H W"]
    places: Int[np.ndarray, "_"]
    pairs: tuple[tuple[str, int], ...]
    image: Float[np.ndarray, "H W 3"] | None = None
    answers: tuple[str, ...] = ()
    images: tuple[UInt8[np.ndarray, "_ _ 3"], ...] = ()
    leading_segments: tuple[Bool[np.ndarray, "_ _"], ...] = ()
    members: Int[np.ndarray, "_"] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))

    def __repr__(self) -> str:
        pairs = ", ".join(f"{name} {count}" for name, count in self.pairs)
        return tr(
            "{n} images ({pairs}), such as {places}",
            n=self.count,
            pairs=pairs,
            places=", ".join(map(str, self.places)),
        )


def group_errors(
    study: StudyResults, shape: tuple[int, int], *, patches: bool = False, seed: int = 0
) -> tuple[tuple[ErrorGroup, ...], str]:
    """Groups of wrong answers, and by what their number was chosen.

    Groups have to stand apart more than chance makes them in 39 of 39 sets without any. That is 1 in 40 for
    answers that lie around one middle, skewed ones too; with extremely heavy tails it is more often, and a
    band without gaps, bent or long, may be cut into pieces.

    Parameters
    ----------
    study : Study
    shape : tuple of int
        (H, W) of the groups' mean maps.
    patches : bool
        Compare what the leading segments look like, instead of where they are.
    seed : int

    Returns
    -------
    groups : tuple of ErrorGroup
        The largest first; a single one where no groups stand apart from what chance makes, or where there
        are fewer than 12 wrong answers; none where there is no wrong answer.
    how : str
    """
    rng = np.random.default_rng(seed)
    wrong = study.places[study.labels != study.predicted]
    if not len(wrong):
        return (), HOW
    chosen = set(rng.choice(wrong, min(MOST, len(wrong)), replace=False).tolist())
    found = dict(_error_features(study, chosen, patches))
    features = np.array(list(found.values()))
    members = _cluster_members(features, rng) if len(found) >= FEWEST else np.zeros(len(found), dtype=int)
    return tuple(_collect_groups(study, shape, np.array(list(found)), features, members)), HOW


def _error_features(
    study: StudyResults, chosen: set[int], patches: bool
) -> Iterator[tuple[int, Float[np.ndarray, "D"]]]:
    """What is compared of each wrong answer."""
    for row in chosen_rows(study, chosen):
        if not patches:
            yield row.place, _location_features(row)
            continue
        try:
            yield row.place, _appearance_features(row, study.image(row.place))
        except OptionError:
            raise
        except SightlineError:  # an image that can no longer be read
            continue


def _location_features(row: Row) -> Float[np.ndarray, "D"]:
    """Attribution towards the predicted class on a coarse grid, of length 1."""
    heat = row.heat()
    rows, columns = (np.minimum(np.arange(n) * COARSE // n, COARSE - 1) for n in heat.shape)
    sums = np.zeros((COARSE, COARSE))
    np.add.at(sums, (rows[:, np.newaxis], columns[np.newaxis, :]), heat)
    return np.asarray(sums.ravel() / max(float(np.linalg.norm(sums)), 1e-300))


def _appearance_features(row: Row, image: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "D"]:
    """Edges (Dalal & Triggs 2005) and colours of the patch around the segment that speaks most for it."""
    from skimage.feature import hog

    down, across = np.nonzero(row.segments.labels == _leading_segment(row))
    pixels = unit_rgb(image)[down.min() : down.max() + 1, across.min() : across.max() + 1]
    patch = resize_rgb(pixels, (PATCH, PATCH))
    # One block, or the noise of a flat corner would count as much as the edges.
    edges = hog(patch.mean(axis=2), pixels_per_cell=(PATCH // 4, PATCH // 4), cells_per_block=(4, 4))
    colours = [np.histogram(patch[..., channel], bins=8, range=(0, 1))[0] / PATCH**2 for channel in range(3)]
    return np.concatenate([edges / max(float(np.linalg.norm(edges)), 1e-300), *colours])


def _cluster_members(features: Float[np.ndarray, "N D"], rng: np.random.Generator) -> Int[np.ndarray, "N"]:
    """The group of each; all 0 where no groups stand apart."""
    features = _principal_components(features)
    best, members = _best_partition(features)
    chances = (_best_partition(one)[0] for one in _single_mode_sets(features, rng))
    return members if all(chance < best for chance in chances) else np.zeros(len(features), dtype=int)


def _principal_components(features: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N d"]:
    """Its principal components, the first few."""
    middle = features - features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(middle, full_matrices=False)
    kept = min(PARTS, int((sizes > 1e-9 * max(float(sizes[0]), 1e-300)).sum()) or 1, len(features) // 4)
    return np.asarray(left[:, :kept] * sizes[:kept])


def _single_mode_sets(features: Float[np.ndarray, "N d"], rng: np.random.Generator) -> Iterator[Any]:
    """Sets of as many with one peak along each component: skewed and heavy-tailed ones form no groups.

    The smoothed bootstrap of Silverman 1981, with the least smoothing that leaves one peak.
    """
    spread = features.std(axis=0)
    width = np.array([_critical_bandwidth(values) for values in features.T])
    shrink = 1 / np.sqrt(1 + (width / np.maximum(spread, 1e-300)) ** 2)  # so that the spread stays
    for _ in range(CHANCES):
        drawn = np.stack([rng.choice(values, len(values)) for values in features.T], axis=1)
        yield (drawn + width * rng.normal(size=features.shape)) * shrink


def _critical_bandwidth(values: Float[np.ndarray, "N"]) -> float:
    """The least width of a normal kernel with which their density has one peak (Silverman 1981)."""
    low, high = 0.01 * values.std(), 3.0 * values.std()
    if high == 0:
        return 0.0
    grid = np.linspace(values.min(), values.max(), GRID)
    counts, _ = np.histogram(values, np.append(grid, np.inf))
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        one = np.exp(-0.5 * ((grid[:, np.newaxis] - grid) / middle) ** 2) @ counts
        rising = np.concatenate([[True], np.diff(one) > 0, [False]])
        peaks = np.count_nonzero(rising[:-1] & ~rising[1:])
        low, high = (middle, high) if peaks > 1 else (low, middle)
    return float(high)


def _best_partition(features: Float[np.ndarray, "N d"]) -> tuple[float, Int[np.ndarray, "N"]]:
    """The best mean silhouette (Rousseeuw 1987) over numbers of groups (Ward 1963), and the groups."""
    from scipy.cluster.hierarchy import fcluster, ward
    from scipy.spatial.distance import pdist, squareform

    apart = pdist(features)
    tree, square = ward(apart), squareform(apart)
    best, members = -1.0, np.zeros(len(features), dtype=int)
    for count in range(2, min(MOST_GROUPS, len(features) // 4) + 1):
        made = fcluster(tree, count, "maxclust") - 1
        sizes = np.bincount(made)
        if len(sizes) < 2 or sizes.min() < max(LEAST, len(features) / 20):
            continue
        score = _mean_silhouette(square, made)
        if score > best:
            best, members = score, np.asarray(made, dtype=int)
    return best, members


def _mean_silhouette(apart: Float[np.ndarray, "N N"], members: Int[np.ndarray, "N"]) -> float:
    """How much nearer each is to its own group than to the next one, of the larger of both (Rousseeuw 1987).

    Every group has two or more.
    """
    sizes = np.bincount(members)
    sums = apart @ np.eye(len(sizes))[members]
    own = (np.arange(len(members)), members)
    within = sums[own] / (sizes[members] - 1)
    means = sums / sizes
    means[own] = np.inf
    next_one = means.min(axis=1)
    larger = np.maximum(within, next_one)
    return float(np.divide(next_one - within, larger, out=np.zeros(len(members)), where=larger > 0).mean())


def _collect_groups(
    study: StudyResults,
    shape: tuple[int, int],
    places: Int[np.ndarray, "N"],
    features: Float[np.ndarray, "N D"],
    members: Int[np.ndarray, "N"],
) -> Iterator[ErrorGroup]:
    """The groups, the largest first."""
    sizes = np.bincount(members)
    group_of = dict(zip(places.tolist(), members.tolist(), strict=True))
    means, pairs = [MeanHeatmap(shape) for _ in sizes], [Counter[str]() for _ in sizes]
    for row in chosen_rows(study, group_of):
        means[group_of[row.place]].add(*at_size(row, study, shape))
        pairs[group_of[row.place]][_answer_text(row, study)] += 1
    for one in np.argsort(-sizes, kind="stable").tolist():
        inside = features[members == one]
        far = np.linalg.norm(inside - inside.mean(axis=0), axis=1)
        typical = places[members == one][np.argsort(far, kind="stable")[:TYPICAL]]
        rows = [study.row(place) for place in typical.tolist()]
        shown = [image for image in (_typical_image(row, study) for row in rows) if image is not None]
        known = len(shown) == len(rows)
        yield ErrorGroup(
            count=means[one].maps.count,
            mean=means[one].maps.mean,
            places=typical,
            pairs=tuple(pairs[one].most_common(3)),
            image=means[one].image,
            answers=tuple(_answer_text(row, study) for row in rows),
            images=tuple(image for image, _ in shown) if known else (),
            leading_segments=tuple(segment for _, segment in shown) if known else (),
            members=np.sort(places[members == one]),
        )


def _typical_image(
    row: Row, study: StudyResults
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]] | None:
    """The image and the segment that speaks most for the answer, small enough to keep."""
    pixels = image_if_readable(study, row.place)
    if pixels is None:
        return None
    shape = size_within(row.segments.labels.shape, THUMB)
    down, across = (np.arange(n) * old // n for n, old in zip(shape, pixels.shape[:2], strict=True))
    spot = row.segments.labels[np.ix_(down, across)] == _leading_segment(row)
    return np.rint(resize_rgb(pixels, shape) * 255).astype(np.uint8), spot


def _leading_segment(row: Row) -> int:
    """The segment that speaks most for the answer."""
    return int(np.argmax(row.values()))


def _answer_text(row: Row, study: StudyResults) -> str:
    """What was true and what was said."""
    return classes_text((row.label, row.predicted), study.class_names)


def classes_text(classes: tuple[int, ...], names: tuple[str, ...] | None) -> str:
    """The names of a label and the class said, or of one of the two; numbers where there are no names."""
    return " → ".join(class_text(one, names) for one in classes)
