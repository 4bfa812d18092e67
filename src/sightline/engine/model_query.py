"""batches → model → scores: ask, check, choose the targets."""

import contextlib
import operator
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._batch_sizes import BatchProbe
from sightline._checks import check_whole, is_whole
from sightline.engine.image import channels_last
from sightline.engine.perturbation import made_ahead, perturbed_ranges
from sightline.errors import ModelError, OptionError, TargetError
from sightline.types import Contrast, Model, ModelAbilities, Segments, option

AHEAD_BYTES = 1 << 16
"""Smaller images are made so fast that another thread, which a model in Python waits for, takes more time."""


@option
class Top:
    """The `k` classes with the highest scores, highest first.

    Parameters
    ----------
    k : int
        How many; all of them if the model has fewer.
    """

    k: int = 1

    def __post_init__(self) -> None:
        check_whole("k of Top", self.k)

    def __call__(self, classes: Float[np.ndarray, "L"]) -> tuple[int | Contrast, ...]:
        return tuple(int(i) for i in np.argsort(-classes, kind="stable")[: self.k])


class Classes:
    """These classes or contrasts, in this order.

    Parameters
    ----------
    *targets : int, str or Contrast
        Classes by number (the label that the model was fitted on, where it tells, else the column of its
        answer) or by name, or differences of two.

    Examples
    --------
    >>> Classes(3, Contrast(3, 5))
    Classes(3, Contrast(a=3, b=5))
    """

    def __init__(self, *targets: int | str | Contrast) -> None:
        if not targets:
            raise TargetError("Classes needs at least one class.", slug="target-unknown")
        for one in targets:
            if not (isinstance(one, Contrast | str) or is_whole(one)):
                raise OptionError(
                    f"Classes takes class numbers, names and contrasts, but {one!r} was given.",
                    slug="option-value",
                )
        self.targets: tuple[Any, ...] = tuple(
            one if isinstance(one, Contrast | str) else operator.index(one) for one in targets
        )

    def __repr__(self) -> str:
        return f"Classes({', '.join(map(repr, self.targets))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Classes) and self.targets == other.targets

    def __hash__(self) -> int:
        return hash(self.targets)

    def __call__(self, classes: Float[np.ndarray, "L"]) -> tuple[int | Contrast, ...]:
        for target in self.targets:
            for one in (target.a, target.b) if isinstance(target, Contrast) else (target,):
                if isinstance(one, str):
                    raise TargetError(
                        f"the class {one!r} is named, but this model has no class names.",
                        slug="target-unknown",
                    )
                if not 0 <= one < len(classes):
                    raise TargetError(
                        f"the model has classes 0 to {len(classes) - 1}, but class {one} was asked for.",
                        slug="target-unknown",
                    )
        return self.targets


def target_matrix(targets: tuple[int | Contrast, ...], classes: int) -> Float[np.ndarray, "L K"]:
    """The matrix that turns scores of all classes into scores of the targets."""
    matrix = np.zeros((classes, len(targets)))
    for k, target in enumerate(targets):
        if isinstance(target, Contrast):
            matrix[target.a, k] += 1
            matrix[target.b, k] -= 1
        else:
            matrix[target, k] = 1
    return matrix


