"""the images of a study → the same, each held against the digest of what was explained."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline._digests import image_digest
from sightline.data.datasets import Dataset, Subset
from sightline.engine.image import as_image
from sightline.errors import ImageError, SightlineError
from sightline.types import record

OPENING = threading.RLock()
"""Held while a study's images are opened: of threads that show some at once, one reads the list of them."""
CHECKED = 32
"""Images that are read when a study goes on, to see whether they are those that were explained."""


@record
class ImageDigests:
    """The digest of every image that was explained.

    Parameters
    ----------
    places : int array, shape (N,)
        In rising order.
    digests : array of bytes, shape (N,)
        Empty where a digest is not known.
    """

    places: Int[np.ndarray, "N"]
    digests: Shaped[np.ndarray, "N"]

    @classmethod
    def from_tables(cls, tables: Iterable[Any]) -> "ImageDigests":
        """Those of a store's tables."""
        places: list[Any] = [np.zeros(0, np.intp)]
        digests: list[Any] = [np.zeros(0, "S16")]
        for table in tables:
            places.append(table["place"].to_numpy())
            digests.append(np.array([one or "" for one in table["content"].to_pylist()], "S16"))
        found, first = np.unique(np.concatenate(places), return_index=True)
        return cls(found.astype(np.intp), np.concatenate(digests)[first])

    def changed(self, place: int, image: Shaped[np.ndarray, "..."]) -> bool:
        """Whether this is another image than the one that was explained; not, where that is not known."""
        where = int(np.searchsorted(self.places, place))
        if where == len(self.places) or self.places[where] != place or not self.digests[where]:
            return False
        return bool(self.digests[where].decode() != image_digest(as_image(image)))

    def changed_places(self, dataset: Dataset, most: int | None = None) -> list[int]:
        """Places of images that have changed since: of all that can be read, or of about so many."""
        known = self.places[self.digests != b""]
        if most is not None and len(known) > most:
            known = known[np.linspace(0, len(known) - 1, most).astype(int)]
        return [place for place in known.tolist() if self._changed_now(dataset, place)]

    def _changed_now(self, dataset: Dataset, place: int) -> bool:
        try:
            return self.changed(place, dataset[place][0])
        except SightlineError:  # what cannot be read now is told of where it is needed
            return False


@record
class KnownImages(Subset):
    """Images that are refused where they are not those that a study explained.

    Parameters
    ----------
    known : ImageDigests
        Of the data set that they are some of.
    """

    known: ImageDigests = field(kw_only=True)

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or some of them.

        Raises
        ------
        ImageError
            If its pixels are not those that were explained.
        """
        found = super().__getitem__(index)
        if not isinstance(index, int | np.integer):
            return found
        place = int(self.indices[index])
        if self.known.changed(place, found[0]):
            raise changed_error([place], [self.dataset.image_id(place)])
        return found

    def _fingerprint_parts(self) -> Iterator[str | bytes | Shaped[np.ndarray, "..."]]:
        whole = len(self) == len(self.dataset)
        return self.dataset._fingerprint_parts() if whole else super()._fingerprint_parts()


def changed_error(places: list[int], ids: list[str]) -> ImageError:
    """What to say of images that are not those that were explained."""
    which = f"image {places[0]} ({ids[0]}) is" if len(places) == 1 else f"{len(places)} images are"
    first = "" if len(places) == 1 else f" (the first: image {places[0]}, {ids[0]})"
    return ImageError(
        f"{which} not what the study explained{first}: the pixels changed since then, or are made at random. "
        "Put back what was there, or explain what has changed anew: run the study with retry=True (--retry).",
        slug="study-other-image",
    )
