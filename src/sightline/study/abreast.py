"""Calls of several threads → one model, asked by one thread at a time, several images' calls in a batch."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped


class Stopped(BaseException):
    """The run was interrupted; no `Exception`, so that it is not taken for an image's failure."""


class _Request:
    """A batch that waits for its scores."""

    def __init__(self, images: Shaped[np.ndarray, "B ..."]) -> None:
        self.images = images
        self.scores: Any = None
        self.error: Exception | None = None
        self.done = False

    def suits(self, other: "_Request") -> bool:
        return self.images.shape[1:] == other.images.shape[1:] and self.images.dtype == other.images.dtype


class Abreast:
    """A model for several threads: what waits while it is asked goes into the next batch together.

    The model itself sees one call at a time. If a batch of several threads fails, each is asked alone, so
    that one image's failure stays its own.

    Parameters
    ----------
    model : CheckedModel
    most : int
        Most images in a batch made of several requests.

    Examples
    --------
    >>> import numpy as np
    >>> Abreast(lambda images: images.mean(axis=(1, 2)), 8)(np.ones((2, 4, 4)))
    array([1., 1.])
    """

    def __init__(self, model: Any, most: int) -> None:
        self.model = model
        self.most = most
        self.stopped = False
        self._waiting: list[_Request] = []
        self._queue = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Float64[np.ndarray, "..."]:
        request = _Request(images)
        with self._queue:
            self._waiting.append(request)
        with self._turn:
            if not request.done:
                self._check()
                self._answer(self._together(request))
        if request.error is not None:
            raise request.error
        return request.scores  # type: ignore[no-any-return]

    @property
    def masked(self) -> Any:
        """As the model's, one thread at a time; not joined, for the model makes the pictures itself."""
        masked = getattr(self.model, "masked", None)
        if masked is None:
            return None

        def answers(*given: Any) -> Iterator[Any]:
            with self._turn:
                self._check()
                found = list(masked(*given))
            yield from found

        return answers

    def network(self) -> Any:
        """The inside of the model, which one thread at a time may look at."""
        return self.model.network()

    def _check(self) -> None:
        if self.stopped:
            raise Stopped

    def _together(self, first: _Request) -> list[_Request]:
        """The request and those behind it that fit into one batch with it."""
        with self._queue:
            self._waiting.remove(first)
            chosen, count = [first], len(first.images)
            for one in list(self._waiting):
                if first.suits(one) and count + len(one.images) <= self.most:
                    self._waiting.remove(one)
                    chosen.append(one)
                    count += len(one.images)
        return chosen

    def _answer(self, chosen: list[_Request]) -> None:
        if len(chosen) == 1:
            self._alone(chosen[0])
            return
        try:
            scores = self.model(np.concatenate([one.images for one in chosen]))
        except Exception:
            for one in chosen:
                self._alone(one)
            return
        ends = np.cumsum([len(one.images) for one in chosen])
        for one, part in zip(chosen, np.split(scores, ends[:-1]), strict=True):
            one.scores, one.done = part, True

    def _alone(self, one: _Request) -> None:
        try:
            one.scores = self.model(one.images)
        except Exception as error:
            one.error = error
        one.done = True
