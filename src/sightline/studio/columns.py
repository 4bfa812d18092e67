"""a study's answers → columns of numbers, which a browser filters, sorts and draws without asking again."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._optional import require
from sightline._printing import printable_text
from sightline.errors import OptionError
from sightline.study.store import Store
from sightline.types import record

READ = ("place", "rank", "id", "label", "predicted", "classes", "scores", "failure")
ALIGNED = 8
"""Bytes at whose multiples columns begin."""
KINDS = {
    "i4": "Int32Array",
    "i2": "Int16Array",
    "f4": "Float32Array",
    "u4": "Uint32Array",
    "u1": "Uint8Array",
}
"""How numpy and a browser call the same array."""
ORDERS = ("", "misled", "unsure", "class")
"""As the report's page has them."""
OUTCOMES = ("", "wrong", "right", "differ")
"""The same; and that a study beside it answers otherwise."""
NUMBER, BOUND = r"-?[0-9]{1,9}", r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""Numbers of an address, as `answers.mjs` reads them: Python and a browser each take more, not the same."""


@record
class AnswerColumns:
    """What is known of every explained image, in the order of the data.

    Parameters
    ----------
    place, label, predicted : int arrays, shape (N,)
    score, truth : float arrays, shape (N,)
        What the model gave the class that it chose, and the true one; nan where that was not kept.
    ids : tuple of str
    """

    place: Int[np.ndarray, "N"]
    label: Int[np.ndarray, "N"]
    predicted: Int[np.ndarray, "N"]
    score: Float[np.ndarray, "N"]
    truth: Float[np.ndarray, "N"]
    ids: tuple[str, ...]

    @functools.cached_property
    def printed(self) -> tuple[str, ...]:
        """Names of the images as they are shown, and as they are looked for."""
        return tuple(map(printable_text, self.ids))

    @property
    def wrong(self) -> Bool[np.ndarray, "N"]:
        """Whether each answer is."""
        return np.asarray(self.label != self.predicted)

    @property
    def misled(self) -> Float[np.ndarray, "N"]:
        """How much more the model gave the class that it chose than the true one; −inf of right answers."""
        gap = np.nan_to_num(self.score.astype(float)) - np.nan_to_num(self.truth.astype(float))
        return np.where(self.wrong, gap, -np.inf)

    def __len__(self) -> int:
        return len(self.place)


@record
class MoreColumns:
    """What takes longer to work out, in the same order.

    Parameters
    ----------
    groups : int array, shape (N,)
        Which group of errors, from 0; −1 of right answers, and where there are no groups.
    shares : mapping of str to float array, shape (N,)
        Of each region, by its name as it is shown, its share of the attribution.
    beside : int array, shape (N,), optional
        What the study beside it takes each image for; −1 of those that it has not. None where no study is.
    """

    groups: Int[np.ndarray, "N"]
    shares: Mapping[str, Float[np.ndarray, "N"]]
    beside: Int[np.ndarray, "N"] | None = None


def read_columns(store: Store) -> AnswerColumns:
    """The columns of a study's table, each part read once."""
    compute = require("pyarrow.compute", extra="study")
    numbers: dict[str, list[Any]] = {"place": [], "label": [], "predicted": [], "score": [], "truth": []}
    ids: list[str] = []
    for table in store.tables(READ):
        first = table.filter(compute.and_(compute.equal(table["rank"], 0), compute.is_null(table["failure"])))
        if not first.num_rows:
            continue
        for name in ("place", "label", "predicted"):
            numbers[name].append(first[name].to_numpy().astype(np.int32))
        for name, of in (("score", "predicted"), ("truth", "label")):
            numbers[name].append(_scores_of(first, numbers[of][-1]))
        ids += first["id"].to_pylist()
    kinds = {"score": np.float32, "truth": np.float32}
    joined = {
        name: np.concatenate([np.zeros(0, kinds.get(name, np.int32)), *parts])
        for name, parts in numbers.items()
    }
    return AnswerColumns(**joined, ids=tuple(ids))


