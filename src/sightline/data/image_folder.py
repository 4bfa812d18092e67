"""Image files and their labels → a data set that reads each file when it is asked for."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_whole
from sightline._files import readable_text
from sightline._printing import printable_text
from sightline.data.datasets import ArrayDataset, Dataset, split_indices
from sightline.data.file_index import FileIndex, find_splits, index_class_folders, list_subfolders
from sightline.data.image_format import ImageFormat
from sightline.data.items import ImageBatch, stack_images
from sightline.errors import FileError, ImageError, warn
from sightline.types import record


@dataclass(frozen=True)
class UnreadableFile:
    """A file that could not be read as an image.

    Parameters
    ----------
    index : int
        Where it is in its `ImageFolder`.
    path : Path
    reason : str
    """

    index: int
    path: Path
    reason: str


@record
class ImageFolder(Dataset):
    """Images read from their files when they are asked for; made by `open_folder` and `open_list`.

    Holds names, not images: some 16 bytes a file beside its name. What changes in it is only the list
    of the files that turned out unreadable.

    Parameters
    ----------
    file_index : FileIndex
        The files.
    image_format : ImageFormat
        The form that each image is brought to.
    indices : int array, shape (N,)
        Which of the files are here, in this order.
    read_errors : dict
        Files found unreadable so far and why, shared with the folders that this one was split into.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as path:
    ...     for name in ("cat", "dog"):
    ...         (Path(path) / name).mkdir()
    ...         Image.new("L", (8, 6)).save(f"{path}/{name}/1.png")
    ...     pets = open_folder(path, ImageFormat(size=(4, 4)))
    ...     image, label = pets[1]
    ...     len(pets), pets.class_names, image.shape, label
    (2, ('cat', 'dog'), (4, 4), 1)
    """

    file_index: FileIndex
    image_format: ImageFormat
    indices: Int[np.ndarray, "N"]
    read_errors: dict[int, str]

    @classmethod
    def of_files(cls, file_index: FileIndex, image_format: ImageFormat | None = None) -> "ImageFolder":
        """All files of an index."""
        indices = np.arange(len(file_index), dtype=np.int32)
        return cls(file_index, image_format or ImageFormat(), indices, {})

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; a label is an index of them."""
        return self.file_index.class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """The label of every file, readable or not."""
        return self.file_index.labels_of(self.indices)

    @property
    def class_counts(self) -> dict[str, int]:
        """How many files each class has."""
        many = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, many.tolist(), strict=True))

    @property
    def paths(self) -> list[Path]:
        """The path of every file: a new list, of which a million take some 200 MB."""
        return [self.path(index) for index in range(len(self))]

    @property
    def unreadable(self) -> tuple[UnreadableFile, ...]:
        """The files that turned out not to be readable so far; after `check_files`, all of them."""
        if not self.read_errors:
            return ()
        found = np.flatnonzero(np.isin(self.indices, list(self.read_errors))).tolist()
        return tuple(
            UnreadableFile(one, self.path(one), self.read_errors[int(self.indices[one])]) for one in found
        )

    def path(self, index: int | np.integer) -> Path:
        """The path of the file at an index."""
        return Path(self.file_index.path(int(self.indices[index])))

    def image_id(self, index: int | np.integer) -> str:
        """The path below the folder's root, with ``/``."""
        path, root = self.path(index), self.file_index.root
        return readable_text((path.relative_to(root) if path.is_relative_to(root) else path).as_posix())

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        counts = [f"{printable_text(name)} {count:,}" for name, count in self.class_counts.items()]
        classes = ", ".join(counts[:6]) + (", …" if len(counts) > 6 else "")
        parts = [f"{len(self):,} images of {len(counts)} classes ({classes})"]
        if self.unreadable:
            parts.append(f"{len(self.unreadable)} found unreadable")
        if self.file_index.ignored:
            others = (
                f"{many} {printable_text(ending) or 'without ending'}"
                for ending, many in self.file_index.ignored
            )
            parts.append(f"other files passed over: {', '.join(others)}")
        return f"ImageFolder({str(self.file_index.root)!r}: {'; '.join(parts)}; {self.image_format!r})"

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or the folder of a slice, a list of indices or a bool array.

        Raises
        ------
        ImageError
            If the one file asked for is unreadable.
        """
        if isinstance(index, int | np.integer):
            file = int(self.indices[index])
            return self.image_format.read(self.file_index.path(file)), self._label(file)
        return ImageFolder(self.file_index, self.image_format, self.indices[index], self.read_errors)

    def __iter__(self) -> Iterator[tuple[Shaped[np.ndarray, "..."], int]]:
        """Every image that can be read, and its label; those that cannot are told at the end."""
        for file, image in self._iterate_readable(self.indices):
            yield image, self._label(file)

    def batches(self, batch_size: int = 32, *, shuffle: int | None = None) -> Iterator[ImageBatch]:
        """Images and labels, many at a time; unreadable files are left out, listed and told.

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
        check_whole("batch_size", batch_size)
        order = np.arange(len(self))
        if shuffle is not None:
            np.random.default_rng(shuffle).shuffle(order)
        return self._iterate_batches(self.indices[order], batch_size)

    def _iterate_batches(self, files: Int[np.ndarray, "N"], batch_size: int) -> Iterator[ImageBatch]:
        readable = self._iterate_readable(files)
        try:
            while batch := list(islice(readable, batch_size)):
                read, images = zip(*batch, strict=True)
                paths = [self.file_index.path(file) for file in read]
                yield stack_images(images, paths), self.file_index.labels_of(read)
        finally:
            readable.close()

    def _label(self, file: int) -> int:
        return int(self.file_index.labels_of([file])[0])

    def _iterate_readable(
        self, files: Int[np.ndarray, "N"]
    ) -> Generator[tuple[int, Shaped[np.ndarray, "..."]], None, None]:
        """File by file what can be read; what is newly found unreadable is told once, at the end."""
        told, good = len(self.unreadable), 0
        try:
            for file in files.tolist():
                image = None if file in self.read_errors else self._try_reading(file)
                if image is not None:
                    good += 1
                    yield file, image
        finally:
            if good and len(self.unreadable) > told:
                self._warn_unreadable()
        if not good and len(self):
            first = self.unreadable[0]
            raise FileError(
                f"none of the {len(self)} files below {self.file_index.root} can be read. The first: "
                f"{first.path} {first.reason}",
                slug="files-broken",
            )

    def _try_reading(self, file: int) -> Shaped[np.ndarray, "..."] | None:
        path = self.file_index.path(file)
        try:
            return self.image_format.read(path)
        except ImageError as error:
            said = str(error).removesuffix(f" [{error.slug}]")
            self.read_errors[file] = said.removeprefix(f"{path} ").removeprefix(f"{path}: ")
            return None

    def _warn_unreadable(self) -> None:
        found = self.unreadable
        warn(
            f"{len(found)} of {len(self)} files below {self.file_index.root} cannot be read and "
            f"{'is' if len(found) == 1 else 'are'} left out. The first: {found[0].path} {found[0].reason} "
            "All are listed in the folder's .unreadable.",
            slug="files-broken",
        )

    def check_files(self, progress: Callable[[int], object] | None = None) -> tuple[UnreadableFile, ...]:
        """Read every file once and list those that are unreadable.

        Parameters
        ----------
        progress : callable, optional
            Called with 1 after each file.

        Returns
        -------
        tuple of UnreadableFile
        """
        for file in self.indices.tolist():
            if file not in self.read_errors:
                self._try_reading(file)
            if progress is not None:
                progress(1)
        return self.unreadable

    def load(self) -> ArrayDataset:
        """All images in memory; unreadable files are left out, listed and told.

        Returns
        -------
        ArrayDataset
            Grey images get a channel axis: (N, H, W, 1).

        Raises
        ------
        FileError
            If no file can be read.
        ImageError
            If the images differ in shape or dtype: give an `ImageFormat`.
        """
        kept: list[int] = []
        whole: Any = None
        for file, image in self._iterate_readable(self.indices):
            if whole is None:
                whole = np.empty((len(self), *image.shape), image.dtype)
            else:
                stack_images([whole[0], image], [self.file_index.path(kept[0]), self.file_index.path(file)])
            whole[len(kept)] = image
            kept.append(file)
        images = whole[: len(kept)]
        images = images if images.ndim == 4 else images[..., np.newaxis]
        return ArrayDataset(images, self.file_index.labels_of(kept), self.class_names)

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
        train, validation : ImageFolder

        Raises
        ------
        OptionError
            If one part would be empty, or too small to hold every class with `stratify`.
        """
        first, second = split_indices(self.labels, seed, stratify, validation=validation)
        return self[first], self[second]

    def _fingerprint_parts(self) -> Iterator[str | bytes | Shaped[np.ndarray, "..."]]:
        # Studies on disk were made when the form was called so, and had no more than these.
        form = repr(self.image_format).replace("ImageFormat(", "Form(", 1).replace(", white=None)", ")")
        yield from self.file_index.fingerprint_parts(form)
        yield self.indices.astype(np.int64)


@clear_arguments
def open_folder(
    path: str | PathLike[str],
    image_format: ImageFormat | None = None,
    *,
    class_names: Sequence[str] | None = None,
    endings: Sequence[str] | None = None,
) -> ImageFolder:
    """Labelled images from a folder with a sub-folder for each class; no file is opened yet.

    Sub-folders may hold sub-folders. Names that begin with a dot and what systems leave behind
    (``__MACOSX``, ``Thumbs.db``) are passed over. The order is that of
    ``keras.utils.image_dataset_from_directory(path, shuffle=False)``.

    Parameters
    ----------
    path : path
    image_format : ImageFormat, optional
        The form that each image is brought to; as in the file if left out.
    class_names : sequence of str, optional
        The sub-folders to take, in the order of the model's classes; by default all, sorted.
    endings : sequence of str, optional
        What names of images end with, such as ``[".dcm", ""]``, where ``""`` stands for names without
        a dot. By default those of the usual kinds of images and DICOM, in any case.

    Returns
    -------
    ImageFolder

    Raises
    ------
    FileError
        If it is no folder, has no class sub-folders or no images, or holds train, val and test.
    OptionError
        If `class_names` names no sub-folder.

    Examples
    --------
    >>> xrays = open_folder("chest_xray/train", ImageFormat(size=(64, 64), mode="grey"))  # doctest: +SKIP
    >>> xrays.class_counts  # doctest: +SKIP
    {'NORMAL': 1341, 'PNEUMONIA': 3875}
    """
    # Absolute, for the working directory may be another one when a file is read.
    files = index_class_folders(Path(path).expanduser().absolute(), class_names, endings)
    return ImageFolder.of_files(files, image_format)


@clear_arguments
def open_splits(
    path: str | PathLike[str],
    image_format: ImageFormat | None = None,
    *,
    class_names: Sequence[str] | None = None,
    endings: Sequence[str] | None = None,
) -> dict[str, ImageFolder]:
    """The parts of a data set: the folders train, val and test below a path, those that are there.

    Parameters
    ----------
    path : path
        Its val may also be called valid or validation.
    image_format, class_names, endings
        As for `open_folder`. All parts have the classes of train.

    Returns
    -------
    dict of ImageFolder
        By "train", "val" and "test".

    Raises
    ------
    FileError
        If there is no train, a part has a class that train has not, or as for `open_folder`.
    """
    root = Path(path).expanduser().absolute()
    parts = find_splits(root)
    if "train" not in parts:
        raise FileError(
            f"{root} has no folder train (with val and test beside it): open_folder({str(root)!r}) reads a "
            "folder of classes.",
            slug="folder-parts",
        )
    known = list_subfolders(parts["train"])
    train = open_folder(parts.pop("train"), image_format, class_names=class_names, endings=endings)
    rest = {
        name: index_class_folders(below, train.class_names, endings, known=known)
        for name, below in parts.items()
    }
    return {"train": train} | {
        name: ImageFolder.of_files(files, image_format) for name, files in rest.items()
    }
