"""The whole story on one command: train the tutorial's face classifier, explain it, write the figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline import figures
from sightline._arguments import check_choice
from sightline._files import write_bytes
from sightline._progress import progress_bar
from sightline.data import ArrayDataset, DrawnFaces, drawn_faces, olivetti
from sightline.engine.convergence import undecided_segments
from sightline.engine.fills import Blur
from sightline.engine.model_query import Top
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Slic
from sightline.errors import silence_warnings
from sightline.evaluation import faithfulness
from sightline.explain_image import explain
from sightline.explanation import Explanation

DATASETS = ("drawn", "olivetti")
CANDIDATES, SHOWN = 20, 5
LEADING = 6
LOOK_AT = {
    "1-faces.png": "whom it learned to tell apart",
    "2-panel.png": "red speaks for the answer, blue against it; hatched cannot be told from zero",
    "3-leading-classes.png": "a segment that is red for one person is often blue for another",
    "4-bars.png": "the leading segments by number, and how sure each value is",
    "5-right-and-wrong.png": "what spoke for right answers, and for wrong ones: is it the person?",
    "explanation.npz": "the first answer's explanation, for sightline.Explanation.load",
}
"""The files of the demo, and what there is to see."""

PLAN = Plan(segment=Slic(n_segments=100, compactness=1.0, sigma=1.0), fill=Blur(), target=Top(k=LEADING))


def grey_images(images: Shaped[np.ndarray, "N H W C"]) -> list[Any]:
    """Each image without its colours, as the tutorial's first step makes it."""
    from skimage.color import rgb2gray

    return [rgb2gray(image) for image in images]


def flat_images(images: Sequence[Any]) -> list[Any]:
    """Each image as one row of numbers."""
    return [image.ravel() for image in images]


def face_pipeline() -> Any:
    """The tutorial's classifier: grey, flatten, `Normalizer`, `MLPClassifier((400, 40))`."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, Normalizer

    return Pipeline(
        [
            ("Make grey", FunctionTransformer(grey_images)),
            ("Flatten", FunctionTransformer(flat_images)),
            ("Normalize", Normalizer()),
            ("MLP", MLPClassifier(hidden_layer_sizes=(400, 40), random_state=1)),
        ]
    )


def run_tutorial(dataset: str, out: Path, say: Callable[[str], object]) -> list[Path]:
    """Do the demo and return the files it wrote.

    Parameters
    ----------
    dataset : {"drawn", "olivetti"}
        Faces drawn here, or the real ones (through scikit-learn: downloaded once, or from its cache).
    out : Path
        Folder for the figures; made if it is not there.
    say : callable
        Is given each line for the reader.

    Raises
    ------
    OptionError
        If there is no such data set.
    """
    from sklearn.metrics import classification_report

    check_choice("data set", dataset, DATASETS)
    out.mkdir(parents=True, exist_ok=True)
    faces = drawn_faces(400) if dataset == "drawn" else olivetti()
    train, test = faces.split()
    names = faces.class_names or ()
    say(f"{len(train)} faces to learn from and {len(test)} to test on, {len(names)} people.")
    model = train_classifier(train)
    predicted = model.predict(test.images)
    say(classification_report(test.labels, predicted, zero_division=0.0))
    tried = list(_explain_candidates(model, test, _first_candidates(predicted, test.labels), names))
    made = clearest_answers(tried, test.labels)
    say(f"{len(tried)} answers explained. The figures show those in which a segment speaks most clearly.")
    files = list(_write_figures(out, train, test, made))
    _say_why(made, test, say)
    _say_quality(made[0][1], model.predict_proba, say)
    files.append(made[0][1].save(out / "explanation.npz"))
    say_files(files, LOOK_AT, say)
    return files


def train_classifier(faces: ArrayDataset) -> Any:
    """The tutorial's classifier, trained on these faces."""
    from rich.console import Console
    from sklearn.exceptions import ConvergenceWarning

    model = face_pipeline()
    with Console(stderr=True).status("training the classifier"), silence_warnings(ConvergenceWarning):
        # 200 rounds, as in the tutorial.
        model.fit(faces.images, faces.labels)
    return model


