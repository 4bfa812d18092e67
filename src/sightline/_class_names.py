"""Classes as data, models and users call them: by name, by label or by column; and which is which."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from sightline._arguments import describe_value
from sightline._checks import is_whole
from sightline._files import readable_text
from sightline._printing import printable_text
from sightline.errors import OptionError, TargetError, warn
from sightline.types import Contrast, Target, did_you_mean, record

SHOWN = 12
"""Names that a message lists."""
SWAPPED = 0.7
"""Share of some classes' images that have to get one other class, for these to seem swapped."""
SWAPPED_OF_TWO, SURELY = 0.6, 1e-6
"""The same where there are but two classes, and the chance that is asked for then."""
BY_CHANCE = 1e-3
"""Chance that a coin does as well, from which on they do not."""
MOST_CLASSES = 2000
"""For how many classes an assignment is looked for."""
LISTED = 4
"""Swapped classes that a warning names."""
Names: TypeAlias = tuple[str, ...]
ClassNames: TypeAlias = Iterable[str] | Mapping[Any, Any]
"""Class names as users have them: in order, or a mapping that numbers them."""


@runtime_checkable
class NamedColumns(Protocol):
    """What a model tells of its columns."""

    @property
    def class_names(self) -> Names | None:
        """A name for each."""

    @property
    def class_labels(self) -> tuple[int, ...] | None:
        """The number by which labels call each; None where that is its place."""


def class_text(number: int, names: Names | None) -> str:
    """What a class is called, as it can be printed; its number where it has no name.

    Examples
    --------
    >>> class_text(1, ("cat", "dog")), class_text(1, None), class_text(2, ("cat", "dog"))
    ('dog', 'class 1', 'class 2')
    """
    return printable_text(names[number]) if names and number < len(names) else f"class {number}"


def ordered_names(given: object, labels: Sequence[int] | None = None) -> Names:
    """Class names in the order of the columns, as files can hold them.

    Parameters
    ----------
    given : iterable of str, or mapping
        In order; or ``{0: "cat", 1: "dog"}``, as Hugging Face keeps them; or ``{"cat": 0, "dog": 1}``, as
        Keras does.
    labels : sequence of int, optional
        The number that labels have for each column, where that is not its place.

    Raises
    ------
    OptionError
        If they have no order, or a mapping does not number its classes.

    Examples
    --------
    >>> ordered_names({"dog": 1, "cat": 0}), ordered_names({2: "dog", 0: "cat"}, labels=(0, 2))
    (('cat', 'dog'), ('cat', 'dog'))
    """
    if isinstance(given, Mapping) and given:
        return tuple(map(readable_text, _names_of_mapping(given, labels)))
    if isinstance(given, Set) and not hasattr(given, "mapping"):  # a dict's keys are in order
        raise OptionError(
            f"class_names was given as a {type(given).__name__}, which has no order: give a list of names in "
            "the order of the model's classes.",
            slug="class-names",
        )
    alone = isinstance(given, str | bytes) or getattr(given, "ndim", 1) == 0
    names = (
        tuple(readable_text(str(one)) for one in given) if isinstance(given, Iterable) and not alone else ()
    )
    if not names:
        raise OptionError(
            f"class_names has to be a list of one name a class, but {describe_value(given)} was given.",
            slug="class-names",
        )
    return names


def name_key(name: str) -> str:
    """What two spellings of a name have in common: neither case, spaces, hyphens nor underscores.

    Examples
    --------
    >>> name_key("Left Eye") == name_key("left_eye"), name_key("07")
    (True, '7')
    """
    key = re.sub(r"[\s_-]+", "", name.strip()).casefold() or name
    return str(int(key)) if key.isascii() and key.isdigit() else key


def columns_by_name(asked: Iterable[str], names: Names) -> list[int]:
    """Where each name is among others: as it is written, else whatever its spelling; −1 where it is not.

    Examples
    --------
    >>> columns_by_name(["dog", "CAT", "eel"], ("cat", "dog"))
    [1, 0, -1]
    """
    exact = {name: place for place, name in enumerate(names)}
    alike: dict[str, int] = {}
    for place, name in enumerate(names):
        alike[name_key(name)] = -1 if name_key(name) in alike else place
    wanted = list(asked)
    keys = [name_key(name) for name in wanted]
    return [
        exact[name] if name in exact else alike.get(key, -1) if keys.count(key) == 1 else -1
        for name, key in zip(wanted, keys, strict=True)
    ]


