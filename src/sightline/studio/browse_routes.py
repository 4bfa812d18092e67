"""All images of a study: the page that browses them, one image's own page, and what both are made of."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline._json import to_jsonable
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import shown_name
from sightline.errors import OptionError
from sightline.reports.charts import value_limit
from sightline.reports.page import script_words
from sightline.reports.repair_part import shown_class
from sightline.reports.summary import Summary
from sightline.studio.browsed_study import BrowsedStudy
from sightline.studio.columns import AnswerColumns, MoreColumns, Selection, packed_columns, text_columns
from sightline.studio.download_routes import parquet_reply
from sightline.studio.region_lines import known_regions
from sightline.studio.replies import (
    FOREVER,
    bytes_reply,
    csv_reply,
    json_reply,
    opened_of,
    page_reply,
    summary_of,
)

AT_ONCE = 200
"""Images that are told of in one answer."""
HEADS = ("place", "image", "label", "predicted", "right", "score", "score_of_label", "group")
"""Of the table of images, before the shares of regions."""


def browsed_of(request: Request) -> BrowsedStudy:
    """The study that the address names by ``of=``; the studio's own where it names none."""
    return opened_of(request).browsed(request.query_params.get("of", "study"))


def show_images(request: Request) -> Response:
    """The grid of all images; which ones, and how they are drawn, stands in the address."""
    data = _page_data(request)
    return page_reply(
        request,
        "browse.html.jinja",
        script="browse.mjs",
        words=browse_words(),
        data=data,
        pairs=opened_of(request).pairs(),
        of=data["of"],
        beside=data["beside"],
        folder=folder_beside(request),
    )


def folder_beside(request: Request) -> str:
    """The name of the folder of the other study, as it is shown; empty where there is none."""
    beside = opened_of(request).beside
    return "" if beside is None else printable_text(beside.resolve().name)


def show_image(request: Request) -> Response:
    """One image wholly: its answer, its heat, the segments that count most."""
    browsed, place = browsed_of(request), request.path_params["place"]
    data, at = _page_data(request), browsed.position(place)
    entry, row, _ = browsed.entries([place])[place]
    there, other = -1, None
    if data["beside"]:
        beside = opened_of(request).browsed(data["beside"])
        there = int(browsed.same_images(beside)[at])
        other = beside.entries([there])[there][0] if there >= 0 else None
    return page_reply(
        request,
        "one_image.html.jinja",
        script="one_image.mjs",
        words=browse_words(),
        data={**data, "place": place, "besidePlace": there},
        entry=entry,
        place=place,
        of=data["of"],
        beside=data["beside"] if there >= 0 else "",
        other=other,
        version=browsed.version,
        class_name=lambda number: shown_class(number, browsed.study.class_names),
        end=value_limit(entry.leading) if entry.leading else 1.0,
        segments=row.segments.count,
    )


def _page_data(request: Request) -> dict[str, Any]:
    """What the scripts of both pages are given: which study, which is beside it, and their versions."""
    opened, browsed = opened_of(request), browsed_of(request)
    of = request.query_params.get("of", "study")
    beside = opened.pairs()[of]
    return {
        "of": of,
        "version": browsed.version,
        "classes": browsed.class_names,
        "beside": beside,
        "besideVersion": opened.browsed(beside).version if beside else "",
    }


def send_image(request: Request) -> Response:
    """An image's pixels. The address has the version, so that it never shows anything else."""
    content = browsed_of(request).image_file(request.path_params["place"], _side_of(request))
    return bytes_reply(request, content, "image/webp", cache=_cache_of(request))


def send_segments(request: Request) -> Response:
    """An image's segments: red + 256 × green + 65536 × blue is a pixel's."""
    content = browsed_of(request).segments_file(request.path_params["place"], _side_of(request))
    return bytes_reply(request, content, "image/png", cache=_cache_of(request))


def _side_of(request: Request) -> int:
    text = request.query_params.get("side", "224")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _cache_of(request: Request) -> str:
    """For good, where the address names this very version; else as everything else."""
    return FOREVER if request.query_params.get("v") == browsed_of(request).version else ""


def tell_image(request: Request) -> Response:
    """What is said of one image, as JSON."""
    browsed, place = browsed_of(request), request.path_params["place"]
    browsed.position(place)
    return json_reply(request, browsed.told_entries([place])[0])


def tell_heat(request: Request) -> Response:
    """What is said of several images: ``places=3,5,8``."""
    texts = [one for one in request.query_params.get("places", "").split(",") if one]
    if len(texts) > AT_ONCE or not all(one.isascii() and one.isdigit() and len(one) < 12 for one in texts):
        raise OptionError(
            f"places= names up to {AT_ONCE} images by their numbers, such as places=3,5,8.",
            slug="studio-request",
        )
    return json_reply(request, browsed_of(request).told_entries(map(int, texts)))


def send_columns(request: Request) -> Response:
    """Of every image what it is filtered and sorted by, as typed arrays: see `packed_columns`."""
    browsed = browsed_of(request)
    columns = browsed.columns
    there = places_beside(request)
    more = {} if there is None else {"beside": there[0], "besidePredicted": there[1]}
    numbers = {name: getattr(columns, name) for name in ("place", "label", "predicted", "score", "truth")}
    block = packed_columns(
        {"count": len(columns), "version": browsed.version},
        {**numbers, **more, **text_columns(columns.printed)},
    )
    return bytes_reply(request, block, "application/octet-stream")