def say_files(files: Sequence[Path], look_at: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Say what was written, and what there is to see in it."""
    say("\nWrote, and what to look at:")
    for file in files:
        say(f"  {file}\n      {look_at[file.name]}")


def _first_candidates(predicted: Int[np.ndarray, "N"], labels: Int[np.ndarray, "N"]) -> list[int]:
    """The first few right answers, then the first few wrong ones."""
    right, wrong = np.flatnonzero(predicted == labels), np.flatnonzero(predicted != labels)
    return [int(i) for i in (*right[:CANDIDATES], *wrong[:CANDIDATES])]


def clearest_answers(
    made: Sequence[tuple[int, Explanation]], labels: Int[np.ndarray, "N"]
) -> list[tuple[int, Explanation]]:
    """A few right answers, then a few wrong ones: those whose strongest segment speaks loudest, first."""
    loudest = sorted(made, key=lambda each: -_strongest_segment(each[1])[1])
    right = [(i, one) for i, one in loudest if one.targets[0] == labels[i]]
    wrong = [(i, one) for i, one in loudest if one.targets[0] != labels[i]]
    return right[:SHOWN] + wrong[:SHOWN]


def _strongest_segment(one: Explanation) -> tuple[int, float]:
    """The segment that speaks most for the answer, of those that can be told from zero; and its value."""
    told = np.where(undecided_segments(one.attribution)[0], 0.0, one.attribution.values[0])
    return int(told.argmax()), float(told.max())


def _explain_candidates(
    model: Any, test: ArrayDataset, chosen: list[int], names: tuple[str, ...]
) -> Iterator[tuple[int, Explanation]]:
    with progress_bar(None, len(chosen), "explaining answers") as tick:
        for i in chosen:
            yield i, explain(test.images[i], model.predict_proba, PLAN, class_names=names, progress=False)
            tick(1)


def _write_figures(
    out: Path, train: ArrayDataset, test: ArrayDataset, made: list[tuple[int, Explanation]]
) -> Iterator[Path]:
    first = made[0][1]
    names = test.class_names or ()
    titles = [names[label] for label in train.labels[:15]]
    drawn = {
        "1-faces.png": figures.plot_images(train.images[:15], titles, heading="Faces to learn from"),
        "2-panel.png": first.plot(),
        "3-leading-classes.png": first.plot("targets"),
        "4-bars.png": first.plot("bars"),
        "5-right-and-wrong.png": figures.plot_right_and_wrong(
            [one for _, one in made], [int(test.labels[i]) for i, _ in made]
        ),
    }
    for name, figure in drawn.items():
        path = out / name
        write_bytes(path, figures.figure_to_png(figure))
        yield path


def _say_why(made: list[tuple[int, Explanation]], test: ArrayDataset, say: Callable[[str], object]) -> None:
    wrong = [(i, one) for i, one in made if one.targets[0] != test.labels[i]]
    if not wrong:
        say("No wrong answer to explain: the classifier knew every face.")
        return
    say("What spoke most for each wrong answer (± standard error):")
    for i, one in wrong:
        say(
            f"  face {i:3d} is {one.name(int(test.labels[i]))}, said {one.name(one.targets[0])} "
            f"({one.scores.full[0]:.2f}, with everything hidden {one.scores.empty[0]:.2f}): "
            + _segment_text(one, test, i)
        )


def _segment_text(one: Explanation, test: ArrayDataset, i: int) -> str:
    segment, value = _strongest_segment(one)
    if value <= 0:
        return "no segment that can be told from zero"
    return f"{_segment_place(one, segment, test, i)}, {value:+.3f} ± {one.attribution.error[0][segment]:.3f}"


def _segment_place(one: Explanation, segment: int, test: ArrayDataset, i: int) -> str:
    """Where a segment is: the part of a drawn face that it covers most, else its place in the image."""
    inside = one.segments.labels == segment
    if isinstance(test, DrawnFaces):
        parts = test.parts
        return max(parts, key=lambda name: int((parts[name][i] & inside).sum()))
    rows, columns = np.nonzero(inside)
    return f"around row {rows.mean():.0f}, column {columns.mean():.0f}"


def _say_quality(one: Explanation, model: Any, say: Callable[[str], object]) -> None:
    say("\nIs the first explanation true?")
    for measure in (faithfulness.deletion, faithfulness.insertion, faithfulness.held_out_fit):
        say(f"  {measure(one, model)!r}")
