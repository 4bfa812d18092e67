"""The whole story on one command: train the tutorial's face classifier, explain it, write the figures."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline import figures, quality
from sightline.data import drawn_faces, olivetti
from sightline.door import explain
from sightline.engine.fill import Blur
from sightline.engine.plan import Plan
from sightline.engine.score import Top
from sightline.engine.segment import Slic
from sightline.errors import OptionError
from sightline.explanation import Explanation
from sightline.types import nearest

DATASETS = ("drawn", "olivetti")
SHOWN = 5
LEADING = 6
PLAN = Plan(segment=Slic(n_segments=100, compactness=1.0, sigma=1.0), fill=Blur(), target=Top(k=LEADING))


def grey(images: Shaped[np.ndarray, "N H W C"]) -> list[Any]:
    """Each picture without its colours, as the tutorial's first step makes it."""
    from skimage.color import rgb2gray

    return [rgb2gray(image) for image in images]


def flat(images: Sequence[Any]) -> list[Any]:
    """Each picture as one row of numbers."""
    return [image.ravel() for image in images]


def pipeline() -> Any:
    """The tutorial's classifier: grey, flatten, `Normalizer`, `MLPClassifier((400, 40))`."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, Normalizer

    return Pipeline(
        [
            ("Make grey", FunctionTransformer(grey)),
            ("Flatten", FunctionTransformer(flat)),
            ("Normalize", Normalizer()),
            ("MLP", MLPClassifier(hidden_layer_sizes=(400, 40), random_state=1)),
        ]
    )


def run(dataset: str, out: Path, say: Callable[[str], object]) -> list[Path]:
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
    if dataset not in DATASETS:
        raise OptionError(
            f"there is no data set {dataset!r}. {nearest(dataset, DATASETS)}", slug="option-unknown"
        )
    out.mkdir(parents=True, exist_ok=True)
    faces = drawn_faces(400) if dataset == "drawn" else olivetti()
    train, test = faces.split()
    say(f"{len(train)} faces to learn from and {len(test)} to test on, {len(faces.class_names)} people.")
    model, predicted = _trained(train, test, say)
    made = list(_explained(model, test, _chosen(predicted, test.labels), faces.class_names))
    files = list(_figures(out, train, test, made))
    _say_why(made, test, say)
    _say_quality(made[0][1], model.predict_proba, say)
    files.append(made[0][1].save(out / "explanation.npz"))
    say("\nWrote:")
    for file in files:
        say(f"  {file}")
    return files


def _trained(train: Any, test: Any, say: Callable[[str], object]) -> tuple[Any, Int[np.ndarray, "N"]]:
    from rich.console import Console
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import classification_report

    model = pipeline()
    with Console(stderr=True).status("training the classifier"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 rounds, as in the tutorial
        model.fit(train.images, train.labels)
    predicted = model.predict(test.images)
    say(classification_report(test.labels, predicted, zero_division=0.0))
    return model, predicted


def _chosen(predicted: Int[np.ndarray, "N"], labels: Int[np.ndarray, "N"]) -> list[int]:
    """The first few right answers, then the first few wrong ones."""
    right, wrong = np.flatnonzero(predicted == labels), np.flatnonzero(predicted != labels)
    return [int(i) for i in (*right[:SHOWN], *wrong[:SHOWN])]


def _explained(
    model: Any, test: Any, chosen: list[int], names: tuple[str, ...]
) -> Iterator[tuple[int, Explanation]]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    for i in track(chosen, "explaining answers", console=console, disable=not console.is_terminal):
        image = test.images[i]
        yield i, explain(image, model.predict_proba, PLAN, class_names=names, progress=False)


def _figures(out: Path, train: Any, test: Any, made: list[tuple[int, Explanation]]) -> Iterator[Path]:
    first = made[0][1]
    names = test.class_names
    titles = [names[label] for label in train.labels[:15]]
    drawn = {
        "1-faces.png": figures.grid(train.images[:15], titles, heading="Faces to learn from"),
        "2-panel.png": first.plot(),
        "3-leading-classes.png": first.plot("targets"),
        "4-bars.png": first.plot("bars"),
        "5-right-and-wrong.png": figures.right_and_wrong(
            [one for _, one in made], [int(test.labels[i]) for i, _ in made]
        ),
    }
    for name, figure in drawn.items():
        path = out / name
        path.write_bytes(figures.png(figure))
        yield path


def _say_why(made: list[tuple[int, Explanation]], test: Any, say: Callable[[str], object]) -> None:
    wrong = [(i, one) for i, one in made if one.targets[0] != test.labels[i]]
    if not wrong:
        say("No wrong answer to explain: the classifier knew every face.")
        return
    say("What misled it (the segment that speaks most for the wrong answer):")
    for i, one in wrong:
        leader = max(one.top(one.segments.count), key=lambda each: each.value)
        where = _place(one, leader.segment, test, i)
        say(
            f"  face {i:3d} is {one.name(int(test.labels[i]))}, said {one.name(one.targets[0])} "
            f"({one.scores.full[0]:.2f}): {where}, {leader.value:+.3f} ± {leader.error:.3f}"
        )


def _place(one: Explanation, segment: int, test: Any, i: int) -> str:
    """Where a segment is: the part of a drawn face that it covers most, else its place in the picture."""
    inside = one.segments.labels == segment
    parts = getattr(test, "parts", None)
    if parts:
        return str(max(parts, key=lambda name: int((parts[name][i] & inside).sum())))
    rows, columns = np.nonzero(inside)
    return f"around row {rows.mean():.0f}, column {columns.mean():.0f}"


def _say_quality(one: Explanation, model: Any, say: Callable[[str], object]) -> None:
    say("\nIs the first explanation true?")
    for measure in (quality.deletion, quality.insertion, quality.fit):
        say(f"  {measure(one, model)!r}")
