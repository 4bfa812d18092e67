"""network → heat of each pixel → attribution: the arrow of the methods that look inside."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._resize import resize_smooth
from sightline._scales import are_probabilities, on_scale, unscaled_scores
from sightline.engine.fills import draw_fill
from sightline.engine.input_range import doubts_range, warn_of_range
from sightline.engine.model_query import ModelQuery, target_matrix
from sightline.engine.own_functions import chosen_targets
from sightline.engine.plan import Plan
from sightline.engine.segmentation import segment_image
from sightline.errors import ModelError, SightlineError, SightlineWarning, warn
from sightline.types import (
    Activations,
    Attribution,
    Heatmap,
    Inputs,
    MapLayer,
    Model,
    ModelAbilities,
    Network,
    Scores,
    Segments,
    Weights,
    WhiteBoxMethod,
)

T = TypeVar("T")
NEXT_TO = 1e-9
"""Heat below this, of a probability as near to 1, comes of a saturated softmax or sigmoid."""
HIDDEN = (0.2, 0.5)
"""Shares of the image that are hidden to hold a map against the model's answers."""
MUCH = 0.2
"""Share of a score that has to go with what a map calls least important, for the map to be contradicted."""


def run_white_box(
    image: Shaped[np.ndarray, "..."],
    model: Model,
    plan: Plan,
    method: WhiteBoxMethod,
    *,
    batch_size: int,
    tick: Callable[[int], None] = lambda count: None,
    advise: bool = False,
) -> tuple[Segments, Scores, Attribution]:
    """Segment the image, look into the network, and gather its heat by segment.

    The model is asked about the image and about the empty mask only; every further image that goes through
    the network, forth or forth and back, counts as one call.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    model : Model
        With a `network()`.
    plan : Plan
        Its sampler and budget do not matter here.
    method : WhiteBoxMethod
        The plan's attribution.
    batch_size, tick, advise
        As for `sightline.engine.pipeline.run_plan`.

    Returns
    -------
    segments, scores, attribution

    Raises
    ------
    ImageError, ModelError, SegmentError, TargetError
    """
    network = _open_network(model, method)
    segments = segment_image(image, plan.segment)
    draws = draw_fill(image, segments, plan.fill)
    asked = on_scale(model, plan.scale)
    query = ModelQuery(asked, image, draws, segments, batch_size, tick)
    said, nothing = query.endpoint_scores()
    classes = unscaled_scores(said, plan.scale)
    if advise and doubts_range(image, classes):
        warn_of_range(
            lambda images: unscaled_scores(query.scores_of(images), plan.scale),
            query.pixels,
            classes,
            model,
        )
    targets = chosen_targets(plan.target, classes)
    to_targets = target_matrix(targets, len(classes))
    counted = CountedNetwork(network, tick)
    with _name_failed_method(method):
        inputs = counted.prepare_inputs(image[np.newaxis].copy())
        heats = [
            method(counted, inputs, raw, plan.seed)
            for raw in _output_weights(to_targets, counted.raw_outputs(inputs))
        ]
    attribution = _gather_attribution(heats, segments)
    _warn_if_saturated(attribution, classes)
    full, empty = said @ to_targets, nothing @ to_targets
    if attribution.layer is not None:
        _warn_if_contradicted(query, attribution, full, empty, to_targets)
    scores = Scores(np.empty((0, len(targets))), full, empty, targets, classes, query.calls)
    return segments, scores, dataclasses.replace(attribution, calls=query.calls + counted.calls)


