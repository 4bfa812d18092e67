"""a text from the command line → labelled data, and the text by which anyone opens them again."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.data.class_folders import open_folder
from sightline.data.datasets import Dataset, Pair
from sightline.data.face_drawing import drawn_faces
from sightline.data.file_index import find_splits
from sightline.data.image_dataset import ArrayDataset
from sightline.data.image_format import ImageFormat, stack_images
from sightline.data.image_list import ENDINGS, open_list
from sightline.data.olivetti_faces import olivetti
from sightline.data.shortcuts import REGIONS, Shortcut
from sightline.errors import FileError, OptionError
from sightline.types import did_you_mean

ACCEPTED = (
    "a folder with a sub-folder for each class; a .csv, .tsv or .parquet list of paths and labels "
    "(list.csv:path_column=file,label_column=class,root=images); olivetti; or drawn-faces "
    "(drawn-faces:count=200,people=10,seed=1)"
)
LIST = re.compile(rf"(.+(?:{'|'.join(map(re.escape, ENDINGS))}))(?::(.*))?", re.I)
Kinds = Mapping[str, Callable[[str], Any]]
"""What makes a value of each parameter's text."""
MARKS = {region.replace(" ", "-"): region for region in REGIONS}


def open_data(
    text: str, form: ImageFormat | None = None, *, class_names: Sequence[str] | None = None
) -> tuple[Dataset, str]:
    """The labelled data that a text names.

    Parameters
    ----------
    text : str
        - a folder with a sub-folder for each class, as `folder` reads it;
        - a ``.csv``, ``.tsv`` or ``.parquet`` list, as `listed` reads it, with ``path_column``,
          ``label_column`` and ``root`` after a colon where they are needed;
        - ``olivetti``, with ``data_home`` after a colon where it is needed;
        - ``drawn-faces``, with ``count`` (200), ``people``, ``size``, ``seed``, ``colour``, ``variety``,
          ``shortcut`` (the region of a mark, such as ``jaw`` or ``left-eye``) and ``marked`` (the classes
          that it goes with, such as ``0`` or ``1+3``) after a colon.
    form : Form, optional
        The form that each image is brought to; left out, they stay as they are.
    class_names : sequence of str, optional
        For folders and lists: the classes in the order of the model.

    Returns
    -------
    data : Source
    recipe : str
        The text that opens the same data from any working directory.

    Raises
    ------
    FileError
        If there are no such data, a folder holds the parts of a data set, or as for `folder`, `listed` and
        `olivetti`.
    OptionError
        If a parameter does not exist or cannot be used.

    Examples
    --------
    >>> faces, recipe = open_data("drawn-faces:count=4,people=2")
    >>> len(faces), faces.class_names, recipe
    (4, ('person 0', 'person 1'), 'drawn-faces:count=4,people=2')
    """
    name, _, rest = text.partition(":")
    built_in = BUILT_IN.get(name.strip().lower().replace("_", "-"))
    if built_in is not None:
        if class_names is not None:
            raise OptionError(
                f"class_names= is for folders and lists, but {name} has its own.", slug="option-value"
            )
        data, recipe = built_in(_parameters(text, rest))
        return _formed(data, form), recipe
    path = Path(os.path.expanduser(text))  # noqa: PTH111 (Path's own fails for users that do not exist)
    if text and os.path.isdir(path):  # noqa: PTH112 (and for names that are too long)
        return _open_class_folder(path, form, class_names), _path(text)
    found = LIST.fullmatch(text)
    if found is not None:
        return _open_list_text(text, found[1], found[2] or "", form, class_names)
    raise _unknown_data_error(text, name, path)


def _open_class_folder(path: Path, form: ImageFormat | None, class_names: Sequence[str] | None) -> Dataset:
    try:
        return open_folder(path.absolute(), form, class_names=class_names)
    except FileError as error:
        if error.slug != "folder-parts":
            raise
        parts = [str(below) for below in find_splits(path).values()]
        raise FileError(
            f"{path} holds the parts of a data set and not its classes. Name one of them: "
            f"{', '.join(parts[:-1])} or {parts[-1]}.",
            slug="folder-parts",
        ) from None


