"""the names of picture files → labelled pictures, each read when it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline.data.form import Form, stacked
from sightline.data.labelled import Labelled
from sightline.data.listing import Listing
from sightline.errors import FileError, ImageError, OptionError, warn
from sightline.types import record


@dataclass(frozen=True)
class Broken:
    """A file that could not be read as a picture.

    Parameters
    ----------
    place : int
        Where it is in its `Folder`.
    path : Path
    reason : str
    """

    place: int
    path: Path
    reason: str


@record
class Folder:
    """Pictures in class sub-folders, read from their files when they are asked for; made by `folder`.

    Holds names, not pictures: some 16 bytes a file beside its name. What changes in it is only the list
    of the files that turned out broken.

    Parameters
    ----------
    listing : Listing
        The files.
    form : Form
        The form that each picture is brought to.
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

    listing: Listing
    form: Form
    rows: Int[np.ndarray, "N"]
    faults: dict[int, str]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; a label is a place among them."""
        return self.listing.class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """The label of every file, broken or not."""
        return self._labels(self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many files each class has."""
        many = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, many.tolist(), strict=True))

    @property
    def paths(self) -> list[Path]:
        """The path of every file: a new list, of which a million take some 200 MB."""
        return [self.path(place) for place in range(len(self))]

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The files that turned out not to be readable so far; after `check`, all of them."""
        if not self.faults:
            return ()
        places = np.flatnonzero(np.isin(self.rows, list(self.faults)))
        return tuple(
            Broken(int(place), self.path(place), self.faults[int(self.rows[place])]) for place in places
        )

    def path(self, place: int | np.integer) -> Path:
        """The path of the file at a place."""
        return Path(self.listing.path(int(self.rows[place])))

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        shown = [f"{name} {count:,}" for name, count in list(self.counts.items())[:6]]
        more = ", …" if len(self.class_names) > 6 else ""
        parts = [f"{len(self):,} pictures of {len(self.class_names)} classes ({', '.join(shown)}{more})"]
        if self.broken:
            parts.append(f"{len(self.broken)} found broken")
        if self.listing.ignored:
            passed = ", ".join(
                f"{many} {ending or 'without ending'}" for ending, many in self.listing.ignored
            )
            parts.append(f"other files passed over: {passed}")
        return f"Folder({str(self.listing.root)!r}: {'; '.join(parts)}; {self.form!r})"

    def __getitem__(self, which: Any) -> Any:
        """One picture and its label, or the folder of a slice, a list of places or a bool array.

        Raises
        ------
        ImageError
            If the one file asked for is broken.
        """
        if isinstance(which, int | np.integer):
            row = int(self.rows[which])
            return self.form.read(self.listing.path(row)), int(self._labels([row])[0])
        return Folder(self.listing, self.form, self.rows[which], self.faults)

    def __iter__(self) -> Iterator[tuple[Shaped[np.ndarray, "..."], int]]:
        """Every picture that can be read, and its label; those that cannot are told at the end."""
        for row, image in self._readable(np.arange(len(self))):
            yield image, int(self._labels([row])[0])

    def batches(
        self, batch_size: int = 32, *, shuffle: int | None = None
    ) -> Iterator[tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]]:
        """Pictures and labels, many at a time; broken files are left out, listed and told.

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
            If the pictures of a batch differ in shape or dtype.
        """
        if batch_size < 1:
            raise OptionError(
                f"batch_size must be at least 1, but {batch_size} was given.", slug="option-value"
            )
        places = np.arange(len(self))
        if shuffle is not None:
            np.random.default_rng(shuffle).shuffle(places)
        return self._batches(places, batch_size)

    def _batches(
        self, places: Int[np.ndarray, "N"], batch_size: int
    ) -> Iterator[tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]]:
        rows: list[int] = []
        images: list[Any] = []
        for row, image in self._readable(places):
            rows.append(row)
            images.append(image)
            if len(rows) == batch_size:
                yield self._batch(rows, images)
                rows, images = [], []
        if rows:
            yield self._batch(rows, images)

    def _batch(
        self, rows: Sequence[int], images: Sequence[Any]
    ) -> tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]:
        made = stacked(images, [self.listing.path(row) for row in rows])
        return made, self._labels(rows)

    def _labels(self, rows: Any) -> Int[np.ndarray, "N"]:
        return np.asarray(self.listing.classes[self.listing.homes[np.asarray(rows, np.intp)]], dtype=np.intp)

    def _readable(self, places: Int[np.ndarray, "N"]) -> Iterator[tuple[int, Shaped[np.ndarray, "..."]]]:
        """File by file what can be read; what is newly found broken is told once, at the end."""
        told, good = len(self.broken), 0
        try:
            for row in self.rows[places].tolist():
                if row in self.faults:
                    continue
                image = self._tried(row)
                if image is not None:
                    good += 1
                    yield row, image
        finally:
            if good and len(self.broken) > told:
                self._tell()
        if not good and len(self):
            raise self._none()

    def _tried(self, row: int) -> Shaped[np.ndarray, "..."] | None:
        path = self.listing.path(row)
        try:
            return self.form.read(path)
        except ImageError as error:
            said = str(error).removesuffix(f" [{error.slug}]")
            self.faults[row] = said.removeprefix(f"{path} ").removeprefix(f"{path}: ")
            return None

    def _tell(self) -> None:
        found = self.broken
        warn(
            f"{len(found)} of {len(self)} files below {self.listing.root} cannot be read and "
            f"{'is' if len(found) == 1 else 'are'} left out. The first: {found[0].path} {found[0].reason} "
            "All are listed in the folder's .broken.",
            slug="files-broken",
        )

    def _none(self) -> FileError:
        first = self.broken[0]
        return FileError(
            f"none of the {len(self)} files below {self.listing.root} can be read. The first: {first.path} "
            f"{first.reason}",
            slug="files-broken",
        )

    def check(self, progress: Callable[[int], object] | None = None) -> tuple[Broken, ...]:
        """Read every file once and list those that are broken.

        Parameters
        ----------
        progress : callable, optional
            Called with 1 after each file.

        Returns
        -------
        tuple of Broken
        """
        for row in self.rows.tolist():
            if row not in self.faults:
                self._tried(row)
            if progress is not None:
                progress(1)
        return self.broken

    def load(self) -> Labelled:
        """All pictures in memory; broken files are left out, listed and told.

        Returns
        -------
        Labelled
            Grey pictures get a channel axis: (N, H, W, 1).

        Raises
        ------
        FileError
            If no file can be read.
        ImageError
            If the pictures differ in shape or dtype: give a `Form`.
        """
        kept: list[int] = []
        whole: Any = None
        first: Any = None
        for row, image in self._readable(np.arange(len(self))):
            if first is None:
                first = image
                whole = np.empty((len(self), *image.shape), image.dtype)
            else:
                stacked([first, image], [self.listing.path(kept[0]), self.listing.path(row)])
            whole[len(kept)] = image
            kept.append(row)
        images = whole[: len(kept)]
        pictures = images if images.ndim == 4 else images[..., np.newaxis]
        return Labelled(pictures, self._labels(kept), self.class_names)

    def split(
        self, validation: float | int = 0.2, seed: int = 0, *, stratify: bool = True
    ) -> tuple["Folder", "Folder"]:
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
                f"{len(self)} pictures of {np.unique(self.labels).size} classes cannot be split with "
                f"validation={validation!r}, stratify={stratify}: {error}",
                slug="split-unfit",
            ) from None
        return self[first], self[second]