class CountedNetwork(Network):
    """A network that counts the images that are sent through it."""

    def __init__(self, network: Network, tick: Callable[[int], None]) -> None:
        self.network = network
        self.tick = tick
        self.calls = 0

    def prepare_inputs(self, images: object) -> Inputs:
        return self.network.prepare_inputs(images)

    def classifier_head(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        return self.network.classifier_head()

    def raw_outputs(self, inputs: Inputs) -> Float[np.ndarray, "B R"]:
        return self._counted(inputs, self.network.raw_outputs(inputs))

    def layer_shapes(self, inputs: Inputs) -> Mapping[str, tuple[int, ...]]:
        return self._counted(inputs, self.network.layer_shapes(inputs))

    def last_map_layer(self, inputs: Inputs, weights: Weights) -> MapLayer:
        found = self.network.last_map_layer(inputs, weights)
        self._count(found.calls)
        return found

    def input_gradients(self, inputs: Inputs, weights: Weights) -> Inputs:
        return self._counted(inputs, self.network.input_gradients(inputs, weights))

    def activations_and_gradients(
        self, inputs: Inputs, layer: str, weights: Weights
    ) -> tuple[Activations, Activations]:
        return self._counted(inputs, self.network.activations_and_gradients(inputs, layer, weights))

    def _counted(self, inputs: Inputs, answer: T) -> T:
        self._count(len(inputs))
        return answer

    def _count(self, images: int) -> None:
        self.calls += images
        self.tick(images)


def _open_network(model: Model, method: WhiteBoxMethod) -> Network:
    if not isinstance(model, ModelAbilities):
        raise ModelError(
            f"{method!r} looks into the network: give a model made by as_model from a PyTorch module or a "
            "Keras model, or use lime or shapley, which need answers only.",
            slug="inside-closed",
        )
    return model.network()


@contextlib.contextmanager
def _name_failed_method(method: WhiteBoxMethod) -> Iterator[None]:
    """Errors of the network itself say what it was asked for."""
    try:
        yield
    except (SightlineError, SightlineWarning):  # the latter where warnings are made errors
        raise
    except Exception as error:
        raise ModelError(
            f"{type(method).__name__} failed in the network, which answers well from outside: "
            f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')} "
            "Methods that need answers only still work: lime, shapley, banzhaf, rise, occlusion.",
            slug="inside-failed",
        ) from error


def _output_weights(
    to_targets: Float[np.ndarray, "L K"], outputs: Float[np.ndarray, "1 R"]
) -> Float[np.ndarray, "K R"]:
    """For each target, the weights of the network's own outputs: a single one is the score of class 1."""
    single = outputs.shape[1] == 1
    weights = to_targets[1:] - to_targets[:1] if single else to_targets
    if single:  # class 0 is its opposite, and a contrast of the two no steeper than class 1
        weights = np.sign(weights)
    return np.ascontiguousarray(weights.T, dtype=np.float32)


def _gather_attribution(heats: Iterable[Heatmap], segments: Segments) -> Attribution:
    pixels, values, errors, layers = [], [], [], []
    for heat in heats:
        maps = np.stack([_resize_heat(one, segments.labels.shape, heat.sums) for one in heat.maps])
        each = np.stack([_sum_by_segment(one, segments, heat.sums) for one in maps])
        pixels.append(maps.mean(axis=0))
        values.append(each.mean(axis=0))
        errors.append(
            each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.zeros(segments.count)
        )
        layers.append(heat.layer)
    if not np.isfinite(np.array(pixels)).all():
        raise ModelError(
            "the heat has values that are NaN or infinite: a gradient of the network is. Look for a square "
            "root or logarithm of 0 in it, or use lime or shapley.",
            slug="inside-nan",
        )
    _warn_if_zero(values, next((heat.why_empty for heat in heats if heat.why_empty), ""))
    return Attribution(
        np.array(values),
        np.array(errors),
        base=np.zeros(len(values)),
        fit=np.full(len(values), np.nan),
        settled=True,
        pixels=np.array(pixels),
        layer=layers[0],
    )


def _resize_heat(
    heat: Float[np.ndarray, "h w"], shape: tuple[int, ...], sums: bool
) -> Float[np.ndarray, "H W"]:
    """Heat on the image's own pixels: the layer, or the preprocessed image, is taken to cover the image."""
    large = resize_smooth(heat, shape, antialias=False)
    return np.asarray(large * (heat.size / large.size if sums else 1.0))


def _sum_by_segment(heat: Float[np.ndarray, "H W"], segments: Segments, sums: bool) -> Float[np.ndarray, "S"]:
    total = np.bincount(segments.labels.ravel(), weights=heat.ravel(), minlength=segments.count)
    return total if sums else total / segments.areas


def _warn_if_zero(values: list[Float[np.ndarray, "S"]], why: str) -> None:
    if any(np.any(one) for one in values):
        return
    why = why or (
        "no gradient comes back from the score, as when a softmax or sigmoid is saturated: let the "
        "network return logits"
    )
    warn(f"the heat is zero everywhere: {why}.", slug="inside-flat")


def _warn_if_saturated(attribution: Attribution, classes: Float[np.ndarray, "L"]) -> None:
    """Say so where heat is next to nothing because a probability is next to 0 or 1."""
    most = float(np.abs(attribution.values).max(initial=0))
    sure = are_probabilities(classes) and float(classes.max()) >= 1 - NEXT_TO
    if sure and 0 < most < NEXT_TO:
        warn(
            f"the heat is at most {most:.2g}: the softmax or sigmoid is saturated, and its slope next to "
            "nothing. Where things are may be right, their size says nothing: let the network return logits.",
            slug="inside-flat",
        )


def _warn_if_contradicted(
    query: ModelQuery,
    attribution: Attribution,
    full: Float[np.ndarray, "K"],
    empty: Float[np.ndarray, "K"],
    to_targets: Float[np.ndarray, "L K"],
) -> None:
    """Hide what the map calls most important, then as much of what it calls least so, and compare."""
    for k, values in enumerate(attribution.values):
        order = np.argsort(values, kind="stable")
        if values[order[0]] == values[order[-1]]:
            continue
        rows = [~_leading(one, query.segments, share) for share in HIDDEN for one in (order[::-1], order)]
        falls = full[k] - query.score_masks(np.array(rows), to_targets, {})[:, k].reshape(-1, 2)
        for share, (most, least) in zip(HIDDEN, falls, strict=True):
            if least > max(MUCH * abs(full[k]), MUCH * abs(full[k] - empty[k])) and most < least / 2:
                warn(
                    f"the map and the model's answers disagree: with the {share:.0%} of the image hidden "
                    f"that the map calls most important, the score falls by {most:.3g}, with as much hidden "
                    f"that it calls least so, by {least:.3g}. The layer {attribution.layer!r} may not be "
                    "where the answer is made: name another (layer=), or believe a method that asks the "
                    "model alone, such as lime.",
                    slug="inside-contradicted",
                )
                return


def _leading(order: Int[np.ndarray, "S"], segments: Segments, share: float) -> Bool[np.ndarray, "S"]:
    """The first segments, up to a share of the image, but at least one."""
    areas = segments.areas[order]
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[np.cumsum(areas) <= max(share * areas.sum(), areas[0])]] = True
    return chosen
