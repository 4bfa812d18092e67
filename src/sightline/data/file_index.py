"""a folder of class sub-folders → the names of its image files, in little room."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Int64

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
    classes : int array, one for each folder
        Its class.
    names : bytes
        All file names, one after the other.
    ends : int array, shape (N,)
        Where each name ends in `names`.
    homes : int array, shape (N,)
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
    ignored: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return len(self.name_ends)

    def __repr__(self) -> str:
        return f"Listing({len(self):,} files below {self.root})"

    def path(self, place: int) -> str:
        """Path of a file, by its place."""
        name = self.names[self.name_ends[place - 1] if place else 0 : self.name_ends[place]]
        return os.fsdecode(os.path.join(self.folders[self.folder_indices[place]], name))  # noqa: PTH118


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
    there = _class_folders(root)
    names = tuple(there) if class_names is None else _checked_class_names(root, there, class_names, known)
    counted = _ending_filter(endings)
    folders: list[bytes] = []
    classes: list[int] = []
    homes: list[Int32[np.ndarray, "_"]] = []
    lengths: list[Int64[np.ndarray, "_"]] = []
    text = bytearray()
    others: Counter[str] = Counter()
    for label, name in enumerate(names):
        before = len(lengths)
        for folder, files in _walk_folders(os.path.join(os.fsencode(root), os.fsencode(name))):  # noqa: PTH118
            kept = sorted(file for file in files if counted(file))
            others.update(_lower_ending(file) for file in files if not counted(file))
            if kept:
                text += b"".join(kept)
                lengths.append(np.fromiter(map(len, kept), np.int64, len(kept)))
                homes.append(np.full(len(kept), len(folders), np.int32))
                folders.append(folder)
                classes.append(label)
        if len(lengths) == before:
            warn(
                f"the class {name!r} has no images below {root}. It stays a class, so that the labels keep "
                "their meaning.",
                slug="class-empty",
            )
    if not lengths:
        raise _no_images_error(root, names, others)
    ends = np.cumsum(np.concatenate(lengths))
    ignored = tuple((ending, others[ending]) for ending in sorted(others))
    return FileIndex(
        root,
        tuple(folders),
        np.array(classes, np.int32),
        bytes(text),
        ends,
        np.concatenate(homes),
        names,
        ignored,
    )


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
                "with folder().",
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
            f"splits({str(root)!r}) reads them all; folder({str(parts['train'])!r}) reads one.",
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
    given = (names,) if isinstance(names, str) else tuple(names)
    if not given or len(set(given)) < len(given):
        raise OptionError(
            f"class_names must name each class once, but {list(given)!r} was given.", slug="option-value"
        )
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


def _no_images_error(root: Path, names: Sequence[str], others: Counter[str]) -> FileError:
    listed = ", ".join(f"{others[ending]} {ending or 'without ending'}" for ending in sorted(others))
    more = f" Other files are there ({listed}): name what counts with endings=." if others else ""
    return FileError(
        f"the class sub-folders of {root} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''}) hold no "
        f"images.{more}",
        slug="folder-empty",
    )