def order_of_names(given: Names, known: Names) -> tuple[int, ...] | None:
    """The column of each given name, where columns have these names already; None where the names are new.

    Numbers are no names: others may take their place, whatever they have in common.

    Raises
    ------
    OptionError
        If some of them are names of other columns than those that they are given to, and not all are known.

    Examples
    --------
    >>> order_of_names(("dog", "cat"), ("cat", "dog")), order_of_names(("Katze", "Hund"), ("cat", "dog"))
    ((1, 0), None)
    """
    same = [name_key(one) == name_key(other) for one, other in zip(given, known, strict=False)]
    if len(given) != len(known) or all(same):
        return tuple(range(len(known))) if len(given) == len(known) else None
    found = columns_by_name(given, known)
    if sorted(found) == list(range(len(known))):
        return tuple(found)
    moved = [place for place, column in enumerate(found) if column >= 0 and not same[place]]
    if moved and numeric_labels(known) is None:
        raise OptionError(
            f"class_names calls column {moved[0]} {given[moved[0]]!r}, but that is the model's own name of "
            f"column {found[moved[0]]}: its columns are {names_hint(known).strip(' ()')}. Give names that it "
            "has, all of them, or others in the order of its columns.",
            slug="class-names",
        )
    return None


def class_columns(
    columns: int, model: NamedColumns, data: Names | None, present: Int[np.ndarray, "_"] | None
) -> tuple[Int[np.ndarray, "_"], Names | None]:
    """The model's column of each class of the data, −1 where it has none, and the names of its columns.

    By name where both have names; by the labels that the model was fitted on, where it tells them; by
    place where it tells nothing.

    Parameters
    ----------
    columns : int
    model : NamedColumns
    data : tuple of str or None
        Names of the data's classes.
    present : int array, or None
        The labels that occur in the data, where they are known.

    Raises
    ------
    TargetError
        If classes that occur cannot be matched.
    """
    names, labels = _readable_names(model.class_names), model.class_labels
    data = _readable_names(data)
    for one in (names, data):
        _refuse_twins(one)
    if data is None:
        known = range(columns) if labels is None else labels
        table = _table_of_labels(known, present, max(columns, *known) + 1)
        _check_present(table, present, labels, names, columns)
        return table, names
    if names is not None:
        found = np.array(_columns_of_names(data, names), dtype=np.intp)
        needed = np.arange(len(data)) if present is None else present[present < len(data)]
        everywhere = present is None and set(range(columns)) <= set(found.tolist())
        if (found[needed] >= 0).all() or everywhere:
            return found, names
        if (found[needed] >= 0).any():  # some by name and the others by place would be neither
            raise _unmatched_error(columns, names, data)
    known = range(columns) if labels is None else labels
    wordless = names is None or names in (tuple(map(str, known)), tuple(map(str, range(columns))))
    fits = len(data) == columns if labels is None else max(known) < len(data)
    if not wordless or not fits or min(known) < 0:
        raise _unmatched_error(columns, names, data)
    table = _table_of_labels(known, present, len(data))
    _check_present(table, present, labels, data, columns)
    return table, tuple(data[label] for label in known)


def place_guess(model: NamedColumns, data: Names | None) -> str:
    """What was taken for granted of the order of classes, in words; empty where names or labels tell it."""
    if data is None or model.class_names is not None or model.class_labels is not None:
        return ""
    return "the model names no classes, so they are taken in the data's order (class_names= overrules)"


@record
class ColumnTarget:
    """Targets as the user calls classes → columns of the model, once it has answered.

    Parameters
    ----------
    asked : tuple of int, str or Contrast
    model : NamedColumns
    """

    asked: tuple[Any, ...]
    model: NamedColumns

    def __call__(self, classes: Float[np.ndarray, "L"]) -> tuple[int | Contrast, ...]:
        return tuple(self.column(one, len(classes)) for one in self.asked)

    def column(self, asked: object, columns: int | None = None) -> Any:
        """The column, or the `Contrast` of two, that is meant.

        Raises
        ------
        TargetError
            If the model has no such class.
        """
        if isinstance(asked, Contrast):
            return Contrast(self.column(asked.a, columns), self.column(asked.b, columns))
        names, labels = self.model.class_names or (), self.model.class_labels
        if isinstance(asked, str):
            found = self._column_of_name(asked, names)
            if found is not None:
                return found
            one, colon, other = asked.partition(":")
            if colon and one and other:
                return Contrast(self.column(one, columns), self.column(other, columns))
            if not asked.strip().isdigit():
                raise _no_class_error(asked, self.model)
        number = int(asked)  # type: ignore[call-overload]
        if labels is not None:
            if number not in labels:
                raise _no_class_error(number, self.model)
            return labels.index(number)
        if columns is not None and not 0 <= number < columns:
            raise TargetError(
                f"the model has classes 0 to {columns - 1}{names_hint(names or None)}, but class {number} "
                "was asked for.",
                slug="target-unknown",
            )
        return number

    def _column_of_name(self, asked: str, names: Names) -> int | None:
        if names.count(asked) > 1:
            raise TargetError(
                f"{names.count(asked)} classes are named {asked!r}: ask for one by its number, "
                f"{' or '.join(str(place) for place, name in enumerate(names) if name == asked)}.",
                slug="target-unknown",
            )
        (found,) = columns_by_name([asked], names)
        return None if found < 0 else found


