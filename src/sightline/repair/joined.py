"""several sources → one."""

from itertools import accumulate
from typing import Any

import numpy as np
from jaxtyping import Int

from sightline.data.datasets import Dataset, Image, labels_of
from sightline.types import record


@record
class Joined:
    """The images of several sources, one source after the other."""

    sources: tuple[Dataset, ...]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the first."""
        return self.sources[0].class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """Class of every image."""
        return np.concatenate([labels_of(source) for source in self.sources])

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def __getitem__(self, which: Any) -> Image:
        for source, end in zip(self.sources, accumulate(map(len, self.sources)), strict=True):
            if which < end:
                image: Image = source[int(which) - end + len(source)]
                return image
        raise IndexError(f"there is no image {which} of {len(self)}")
