"""Small studies to be exported: names that could do harm, and how far a study may have come."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import sightline as sl
from sightline.study import Study

NAMES = ('a, "b"\n<i>c</i>', "=cmd|' /C calc'!A0", "턱 <b>")
"""What breaks CSV, Markdown, HTML and Excel, and what needs UTF-8."""
PLAN = sl.Plan(segment=sl.Grid(rows=2, columns=2), budget=16, fill="colour")


def thirds(images: Any) -> Any:
    """Three classes by how bright the upper half is."""
    bright = np.asarray(images)[:, :4].mean(axis=(1, 2))
    middles = np.array([0.4, 0.5, 0.6])
    near = np.exp(-np.abs(bright[:, np.newaxis] - middles) / 0.05)
    return (near + 1e-9) / (near + 1e-9).sum(axis=1, keepdims=True)


def odd_data(count: int = 18) -> tuple[Any, Any]:
    """Images, and labels that the model does not always say."""
    rng = np.random.default_rng(0)
    images = rng.random((count, 8, 8))
    return images, rng.integers(0, 3, count)


def odd_study(folder: Path, count: int = 18, **how: Any) -> Study:
    """A study of classes whose names could do harm."""
    return Study(folder, PLAN).run(odd_data(count), thirds, class_names=NAMES, progress=False, **how)


def keep_result(study: Study, name: str, found: Any) -> None:
    """As a command leaves it in the study's folder."""
    (study.path / f"{name}.json").write_text(json.dumps(found.to_dict()), encoding="utf-8")


def odd_proof(**how: Any) -> Any:
    """A proof that a model which errs less than that one is better, of a region of the same grid."""

    def better(images: Any) -> Any:
        return thirds(np.asarray(images) * 0.98)

    images, labels = odd_data(40)
    where = sl.regions.grid(2, 2)["r1c1"]
    return sl.prove(
        *(sl.as_model(one, class_names=NAMES) for one in (thirds, better)),
        (images, labels),
        region=where,
        explained=0,
        progress=False,
        **how,
    )