def target_columns(target: Target, model: object) -> Target:
    """A target whose classes are columns, of one whose classes are called as the user calls them.

    Raises
    ------
    TargetError
        If the model is known to have no such class.
    """
    asked = getattr(target, "targets", None)
    if not isinstance(asked, tuple) or not isinstance(model, NamedColumns):
        return target
    made = ColumnTarget(asked, model)
    if model.class_names is not None:  # else the first answer may tell them
        for one in asked:
            made.column(one)
    return made


def targets_as_asked(targets: tuple[int | Contrast, ...], model: NamedColumns) -> tuple[int | Contrast, ...]:
    """Columns, or contrasts of two, as a user would call them: by label, where the model tells labels."""
    labels = model.class_labels
    if labels is None:
        return targets
    return tuple(
        Contrast(labels[one.a], labels[one.b]) if isinstance(one, Contrast) else labels[one]
        for one in targets
    )


def numeric_labels(classes: Iterable[object]) -> tuple[int, ...] | None:
    """Classes as whole numbers, where they are; None where they are names.

    Examples
    --------
    >>> numeric_labels([False, True]), numeric_labels(["2", "5"]), numeric_labels(["cat", "dog"])
    ((0, 1), (2, 5), None)
    """
    found = []
    for one in classes:
        value: Any = one.item() if isinstance(one, np.generic) else one
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not (isinstance(value, bool) or is_whole(value)):
            return None
        found.append(int(value))
    return tuple(found) if len(set(found)) == len(found) else None


def warn_if_permuted(
    labels: Int[np.ndarray, "N"], predicted: Int[np.ndarray, "N"], names: Names | None
) -> None:
    """Warn where answers are wrong as they are if the model's classes are in another order than is thought.

    Classes are looked at whose images nearly all get one other class, each another one: by recall, so that
    a model that always says the same is not meant; and only where a coin would hardly do as well.
    """
    swapped = swapped_classes(labels, predicted)
    if not swapped:
        return

    listed = ", ".join(
        f"{class_text(said, names)} for {class_text(true, names)}"
        for true, said in list(swapped.items())[:LISTED]
    )
    moved = np.array([swapped.get(int(label), int(label)) for label in labels])
    warn(
        f"the model is right on {(labels == predicted).mean():.1%} of {len(labels):,} images, and would be "
        f"on {(moved == predicted).mean():.1%} if it had its classes in another order: it says {listed}"
        f"{', …' if len(swapped) > LISTED else ''}. Are class_names= in the order of the model's columns, "
        "and does the model number its classes as the data do?",
        slug="classes-swapped",
    )


def swapped_classes(labels: Int[np.ndarray, "N"], predicted: Int[np.ndarray, "N"]) -> dict[int, int]:
    """What is said of classes that seem to be swapped for each other; nothing where none do.

    Examples
    --------
    >>> truth = np.repeat([0, 1, 2], 8)
    >>> swapped_classes(truth, np.repeat([1, 0, 2], 8)), swapped_classes(truth, truth)
    ({0: 1, 1: 0}, {})
    """
    if labels.size == 0:
        return {}
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import binom

    size = 1 + int(max(labels.max(), predicted.max()))
    if size > MOST_CLASSES:
        return {}
    counts = np.zeros((size, size))
    np.add.at(counts, (labels, predicted), 1)
    totals = counts.sum(axis=1)
    recalls = counts / np.maximum(totals, 1)[:, np.newaxis]
    # Where two orders do as well, the one that moves least.
    rows, said = linear_sum_assignment(-recalls - 1e-9 * np.eye(size))
    moved = [int(row) for row in rows if said[row] != row and totals[row]]
    if len(moved) < 2:
        return {}
    best, now = recalls[moved, said[moved]], recalls[moved, moved]
    images, hits = int(totals[moved].sum()), int(counts[moved, said[moved]].sum())
    chance = binom.sf(hits - 1, images, 0.5)
    least = SWAPPED_OF_TWO if size == 2 and chance <= SURELY else SWAPPED
    if best.mean() < least or now.mean() > 1 - least or chance > BY_CHANCE:
        return {}
    return {row: int(said[row]) for row in moved}


