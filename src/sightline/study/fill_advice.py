"""study → in how many images hiding hides nothing, and which other fill would hide, tried on a few."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Shaped

from sightline._scales import on_scale
from sightline.engine.fills import Donors
from sightline.engine.hiding import MUCH, try_fills, usual_fills
from sightline.engine.image import channels_last
from sightline.engine.model_query import target_matrix
from sightline.errors import SightlineError, warn
from sightline.study.schema import Row, StudyResults
from sightline.types import Fill, Model

TRIED = 10
"""Images that other fills are tried on."""
SEVERAL, SHARE = 5, 0.25
"""How many images, and what share of all, hiding may do nothing to unsaid."""
DONORS = "a few images of another class (sightline.Donors, in Python)"


def advise_fill(study: StudyResults, weak: Sequence[int], count: int) -> None:
    """Say in how many images hiding everything changed next to nothing, and which fill changes more.

    Nothing is said of a few.

    Parameters
    ----------
    study : Study
    weak : sequence of int
        Places of the images in which hiding did nothing.
    count : int
        Images that were explained.
    """
    if len(weak) < max(SEVERAL, SHARE * count):
        return
    some = [weak[one] for one in np.linspace(0, len(weak) - 1, min(TRIED, len(weak))).astype(int)]
    try:
        hits = _changed_by_fill(study, some)
    except SightlineError:  # the explanations stand, whatever a fill may not do
        hits = {}
    best = max(hits, key=lambda name: hits[name], default="")
    found = "None of the usual fills, tried on a few of them, changes it: try donors, or other segments."
    if best and hits[best]:
        name = f"as a fill {best}" if best == DONORS else f'fill="{best}" (--fill {best})'
        found = f"Tried: {name} changes the score on {hits[best]} of {len(some)} of them."
    warn(
        f"in {len(weak):,} of {count:,} images hiding everything with {study.plan.fill!r} hardly changes the "
        f"score, so that the values say next to nothing there. {found} A study has one fill: begin another.",
        slug="study-hiding",
    )


def _changed_by_fill(study: StudyResults, places: Sequence[int]) -> dict[str, int]:
    """In how many of the images each fill changes the score of the predicted class by much."""
    hits: dict[str, int] = {}
    model = on_scale(study.model, study.plan.scale)
    for place in places:
        row, image = study.row(place), study.image(place)
        fills = dict(usual_fills(channels_last(image)))
        donor = _donor_image(study, row, image)
        if donor is not None:
            fills[DONORS] = Donors(donor)
        full = float(row.full[0])
        for name, score in _hidden_scores(model, row, image, fills).items():
            hits[name] = hits.get(name, 0) + int(abs(score - full) > MUCH * abs(full))
    return hits


def _hidden_scores(
    model: Model, row: Row, image: Shaped[np.ndarray, "..."], fills: Mapping[str, Fill]
) -> dict[str, float]:
    """The predicted class's score with everything hidden, by each fill."""
    to_target = target_matrix(row.targets[:1], len(row.classes))[:, 0]
    shape = image.shape
    return try_fills(lambda hidden: model(hidden.reshape(-1, *shape)) @ to_target, image, row.segments, fills)


def _donor_image(
    study: StudyResults, row: Row, image: Shaped[np.ndarray, "..."]
) -> Shaped[np.ndarray, "..."] | None:
    """An image that the model took for another class, of the same form; None if there is none at hand."""
    for place in study.places[study.predicted != row.predicted][:TRIED].tolist():
        other = study.image(place)
        if other.shape == image.shape and other.dtype == image.dtype:
            return other
    return None
