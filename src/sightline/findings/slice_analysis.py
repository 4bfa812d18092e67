"""study and a table of metadata → how the model does on each slice, and which slices are surely worse."""

import dataclasses
from collections.abc import Iterator, Sequence
from os import PathLike

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_number, check_seed, check_whole
from sightline._language import in_english
from sightline._scales import are_probabilities
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.one_label import LabelView
from sightline.engine.plan import Plan
from sightline.errors import OptionError
from sightline.findings.blame_analysis import blame
from sightline.findings.cause_analysis import metadata_columns
from sightline.findings.error_links import FEWEST_IMAGES
from sightline.findings.region_trial import FEWEST
from sightline.findings.significance import bootstrap_ci, holm_adjusted
from sightline.findings.slice_result import Slice, Slices
from sightline.regions.region_set import Regions
from sightline.study.row_blocks import chosen_rows
from sightline.study.schema import Row, StudyResults, answers_digest
from sightline.study.study import as_study
from sightline.types import record


@clear_arguments
def slices(
    study: StudyResults | str | PathLike[str],
    table: object = None,
    *,
    key: str | None = None,
    columns: Sequence[str] | None = None,
    regions: Regions | str | PathLike[str] | None = None,
    fewest: int = 20,
    level: float = 0.05,
    seed: int = 0,
    progress: bool | None = None,
) -> Slices:
    """How a model does on each slice of a study: each hospital, sex, device, age.

    For each value of each column: accuracy, mean recall, and how much surer the model is than it is right,
    with intervals that hold all together in 95 % of cases however many slices there are (Bonferroni). It is
    worse if it has more errors than chance would deal it within each label (exact, Holm), so that a hospital
    which sees more of a class that is hard is not called worse for that.

    Nothing here says why. `regions` are blamed in each slice that has enough errors; `study_part` gives the
    images of one slice as a study, for `blame`, `image_causes` and `atlas`.

    Parameters
    ----------
    study : Study, or the path of its folder
    table : path, mapping of columns, data frame or sequence of dict, optional
        As for `image_causes`; by default the further columns of the list that the study was made from. Where
        images were read from files, their format and size are columns, too.
    key, columns
        As for `image_causes`. Numbers of more than eight different values are parted into quarters.
    regions : Regions or str, optional
        Blame these in each slice that has 20 errors, with `level` shared among slices; the model is asked.
    fewest : int
        Images below which a slice is left out.
    level : float
        Chance that any interval misses, or that any slice is called worse by chance; between 0 and 1.
    seed : int
    progress : bool, optional
        Show a progress bar of blame; by default on a terminal and in a notebook.

    Returns
    -------
    Slices
        Prints as a table with a verdict.

    Raises
    ------
    OptionError
        If there is no table, no such column, or a number is out of range.
    FileError
        If the table cannot be read, or names too few of the images.

    Examples
    --------
    >>> slices(sl.Study("runs/faces"), "patients.csv")  # doctest: +SKIP
    """
    study = as_study(study)
    check_whole("fewest", fewest, 2)
    check_seed("seed", seed)
    check_number("level", level, above=0, below=1)
    places, labels = np.asarray(study.places), np.asarray(study.labels)
    found, notes = metadata_columns(study, places, table, key, columns, min(fewest, FEWEST_IMAGES))
    if not found:
        raise OptionError(
            "there is nothing to slice by: the study was not made from a list with further columns, and no "
            "column of a table has values that several images share. Give a table: table= (--table FILE).",
            slug="table-missing",
        )
    wrong = labels != np.asarray(study.predicted)
    sure = _confidences(study, places)
    parts, small = _parts_of_columns(found, fewest)
    if small:
        listed = ", ".join(small[:5]) + (", …" if len(small) > 5 else "")
        notes += (
            in_english("Left out, with fewer than {fewest} images: {listed}.", fewest=fewest, listed=listed),
        )
    share = level / max(len(parts), 1)
    ps = holm_adjusted([excess_p(inside, labels, wrong) for _, _, inside in parts]) if parts else []
    rng = np.random.default_rng((seed, 13))
    made = [
        _measured_slice(column, value, inside, places, labels, wrong, sure, p, level, share, rng)
        for (column, value, inside), p in zip(parts, ps, strict=True)
    ]
    if regions is not None:
        made = [_with_blame(study, one, regions, share, seed, progress) for one in made]
    made.sort(key=lambda one: (one.p, one.accuracy))
    accuracy = float((~wrong).mean()) if wrong.size else np.nan
    return Slices(tuple(made), len(places), int(wrong.sum()), accuracy, level, notes, answers_digest(study))


