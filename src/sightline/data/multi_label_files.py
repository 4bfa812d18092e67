"""a list or folder of images with several labels each → the images, and what is known of each label."""

import os
from collections.abc import Sequence
from os import PathLike

from sightline._arguments import clear_arguments
from sightline.data.image_folder import ImageFolder, open_folder
from sightline.data.image_format import ImageFormat
from sightline.data.image_list import images_of_list, read_list
from sightline.data.several_labels import MultiLabelDataset, combinations_of_cells, split_combinations
from sightline.errors import FileError, ImageError, OptionError


@clear_arguments
def open_multi_label(
    path: str | PathLike[str],
    image_format: ImageFormat | None = None,
    *,
    label_columns: Sequence[str] | None = None,
    label_column: str = "label",
    label_delimiter: str | None = None,
    path_column: str = "path",
    root: str | PathLike[str] | None = None,
) -> MultiLabelDataset:
    """Images of which several labels may be true, from a list or a folder; no image is opened yet.

    Parameters
    ----------
    path : path
        A list, as for `open_list`, with a column for each label (`label_columns`), or one with the names of
        all labels that are there (`label_column`, `label_delimiter`); or a folder of sub-folders that are
        called by them, such as ``ill+marker`` with the delimiter ``"+"``.
    image_format : ImageFormat, optional
        The form that each image is brought to; as in the file if left out.
    label_columns : sequence of str, optional
        The columns, one for each label: 1 or 0, yes or no, true or false; empty or −1 where nobody said.
    label_column, label_delimiter : str
        The column with names, and what stands between them; a cell without any has none of the labels.
    path_column : str
        Which column holds the path.
    root : path, optional
        The folder that the paths begin at; by default the list's own.

    Raises
    ------
    FileError, ImageError
        As for `open_list` and `open_folder`; or a cell of a label says neither yes nor no.
    OptionError
        If neither `label_columns` nor `label_delimiter` is given, or both.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (8, 6)).save(f"{folder}/a.png")
    ...     _ = pathlib.Path(f"{folder}/films.csv").write_text("path,ill,marker\\na.png,1,0\\na.png,1,\\n")
    ...     films = open_multi_label(f"{folder}/films.csv", label_columns=["ill", "marker"])
    ...     films, films.truth.tolist()
    (MultiLabelDataset(2 images, 2 labels: ill 2 of 2, marker 0 of 1 (1 not known)), [[1, 0], [1, -1]])
    """
    if (label_columns is None) == (label_delimiter is None) or label_delimiter == "":
        raise OptionError(
            "say how several labels of an image are written: label_columns=, a column for each; or "
            "label_delimiter=, what stands between the names of those that are there.",
            slug="option-value",
        )
    if label_delimiter is not None and os.path.isdir(os.path.expanduser(path)):  # noqa: PTH111, PTH112
        folder = open_folder(path, image_format)
        return _split_names(folder, folder.class_names, label_delimiter)
    label_columns = (label_columns,) if isinstance(label_columns, str) else label_columns
    columns = tuple(label_columns or (label_column,))
    twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    if twice:
        raise OptionError(
            f"label_columns names {twice[0]!r} twice: name each label once.", slug="option-value"
        )
    file, top, files, first_lines = read_list(path, path_column, columns, root, may_be_empty=True)
    known = {cells: place for place, cells in enumerate(first_lines)}
    shown = tuple(" ".join(cells) for cells in known)
    images = images_of_list(file, top, files, shown, known.__getitem__, image_format)
    if label_delimiter is not None:
        return _split_names(images, [cells[0] for cells in known], label_delimiter)
    try:
        combinations = combinations_of_cells(known, columns)
    except ImageError as error:
        raise FileError(
            f"{file}: {str(error).removesuffix(f' [{error.slug}]')}", slug="list-labels"
        ) from None
    return MultiLabelDataset(images, combinations, columns)


def _split_names(images: ImageFolder, texts: Sequence[str], delimiter: str) -> MultiLabelDataset:
    combinations, names = split_combinations(texts, delimiter)
    if not names:
        raise FileError(f"no label is named in {images.file_index.root}: all are empty.", slug="list-labels")
    return MultiLabelDataset(images, combinations, names)
