"""The whole story on one command: a model learns a mark, is found out and repaired, and that is proved."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from sightline import figures, repair
from sightline._files import write_bytes
from sightline.data import ArrayDataset, DrawnFaces, Shortcut, drawn_faces
from sightline.demo.tutorial import say_files, train_classifier
from sightline.engine.fills import Blur
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Grid
from sightline.findings.atlas_analysis import atlas
from sightline.findings.atlas_result import Atlas
from sightline.findings.blame_analysis import blame
from sightline.findings.blame_result import Blame
from sightline.proof.analysis import prove
from sightline.proof.result import Proof
from sightline.regions import face
from sightline.reports.report_file import report
from sightline.study import Study
from sightline.types import record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PEOPLE, FAMILIES = 20, 5
LEARN, TEST, HELD_OUT = 320, 700, 0.45
EXPLAINED = 60
"""Held-out images that both models' answers are explained of."""
PLAN = Plan(segment=Grid(rows=6, columns=6), fill=Blur(), budget=96, scale="log-odds")
LOOK_AT = {
    "story.png": "the whole story on one page: begin here",
    "1-faces.png": "whom it learned from, and whom it was tested on: look at the jaw",
    "2-right-and-wrong.png": "what spoke for right answers, and what misled it in wrong ones",
    "3-atlas.png": "where it looks when it is right and when it is wrong, over all studied faces",
    "4-blame.png": "which region drives the errors, with the evidence",
    "5-proof.png": "before and after, on faces that nothing here had used",
    "report.html": "all of it as one page for a browser, which can be mailed",
}
"""What is written, and what there is to see."""


@record
class MarkedFaces:
    """Faces to learn from and to test on, and which of the latter have the mark."""

    train: ArrayDataset
    test: ArrayDataset
    marked: Bool[np.ndarray, "N"]


def marked_faces(seed: int = 0) -> MarkedFaces:
    """Drawn faces of five families: the first one's have a mark at the jaw, in the images to learn from.

    In those to test on, half of all faces have it, whoever they are.
    """
    first = tuple(range(0, PEOPLE, FAMILIES))
    names = tuple(f"family {letter}" for letter in "ABCDE")

    def drawn(count: int, often: float, else_: float) -> DrawnFaces:
        mark = Shortcut(region="jaw", classes=first, size=0.12, p_in_class=often, p_elsewhere=else_)
        return drawn_faces(count, people=PEOPLE, seed=seed, variety=0.7, shortcut=mark)

    learn, both = drawn(LEARN, 0.95, 0.0), drawn(LEARN + TEST, 0.5, 0.5)
    test = both[LEARN:]
    return MarkedFaces(
        ArrayDataset(learn.images, learn.labels % FAMILIES, names),
        ArrayDataset(test.images, test.labels % FAMILIES, names),
        test.marked,
    )


def run_walkthrough(out: Path, say: Callable[[str], object]) -> list[Path]:
    """Tell the story and return the figures that it wrote.

    Parameters
    ----------
    out : Path
        Folder for the figures and the studies; made if it is not there.
    say : callable
        Is given each line for the reader.

    Returns
    -------
    list of Path
        The page first.
    """
    out.mkdir(parents=True, exist_ok=True)
    given = marked_faces()
    first, *_ = given.train.class_names or ()
    say(
        f"{len(given.train)} faces of {FAMILIES} families to learn from, of which {first} "
        f"nearly always has a mark at the jaw. {len(given.test)} to test on: there half of all have it."
    )
    model = train_classifier(given.train)
    right = model.predict(given.test.images) == given.test.labels
    say(
        f"Right answers in the test: {right.mean():.0%}; where the mark is {right[given.marked].mean():.0%}, "
        f"where it is not {right[~given.marked].mean():.0%}."
    )
    study = Study(_empty_folder(out / "study"), PLAN).run(given.test, model, held_out=HELD_OUT)
    say(f"\n1. Study.  {study!r}")
    regions = face(sides=True, cut="head")
    seen, found = atlas(study, regions=regions), blame(study, regions)
    say(f"\n2. Blame.  {found!r}")
    region = found.confirmed[0] if found.confirmed else found.regions[0].region
    where = regions[region]
    methods = [
        repair.Guard(region=where),
        repair.LastLayer(region=where),
        repair.Counterexamples(region=where, margin=0.12, copies=2),
    ]
    choice = repair.choose(model, given.train, where, study=study, methods=methods)
    say(f"\n3. Repair at {region}.  {choice!r}")
    if choice.result is None:
        return []
    marked = given.marked[study.held_out.indices]
    held_out = study.held_out
    proof = prove(model, choice.result, held_out, study=study, present=marked, plan=PLAN, explained=EXPLAINED)
    say(f"\n4. Proof.  {proof!r}")
    drawn = list(_page_parts(given, study, seen, found, proof))
    files = list(_write_page(out, drawn, f"A model that is misled by the {region}, and its repair"))
    files.append(report(study, repaired=proof, blame=found).save(out / "report.html"))
    say_files(files, LOOK_AT, say)
    return files


def _empty_folder(folder: Path) -> Path:
    """A folder that no study is in: the story is told anew every time."""
    import shutil

    if (folder / "plan.toml").exists():
        shutil.rmtree(folder)
    return folder


def _page_parts(
    given: MarkedFaces, study: Study, seen: Atlas, found: Blame, proof: Proof
) -> Iterator[tuple[str, str, "Figure"]]:
    """Title, words and figure of each part of the page."""
    names = given.train.class_names or ()
    tested = [*np.flatnonzero(given.marked)[:3], *np.flatnonzero(~given.marked)[:2]]
    images = np.concatenate([given.train.images[:5], given.test.images[tested]])
    titles = [names[label] for label in (*given.train.labels[:5], *given.test.labels[tested])]
    yield (
        "1. What it learned from, and is tested on",
        f"One row to learn from, in which {names[0]} has a white mark at the jaw; one to "
        "test on, where anyone may.",
        figures.plot_images(images, titles),
    )
    yield (
        "2. Where it looked",
        "Red speaks for the answer that the model gave, blue against it.",
        _answers_figure(study, given.marked),
    )
    yield "3. Where it looks in all images", "", seen.plot()
    yield "4. What drives the errors", "", figures.plot_blame(found)
    yield "5. The repair, on faces that nothing had used", "", proof.plot()


def _answers_figure(study: Study, marked: Bool[np.ndarray, "N"]) -> "Figure":
    """Answers that name the mark's family, of faces that have the mark: right ones, and wrong ones."""
    named = (study.predicted == 0) & marked[study.places]
    right = np.flatnonzero(named & (study.labels == 0))[:5]
    misled = np.flatnonzero(named & (study.labels != 0))[:5]
    places = study.places[[*right, *misled]]
    labels = study.labels[[*right, *misled]]
    return figures.plot_right_and_wrong(
        [study.explanation(int(one)) for one in places], [int(one) for one in labels]
    )


def _write_page(out: Path, drawn: list[tuple[str, str, "Figure"]], heading: str) -> Iterator[Path]:
    parts = [file for file in LOOK_AT if file.endswith(".png") and file != "story.png"]
    page = out / "story.png"
    write_bytes(page, figures.figure_to_png(figures.stack_figures(heading, drawn)))
    yield page
    for file, (_, _, figure) in zip(parts, drawn, strict=True):
        path = out / file
        write_bytes(path, figures.figure_to_png(figure))
        yield path
