"""a folder of class sub-folders → the names of its image files, in little room."""

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Int32, Int64

from sightline._class_names import ordered_names
from sightline._files import readable_text
from sightline.errors import FileError, OptionError, warn
from sightline.types import did_you_mean, record

ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".jp2", ".dcm", ".dicom"),
)
"""What the name of an image ends with, in any case."""

PASSED_OVER = (b"__MACOSX", b"@eaDir", b"$RECYCLE.BIN")
"""Folders that systems leave behind, beside all whose names begin with a dot."""

PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Names of the parts of a data set → what they are called here."""


@record
class FileIndex:
    """The names of many files: about 12 bytes a file beside the name itself.

    Parameters
    ----------
    root : Path
    folders : tuple of bytes
        Path of each folder that holds images.
    folder_classes : int array, one for each folder
        Its class.
    names : bytes
        All file names, one after the other.
    name_ends : int array, shape (N,)
        Where each name ends in `names`.
    folder_indices : int array, shape (N,)
        The folder of each file.
    class_names : tuple of str
    ignored : tuple of (str, int)
        Endings of the files that do not count as images, and how many there are.
    """

    root: Path
    folders: tuple[bytes, ...]
    folder_classes: Int32[np.ndarray, "F"]
    names: bytes
    name_ends: Int64[np.ndarray, "N"]
    folder_indices: Int32[np.ndarray, "N"]
    class_names: tuple[str, ...]
    ignored: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.name_ends)

    def __repr__(self) -> str:
        return f"FileIndex({len(self):,} files below {str(self.root)!r})"

    def path(self, index: int) -> str:
        """Path of a file."""
        name = self.names[self.name_ends[index - 1] if index else 0 : self.name_ends[index]]
        return os.fsdecode(os.path.join(self.folders[self.folder_indices[index]], name))  # noqa: PTH118

    def labels_of(self, files: Any) -> Int[np.ndarray, "n"]:
        """Classes of some files."""
        folders = self.folder_indices[np.asarray(files, np.intp)]
        return np.asarray(self.folder_classes[folders], dtype=np.intp)

    def fingerprint_parts(self, form: str) -> Iterator[str | bytes | Int64[np.ndarray, "..."]]:
        """What tells the files apart, wherever the root lies: names and labels, not what is in them."""
        root = os.fsencode(self.root)
        yield f"({form}, {tuple(folder.removeprefix(root) for folder in self.folders)!r})"
        yield self.names
        for numbers in (self.name_ends, self.folder_indices, self.folder_classes):
            yield numbers.astype(np.int64)


@dataclass
class FileIndexBuilder:
    """Files one by one, in little room: a name costs its bytes and 12."""

    names: bytearray = field(default_factory=bytearray)
    lengths: "array[int]" = field(default_factory=lambda: array("q"))
    indices: "array[int]" = field(default_factory=lambda: array("i"))
    folders: dict[tuple[bytes, Any], int] = field(default_factory=dict)
    """Path and label of each folder → its index."""

    def add_file(self, folder: bytes, label: Any, name: bytes) -> None:
        """One more file."""
        self.indices.append(self.folders.setdefault((folder, label), len(self.folders)))
        self.lengths.append(len(name))
        self.names += name

    def build(
        self,
        root: Path,
        class_names: tuple[str, ...],
        label_indices: Callable[[Any], int],
        ignored: tuple[tuple[str, int], ...] = (),
    ) -> FileIndex:
        """The index of all files."""
        return FileIndex(
            root,
            tuple(folder for folder, _ in self.folders),
            np.array([label_indices(label) for _, label in self.folders], np.int32),
            bytes(self.names),
            np.cumsum(np.frombuffer(self.lengths, np.int64)),
            np.frombuffer(self.indices, np.int32).copy(),
            class_names,
            ignored,
        )


def index_class_folders(
    root: Path,
    class_names: Sequence[str] | None,
    endings: Sequence[str] | None,
    *,
    known: Sequence[str] | None = None,
) -> FileIndex:
    """The image files below a folder of class sub-folders, without opening one.

    In the order of ``keras.utils.image_dataset_from_directory``: classes by name, in each the folders by
    path, in each the files by name. Links are followed, once.

    Parameters
    ----------
    root : Path
    class_names : sequence of str, optional
        The sub-folders to take, in this order; by default all of them, sorted.
    endings : sequence of str, optional
        What names of images end with; ``""`` stands for names without a dot. `ENDINGS` by default.
    known : sequence of str, optional
        All classes of the data set that this is one part of: any of them may be missing here.

    Raises
    ------
    FileError
        If it is no folder, cannot be listed, or holds no classes or no images.
    OptionError
        If a name in `class_names` is there twice or not a sub-folder.
    """
    folders = {readable_text(name): name for name in _class_folders(root)}
    there, known = list(folders), None if known is None else list(map(readable_text, known))
    names = tuple(there) if class_names is None else _checked_class_names(root, there, class_names, known)
    is_image = _ending_filter(endings)
    files = FileIndexBuilder()
    others: Counter[str] = Counter()
    for label, name in enumerate(names):
        before = len(files.lengths)
        below = os.path.join(os.fsencode(root), os.fsencode(folders.get(name, name)))  # noqa: PTH118
        for folder, held in _walk_folders(below):
            for file in sorted(filter(is_image, held)):
                files.add_file(folder, label, file)
            others.update(_lower_ending(file) for file in held if not is_image(file))
        if len(files.lengths) == before:
            warn(
                f"the class {name!r} has no images below {root}. It stays a class, so that the labels keep "
                "their meaning.",
                slug="class-empty",
            )
    ignored = tuple(sorted(others.items()))
    if not files.lengths:
        raise _no_images_error(root, names, ignored)
    return files.build(root, names, int, ignored)


def find_splits(root: Path) -> dict[str, Path]:
    """Which of train, val and test are sub-folders, in this order; `PARTS` has their other names.

    Raises
    ------
    FileError
        If `root` is no folder, or there are two by names of one part.
    """
    found: dict[str, Path] = {}
    for name in list_subfolders(root):
        part = PARTS.get(name.lower())
        if part in found:
            raise FileError(
                f"{root} holds both {found[part].name} and {name}, which are names of one part. Read each "
                "with open_folder().",
                slug="folder-parts",
            )
        if part is not None:
            found[part] = root / name
    return {part: found[part] for part in dict.fromkeys(PARTS.values()) if part in found}


def _class_folders(root: Path) -> list[str]:
    """Names of the class sub-folders, sorted."""
    there = list_subfolders(root)
    if not there:
        raise FileError(
            f"{root} has no sub-folders, and each class needs one, named after it: "
            f"{root / 'CLASS' / 'image.png'}.",
            slug="folder-classes",
        )
    parts = find_splits(root)
    if "train" in parts and len(parts) == len(there) and all(map(list_subfolders, parts.values())):
        raise FileError(
            f"{root} holds {', '.join(there)}, which are the parts of a data set and not its classes. "
            f"open_splits({str(root)!r}) reads them all; open_folder({str(parts['train'])!r}) reads one.",
            slug="folder-parts",
        )
    return there


def list_subfolders(root: Path) -> list[str]:
    """Names of the folders in a folder, sorted.

    Raises
    ------
    FileError
        If it is no folder.
    """
    return sorted(os.fsdecode(one.name) for one in _scan_folder(os.fsencode(root)) if _is_folder(one))


def _scan_folder(folder: bytes) -> list["os.DirEntry[bytes]"]:
    """What a folder holds, without what is hidden.

    Raises
    ------
    FileError
        If it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return [one for one in entries if not one.name.startswith(b".") and one.name not in PASSED_OVER]
    except (OSError, ValueError) as error:
        name, missing = os.fsdecode(folder), isinstance(error, FileNotFoundError)
        why = "there is no such folder" if missing else getattr(error, "strerror", None) or str(error)
        raise FileError(f"{name} cannot be read as a folder of images: {why}.", slug="file-missing") from None


