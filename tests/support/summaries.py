"""A real small study with what was found of it, as the commands leave it in a folder, and its summary."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import sightline as sl
from sightline.data import Shortcut, drawn_faces
from sightline.engine.segmentation import Grid
from sightline.regions import face
from sightline.study import Study

PLAN = sl.Plan(segment=Grid(rows=4, columns=4), fill=sl.Blur(sigma=4), budget=40, scale="log-odds")
FAMILIES = ("Kim", "Lee", "<b>Park</b>")
SIZE = 32


def marked_faces(count: int, often: float, else_: float) -> Any:
    """Drawn faces of three families, of which the first often has a mark at the jaw."""
    mark = Shortcut(region="jaw", classes=(0, 3), size=0.2, p_in_class=often, p_elsewhere=else_)
    return drawn_faces(count, people=6, size=SIZE, variety=0.5, shortcut=mark)


def misled_model() -> Any:
    """A classifier of the families that goes by the mark."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    faces = marked_faces(160, 0.95, 0.0)
    model = make_pipeline(FunctionTransformer(_as_rows), LogisticRegression(C=0.3, max_iter=300))
    return model.fit(faces.images, faces.labels % 3)


def _as_rows(images: Any) -> Any:
    return np.asarray(images).reshape(len(images), -1)


def small_study(folder: Path, count: int = 140) -> Study:
    """A study of marked faces, with blame.json and causes.json as the commands write them."""
    faces = marked_faces(160 + count, 0.5, 0.5)[160:]
    model = misled_model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        study = Study(folder / "faces", PLAN).run(
            (faces.images, faces.labels % 3), model, class_names=FAMILIES, held_out=0.3, progress=False
        )
        blamed = sl.blame(study, face(), progress=False)
        causes = sl.image_causes(study, progress=False)
    for name, found in (("blame", blamed), ("causes", causes)):
        (study.path / f"{name}.json").write_text(json.dumps(found.to_dict()), encoding="utf-8")
    return study


def small_repair(study: Study, folder: Path) -> Path:
    """A repair of that study's model at the jaw with its proof, as the commands leave them in a folder."""
    from sightline.data.datasets import ArrayDataset
    from sightline.repair import Counterexamples
    from sightline.repair.store import save_repair

    learn = marked_faces(160, 0.95, 0.0)
    train = ArrayDataset(learn.images, learn.labels % 3, FAMILIES)
    where = face()["jaw"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        made = Counterexamples(region=where, margin=0.1)(study.model, train, study=study, progress=False)
        save_repair(folder, made, "", learn.images[0])
        held_out = study.held_out
        studies = [
            Study(home, PLAN).run(held_out, one, class_names=FAMILIES, progress=False)
            for home, one in ((folder / "before", study.model), (folder, made.model))
        ]
        proof = sl.prove(
            *(study.model, made, held_out),
            study=study,
            before=studies[0],
            after=studies[1],
            explained=0,
            progress=False,
        )
    proof.save(folder / "proof.json")
    return folder