def _parts_of_columns(
    found: dict[str, tuple[str, ...]], fewest: int
) -> tuple[list[tuple[str, str, Bool[np.ndarray, "N"]]], list[str]]:
    """Which images each slice has; and the names of those with too few. A column of one value is none."""
    parts, small = [], []
    for column, values in found.items():
        told = np.array(values, dtype=object).astype(str)
        distinct = np.unique(told)
        for value in distinct.tolist() if len(distinct) > 1 else ():
            inside = told == value
            if inside.sum() >= fewest:
                parts.append((column, value, inside))
            else:
                small.append(f"{column} = {value}")
    return parts, small


def _confidences(study: StudyResults, places: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Probability of the predicted class of each image; nan where scores are no probabilities."""
    scores = {row.place: float(row.full[0]) for row in study.rows()}
    told = np.array([scores.get(place, np.nan) for place in places.tolist()])
    if study.plan.scale == "log-odds":
        told = 1 / (1 + np.exp(-told))
    if not are_probabilities(told[np.isfinite(told)]):
        return np.full(len(told), np.nan)
    said = dict(zip(np.asarray(study.places).tolist(), np.asarray(study.predicted).tolist(), strict=True))
    second = np.array([said[place] for place in places.tolist()]) == 1
    return _study_view(study).unshifted(told, second)


def _study_view(study: StudyResults) -> LabelView:
    """From which probability on a study's model says that its second class is there."""
    whole = study.study if isinstance(study, StudyPart) else study
    manifest = getattr(whole, "manifest", None)  # read rather than the model, which may be far to open
    return whole.model.view if manifest is None else manifest.view


def excess_p(
    inside: Bool[np.ndarray, "N"], strata: Int[np.ndarray, "N"], errors: Bool[np.ndarray, "N"]
) -> float:
    """How likely at least as many errors inside are, were they dealt out by chance within each stratum.

    Exact: the number inside is a sum of hypergeometric ones.

    Examples
    --------
    >>> inside, errors = np.arange(8) < 4, np.arange(8) < 3
    >>> round(excess_p(inside, np.zeros(8, int), errors), 4)  # 4 of 56 ways
    0.0714
    """
    from scipy.stats import hypergeom

    spread, least = np.ones(1), 0
    for stratum in np.unique(strata):
        here = strata == stratum
        total, many, mine = int(here.sum()), int((here & errors).sum()), int((here & inside).sum())
        fewest, most = max(0, many + mine - total), min(many, mine)
        spread = np.convolve(spread, hypergeom.pmf(np.arange(fewest, most + 1), total, many, mine))
        least += fewest
    seen = int((inside & errors).sum())
    return float(min(1.0, spread[max(seen - least, 0) :].sum()))


def _measured_slice(
    column: str,
    value: str,
    inside: Bool[np.ndarray, "N"],
    places: Int[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"],
    wrong: Bool[np.ndarray, "N"],
    sure: Float[np.ndarray, "N"],
    p: float,
    level: float,
    share: float,
    rng: np.random.Generator,
) -> Slice:
    from scipy.stats import binomtest

    count, errors = int(inside.sum()), int(wrong[inside].sum())
    exact = binomtest(count - errors, count).proportion_ci(1 - share)
    recalls = [float((~wrong[inside & (labels == one)]).mean()) for one in np.unique(labels[inside])]
    over = sure[inside] - ~wrong[inside]
    known = bool(np.isfinite(over).all())
    low, high = bootstrap_ci(over, np.arange(count), rng, 1 - share) if known else (np.nan, np.nan)
    return Slice(
        column=column,
        value=value,
        places=places[inside],
        images=count,
        errors=errors,
        accuracy=1 - errors / count,
        low=float(exact.low),
        high=float(exact.high),
        recall=float(np.mean(recalls)),
        overconfidence=float(over.mean()) if known else np.nan,
        over_low=low,
        over_high=high,
        p=p,
        worse=p <= level,
    )


def _with_blame(
    study: StudyResults,
    one: Slice,
    regions: Regions | str | PathLike[str],
    share: float,
    seed: int,
    progress: bool | None,
) -> Slice:
    if one.errors < FEWEST:
        return one
    made = blame(study_part(study, one.places), regions, level=share, seed=seed, progress=progress)
    return dataclasses.replace(one, blame=made)


@record
class StudyPart:
    """Some of the explained images of a study, as a study.

    Parameters
    ----------
    study : StudyResults
    places, labels, predicted : int array, shape (n,)
    ids : tuple of str
        Of these images.
    """

    study: StudyResults
    places: Int[np.ndarray, "n"]
    labels: Int[np.ndarray, "n"]
    predicted: Int[np.ndarray, "n"]
    ids: tuple[str, ...]

    @property
    def plan(self) -> Plan:
        """That of the study."""
        return self.study.plan

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the study."""
        return self.study.class_names

    @property
    def model(self) -> CheckedModel:
        """That of the study."""
        return self.study.model

    @property
    def source(self) -> object:
        """The study's images, of which places are places."""
        return getattr(self.study, "source", None)

    def rows(self) -> Iterator[Row]:
        """These images alone."""
        return chosen_rows(self.study, self.places.tolist())

    def row(self, place: int) -> Row:
        """One of the study's images."""
        return self.study.row(place)

    def image(self, place: int) -> Shaped[np.ndarray, "..."]:
        """The pixels of one of the study's images."""
        return self.study.image(place)


@clear_arguments
def study_part(study: StudyResults, places: Sequence[int] | Shaped[np.ndarray, "n"]) -> StudyPart:
    """Some of a study's images as a study of their own, such as those of a slice.

    Parameters
    ----------
    study : StudyResults
    places : int sequence, or bool array
        Of explained images, such as ``found["sex = f"].places``; or for each explained image, in the order
        of ``study.places``, whether it is of the part, such as ``study.labels != study.predicted``.

    Raises
    ------
    OptionError
        If one of them is not explained, or they are no whole numbers.

    Examples
    --------
    >>> part = study_part(study, found["hospital = B"].places)  # doctest: +SKIP
    >>> blame(part, sl.regions.chest())  # doctest: +SKIP
    """
    every = np.asarray(study.places)
    wanted = np.unique(_part_places(np.asarray(places), every))
    if missing := np.setdiff1d(wanted, every).tolist():
        raise OptionError(
            f"image {missing[0]} is not among the {len(every):,} explained ones.", slug="study-row"
        )
    where = np.flatnonzero(np.isin(every, wanted))
    labels, predicted = np.asarray(study.labels), np.asarray(study.predicted)
    ids = study.ids
    return StudyPart(
        study, every[where], labels[where], predicted[where], tuple(ids[one] for one in where.tolist())
    )


def _part_places(given: Shaped[np.ndarray, "..."], every: Int[np.ndarray, "N"]) -> Int[np.ndarray, "n"]:
    """Places as they are given, or those that a mask of all of them chooses."""
    if given.dtype == bool and given.shape == every.shape:
        return np.asarray(every[given])
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise OptionError(
            f"places must be whole numbers, or true and false for each of the {len(every):,} explained "
            f"images, but {given.dtype} of shape {given.shape} was given.",
            slug="option-value",
        )
    return given.astype(np.intp)