class ModelQuery:
    """Asks a model about masks of one image and counts the calls.

    Parameters
    ----------
    model : Model
        Gets batches of the image's own shape, dtype and range.
    image : array, shape (H, W) or (H, W, C)
    draws : array, shape (D, H, W, C)
        What hidden pixels look like; scores are averaged over them.
    segments : Segments
    batch_size : int
        Most images in one batch.
    tick : callable
        Told how many images were answered, after each batch.
    probe : BatchProbe, optional
        Chooses the size of the batches of masks, by what the first of them take.
    """

    def __init__(
        self,
        model: Model,
        image: Shaped[np.ndarray, "..."],
        draws: Shaped[np.ndarray, "D H W C"],
        segments: Segments,
        batch_size: int,
        tick: Callable[[int], None] = lambda count: None,
        probe: BatchProbe | None = None,
    ) -> None:
        self.model = model
        self.probe = probe
        self.image = image
        self.pixels = channels_last(image)
        self.draws = draws
        self.segments = segments
        self.batch_size = batch_size
        self.tick = tick
        self.calls = 0

    def endpoint_scores(self) -> tuple[Float[np.ndarray, "L"], Float[np.ndarray, "L"]]:
        """Scores of every class for the image itself, and with everything hidden."""
        answers = self.scores_of(np.concatenate([self.pixels[np.newaxis], self.draws]))
        return answers[0], answers[1:].mean(axis=0)

    def scores_of(self, images: Shaped[np.ndarray, "B H W C"]) -> Float[np.ndarray, "B L"]:
        """Scores of every class for images of the image's own form."""
        chunks = (images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size))
        return np.concatenate(list(map(self._answer_batch, chunks)))

    def score_masks(
        self,
        keep: Bool[np.ndarray, "M S"],
        to_targets: Float[np.ndarray, "L K"],
        known: dict[bytes, Float[np.ndarray, "K"]],
    ) -> Float[np.ndarray, "M K"]:
        """Target scores of the masks; those in `known` are not asked again, and new ones join it."""
        keys = [row.tobytes() for row in np.packbits(keep, axis=1)]
        new = {key: row for row, key in enumerate(keys) if key not in known}
        fresh = keep[list(new.values())]
        total = np.zeros((len(fresh), to_targets.shape[1]))
        for hidden in self.draws:
            start = 0
            for answer in self._score_perturbed(hidden, fresh):
                if answer.shape[1] != len(to_targets):
                    raise ModelError(
                        f"the model has {answer.shape[1]} classes, but the explanation is of one with "
                        f"{len(to_targets)}: give the model that was explained.",
                        slug="model-columns",
                    )
                total[start : start + len(answer)] += answer @ to_targets
                start += len(answer)
        known.update(zip(new, total / len(self.draws), strict=True))
        return np.array([known[key] for key in keys]).reshape(len(keys), to_targets.shape[1])

    def _score_perturbed(
        self, hidden: Shaped[np.ndarray, "H W C"], keep: Bool[np.ndarray, "M S"]
    ) -> Iterable[Float[np.ndarray, "B L"]]:
        """Scores of the masks; a model on another device makes the images there, from the masks alone."""
        given = (self.pixels, hidden, self.segments, keep, self.batch_size)
        if isinstance(self.model, ModelAbilities) and self.model.off_host:
            self.probe = None
            for answer in self.model.score_masks(*given):
                yield self._count_calls(answer, len(answer))
        else:
            batches = perturbed_ranges(*given[:4], self._mask_ranges(len(keep)))
            asked = 0
            if self.probe is not None and not self.probe.settled:
                for answer in self._probe_batches(batches, self.probe):
                    asked += len(answer)
                    yield answer
            if len(keep) - asked <= self.chosen_size or self.pixels.nbytes < AHEAD_BYTES:
                yield from map(self._answer_batch, batches)
            else:
                with contextlib.closing(made_ahead(batches)) as made:
                    yield from map(self._answer_batch, made)

    @property
    def chosen_size(self) -> int:
        """Images in a batch of masks, as far as a probe has found out."""
        return self.batch_size if self.probe is None else self.probe.size

    def _mask_ranges(self, count: int) -> Iterator[range]:
        """Which masks go into each batch; how many is known when the batch is due."""
        start = 0
        while start < count:
            stop = min(start + self.chosen_size, count)
            yield range(start, stop)
            start = stop

    def _probe_batches(
        self, batches: Iterator[Shaped[np.ndarray, "B H W C"]], probe: BatchProbe
    ) -> Iterator[Float[np.ndarray, "B L"]]:
        """Scores of as many batches as the probe times; none is made meanwhile, which would take its time."""
        for batch in batches:
            began = time.perf_counter()
            answer = self._answer_batch(batch)
            if len(batch) == probe.size:
                probe.record(time.perf_counter() - began)
            del batch  # before the next one is made
            yield answer
            if probe.settled:
                return

    def repeatability(self, before: Float[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
        """Change of each of the image's own scores when it is asked again."""
        # A copy: the model may change what it is given.
        (again,) = self.scores_of(self.pixels[np.newaxis].copy())
        return np.asarray(np.abs(again - before))

    def _answer_batch(self, batch: Shaped[np.ndarray, "B H W C"]) -> Float[np.ndarray, "B L"]:
        count = len(batch)
        answer = self.model(batch.reshape(count, *self.image.shape))
        return self._count_calls(np.asarray(answer, dtype=np.float64), count)

    def _count_calls(self, answer: Float[np.ndarray, "..."], count: int) -> Float[np.ndarray, "B L"]:
        if answer.ndim != 2 or len(answer) != count:
            raise ModelError(
                f"the model was given {count} images of shape {self.image.shape} and has to "
                f"return scores of shape ({count}, n_classes), but it returned {answer.shape}.",
                slug="model-shape",
            )
        self.calls += count
        self.tick(count)
        return answer
