"""a folder of class sub-folders → labelled images, or the train, val and test of them."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from sightline.data.file_index import FileIndex, find_splits, index_class_folders, list_subfolders
from sightline.data.image_folder import ImageFolder
from sightline.data.image_format import ImageFormat
from sightline.errors import FileError


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
    form : Form, optional
        The form that each image is brought to; as in the file if left out.
    class_names : sequence of str, optional
        The sub-folders to take, in the order of the model's classes; by default all, sorted.
    endings : sequence of str, optional
        What names of images end with, such as ``[".dcm", ""]``, where ``""`` stands for names without
        a dot. By default those of the usual kinds of images and DICOM, in any case.

    Returns
    -------
    Folder

    Raises
    ------
    FileError
        If it is no folder, has no class sub-folders or no images, or holds train, val and test.
    OptionError
        If `class_names` names no sub-folder.

    Examples
    --------
    >>> xrays = open_folder("chest_xray/train", Form(size=(64, 64), mode="grey"))  # doctest: +SKIP
    >>> xrays.counts  # doctest: +SKIP
    {'NORMAL': 1341, 'PNEUMONIA': 3875}
    """
    return _whole(index_class_folders(Path(path).expanduser(), class_names, endings), image_format)


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
    form, class_names, endings
        As for `open_folder`. All parts have the classes of train.

    Returns
    -------
    dict of Folder
        By "train", "val" and "test".

    Raises
    ------
    FileError
        If there is no train, a part has a class that train has not, or as for `open_folder`.
    """
    root = Path(path).expanduser()
    parts = find_splits(root)
    if "train" not in parts:
        raise FileError(
            f"{root} has no folder train (with val and test beside it): folder({str(root)!r}) reads a folder "
            "of classes.",
            slug="folder-parts",
        )
    known = list_subfolders(parts["train"])
    train = open_folder(parts.pop("train"), image_format, class_names=class_names, endings=endings)
    rest = {
        name: _whole(index_class_folders(below, train.class_names, endings, known=known), image_format)
        for name, below in parts.items()
    }
    return {"train": train, **rest}


def _whole(files: FileIndex, form: ImageFormat | None) -> ImageFolder:
    return ImageFolder(
        files, ImageFormat() if form is None else form, np.arange(len(files), dtype=np.int32), {}
    )
