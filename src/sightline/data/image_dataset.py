"""images with labels → parts of them."""

import dataclasses
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int, Shaped

from sightline.errors import ImageError, OptionError
from sightline.types import record

S = TypeVar("S", bound="ArrayDataset")
# Class names that a repr shows.
NAMED = 3


@record
class ArrayDataset:
    """Images whose classes are known.

    Parameters
    ----------
    images : array, shape (N, H, W, C)
        Channels last; any dtype and value range.
    labels : int array, shape (N,)
        Class of each image, a place in `class_names`.
    class_names : tuple of str, length L

    Raises
    ------
    ImageError
        If there is not exactly one label for each image, or a label has no name.

    Examples
    --------
    >>> faces = ArrayDataset(np.zeros((4, 2, 2, 3)), np.array([0, 0, 1, 1]), ("Ann", "Ben"))
    >>> image, label = faces[3]
    >>> len(faces), image.shape, faces.class_names[label], len(faces[1:])
    (4, (2, 2, 3), 'Ben', 3)
    """

    images: Shaped[np.ndarray, "N H W C"]
    labels: Int[np.ndarray, "N"]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ImageError(
                f"{len(self.images)} images and {len(self.labels)} labels were given: each image needs "
                "one label.",
                slug="labels-unfit",
            )
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ImageError(
                f"labels must be 0 to {len(self.class_names) - 1}, places in the {len(self.class_names)} "
                f"class names, but they go from {self.labels.min()} to {self.labels.max()}.",
                slug="labels-unfit",
            )

    def __repr__(self) -> str:
        names, shape = self.class_names, "×".join(map(str, self.images.shape[1:]))
        listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        return (
            f"{type(self).__name__}({len(self)} images of {shape} {self.images.dtype}, "
            f"{len(names)} classes: {listed}{self._repr_suffix()})"
        )

    def _repr_suffix(self) -> str:
        """What else there is to say, for one line."""
        return ""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: Any) -> Any:
        """One image and its label, or those of a slice, a list of places or a bool array."""
        if isinstance(which, int | np.integer):
            return self.images[which], int(self.labels[which])
        rows = np.arange(len(self))[which]
        # Whatever has one item an image is taken along, in subclasses too.
        taken = {name: value[rows] for name, value in self._per_image_arrays().items()}
        return dataclasses.replace(self, **taken)

    def _per_image_arrays(self) -> dict[str, Shaped[np.ndarray, "N ..."]]:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def split(self: S, train: float | int = 0.7, seed: int = 0, *, stratify: bool = False) -> tuple[S, S]:
        """Two parts at random, one to train on and one to test with.

        The same images, in the same order, as scikit-learn's
        ``train_test_split(images, labels, train_size=train, random_state=seed)``.

        Parameters
        ----------
        train : float or int
            Share (between 0 and 1) or number of the images to train on.
        seed : int
        stratify : bool
            Keep the classes in proportion in both parts.

        Returns
        -------
        train, test

        Raises
        ------
        OptionError
            If one part would be empty, or too small to hold every class with `stratify`.

        Examples
        --------
        >>> faces = ArrayDataset(np.zeros((10, 2, 2, 3)), np.arange(10) % 2, ("Ann", "Ben"))
        >>> train, test = faces.split(train=0.6, stratify=True)
        >>> len(train), np.bincount(test.labels).tolist()
        (6, [2, 2])
        """
        from sklearn.model_selection import train_test_split

        try:
            first, second = train_test_split(
                np.arange(len(self)),
                train_size=train,
                random_state=seed,
                stratify=self.labels if stratify else None,
            )
        except ValueError as error:
            raise OptionError(
                f"{len(self)} images of {np.unique(self.labels).size} classes cannot be split with "
                f"train={train!r}, stratify={stratify}: {error}",
                slug="split-unfit",
            ) from None
        return self[first], self[second]