def names_hint(names: Sequence[str] | None) -> str:
    """Names in brackets, to follow a number of classes; nothing where there are none."""
    return "" if names is None else f" ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"


def _names_of_mapping(given: Mapping[Any, Any], labels: Sequence[int] | None) -> Names:
    orders = [range(len(given))] if labels is None else [labels, range(len(given))]
    for numbers in orders:
        wanted = [str(number) for number in numbers]
        for pairs in (given.items(), ((number, name) for name, number in given.items())):
            by_number = {str(number): str(name) for number, name in pairs}
            if sorted(by_number) == sorted(wanted):
                return tuple(by_number[number] for number in wanted)
    shown = f"0 to {len(given) - 1}" if labels is None else ", ".join(map(str, labels))
    raise OptionError(
        f"class_names has to number its classes {shown}, but {dict(given)!r} was given.", slug="class-names"
    )


def _readable_names(names: Names | None) -> Names | None:
    """As files can hold them: data of a user's own class call theirs whatever they like."""
    return None if names is None else tuple(map(readable_text, names))


def _refuse_twins(names: Names | None) -> None:
    twins = [] if names is None else [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if names is not None and twins:
        places = [str(place) for place, name in enumerate(names) if name == twins[0]]
        raise TargetError(
            f"two classes have the same name, {twins[0]!r} (numbers {', '.join(places)}), and could not be "
            "told apart. Give class_names= with a name of its own for each.",
            slug="classes-unfit",
        )


def _columns_of_names(data: Names, names: Names) -> list[int]:
    """Columns by name; of two classes, of which a model has one and "not" that, the other is the other."""
    found = columns_by_name(data, names)
    if len(data) == len(names) == 2 and names[0] == f"not {names[1]}" and sorted(found) == [-1, 1]:
        return [1 if one == 1 else 0 for one in found]
    return found


def _table_of_labels(
    known: Sequence[int], present: Int[np.ndarray, "_"] | None, size: int
) -> Int[np.ndarray, "_"]:
    """The column of each label, −1 where there is none."""
    size = max(size, 1 + int(present.max())) if present is not None and present.size else size
    table = np.full(size, -1, dtype=np.intp)
    for column, label in enumerate(known):
        if 0 <= label < size:
            table[label] = column
    return table


def _check_present(
    table: Int[np.ndarray, "_"],
    present: Int[np.ndarray, "_"] | None,
    labels: Sequence[int] | None,
    names: Names | None,
    columns: int,
) -> None:
    missing = [] if present is None else [int(label) for label in present if table[label] < 0]
    if not missing:
        return
    if labels is None:
        raise TargetError(
            f"labels go up to {max(missing)}, but there are only {columns} classes, 0 to {columns - 1}"
            f"{names_hint(names)}.",
            slug="classes-unfit",
        )
    raise TargetError(
        f"the data have the label{'s' * (len(missing) > 1)} {', '.join(map(str, missing[:SHOWN]))}, which "
        f"the model does not know: it was fitted on {', '.join(map(str, labels[:SHOWN]))}. Give labels as "
        "the model was fitted on, or names for both; and leave out images of other classes.",
        slug="classes-unfit",
    )


def _unmatched_error(columns: int, names: Names | None, data: Names) -> TargetError:
    return TargetError(
        f"the model has {columns} classes{names_hint(names)}, but the data have {len(data)}"
        f"{names_hint(data)}, and which is which cannot be told. "
        "Give class_names= in the model's order, by the names that the data use.",
        slug="classes-unfit",
    )


def _no_class_error(asked: object, model: NamedColumns) -> TargetError:
    names, labels = model.class_names, model.class_labels
    if names is None and labels is None:
        return TargetError(
            f"the class {asked!r} is named, but the model has no class names: give class_names= (--names).",
            slug="target-unknown",
        )
    known = names or tuple(map(str, labels or ()))
    fitted = "" if labels is None else f" It was fitted on the labels {', '.join(map(str, labels))}."
    return TargetError(
        f"there is no class {asked!r}. {did_you_mean(str(asked), known)}{fitted}", slug="target-unknown"
    )
