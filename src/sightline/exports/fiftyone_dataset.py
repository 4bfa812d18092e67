"""Export → samples of FiftyOne: images, labels, answers and heat maps.

The folder is FiftyOne's own: ``data/`` with the images, ``metadata.json`` and ``samples.json``, whose labels
are Classification and Heatmap. It is written without FiftyOne, which reads it by
``Dataset.from_dir(dataset_type=fiftyone.types.FiftyOneDataset)``. Given a data set, samples are added to it.
"""

import base64
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sightline._arguments import describe_value
from sightline._files import is_a_file, write_bytes, write_text
from sightline._optional import require
from sightline._own_files import check_replaceable, refuse_to_replace
from sightline.errors import OptionError, SightlineError
from sightline.exports.finding_table import plain_cell, write_failures
from sightline.exports.study_tables import class_name_of
from sightline.render import display_image, image_to_png, scale_limit
from sightline.study.schema import Row
from sightline.types import record

if TYPE_CHECKING:
    from sightline.exports.study_export import Export


ABOUT = "metadata.json"


@record
class ExportedSamples:
    """What was handed to FiftyOne.

    Parameters
    ----------
    files : tuple of Path
    samples : int
    unreadable : int
        Explained images that are left out, for they cannot be read from here.
    """

    files: tuple[Path, ...]
    samples: int
    unreadable: int


@record
class FiftyOneSample:
    """One image with what was said of it.

    Parameters
    ----------
    filepath : Path
        Of the image as a PNG file.
    tags : tuple of str
        ``"right"`` or ``"wrong"``.
    labels : dict of str to str
        Field → the class of it: ``"ground_truth"`` and ``"predictions"``.
    scores : dict of str to float
        Field → the score of that class.
    heat : float array, shape (H, W)
        Attribution towards the predicted class.
    limit : float
        Its scale is −limit to limit, the same for all samples.
    about : dict
        Further fields.
    """

    filepath: Path
    tags: tuple[str, ...]
    labels: dict[str, str]
    scores: dict[str, float]
    heat: Float[np.ndarray, "H W"]
    limit: float
    about: dict[str, Any]


def write_fiftyone(made: "Export", folder: Path) -> ExportedSamples:
    """Write a folder that FiftyOne reads as a data set.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    with write_failures(folder):
        for name in (ABOUT, "samples.json"):
            if is_a_file(folder / name) and not _is_own_folder(folder):
                refuse_to_replace(folder / name)
        (folder / "data").mkdir(parents=True, exist_ok=True)
        samples, files = [], []
        for one in study_samples(made, folder):
            samples.append(_sample_object(one, folder))
            files.append(one.filepath)
        about = {"name": made.values.study.path.name, "media_type": "image", "info": _dataset_info(made)}
        files.append(write_text(folder / ABOUT, json.dumps(about, ensure_ascii=False, indent=1)))
        files.append(
            write_text(folder / "samples.json", json.dumps({"samples": samples}, ensure_ascii=False))
        )
    return ExportedSamples(tuple(files), len(samples), len(made.values.study) - len(samples))


def add_to_fiftyone(made: "Export", dataset: Any, folder: Path) -> ExportedSamples:
    """Add samples to a data set of FiftyOne's; their images are written into the folder."""
    fiftyone = require("fiftyone", extra="fiftyone")
    if not hasattr(dataset, "add_samples"):
        raise OptionError(
            f"dataset must be one of FiftyOne's, but {describe_value(dataset)} was given.",
            slug="option-value",
        )
    samples, files = [], []
    with write_failures(folder):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        listed = list(study_samples(made, folder))
    for one in listed:
        files.append(one.filepath)
        sample = fiftyone.Sample(filepath=str(one.filepath), tags=list(one.tags), **one.about)
        for field, label in one.labels.items():
            sample[field] = fiftyone.Classification(label=label, confidence=one.scores.get(field))
        sample["attribution"] = fiftyone.Heatmap(map=one.heat, range=[-one.limit, one.limit])
        samples.append(sample)
    dataset.add_samples(samples)
    dataset.info.update(_dataset_info(made))
    dataset.save()
    return ExportedSamples(tuple(files), len(samples), len(made.values.study) - len(samples))


def _is_own_folder(folder: Path) -> bool:
    """Whether an export wrote the samples that a folder has."""
    try:
        return "sightline" in json.loads((folder / ABOUT).read_bytes())["info"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def study_samples(made: "Export", folder: Path) -> Iterator[FiftyOneSample]:
    """Each explained image that can be read, written into ``data/``."""
    study = made.values.study
    limit = _heat_limit(made) or 1.0
    ours = _is_own_folder(folder)
    answers = {one["place"]: one for one in made.tables["answers"].records()}
    for row in study.rows():
        if row.place not in answers:
            made.check_current()
        try:
            image = study.image(row.place)
        except SightlineError:  # it can no longer be read, or is held by another process
            continue
        file = folder / "data" / f"{row.place:09d}.png"
        png = image_to_png(display_image(image))
        if not ours:
            check_replaceable(file, png)
        write_bytes(file, png)
        yield _sample_of(row, study.class_names, answers[row.place], file, limit)


def _heat_limit(made: "Export") -> float:
    """One scale for all: so that a map is strong beside another where it is."""
    peaks = [float(np.abs(row.values() / row.segments.areas).max()) for row in made.values.study.rows()]
    return scale_limit(np.array(peaks)) if peaks else 0.0


def _sample_of(
    row: Row, names: tuple[str, ...] | None, answer: dict[str, Any], file: Path, limit: float
) -> FiftyOneSample:
    classes = {"ground_truth": row.label, "predictions": row.predicted}
    labels = {
        field: str(plain_cell(class_name_of(one, names) or f"class {one}", "text"))
        for field, one in classes.items()
    }
    about = {"study_id": str(plain_cell(row.id, "text")), "place": row.place, "error_group": answer["group"]}
    scores = {"ground_truth": answer["label_score"], "predictions": answer["score"]}
    return FiftyOneSample(
        filepath=file,
        tags=("right" if row.right else "wrong",),
        labels=labels,
        scores={field: float(one) for field, one in scores.items() if one is not None and np.isfinite(one)},
        heat=row.heat(),
        limit=limit,
        about={name: value for name, value in about.items() if value is not None},
    )


def _sample_object(one: FiftyOneSample, folder: Path) -> dict[str, Any]:
    """A sample as JSON has it; the map is that of NumPy's own file, packed, as FiftyOne keeps arrays."""
    labels: dict[str, Any] = {
        field: {"_cls": "Classification", "tags": [], "label": label, "confidence": one.scores.get(field)}
        for field, label in one.labels.items()
    }
    opened = io.BytesIO()
    np.save(opened, one.heat.astype(np.float32), allow_pickle=False)
    packed = base64.b64encode(zlib.compress(opened.getvalue())).decode("ascii")
    return {
        "filepath": one.filepath.relative_to(folder).as_posix(),
        "tags": list(one.tags),
        "metadata": None,
        **one.about,
        **labels,
        "attribution": {
            "_cls": "Heatmap",
            "tags": [],
            "map": {"$binary": {"base64": packed, "subType": "00"}},
            "range": [-one.limit, one.limit],
        },
    }


def _dataset_info(made: "Export") -> dict[str, Any]:
    said = made.values.summary
    return {"sightline": {"title": said.title, "verdict": [one.text for one in said.verdict]}}
