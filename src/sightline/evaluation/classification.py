"""labelled images and a model → how often it is right, and where it is wrong."""

import functools
from os import PathLike

import numpy as np
from jaxtyping import Float, Float64, Int

from sightline._arguments import clear_arguments
from sightline._checks import check_number, check_whole, is_whole
from sightline._class_names import ClassNames, class_columns, place_guess, warn_if_permuted
from sightline._printing import printable_text
from sightline._progress import progress_bar
from sightline._tables import format_table
from sightline.adapters import as_model
from sightline.data.batching import batches
from sightline.data.data_spec import open_data
from sightline.data.image_folder import ImageFolder
from sightline.data.items import is_shuffled
from sightline.data.labels import label_indices, names_of_labels
from sightline.errors import OptionError, warn
from sightline.evaluation.range_check import KeptImages, RangeCheck, try_ranges, warn_of_one_class
from sightline.types import record

WIDEST = 10
"""Most classes whose confusion matrix is printed."""

MOST_DIGITS = 15
"""Of a printed share."""


@record
class Evaluation:
    """How a model did on labelled images; made by `evaluate`.

    Parameters
    ----------
    scores : float array, shape (N, L)
    labels, predicted : int array, shape (N,)
        The true class of each image, and the one that the model chose.
    indices : int array, shape (N,)
        Where each image is in the data: 0 to N−1, without the files of a folder that are broken.
    class_names : tuple of str or None
    threshold : float or None
        Of two classes: what the score of class 1 has to exceed. None where the highest score decides.
    shuffled : bool
        Whether the data come in another order each time, as of a ``DataLoader`` with ``shuffle=True``: then
        `indices`, `right` and `wrong` are places in the order of this one pass, and ``data[i]`` is another
        image.
    range_check : RangeCheck or None
        How often the model is right with some of the images in other ranges of values. None where too few
        answers are wrong to ask.
    guesses : tuple of str
        What was taken for granted of the model's columns, in words.

    Examples
    --------
    >>> images = np.array([0.1, 0.6, 0.7, 0.8]).reshape(4, 1, 1)
    >>> done = evaluate(lambda x: x.mean((1, 2)), (images, [0, 0, 1, 1]), class_names=["well", "ill"])
    >>> done
    Evaluation of 4 images: class 1 (ill) where its score exceeds 0.5
    accuracy   0.750  (95 %: 0.301 to 0.954)
    guess      one column, taken for the probability of class 1 (output= overrules)
    recall     1.000  (95 %: 0.342 to 1.000)  of 2 ill
    precision  0.667  (95 %: 0.208 to 0.939)  of 3 said to be ill
    true \\ said  well  ill
    well            1    1
    ill             0    2
    >>> done.wrong
    array([1])
    """

    scores: Float64[np.ndarray, "N L"]
    labels: Int[np.ndarray, "N"]
    predicted: Int[np.ndarray, "N"]
    indices: Int[np.ndarray, "N"]
    class_names: tuple[str, ...] | None
    threshold: float | None
    shuffled: bool = False
    range_check: RangeCheck | None = None
    guesses: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def accuracy(self) -> float:
        """Share of the images whose class was found."""
        return float((self.labels == self.predicted).mean())

    @property
    def recall(self) -> float:
        """Of two classes: the share of class 1 that was found. Of more: the mean over the classes there are.

        nan where the class is not there; Keras says 0 then.
        """
        return self._one_or_mean(self.recalls)

    @property
    def precision(self) -> float:
        """Of two classes: how often the answer 1 is right. Of more: the mean over the classes said.

        nan where class 1 is never said; Keras says 0 then. A class never said is left out of the mean, as by
        scikit-learn's ``zero_division=np.nan``; its default counts it as 0.
        """
        return self._one_or_mean(self.precisions)

    @functools.cached_property
    def confusion(self) -> Int[np.ndarray, "L L"]:
        """How many images of each class (row) were taken for each class (column)."""
        from sklearn.metrics import confusion_matrix

        every = range(self.scores.shape[1])
        return np.asarray(confusion_matrix(self.labels, self.predicted, labels=list(every)))

    @property
    def recalls(self) -> Float[np.ndarray, "L"]:
        """Share of each class that was found; nan where there is none of it."""
        return _ratio_or_nan(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def precisions(self) -> Float[np.ndarray, "L"]:
        """How often the answer was right, for each class; nan where it was never said."""
        return _ratio_or_nan(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def right(self) -> Int[np.ndarray, "_"]:
        """Places in the data of the images whose class was found."""
        self._warn_of_order()
        return np.asarray(self.indices[self.labels == self.predicted])

    @property
    def wrong(self) -> Int[np.ndarray, "_"]:
        """Places in the data of the images taken for another class: ``data[i]`` shows one."""
        self._warn_of_order()
        return np.asarray(self.indices[self.labels != self.predicted])

    def _warn_of_order(self) -> None:
        if self.shuffled:
            warn(
                "the data were shuffled while they were read, so these are places in the order of that one "
                "pass, not in the data set: data[i] is another image. Evaluate with shuffle=False to know "
                "which images they are.",
                slug="evaluate-order",
            )

    @clear_arguments
    def name(self, label: int | np.integer) -> str:
        """The class's name, or its number."""
        if not is_whole(label) or (self.class_names and not 0 <= label < len(self.class_names)):
            raise OptionError(
                f"label must be the number of a class, but {label!r} was given.", slug="option-value"
            )
        return printable_text(self.class_names[label]) if self.class_names else f"class {label}"

    @clear_arguments
    def report(self, digits: int = 3) -> str:
        """scikit-learn's ``classification_report``: precision, recall and F1 of each class."""
        from sklearn.metrics import classification_report

        check_whole("digits", digits, 0, most=MOST_DIGITS)
        every = range(self.scores.shape[1])
        return str(
            classification_report(
                self.labels,
                self.predicted,
                labels=list(every),
                target_names=[self.name(one) for one in every],
                digits=digits,
                zero_division=np.nan,
            )
        )

    def _one_or_mean(self, shares: Float[np.ndarray, "L"]) -> float:
        if shares.size == 2:
            return float(shares[1])
        known = shares[~np.isnan(shares)]
        return float(known.mean()) if known.size else float("nan")

    def __repr__(self) -> str:
        lines = [self._heading(), _share_line("accuracy", int(np.trace(self.confusion)), len(self))]
        lines += [f"guess      {one}" for one in self.guesses]
        if self.range_check is not None and self.range_check.better:
            lines.append(f"values     {self.range_check}")
        if self.scores.shape[1] == 2:
            found, ill = int(self.confusion[1, 1]), self.name(1)
            there, said = int(self.confusion[1].sum()), int(self.confusion[:, 1].sum())
            lines.append(f"{_share_line('recall', found, there)}  of {there:,} {ill}")
            lines.append(f"{_share_line('precision', found, said)}  of {said:,} said to be {ill}")
        else:
            lines.append(f"recall     {self.recall:.3f}  mean over the classes there are")
            never = int(np.isnan(self.precisions).sum())
            note = f" (without {never} never said: zero_division=nan)" if never else ""
            lines.append(f"precision  {self.precision:.3f}  mean over the classes said{note}")
        return "\n".join(
            [
                *lines,
                *(self._confusion_table() if len(self.confusion) <= WIDEST else self._worst_confusions()),
            ]
        )

    def _heading(self) -> str:
        order = ", in shuffled order" if self.shuffled else ""
        head = f"Evaluation of {len(self):,} image{'s' * (len(self) != 1)}{order}"
        if self.threshold is None:
            return f"{head}: the highest of {self.scores.shape[1]} scores decides"
        return f"{head}: class 1 ({self.name(1)}) where its score exceeds {self.threshold:g}"

    def _confusion_table(self) -> list[str]:
        names = [self.name(one) for one in range(len(self.confusion))]
        rows = [["true \\ said", *names]]
        rows += [
            [name, *(f"{many:,}" for many in row)] for name, row in zip(names, self.confusion, strict=True)
        ]
        return format_table(rows)

    def _worst_confusions(self) -> list[str]:
        """The confusions that happened most often."""
        mixed = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-mixed, axis=None, kind="stable")[:5]
        pairs = [(int(place) // len(mixed), int(place) % len(mixed)) for place in order]
        return [
            f"{mixed[true, said]:,} × true {self.name(true)}, said {self.name(said)}"
            for true, said in pairs
            if mixed[true, said]
        ]


@clear_arguments
def evaluate(
    model: object,
    data: object,
    *,
    threshold: float = 0.5,
    batch_size: int = 32,
    class_names: ClassNames | None = None,
    check_range: bool = True,
    progress: bool | None = None,
) -> Evaluation:
    """Ask a model about labelled images and count its right and wrong answers.

    Two classes whose scores are probabilities (one sigmoid column counts as two): class 1 where its
    score exceeds `threshold`, as ``keras.metrics.BinaryAccuracy`` has it. Else the highest score decides.

    Where both the model and the data name their classes, labels are matched by name, whatever its case,
    spaces and underscores; else by the label that a scikit-learn model says each column stands for; by
    place where a model tells nothing. Where another order of the classes would make far more answers
    right, a warning says so.

    Parameters
    ----------
    model : callable or anything `as_model` takes
    data : anything `sightline.data.batches` takes, or str
        Labelled images in the form that the model wants. A text is a folder, a list or a built-in set, as for
        `sightline.data.data_spec.open_data`.
    threshold : float
        Between 0 and 1; for two classes only.
    batch_size : int
        Images in one call of the model, where the data do not come in batches.
    class_names : sequence of str, optional
        In the model's order; by default what the model, else the data, knows.
    check_range : bool
        Where many answers are wrong: ask about up to 96 of the images with their values in other usual
        ranges, and warn if the model is clearly right more often so. Nothing else changes.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Evaluation

    Raises
    ------
    FileError, ImageError
        If the data cannot be used, as for `sightline.data.batches`.
    ModelError
        If the model's answer cannot be used.
    OptionError
        If `threshold` lies outside 0 to 1, or is given where the highest score decides.
    TargetError
        If labels or class names are not among the model's classes.

    Examples
    --------
    >>> images = np.linspace(0, 1, 8).reshape(8, 1, 1)
    >>> truth = (np.arange(8) > 3).astype(int)
    >>> evaluate(lambda x: x.mean((1, 2)), (images, truth), threshold=0.8).recall
    0.5
    """
    check_number("threshold", threshold, at_least=0, at_most=1)
    adapted = as_model(model, class_names=class_names)
    source = batches(open_data(str(data))[0] if isinstance(data, str | PathLike) else data, batch_size)
    found, truth, some = [], [], KeptImages()
    with progress_bar(progress, source.n_images) as tick:
        for images, labels in source:
            # A copy: the model may change what it is given.
            found.append(adapted(np.array(images, order="C")))
            truth.append(labels)
            if check_range:
                some.add(images, labels)
            tick(len(labels))
    scores, labels = np.concatenate(found), np.concatenate(truth)
    known = source.class_names
    if labels.dtype.kind in "OU":  # names, of which nothing said before which there are
        known = names_of_labels(labels)
        labels = label_indices(labels, len(labels), known)
    columns, names = class_columns(scores.shape[1], adapted, known, np.unique(labels))
    labels = columns[labels]
    predicted, used = _decide_classes(scores, threshold)
    warn_if_permuted(labels, predicted, names)
    places, kept = some.taken()
    tried = try_ranges(
        adapted, kept, labels[places], predicted[places], lambda said: _decide_classes(said, threshold)[0]
    )
    if tried is not None:
        tried.warn_if_better()
    if kept and (tried is None or tried.better is None):
        warn_of_one_class(adapted, kept[0], scores[places[0]], labels, predicted)
    indices, shuffled = _read_indices(source.source, len(labels)), is_shuffled(source.source)
    guesses = tuple(filter(None, (adapted.guess, place_guess(adapted, known))))
    return Evaluation(scores, labels, predicted, indices, names, used, shuffled, tried, guesses)


def _decide_classes(
    scores: Float64[np.ndarray, "N L"], threshold: float
) -> tuple[Int[np.ndarray, "N"], float | None]:
    """The class chosen for each image, and the threshold if it was by one."""
    two = scores.shape[1] == 2
    probable = bool(scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-3))
    if two and probable:
        return (scores[:, 1] > threshold).astype(np.intp), threshold
    if threshold != 0.5:
        why = "its scores are no probabilities" if two else f"the model has {scores.shape[1]} classes"
        raise OptionError(
            f"threshold={threshold:g} is for the probability of one class of two, but {why}: the highest "
            "score decides. Leave threshold out"
            + (', or give as_model(model, output="softmax").' if two else "."),
            slug="option-value",
        )
    return np.asarray(scores.argmax(axis=1), dtype=np.intp), None


def _read_indices(data: object, count: int) -> Int[np.ndarray, "N"]:
    """Where in the data the images were that were read."""
    if not isinstance(data, ImageFolder):
        return np.arange(count)
    return np.setdiff1d(np.arange(len(data)), [one.index for one in data.unreadable])


def _ratio_or_nan(part: Int[np.ndarray, "L"], whole: Int[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _share_line(name: str, part: int, whole: int) -> str:
    """A share with its 95 % interval (Wilson 1927), which is sound for few images and for shares of 1."""
    if not whole:
        return f"{name:9}  -"
    from scipy.stats import binomtest

    interval = binomtest(part, whole).proportion_ci(method="wilson")
    return f"{name:9}  {part / whole:.3f}  (95 %: {interval.low:.3f} to {interval.high:.3f})"
