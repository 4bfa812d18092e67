"""scores of an image as it is and with everything hidden → does hiding change anything, and what would?"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Shaped

from sightline._scales import Scale, are_probabilities, unscaled_scores
from sightline._value_range import value_range
from sightline.engine.fills import Blur, Colour, Noise, SegmentMean, draw_fill
from sightline.engine.image import channels_last
from sightline.errors import SightlineError
from sightline.types import Fill, Segments

LITTLE = 0.02
"""Share of the score that hiding everything has to change, for values to be more than next to nothing."""
MUCH = 0.1
"""Share of the score that another fill has to change, to be named."""
TOLD_APART = 0.5
"""Share of the highest probability that tells the classes apart, for a model to have said something."""
SURE = 0.9
"""Probability from which a model that hiding does not move is warned of: less sure ones may just be so."""
SEVERAL = 5
"""How many times that the values' sizes may add up to: they may speak for and against, and cancel."""


def score_span(
    full: float, empty: float, classes: Float[np.ndarray, "L"], scale: Scale = "probability"
) -> float:
    """What changes of a score are large or small beside: the score itself, or what tells classes apart.

    0 where the model hardly tells its classes apart: then little is what is to be expected.

    Parameters
    ----------
    full, empty : float
        The target's score of the image, and with everything hidden.
    classes : float array, shape (L,)
        Every class's score of the image, on the model's own scale; nan where it is not known.
    scale : str
        What `full` and `empty` are.
    """
    known = classes[np.isfinite(classes)]
    if len(known) < 2:
        return 0.0
    apart = float(np.ptp(known))
    if not are_probabilities(known):
        return apart
    if apart < TOLD_APART * float(known.max()):
        return 0.0
    return float(max(abs(full), abs(empty), 1.0 if scale == "log-odds" else 0.0))


def hides_little(
    full: float,
    empty: float,
    values: Float[np.ndarray, "S"],
    classes: Float[np.ndarray, "L"],
    scale: Scale = "probability",
) -> bool:
    """Whether a model is sure, and hiding everything hardly changes that, and the values are tiny beside it.

    Then they say next to nothing. Of a model that is less sure, it may just be so.

    Parameters
    ----------
    full, empty, classes, scale
        As for `score_span`.
    values : float array, shape (S,)
        Of each segment, for the target.

    Examples
    --------
    >>> hides_little(1.0, 0.998, np.array([0.0002, -0.0002]), np.array([1.0, 0.0]))
    True
    """
    span = score_span(full, empty, classes, scale)
    little = LITTLE * span
    if span == 0 or abs(full - empty) > little or np.abs(values).sum() > SEVERAL * little:
        return False
    probability = float(unscaled_scores(np.array(full), scale))
    return are_probabilities(classes[np.isfinite(classes)]) and probability >= SURE


def usual_fills(image: Shaped[np.ndarray, "H W C"]) -> Mapping[str, Fill]:
    """Fills to try, by the text that asks for each."""
    low, high = value_range(image)
    ends = {f"colour:value={one:g}": Colour(one) for one in (low, high)}
    return {"blur": Blur(), "noise": Noise(), "segment-mean": SegmentMean(), **ends}


def try_fills(
    score: Callable[[Shaped[np.ndarray, "B H W C"]], Float[np.ndarray, "B"]],
    image: Shaped[np.ndarray, "..."],
    segments: Segments,
    fills: Mapping[str, Fill],
) -> dict[str, float]:
    """The score with everything hidden, by fill, one draw of each; none if the model takes none."""
    pixels = channels_last(image)
    hidden = np.stack([draw_fill(pixels, segments, fill)[0] for fill in fills.values()])
    try:
        return dict(zip(fills, score(hidden).tolist(), strict=True))
    except SightlineError:  # the explanation stands, whatever the model does not take
        return {}