def _scores_of(table: Any, wanted: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Of each line the score of one class; nan where it was not kept."""
    classes, scores = (table[name].combine_chunks() for name in ("classes", "scores"))
    ends = classes.offsets.to_numpy()
    lines = np.repeat(np.arange(len(wanted)), np.diff(ends))
    # Scores have the same offsets: both were written of the same classes.
    kept = np.asarray(classes.values.to_numpy()[ends[0] : ends[-1]] == wanted[lines])
    found = np.full(len(wanted), np.nan, np.float32)
    starts = scores.offsets.to_numpy()
    found[lines[kept]] = scores.values.to_numpy()[starts[0] : starts[-1]][kept]
    return found


def packed_columns(about: Mapping[str, Any], columns: Mapping[str, Shaped[np.ndarray, "..."]]) -> bytes:
    """Columns as one block of bytes: the length of a head, a head of JSON that says where each is, and they.

    Examples
    --------
    >>> made = packed_columns({"count": 2}, {"label": np.array([1, 2], np.int32)})
    >>> int.from_bytes(made[:4], "little") % 8, np.frombuffer(made[-8:], np.int32).tolist()
    (4, [1, 2])
    """
    placed, at, pieces = {}, 0, []
    for name, values in columns.items():
        content = np.ascontiguousarray(values).tobytes()
        placed[name] = [KINDS[values.dtype.str[1:]], at, values.size]
        pieces.append(content.ljust(-(-len(content) // ALIGNED) * ALIGNED, b"\0"))
        at += len(pieces[-1])
    head = json.dumps({**about, "columns": placed}, separators=(",", ":"), ensure_ascii=True).encode()
    head = head.ljust(-(-(len(head) + 4) // ALIGNED) * ALIGNED - 4)
    return b"".join([len(head).to_bytes(4, "little"), head, *pieces])


def text_columns(texts: Sequence[str]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Texts as bytes of UTF-8, and where each ends."""
    parts = [one.encode("utf-8", "replace") for one in texts]
    ends = np.cumsum([len(one) for one in parts], dtype=np.uint32) if parts else np.zeros(0, np.uint32)
    return {"text": np.frombuffer(b"".join(parts), np.uint8), "ends": ends.astype(np.uint32)}


@record
class Selection:
    """Which answers are shown and in which order, as an address says it.

    Parameters
    ----------
    label, predicted, group : int or None
    outcome : {"", "wrong", "right", "differ"}
    low, high : float
        Of the score that the model gave its answer, as precise as scores are kept.
    region : str
        Whose share of the attribution lies between `least` and `most`.
    least, most : float
    find : str
        In the image's name as it is shown, in letters of any size.
    sort : {"", "misled", "unsure", "class"}
    """

    label: int | None = None
    predicted: int | None = None
    group: int | None = None
    outcome: str = ""
    low: float = -np.inf
    high: float = np.inf
    region: str = ""
    least: float = -np.inf
    most: float = np.inf
    find: str = ""
    sort: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Selection":
        """What an address asks for; what it does not name is left as it is.

        Raises
        ------
        OptionError
            If something of it cannot be read.
        """
        made: dict[str, Any] = {}
        readers: dict[str, Any] = {
            **dict.fromkeys(("label", "predicted", "group"), _read_number),
            **dict.fromkeys(("low", "high", "least", "most"), _read_bound),
            **dict.fromkeys(("region", "find", "outcome", "sort"), str),
        }
        for name, read in readers.items():
            given = query.get(name, "")
            if given:
                made[name] = read(given)
                allowed = {"outcome": OUTCOMES, "sort": ORDERS}.get(name)
                if made[name] is None or (allowed is not None and given not in allowed):
                    raise _unreadable_query(f"{name}={given!r}")
        return cls(**made)

    def places(self, columns: AnswerColumns, more: MoreColumns) -> Int[np.ndarray, "n"]:
        """Where in the columns the answers stand that are shown, in their order.

        Raises
        ------
        OptionError
            If there is no such region, or no study beside it.
        """
        if self.region and self.region not in more.shares:
            known = ", ".join(map(repr, more.shares)) or "none"
            raise _unreadable_query(
                f"region={self.region!r}", f" Regions that images can be chosen by: {known}."
            )
        if self.outcome == "differ" and more.beside is None:
            raise _unreadable_query("outcome='differ'", " No study is shown beside this one.")
        kept = np.ones(len(columns), dtype=bool)
        for asked, values in (
            (self.label, columns.label),
            (self.predicted, columns.predicted),
            (self.group, more.groups),
        ):
            kept &= True if asked is None else values == asked
        if self.outcome == "differ":
            kept &= (more.beside != columns.predicted) & (more.beside != -1)
        else:
            kept &= {"": True, "wrong": columns.wrong, "right": ~columns.wrong}[self.outcome]
        if self.low > -np.inf or self.high < np.inf:
            kept &= (self.low <= columns.score) & (columns.score <= self.high)
        if self.region:
            share = more.shares[self.region]
            kept &= (self.least <= share) & (share <= self.most)
        if self.find:
            sought = self.find.lower()
            kept &= np.array([sought in one.lower() for one in columns.printed], dtype=bool)
        found = np.flatnonzero(kept)
        keys = {
            "misled": (-columns.misled,),
            "unsure": (np.nan_to_num(columns.score),),
            "class": (columns.predicted, columns.label),
        }.get(self.sort)
        return found if keys is None else found[np.lexsort([key[found] for key in keys])]


def _read_number(given: str) -> int | None:
    return int(given) if re.fullmatch(NUMBER, given) else None


def _read_bound(given: str) -> float | None:
    """Rounded as what it bounds is kept: a bound that was copied from a table holds the image it is of."""
    with np.errstate(over="ignore"):
        return float(np.float32(float(given))) if re.fullmatch(BOUND, given) else None


def _unreadable_query(given: str, why: str = "") -> OptionError:
    return OptionError(f"{given} of the address cannot be read.{why}", slug="studio-request")
