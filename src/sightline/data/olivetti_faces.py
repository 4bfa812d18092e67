"""scikit-learn's cache → the Olivetti faces, with labels."""

import os
from os import PathLike
from pathlib import Path

import numpy as np

from sightline._arguments import clear_arguments
from sightline.data.datasets import ArrayDataset
from sightline.errors import FileError

FILE = "olivetti_py3.pkz"


@clear_arguments
def olivetti(*, data_home: str | PathLike[str] | None = None, download: bool = True) -> ArrayDataset:
    """The Olivetti faces of AT&T Laboratories Cambridge: 40 people, 10 images of each.

    Read by scikit-learn's ``fetch_olivetti_faces``, from its cache folder if they are there.

    Parameters
    ----------
    data_home : path, optional
        scikit-learn's data folder. By default the one that the environment variable
        SCIKIT_LEARN_DATA names, else ``~/scikit_learn_data``.
    download : bool
        Whether to fetch the file (4 MB) when it is not in that folder.

    Returns
    -------
    ArrayDataset
        400 grey images repeated to RGB, float32 of shape (400, 64, 64, 3) from 0 to 1, ordered by
        person; labels 0 to 39.

    Raises
    ------
    FileError
        If the file is neither there nor to be had, or cannot be read.

    Examples
    --------
    >>> faces = olivetti(data_home="/folder/of/data", download=False)  # doctest: +SKIP
    >>> faces.images.shape  # doctest: +SKIP
    (400, 64, 64, 3)
    """
    from sklearn.datasets import fetch_olivetti_faces

    home = Path(data_home or os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")).expanduser()
    there = (home / FILE).is_file()
    if not there and not download:
        raise _missing_file_error(home, "download=False forbids fetching it")
    try:
        faces = fetch_olivetti_faces(data_home=home, download_if_missing=download)
    except Exception as error:
        raise (
            _damaged_file_error(home, error)
            if there
            else _missing_file_error(home, f"fetching it failed: {error}")
        ) from error
    images = np.repeat(faces.images[..., np.newaxis], 3, axis=-1)
    return ArrayDataset(images, faces.target.astype(np.intp), tuple(f"person {which}" for which in range(40)))


def _missing_file_error(home: Path, why: str) -> FileError:
    return FileError(
        f"the Olivetti faces are not here: there is no {FILE} in {home}, and {why}. Call "
        "sklearn.datasets.fetch_olivetti_faces() on a machine with a network and copy the file that it "
        "leaves there, or name its folder with data_home= or the environment variable SCIKIT_LEARN_DATA. "
        "drawn_faces(400) needs no file.",
        slug="data-missing",
    )


def _damaged_file_error(home: Path, error: Exception) -> FileError:
    return FileError(
        f"{home / FILE} cannot be read as the Olivetti faces ({type(error).__name__}: {error}). Delete it, "
        "and it is fetched again.",
        slug="data-broken",
    )
