"""an answer of several parts → the part with the scores: of dicts, Hugging Face's outputs, tuples of one."""

import re
from collections import Counter
from collections.abc import Mapping
from numbers import Number
from typing import Any

from sightline.errors import ModelError

# Where most libraries keep the scores of an answer that has several named parts.
USUAL_KEYS = ("logits", "probabilities", "probs", "scores", "predictions", "output")
DEEPEST = 4
RANKED = {"label", "score"}
"""What a pipeline of Hugging Face says of each class."""


def scores_part(answer: Any) -> Any:
    """The part with the scores, where there can be no doubt which one it is; else the answer itself.

    What is called logits, in a mapping or as an attribute; the only entry of a mapping; the only one with a
    usual name; the only item of a tuple.

    Examples
    --------
    >>> scores_part({"logits": [[1, 2]], "hidden_states": None}), scores_part(([[1, 2]],))
    ([[1, 2]], [[1, 2]])
    >>> scores_part({"a": [[1, 2]], "b": [[3, 4]]})
    {'a': [[1, 2]], 'b': [[3, 4]]}
    """
    for _ in range(DEEPEST):
        inner = _inner_part(answer)
        if inner is answer:
            break
        answer = inner
    return answer


def _inner_part(answer: Any) -> Any:
    if isinstance(answer, Mapping):
        usual = [key for key in USUAL_KEYS if answer.get(key) is not None]
        keys = usual[:1] if "logits" in usual or len(usual) == 1 else list(answer) if len(answer) == 1 else []
        # A dict of numbers is one image's scores by name, and no part is all of them.
        return answer[keys[0]] if keys and not isinstance(answer[keys[0]], Number | str) else answer
    logits = getattr(answer, "logits", None)
    if logits is not None:
        return logits
    if isinstance(answer, tuple | list) and len(answer) == 1:
        (only,) = answer
        named = isinstance(only, Mapping) and not any(isinstance(one, Number | str) for one in only.values())
        rows = isinstance(only, list) and bool(only) and isinstance(only[0], list)
        deep = rows or isinstance(only, tuple) or getattr(only, "ndim", 0) >= 2 or hasattr(only, "logits")
        return only if named or deep else answer
    return answer


def ranked_rows(answer: Any, count: int) -> list[dict[str, float]] | None:
    """One dict of scores by label for each image, of what a pipeline of Hugging Face returns; None of others.

    Parameters
    ----------
    answer : any
        For each image a list of ``{"label": …, "score": …}``, best first.
    count : int
        Images that were asked about.

    Raises
    ------
    ModelError
        If it does not tell the scores of all classes.

    Examples
    --------
    >>> ranked_rows([[{"label": "dog", "score": 0.75}, {"label": "cat", "score": 0.25}]], 1)
    [{'cat': 0.25, 'dog': 0.75}]
    """
    if not isinstance(answer, list | tuple) or not answer:
        return None
    images = [answer] if count == 1 and _is_ranked(answer[0]) else list(answer)
    if all(map(_is_ranked, images)):
        images = [[one] for one in images]
    if not all(isinstance(one, list | tuple) and one and all(map(_is_ranked, one)) for one in images):
        return None
    rows = [{str(entry["label"]): entry["score"] for entry in image} for image in images]
    twice = next((row for row, image in zip(rows, images, strict=True) if len(row) < len(image)), None)
    if twice is not None:
        (name, _), *_ = Counter(str(entry["label"]) for entry in images[0]).most_common()
        raise ModelError(
            f"the model calls two classes {name!r}, so that its answers do not tell which is which. Give "
            "the pipeline of Hugging Face itself, which knows their numbers, or a function that returns an "
            "array.",
            slug="model-answer",
        )
    labels = sorted(rows[0], key=_number_aware)
    if len(labels) < 2 or any(set(row) != set(labels) for row in rows):
        raise ModelError(
            "the model returned the scores of its leading classes only: all are needed. Ask a pipeline of "
            "Hugging Face with top_k=None: lambda images: pipe(images, top_k=None).",
            slug="model-answer",
        )
    return [{label: row[label] for label in labels} for row in rows]


def _is_ranked(entry: Any) -> bool:
    return isinstance(entry, Mapping) and set(entry) == RANKED and isinstance(entry["score"], Number)


def _number_aware(label: str) -> list[Any]:
    """LABEL_2 before LABEL_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", label)]
