"""Calls of several threads → one model, asked by one thread at a time, several images' calls in a batch."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from sightline._batch_sizes import BatchProbe
from sightline.types import Model, ModelAbilities

NEARLY = 0.75
"""Share of a size that a batch has to have for its time to speak for that size."""


class RunStopped(BaseException):
    """The run was interrupted; no `Exception`, so that it is not taken for an image's failure."""


class _ScoreRequest:
    """A batch that waits for its scores."""

    def __init__(self, images: Shaped[np.ndarray, "B ..."]) -> None:
        self.images = images
        self.scores: Any = None
        self.error: Exception | None = None
        self.done = False

    def same_format(self, other: "_ScoreRequest") -> bool:
        return self.images.shape[1:] == other.images.shape[1:] and self.images.dtype == other.images.dtype


class RequestBatcher(ModelAbilities):
    """A model for several threads: what waits while it is asked goes into the next batch together.

    The model itself sees one call at a time. If a batch of several threads fails, each is asked alone, so
    that one image's failure stays its own.

    Parameters
    ----------
    model : CheckedModel
    max_batch : int or BatchProbe
        Most images in a batch made of several requests, or what finds out how many are fastest.

    Examples
    --------
    >>> import numpy as np
    >>> RequestBatcher(lambda images: images.mean(axis=(1, 2)), 8)(np.ones((2, 4, 4)))
    array([1., 1.])
    """

    def __init__(self, model: Model, max_batch: int | BatchProbe) -> None:
        self.model: Any = model
        self.max_batch = max_batch
        self.stopped = False
        self._waiting: list[_ScoreRequest] = []
        self._queue = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Float64[np.ndarray, "..."]:
        request = _ScoreRequest(images)
        with self._queue:
            self._waiting.append(request)
        with self._turn:
            if not request.done:
                self._check_stopped()
                self._time_batch(self._take_batch(request))
        if request.error is not None:
            raise request.error
        return request.scores  # type: ignore[no-any-return]

    @property
    def scale(self) -> str:
        """As the model's."""
        return getattr(self.model, "scale", "probability")

    @property
    def preprocess_name(self) -> str:
        """As the model's."""
        return getattr(self.model, "preprocess_name", "")

    @property
    def off_host(self) -> bool:
        """Whether the model makes the images of masks on its own device."""
        return isinstance(self.model, ModelAbilities) and self.model.off_host

    @property
    def is_costly(self) -> bool:
        """As the model."""
        return isinstance(self.model, ModelAbilities) and self.model.is_costly

    def suggested_batch_size(self, image: Shaped[np.ndarray, "..."]) -> int | None:
        """As the model's."""
        return self.model.suggested_batch_size(image) if isinstance(self.model, ModelAbilities) else None

    def score_masks(self, *given: Any) -> Iterator[Float64[np.ndarray, "B L"]]:
        """As the model's, one thread at a time; not joined, for the model makes the images itself."""
        with self._turn:
            self._check_stopped()
            found = list(self.model.score_masks(*given))
        yield from found

    def network(self) -> Any:
        """The inside of the model, which one thread at a time may look at."""
        return self.model.network()

    def _check_stopped(self) -> None:
        if self.stopped:
            raise RunStopped

    def _take_batch(self, first: _ScoreRequest) -> list[_ScoreRequest]:
        """The request and those behind it that fit into one batch with it."""
        most = self.max_batch.size if isinstance(self.max_batch, BatchProbe) else self.max_batch
        with self._queue:
            self._waiting.remove(first)
            chosen, count = [first], len(first.images)
            for one in list(self._waiting):
                if first.same_format(one) and count + len(one.images) <= most:
                    self._waiting.remove(one)
                    chosen.append(one)
                    count += len(one.images)
        return chosen

    def _time_batch(self, chosen: list[_ScoreRequest]) -> None:
        count, probe, began = sum(len(one.images) for one in chosen), self.max_batch, time.perf_counter()
        self._answer_batch(chosen)
        if isinstance(probe, BatchProbe) and NEARLY * probe.size <= count <= probe.size:
            probe.record((time.perf_counter() - began) * probe.size / count)

    def _answer_batch(self, chosen: list[_ScoreRequest]) -> None:
        if len(chosen) == 1:
            self._answer_alone(chosen[0])
            return
        try:
            scores = self.model(np.concatenate([one.images for one in chosen]))
        except Exception:
            for one in chosen:
                self._answer_alone(one)
            return
        ends = np.cumsum([len(one.images) for one in chosen])
        for one, part in zip(chosen, np.split(scores, ends[:-1]), strict=True):
            one.scores, one.done = part, True

    def _answer_alone(self, one: _ScoreRequest) -> None:
        try:
            one.scores = self.model(one.images)
        except Exception as error:
            one.error = error
        one.done = True