def send_more_columns(request: Request) -> Response:
    """Which group of errors each image is in, and shares of regions: what takes longer than a page may."""
    browsed = browsed_of(request)
    more = more_columns(request)
    columns = {"group": more.groups.astype(np.int32)}
    columns |= {f"share{number}": values for number, values in enumerate(more.shares.values())}
    names = [*more.shares]
    about = {"count": len(browsed.columns), "regions": names, "called": [*map(shown_name, names)]}
    return bytes_reply(request, packed_columns(about, columns), "application/octet-stream")


def places_beside(request: Request) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"]] | None:
    """Of each image its place in the study beside it, and what it is called there; −1 where that is none."""
    opened, browsed = opened_of(request), browsed_of(request)
    beside = opened.pairs()[request.query_params.get("of", "study")]
    if not beside:
        return None
    other = opened.browsed(beside)
    there = browsed.same_images(other)
    said = dict(zip(other.columns.place.tolist(), other.columns.predicted.tolist(), strict=True))
    return there, np.array([said.get(one, -1) for one in there.tolist()], np.int32)


def more_columns(request: Request) -> MoreColumns:
    """Groups, shares and what is beside, worked out once for as long as the study stays as it is."""
    opened, browsed = opened_of(request), browsed_of(request)
    with browsed.lock:
        if browsed.more is None:
            own = request.query_params.get("of", "study") == "study"
            groups = (
                _groups_of(summary_of(request), browsed.columns) if own else np.full(len(browsed.columns), -1)
            )
            shares: dict[str, Float[np.ndarray, "N"]] = {}
            for regions in known_regions(opened.study, opened.run):
                found = browsed.region_shares(regions)
                shares |= {printable_text(name): values for name, values in found.items()}
            there = places_beside(request)
            browsed.more = MoreColumns(groups, shares, None if there is None else there[1])
        return browsed.more


def _groups_of(summary: Summary, columns: AnswerColumns) -> Int[np.ndarray, "N"]:
    group_of = {name: number for number, group in enumerate(summary.groups) for name in group.members}
    return np.array([group_of.get(one, -1) for one in columns.printed], dtype=np.int32)


def tell_images(request: Request) -> Response:
    """The selection as JSON."""
    heads, rows = image_table(request)
    return json_reply(request, [dict(zip(heads, to_jsonable(row), strict=True)) for row in rows])


def send_table(request: Request) -> Response:
    """The selection as CSV."""
    heads, rows = image_table(request)
    return csv_reply(request, heads, rows, f"{opened_of(request).run.name}-images.csv")


def send_parquet(request: Request) -> Response:
    """The selection as Parquet."""
    heads, rows = image_table(request)
    return parquet_reply(request, heads, list(rows), f"{opened_of(request).run.name}-images.parquet")


def image_table(request: Request) -> tuple[list[str], Iterator[list[Any]]]:
    """Heads and rows of the images that the address selects."""
    browsed = browsed_of(request)
    columns, names = browsed.columns, browsed.class_names
    more = more_columns(request)
    groups, shares = more.groups, more.shares
    chosen = Selection.from_query(request.query_params).places(columns, more)
    heads = [*HEADS, *(f"share of {one}" for one in shares)]

    def rows() -> Iterator[list[Any]]:
        for at in chosen.tolist():
            label, predicted = int(columns.label[at]), int(columns.predicted[at])
            yield [
                int(columns.place[at]),
                columns.printed[at],
                names[str(label)],
                names[str(predicted)],
                label == predicted,
                float(columns.score[at]),
                float(columns.truth[at]),
                int(groups[at]) + 1 if groups[at] >= 0 else None,
                *(float(one[at]) for one in shares.values()),
            ]

    return heads, rows()


def browse_words() -> dict[str, str]:
    """What the scripts of both pages say: the report's words, and some more."""
    return {
        **script_words(),
        "besideSaid": tr("beside: {what}", what="{what}"),
        "reading": tr("being read"),
        "region": tr("no region"),
        "unreadable": tr("{given} of the address cannot be read: no image is shown.", given="{given}"),
        "noRegion": tr("No region here is called {name}: no image is shown.", name="{name}"),
        "refused": tr("The studio cannot show this: {why}", why="{why}"),
    }


ROUTES = [
    Route("/images", show_images, methods=["GET"]),
    Route("/images.json", tell_images, methods=["GET"]),
    Route("/images.csv", send_table, methods=["GET"]),
    Route("/images.parquet", send_parquet, methods=["GET"]),
    Route("/images/{place:int}", show_image, methods=["GET"]),
    Route("/images/{place:int}.json", tell_image, methods=["GET"]),
    Route("/images/{place:int}.webp", send_image, methods=["GET"]),
    Route("/images/{place:int}.segments.png", send_segments, methods=["GET"]),
    Route("/api/columns", send_columns, methods=["GET"]),
    Route("/api/more-columns", send_more_columns, methods=["GET"]),
    Route("/api/heat", tell_heat, methods=["GET"]),
]
