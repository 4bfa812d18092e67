"""the names of image files → labelled images, each read when it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline.data.file_index import FileIndex
from sightline.data.image_dataset import ArrayDataset
from sightline.data.image_format import ImageFormat, stack_images
from sightline.errors import FileError, ImageError, OptionError, warn
from sightline.types import record


@dataclass(frozen=True)
class UnreadableFile:
    """A file that could not be read as an image.

    Parameters
    ----------
    place : int
        Where it is in its `ImageFolder`.
    path : Path
    reason : str
    """

    index: int
    path: Path
    reason: str


@record
class ImageFolder:
    """Images in class sub-folders, read from their files when they are asked for; made by `folder`.

    Holds names, not images: some 16 bytes a file beside its name. What changes in it is only the list
    of the files that turned out broken.

    Parameters
    ----------
    listing : Listing
        The files.
    form : Form
        The form that each image is brought to.
    rows : int array, shape (N,)
        Which of the files are here, in this order.
    faults : dict
        Files found broken so far and why, shared with the folders that this one was split into.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> from sightline.data import folder
    >>> with tempfile.TemporaryDirectory() as path:
    ...     for name in ("cat", "dog"):
    ...         (Path(path) / name).mkdir()
    ...         Image.new("L", (8, 6)).save(f"{path}/{name}/1.png")
    ...     pets = folder(path, Form(size=(4, 4)))
    ...     image, label = pets[1]
    ...     len(pets), pets.class_names, image.shape, label
    (2, ('cat', 'dog'), (4, 4), 1)
    """

    file_index: FileIndex
    image_format: ImageFormat
    indices: Int[np.ndarray, "N"]
    read_errors: dict[int, str]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; a label is a place among them."""
        return self.file_index.class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """The label of every file, broken or not."""
        return self._file_labels(self.indices)

    @property
    def class_counts(self) -> dict[str, int]:
        """How many files each class has."""
        many = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, many.tolist(), strict=True))

    @property
    def paths(self) -> list[Path]:
        """The path of every file: a new list, of which a million take some 200 MB."""
        return [self.path(place) for place in range(len(self))]

    @property
    def unreadable(self) -> tuple[UnreadableFile, ...]:
        """The files that turned out not to be readable so far; after `check`, all of them."""
        if not self.read_errors:
            return ()
        places = np.flatnonzero(np.isin(self.indices, list(self.read_errors)))
        return tuple(
            UnreadableFile(int(place), self.path(place), self.read_errors[int(self.indices[place])])
            for place in places
        )

    def path(self, place: int | np.integer) -> Path:
        """The path of the file at a place."""
        return Path(self.file_index.path(int(self.indices[place])))

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        shown = [f"{name} {count:,}" for name, count in list(self.class_counts.items())[:6]]
        more = ", …" if len(self.class_names) > 6 else ""
        parts = [f"{len(self):,} images of {len(self.class_names)} classes ({', '.join(shown)}{more})"]
        if self.unreadable:
            parts.append(f"{len(self.unreadable)} found broken")
        if self.file_index.ignored:
            passed = ", ".join(
                f"{many} {ending or 'without ending'}" for ending, many in self.file_index.ignored
            )
            parts.append(f"other files passed over: {passed}")
        return f"Folder({str(self.file_index.root)!r}: {'; '.join(parts)}; {self.image_format!r})"

    def __getitem__(self, which: Any) -> Any:
        """One image and its label, or the folder of a slice, a list of places or a bool array.

        Raises
        ------
        ImageError
            If the one file asked for is broken.
        """
        if isinstance(which, int | np.integer):
            row = int(self.indices[which])
            return self.image_format.read(self.file_index.path(row)), int(self._file_labels([row])[0])
        return ImageFolder(self.file_index, self.image_format, self.indices[which], self.read_errors)

    def __iter__(self) -> Iterator[tuple[Shaped[np.ndarray, "..."], int]]:
        """Every image that can be read, and its label; those that cannot are told at the end."""
        for row, image in self._iterate_readable(np.arange(len(self))):
            yield image, int(self._file_labels([row])[0])

    def batches(
        self, batch_size: int = 32, *, shuffle: int | None = None
    ) -> Iterator[tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]]:
        """Images and labels, many at a time; broken files are left out, listed and told.

        Parameters
        ----------
        batch_size : int
        shuffle : int, optional
            Seed of a random order; the files' own order if left out.

        Yields
        ------
        images : array, shape (B, H, W) or (B, H, W, 3)
        labels : int array, shape (B,)

        Raises
        ------
        FileError
            If no file can be read.
        ImageError
            If the images of a batch differ in shape or dtype.
        """
        if batch_size < 1:
            raise OptionError(
                f"batch_size must be at least 1, but {batch_size} was given.", slug="option-value"
            )
        places = np.arange(len(self))
        if shuffle is not None:
            np.random.default_rng(shuffle).shuffle(places)
        return self._iterate_batches(places, batch_size)

    def _iterate_batches(
        self, places: Int[np.ndarray, "N"], batch_size: int
    ) -> Iterator[tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]]:
        rows: list[int] = []
        images: list[Any] = []
        for row, image in self._iterate_readable(places):
            rows.append(row)
            images.append(image)
            if len(rows) == batch_size:
                yield self._stack_batch(rows, images)
                rows, images = [], []
        if rows:
            yield self._stack_batch(rows, images)

    def _stack_batch(
        self, rows: Sequence[int], images: Sequence[Any]
    ) -> tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]:
        made = stack_images(images, [self.file_index.path(row) for row in rows])
        return made, self._file_labels(rows)

    def _file_labels(self, rows: Any) -> Int[np.ndarray, "N"]:
        return np.asarray(
            self.file_index.folder_classes[self.file_index.folder_indices[np.asarray(rows, np.intp)]],
            dtype=np.intp,
        )

    def _iterate_readable(
        self, places: Int[np.ndarray, "N"]
    ) -> Iterator[tuple[int, Shaped[np.ndarray, "..."]]]:
        """File by file what can be read; what is newly found broken is told once, at the end."""
        told, good = len(self.unreadable), 0
        try:
            for row in self.indices[places].tolist():
                if row in self.read_errors:
                    continue
                image = self._try_reading(row)
                if image is not None:
                    good += 1
                    yield row, image
        finally:
            if good and len(self.unreadable) > told:
                self._warn_unreadable()
        if not good and len(self):
            raise self._none_readable_error()

    def _try_reading(self, row: int) -> Shaped[np.ndarray, "..."] | None:
        path = self.file_index.path(row)
        try:
            return self.image_format.read(path)
        except ImageError as error:
            said = str(error).removesuffix(f" [{error.slug}]")
            self.read_errors[row] = said.removeprefix(f"{path} ").removeprefix(f"{path}: ")
            return None

    def _warn_unreadable(self) -> None:
        found = self.unreadable
        warn(
            f"{len(found)} of {len(self)} files below {self.file_index.root} cannot be read and "
            f"{'is' if len(found) == 1 else 'are'} left out. The first: {found[0].path} {found[0].reason} "
            "All are listed in the folder's .broken.",
            slug="files-broken",
        )

    def _none_readable_error(self) -> FileError:
        first = self.unreadable[0]
        return FileError(
            f"none of the {len(self)} files below {self.file_index.root} can be read. The first: "
            f"{first.path} "
            f"{first.reason}",
            slug="files-broken",
        )

    def check_files(self, progress: Callable[[int], object] | None = None) -> tuple[UnreadableFile, ...]:
        """Read every file once and list those that are broken.

        Parameters
        ----------
        progress : callable, optional
            Called with 1 after each file.

        Returns
        -------
        tuple of Broken
        """
        for row in self.indices.tolist():
            if row not in self.read_errors:
                self._try_reading(row)
            if progress is not None:
                progress(1)
        return self.unreadable

    def load(self) -> ArrayDataset:
        """All images in memory; broken files are left out, listed and told.

        Returns
        -------
        Labelled
            Grey images get a channel axis: (N, H, W, 1).

        Raises
        ------
        FileError
            If no file can be read.
        ImageError
            If the images differ in shape or dtype: give a `Form`.
        """
        kept: list[int] = []
        whole: Any = None
        first: Any = None
        for row, image in self._iterate_readable(np.arange(len(self))):
            if first is None:
                first = image
                whole = np.empty((len(self), *image.shape), image.dtype)
            else:
                stack_images([first, image], [self.file_index.path(kept[0]), self.file_index.path(row)])
            whole[len(kept)] = image
            kept.append(row)
        images = whole[: len(kept)]
        batch = images if images.ndim == 4 else images[..., np.newaxis]
        return ArrayDataset(batch, self._file_labels(kept), self.class_names)

    def split(
        self, validation: float | int = 0.2, seed: int = 0, *, stratify: bool = True
    ) -> tuple["ImageFolder", "ImageFolder"]:
        """Two parts at random: to train on, and to validate with.

        Parameters
        ----------
        validation : float or int
            Share (between 0 and 1) or number of the files to validate with.
        seed : int
            Same seed, same parts.
        stratify : bool
            Keep the classes in proportion in both.

        Returns
        -------
        train, validation : Folder

        Raises
        ------
        OptionError
            If one part would be empty, or too small to hold every class with `stratify`.
        """
        from sklearn.model_selection import train_test_split

        try:
            first, second = train_test_split(
                np.arange(len(self)),
                test_size=validation,
                random_state=seed,
                stratify=self.labels if stratify else None,
            )
        except ValueError as error:
            raise OptionError(
                f"{len(self)} images of {np.unique(self.labels).size} classes cannot be split with "
                f"validation={validation!r}, stratify={stratify}: {error}",
                slug="split-unfit",
            ) from None
        return self[first], self[second]
