"""For the API pages: griffe is told that `record` and `option` make dataclasses, and so shows parameters."""

from typing import Any

import griffe

DATACLASS = griffe.ExprName("dataclasses.dataclass")
MADE_BY: dict[str, griffe.Expr] = {
    "sightline.types.record": DATACLASS,
    "sightline.types.option": griffe.ExprCall(DATACLASS, [griffe.ExprKeyword("kw_only", "True")]),
}


class Records(griffe.Extension):
    """Puts the decorator that stands behind ours in its place, before griffe looks for dataclasses."""

    def on_class_instance(self, *, cls: griffe.Class, **_: Any) -> None:
        for decorator in cls.decorators:
            if isinstance(decorator.value, griffe.Expr):
                decorator.value = MADE_BY.get(decorator.value.canonical_path, decorator.value)