def _open_list_text(
    text: str, path: str, rest: str, form: ImageFormat | None, class_names: Sequence[str] | None
) -> tuple[Dataset, str]:
    kinds: Kinds = {"path_column": str, "label_column": str, "root": _path}
    given = _typed(_parameters(text, rest), kinds, "a list")
    file = _path(path)
    return open_list(file, form, class_names=class_names, **given), _recipe(file, given)


def _open_olivetti(parameters: dict[str, str]) -> tuple[ArrayDataset, str]:
    given = _typed(parameters, {"data_home": _path}, "olivetti")
    return olivetti(**given), _recipe("olivetti", given)


def _open_drawn_faces(parameters: dict[str, str]) -> tuple[ArrayDataset, str]:
    kinds: Kinds = {
        **dict.fromkeys(("count", "people", "size", "seed"), int),
        "colour": _truth,
        "variety": float,
        "shortcut": _region,
        "marked": _numbers,
    }
    given = _typed(parameters, kinds, "drawn-faces")
    recipe = _recipe("drawn-faces", parameters)
    region, marked = given.pop("shortcut", None), given.pop("marked", (0,))
    if region is not None:
        given["shortcut"] = Shortcut(region=region, classes=marked)
    elif "marked" in parameters:
        raise OptionError(
            "marked= says which classes a mark goes with, but there is none: give shortcut=, too, such as "
            "drawn-faces:shortcut=jaw,marked=0.",
            slug="option-value",
        )
    return drawn_faces(given.pop("count", 200), **given), recipe


BUILT_IN: Mapping[str, Callable[[dict[str, str]], tuple[ArrayDataset, str]]] = {
    "olivetti": _open_olivetti,
    "drawn-faces": _open_drawn_faces,
}


def _parameters(text: str, rest: str) -> dict[str, str]:
    """What is after the colon, as it is written."""
    found: dict[str, str] = {}
    for one in filter(None, map(str.strip, rest.split(","))):
        name, equals, value = (part.strip() for part in one.partition("="))
        if not (equals and name.isidentifier() and value) or name in found:
            raise OptionError(
                f"{text!r} cannot be read: write name:parameter=value,parameter=value, such as "
                "drawn-faces:count=200,people=10.",
                slug="option-syntax",
            )
        found[name] = value
    return found


def _typed(given: Mapping[str, str], kinds: Kinds, whose: str) -> dict[str, Any]:
    typed = {}
    for name, value in given.items():
        if name not in kinds:
            raise OptionError(
                f"{whose} has no parameter {name!r}. {did_you_mean(name, kinds)}", slug="option-unknown"
            )
        try:
            typed[name] = kinds[name](value)
        except ValueError as error:
            raise OptionError(
                f"{name}={value} of {whose} cannot be used: {error}.", slug="option-value"
            ) from None
    return typed


def _recipe(name: str, given: Mapping[str, Any]) -> str:
    listed_ = ",".join(f"{parameter}={value}" for parameter, value in given.items())
    return f"{name}:{listed_}" if listed_ else name


def _path(text: str) -> str:
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it must be True or False")
    return text.lower() == "true"


def _region(text: str) -> str:
    region = MARKS.get(text.replace(" ", "-"))
    if region is None:
        raise ValueError(f"there is no such region. {did_you_mean(text, MARKS)}".rstrip("."))
    return region


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("+")))


def _formed(data: ArrayDataset, form: ImageFormat | None) -> Dataset:
    """Images in memory in a form, as files would be in it: grey ones have no channels."""
    if form is None or form == ImageFormat():
        return data
    images = [form(image) for image in data.images]
    return Pair(stack_images(images, np.arange(len(images)).tolist()), data.labels, data.class_names)


def _unknown_data_error(text: str, name: str, path: Path) -> FileError:
    if os.path.isfile(path):  # noqa: PTH113
        what = "is a file, but no list"
    else:
        what = "names no data: there is no such folder, file or set"
    close = did_you_mean(name, BUILT_IN).partition(" Valid")[0]
    return FileError(
        f"{text!r} {what}. {f'{close} ' if close.startswith('Did') else ''}It has to be {ACCEPTED}.",
        slug="data-text",
    )
