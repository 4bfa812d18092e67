"""columns of metadata and the answers → which values errors go with, within each label: an association.

A hospital or a file's format cannot be exchanged, so nothing here can prove that it is a cause.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.findings.cause_result import ErrorLink
from sightline.findings.significance import ROUNDS, holm_adjusted

MISSING = "(missing)"
RARE = "(rare values)"
FEWEST_IMAGES = 5
"""Images of a value below which it is counted among the rare ones."""
MOST_VALUES = 50
"""Values of a column beyond which it is taken to name each image, as an id does."""
DISTINCT_NUMBERS = 8
"""Different numbers of a column beyond which they are parted into quarters."""


def column_values(
    column: Sequence[object], fewest: int = FEWEST_IMAGES, *, asked: bool = False
) -> tuple[str, ...] | None:
    """What each image has in a column, as text: quarters of many numbers; None of a column like an id.

    Values of less than `fewest` images are rare. Whole numbers of which nearly every image has its own may be
    a patient's as well as a date: they are parted into quarters where the column was `asked` for.

    Examples
    --------
    >>> column_values(["a"] * 5 + ["b"] * 5 + [None])[-2:]
    ('b', '(missing)')
    >>> sorted(set(column_values(list(range(40)))))
    ['0 to 9', '10 to 19', '20 to 29', '30 to 39']
    """
    known = [one for one in column if not _is_missing(one)]
    if known and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known):
        if len(set(known)) > DISTINCT_NUMBERS:
            return None if _may_be_ids(known) and not asked else _quarters(column)
        names = _number_names(known)
        texts = [MISSING if _is_missing(one) else names[one] for one in column]
    else:
        texts = [MISSING if _is_missing(one) else str(one) for one in column]
    counts = {text: texts.count(text) for text in dict.fromkeys(texts)}
    often = [text for text, count in counts.items() if count >= fewest]
    if not often or len(often) > MOST_VALUES:
        return None
    return tuple(text if text in often or text == MISSING else RARE for text in texts)


def _number_names(numbers: Iterable[object]) -> dict[object, str]:
    """Numbers as text that tells different ones apart: whole ones with all digits, as codes and dates are."""
    distinct = list(dict.fromkeys(numbers))
    short = [f"{one:.0f}" if float(one).is_integer() else f"{one:g}" for one in distinct]  # type: ignore[arg-type]
    if len(set(short)) < len(short):
        short = [str(one) for one in distinct]
    return dict(zip(distinct, short, strict=True))


def _may_be_ids(numbers: Sequence[object]) -> bool:
    """Whether whole numbers are so many that they may name patients, say: one or two images each."""
    distinct = len(set(numbers))
    whole = all(float(one).is_integer() for one in numbers)  # type: ignore[arg-type]
    return whole and distinct > MOST_VALUES and 2 * distinct > len(numbers)


def _is_missing(value: object) -> bool:
    return value is None or value == "" or value != value


def _quarters(column: Sequence[object]) -> tuple[str, ...]:
    numbers = np.array([np.nan if _is_missing(one) else float(one) for one in column])  # type: ignore[arg-type]
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, (0.25, 0.5, 0.75), method="higher"))
    which = np.searchsorted(edges, numbers, side="right")
    names = {}
    called = _number_names(known.tolist())
    for one in range(len(edges) + 1):
        inside = known[np.searchsorted(edges, known, side="right") == one]
        names[one] = f"{called[inside.min()]} to {called[inside.max()]}" if inside.size else ""
    return tuple(
        MISSING if np.isnan(number) else names[int(one)] for one, number in zip(which, numbers, strict=True)
    )


def link_errors(
    columns: Mapping[str, tuple[str, ...]],
    labels: Int[np.ndarray, "N"],
    predicted: Int[np.ndarray, "N"],
    called: Sequence[int],
    names: Sequence[str],
    level: float,
    rng: np.random.Generator,
) -> tuple[ErrorLink, ...]:
    """Which value of each column errors called each class go with most, and whether that is chance.

    Parameters
    ----------
    columns : mapping of str to tuple of str, length N
    labels, predicted : int array, shape (N,)
    called : sequence of int
        Classes that errors are called.
    names : sequence of str
        Of all classes.
    level : float
    rng : numpy.random.Generator
    """
    tested = []
    for name, values in columns.items():
        distinct, which = np.unique(np.array(values, dtype=object).astype(str), return_inverse=True)
        if len(distinct) < 2:
            continue
        for one in called:
            p, value = stratified_test(which, labels, predicted == one, labels != one, rng)
            here, other = (which == value) & (labels != one), (which != value) & (labels != one)
            wrong = predicted == one
            tested.append(
                (
                    p,
                    ErrorLink(
                        column=name,
                        value=str(distinct[value]),
                        called=one,
                        called_name=names[one],
                        errors=int((here & wrong).sum()),
                        images=int(here.sum()),
                        other_errors=int((other & wrong).sum()),
                        other_images=int(other.sum()),
                        p=p,
                        found=False,
                    ),
                )
            )
    adjusted = holm_adjusted([p for p, _ in tested]) if tested else []
    made = [
        ErrorLink(**{**vars(link), "p": p, "found": p <= level})
        for p, (_, link) in zip(adjusted, tested, strict=True)
    ]
    return tuple(sorted(made, key=lambda link: link.p))


def stratified_test(
    which: Int[np.ndarray, "N"],
    strata: Int[np.ndarray, "N"],
    errors: Bool[np.ndarray, "N"],
    counted: Bool[np.ndarray, "N"],
    rng: np.random.Generator,
) -> tuple[float, int]:
    """Whether errors are dealt out by chance within each stratum, and the value with most too many.

    Were errors of a label as likely with every value, how they are dealt out would be a draw without
    replacement; the statistic is the largest standardised excess of a value (Mantel & Haenszel 1959, with the
    exact permutation distribution drawn 9,999 times).

    Examples
    --------
    >>> which = np.repeat([0, 1], 50)
    >>> errors = np.arange(100) < 20
    >>> stratified_test(which, np.zeros(100, int), errors, np.ones(100, bool), np.random.default_rng(0))
    (0.0001, 0)
    """
    n_values = int(which.max()) + 1
    seen, expected, variance = np.zeros(n_values), np.zeros(n_values), np.zeros(n_values)
    drawn: Float[np.ndarray, "D V"] = np.zeros((ROUNDS, n_values))
    for stratum in np.unique(strata[counted]):
        inside = counted & (strata == stratum)
        sizes = np.bincount(which[inside], minlength=n_values)
        total, wrong = int(inside.sum()), int(errors[inside].sum())
        if not 0 < wrong < total:
            continue
        share = sizes / total
        seen += np.bincount(which[inside & errors], minlength=n_values)
        expected += wrong * share
        variance += wrong * share * (1 - share) * (total - wrong) / max(total - 1, 1)
        drawn += rng.multivariate_hypergeometric(sizes, wrong, size=ROUNDS, method="marginals")
    spread = np.sqrt(np.maximum(variance, 1e-12))
    excess = np.where(variance > 0, (seen - expected) / spread, -np.inf)
    if not (variance > 0).any():
        return 1.0, 0
    largest = np.where(variance > 0, (drawn - expected) / spread, -np.inf).max(axis=1)
    return float((1 + (largest >= excess.max() - 1e-9).sum()) / (1 + ROUNDS)), int(excess.argmax())