def _is_folder(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _walk_folders(top: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Every folder from `top` down, sorted by path, and the names of its files."""
    if not os.path.isdir(top):  # noqa: PTH112
        return
    found: list[tuple[bytes, list[bytes]]] = []
    waiting, seen = [top], {os.path.realpath(top)}
    while waiting:
        folder = waiting.pop()
        files = []
        for entry in _scan_folder(folder):
            if not _is_folder(entry):
                files.append(entry.name)
            elif not entry.is_symlink():
                waiting.append(entry.path)
            elif (real := os.path.realpath(entry.path)) not in seen:
                seen.add(real)
                waiting.append(entry.path)
        found.append((folder, files))
    yield from sorted(found)


def _checked_class_names(
    root: Path, there: Sequence[str], names: Sequence[str], known: Sequence[str] | None
) -> tuple[str, ...]:
    given = distinct_names(names)
    for name in given:
        if name not in (there if known is None else known):
            raise OptionError(
                f"{root} has no class sub-folder {name!r}. {did_you_mean(name, there)}", slug="option-value"
            )
    more = [] if known is None else sorted(set(there) - set(known))
    if more:
        raise FileError(
            f"{root} has the class {more[0]!r}, which train has not. {did_you_mean(more[0], known or ())}",
            slug="folder-classes",
        )
    return given


def _ending_filter(endings: Sequence[str] | None) -> Callable[[bytes], bool]:
    """Whether a file's name counts as that of an image."""
    given = (endings,) if isinstance(endings, str) else ENDINGS if endings is None else endings
    bare = "" in given
    dotted = tuple(os.fsencode(f".{one.lower().removeprefix('.')}") for one in given if one)
    return lambda name: name.lower().endswith(dotted) or (bare and b"." not in name)


def _lower_ending(name: bytes) -> str:
    return os.path.splitext(os.fsdecode(name))[1].lower()  # noqa: PTH122


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of classes, each there once.

    Raises
    ------
    OptionError
    """
    given = (names,) if isinstance(names, str) else () if names is None else ordered_names(names)
    if not given or len(set(given)) < len(given):
        raise OptionError(
            f"class_names must name each class once, but {list(given)!r} was given.", slug="option-value"
        )
    return given


def _no_images_error(root: Path, names: Sequence[str], ignored: Sequence[tuple[str, int]]) -> FileError:
    listed = ", ".join(f"{count} {ending or 'without ending'}" for ending, count in ignored)
    more = f" Other files are there ({listed}): name what counts with endings=." if ignored else ""
    return FileError(
        f"the class sub-folders of {root} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''}) hold no "
        f"images.{more}",
        slug="folder-empty",
    )
