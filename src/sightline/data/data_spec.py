"""a text from the command line → labelled data, and the text by which anyone opens them again."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline._arguments import clear_arguments
from sightline._spec import annotations_of, normalized, read_values, split_spec, to_spec
from sightline._trust import refuse_other_machine, untrusted_record, without_secrets
from sightline.data.datasets import ArrayDataset, Dataset, several_labels_error
from sightline.data.face_drawing import drawn_faces
from sightline.data.file_index import find_splits
from sightline.data.image_folder import open_folder
from sightline.data.image_format import ImageFormat
from sightline.data.image_list import ENDINGS, open_list
from sightline.data.items import stack_images
from sightline.data.multi_label_files import open_multi_label
from sightline.data.olivetti_faces import olivetti
from sightline.data.several_labels import MultiLabelDataset
from sightline.data.shortcuts import REGIONS, Shortcut
from sightline.errors import FileError, OptionError
from sightline.types import did_you_mean

ACCEPTED = (
    "a folder with a sub-folder for each class; a .csv, .tsv or .parquet list of paths and labels "
    "(list.csv:path_column=file,label_column=class,root=images; of several labels "
    "list.csv:label_columns=ill+marker, or list.csv:label_delimiter=|); olivetti; or drawn-faces "
    "(drawn-faces:count=200,people=10,seed=1)"
)
LIST = re.compile(rf"(.+(?:{'|'.join(map(re.escape, ENDINGS))}))(:.*)?", re.I)
LIST_OPTIONS = {"path_column": str, "label_column": str, "root": os.PathLike}
SEVERAL_OPTIONS = {**LIST_OPTIONS, "label_columns": str, "label_delimiter": str}
SEVERAL = re.compile(r"(.+?)(:.*\b(?:label_columns|label_delimiter)=.*)", re.S)
"""A list or folder with several labels for each image."""
DRAWN_OPTIONS = {
    "count": int,
    **{name: kind for name, kind in annotations_of(drawn_faces).items() if name != "n_images"},
    "shortcut": str,
    "marked": str,
}
MARKS = {region.replace(" ", "-"): region for region in REGIONS}


@clear_arguments
def open_data(
    text: str,
    image_format: ImageFormat | None = None,
    *,
    class_names: Sequence[str] | None = None,
    recorded: str = "",
) -> tuple[Dataset, str]:
    """The labelled data that a text names, one class for each image.

    Parameters
    ----------
    text : str
        - a folder with a sub-folder for each class, as `open_folder` reads it;
        - a ``.csv``, ``.tsv`` or ``.parquet`` list, as `open_list` reads it, with ``path_column``,
          ``label_column`` and ``root`` after a colon where they are needed;
        - such a list, or a folder, with several labels for each image, for `open_labels`;
        - ``olivetti``, with ``data_home`` after a colon where it is needed;
        - ``drawn-faces``, with ``count`` (200), ``people``, ``size``, ``seed``, ``colour``, ``variety``,
          ``shortcut`` (the region of a mark, such as ``jaw`` or ``left-eye``) and ``marked`` (the classes
          that it goes with, such as ``0`` or ``1+3``) after a colon.
    image_format : ImageFormat, optional
        The form that each image is brought to; left out, they stay as they are.
    class_names : sequence of str, optional
        For folders and lists: the classes in the order of the model.
    recorded : str
        The file that the text was read from, where it is not the caller's own; empty where it is trusted.

    Returns
    -------
    data : Dataset
    recipe : str
        The text that opens the same data from any working directory.

    Raises
    ------
    FileError
        If there are no such data, a folder holds the parts of a data set, a text from a file would run
        code, or as for `open_folder`, `open_list` and `olivetti`.
    OptionError
        If a parameter does not exist or cannot be used.

    Examples
    --------
    >>> faces, recipe = open_data("drawn-faces:count=4,people=2")
    >>> len(faces), faces.class_names, recipe
    (4, ('person 0', 'person 1'), 'drawn-faces:count=4,people=2')
    """
    opened, recipe = open_labels(text, image_format, class_names=class_names, recorded=recorded)
    if isinstance(opened, MultiLabelDataset):
        raise several_labels_error(opened.names)
    return opened, recipe


def open_labels(
    text: str,
    image_format: ImageFormat | None = None,
    *,
    class_names: Sequence[str] | None = None,
    recorded: str = "",
) -> tuple[Dataset | MultiLabelDataset, str]:
    """The same, and data with several labels for each image too.

    These are a list or a folder with ``label_columns`` (``ill+marker+side``) or ``label_delimiter`` after a
    colon, as `open_multi_label` reads them. Parameters, result and errors are those of `open_data`.

    Examples
    --------
    >>> open_labels("drawn-faces:count=4,people=2")[1]
    'drawn-faces:count=4,people=2'
    """
    name = text.partition(":")[0]
    if recorded:
        _refuse_untrusted(text, name, recorded)
    several = SEVERAL.fullmatch(text)
    if several is not None:
        return _open_several(several[1], several[2], image_format)
    built_in = BUILT_IN.get(normalized(name))
    if built_in is not None:
        if class_names is not None:
            raise OptionError(
                f"class_names= is for folders and lists, but {name} has its own.", slug="option-value"
            )
        data, recipe = built_in(text)
        return _brought_to(data, image_format), recipe
    path = Path(os.path.expanduser(text))  # noqa: PTH111 (Path's own fails for users that do not exist)
    if text and os.path.isdir(path):  # noqa: PTH112 (and for names that are too long)
        return _open_class_folder(path, image_format, class_names), _absolute(text)
    found = LIST.fullmatch(text)
    if found is not None:
        file = _absolute(found[1])
        written = split_spec(f"list{found[2] or ''}")[1]
        given = _absolute_paths(read_values("a list", written, LIST_OPTIONS))
        return open_list(file, image_format, class_names=class_names, **given), to_spec(file, given)
    raise _unknown_data_error(text, name, path)


def _open_several(path: str, options: str, image_format: ImageFormat | None) -> tuple[MultiLabelDataset, str]:
    """A list or folder with several labels for each image."""
    written = split_spec(f"list{options}")[1]
    given = _absolute_paths(read_values("data with several labels", written, SEVERAL_OPTIONS))
    columns = given.get("label_columns")
    several = None if columns is None else tuple(columns.split("+"))
    opened = open_multi_label(_absolute(path), image_format, **{**given, "label_columns": several})
    return opened, to_spec(_absolute(path), given)


def _refuse_untrusted(text: str, name: str, recorded: str) -> None:
    """Refuse a text from a file by which code could run, or another machine be asked."""
    refuse_other_machine(text, recorded, "data")
    if normalized(name) == "olivetti" and normalized(text) != "olivetti":
        action = "unpickle a file in the folder that it names, which runs code"
        raise untrusted_record(recorded, "data", text, action)


def _open_class_folder(
    path: Path, image_format: ImageFormat | None, class_names: Sequence[str] | None
) -> Dataset:
    try:
        return open_folder(path.absolute(), image_format, class_names=class_names)
    except FileError as error:
        if error.slug != "folder-parts":
            raise
        parts = [str(below) for below in find_splits(path).values()]
        raise FileError(
            f"{path} holds the parts of a data set and not its classes. Name one of them: "
            f"{', '.join(parts[:-1])} or {parts[-1]}.",
            slug="folder-parts",
        ) from None


def _open_olivetti(text: str) -> tuple[ArrayDataset, str]:
    given = _absolute_paths(read_values("olivetti", split_spec(text)[1], {"data_home": os.PathLike}))
    return olivetti(**given), to_spec("olivetti", given)


def _open_drawn_faces(text: str) -> tuple[ArrayDataset, str]:
    written = split_spec(text)[1]
    given = read_values("drawn-faces", written, DRAWN_OPTIONS)
    region, marked = given.pop("shortcut", None), given.pop("marked", None)
    if region is not None:
        given["shortcut"] = _shortcut(region, marked or "0")
    elif marked is not None:
        raise OptionError(
            "marked= says which classes a mark goes with, but there is none: give shortcut=, too, such as "
            "drawn-faces:shortcut=jaw,marked=0.",
            slug="option-value",
        )
    return drawn_faces(given.pop("count", 200), **given), to_spec("drawn-faces", written)


BUILT_IN: Mapping[str, Callable[[str], tuple[ArrayDataset, str]]] = {
    "olivetti": _open_olivetti,
    "drawn-faces": _open_drawn_faces,
}


def _shortcut(region: str, marked: str) -> Shortcut:
    known = MARKS.get(region.replace(" ", "-"))
    if known is None:
        raise OptionError(
            f"shortcut={region} of drawn-faces cannot be used: there is no such region. "
            f"{did_you_mean(region, MARKS)}",
            slug="option-value",
        )
    try:
        return Shortcut(region=known, classes=tuple(map(int, marked.split("+"))))
    except ValueError:
        raise OptionError(
            f"marked={marked} of drawn-faces cannot be used: it must be classes such as 0 or 1+3.",
            slug="option-value",
        ) from None


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111


def _absolute_paths(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _absolute(value) if name in ("root", "data_home") else value for name, value in given.items()
    }


def _brought_to(data: ArrayDataset, image_format: ImageFormat | None) -> ArrayDataset:
    """Images in memory in a form, as files would be in it: grey ones have no channels."""
    if image_format is None or image_format == ImageFormat():
        return data
    images = [image_format(image) for image in data.images]
    return ArrayDataset(stack_images(images, np.arange(len(images)).tolist()), data.labels, data.class_names)


def _unknown_data_error(text: str, name: str, path: Path) -> FileError:
    if os.path.isfile(path):  # noqa: PTH113
        what = "is a file, but no list"
    else:
        what = "names no data: there is no such folder, file or set"
    close = did_you_mean(name, BUILT_IN).partition(" Valid")[0]
    return FileError(
        f"{without_secrets(text)!r} {what}. {f'{close} ' if close.startswith('Did') else ''}It has to be "
        f"{ACCEPTED}.",
        slug="data-text",
    )
