"""The page of regions: draw one, see how much of the attribution lies in it, and what blame says of it."""

import base64
import shlex
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline._language import translate as tr
from sightline._language import translate_plural as tr_n
from sightline.errors import OptionError
from sightline.reports.commands import drawn_blame_options
from sightline.reports.summary import ImageData
from sightline.studio.drawing_board import DrawingBoard
from sightline.studio.drawn_outline import read_outline
from sightline.studio.drawn_regions import (
    AREAS,
    MOST_LETTERS,
    describe_overlaps,
)
from sightline.studio.model_question import model_text
from sightline.studio.opened_study import OpenedStudy
from sightline.studio.region_lines import HEADS, RegionList, line_values, table_rows
from sightline.studio.replies import bytes_reply, csv_reply, json_reply, opened_of, page_reply, read_json
from sightline.studio.shown_answers import MAPS, ShownAnswers
from sightline.studio.verdict_routes import verdict_words

CELLS = 8
"""Rows and columns of the cells that are picked where images have no segments in common."""
SHOWN_PLACES = 500
"""Images, at most, that can be chosen to draw over."""


def show_regions(request: Request) -> Response:
    """The page: what is drawn over, the tools, the table of all regions."""
    opened = opened_of(request)
    board = DrawingBoard.of(opened)
    with board.shown(opened) as shown:
        if not len(shown.places):
            raise OptionError("nothing is explained yet: run the study first.", slug="study-row")
        regions = board.regions(opened)
        height, width = shown.shape
        return page_reply(
            request,
            "drawing.html.jinja",
            script="draw.mjs",
            words={**verdict_words(), **drawing_words()},
            regions=regions,
            said=honesty_sentences(regions, shown),
            notes=(*place_notes(board, opened, shown), *regions.notes),
            height=height,
            width=width,
            maps=[name for name in MAPS if shown.under(name) is not None],
            images=shown_images(shown),
            segments_of=-1 if shown.common_segments is None else shown.common_segments,
            cells=CELLS,
            most_letters=MOST_LETTERS,
            blame_command=blame_command(opened),
            model=model_text(opened),
        )


def blame_command(opened: OpenedStudy) -> str:
    """What to type to have blame answer for the drawn regions."""
    run = str(opened.run)
    return shlex.join(["sightline", "blame", run, *drawn_blame_options(run)])


def honesty_sentences(regions: RegionList, shown: ShownAnswers) -> list[str]:
    """What a person has to know who draws a region after looking at answers."""
    drawn = regions.drawn
    told = [
        tr(
            "This page shows {n:,} of {all:,} answers, {wrong:,} of them wrong. What you draw was seen in "
            "these, so it is confirmed by the others alone.",
            n=len(shown.places),
            all=len(shown.study.places),
            wrong=int(shown.wrong.sum()),
        ),
        tr(
            "Other pages show all answers. So a drawn region is tested as one of {among:,}: {areas} that "
            "could be seen there, and each that was ever drawn in this study.",
            among=drawn.among,
            areas=AREAS,
        ),
    ]
    removed = drawn.drawn - len(drawn.names)
    if removed:
        told.append(
            tr_n(
                "{n} of these was removed, and counts.",
                "{n:,} of these were removed, and count.",
                removed,
            )
        )
    return told


def place_notes(board: DrawingBoard, opened: OpenedStudy, shown: ShownAnswers) -> list[str]:
    """Where a fixed place means little."""
    notes = []
    seen = board.alignment(opened)
    if not seen.aligned:
        notes.append(
            tr(
                "These images do not seem aligned ({agreement}): the same place does not show the same thing "
                "in all, so that a region of a fixed place means little. What lies anywhere is found by its "
                "looks: sightline concepts.",
                agreement=str(seen),
            )
        )
    if shown.sizes > 1:
        notes.append(
            tr(
                "The images have {n:,} sizes: a region is kept in shares of the image's height and width.",
                n=shown.sizes,
            )
        )
    return notes


def shown_images(shown: ShownAnswers) -> list[tuple[int, str]]:
    """Place and id of the images that may be drawn over, wrong answers first."""
    known = dict(zip(shown.study.places.tolist(), shown.study.ids, strict=True))
    order = [*shown.places[shown.wrong].tolist(), *shown.places[~shown.wrong].tolist()]
    return [(place, known[place]) for place in order[:SHOWN_PLACES]]


def drawing_words() -> dict[str, str]:
    """What the page's script says; it fills in the fields in braces."""
    return {
        "down": tr("point {number}: down, in %", number="{number}"),
        "across": tr("point {number}: across, in %", number="{number}"),
        "remove_point": tr("Remove point {number}", number="{number}"),
        "cell": tr("row {row}, column {column}", row="{row}", column="{column}"),
        "segment": tr("segment {number}", number="{number}"),
        "closed": tr("The polygon is closed. Name it and keep it."),
        "points": tr("{count} points", count="{count}"),
        "kept": tr("{name} is kept.", name="{name}"),
        "renamed": tr("It is called {name} now.", name="{name}"),
        "removed": tr("{name} is removed.", name="{name}"),
        "sure": tr("Remove {name}? It still counts as one that was drawn.", name="{name}"),
        "ask_name": tr("New name of {name}", name="{name}"),
        "nothing": tr("Nothing is drawn yet."),
        "failed": tr("This could not be done: {why}", why="{why}"),
        "no_image": tr("This image cannot be shown."),
        "blaming": tr(
            "Blame is at work, and stands on the page of work, too. The table then shows what it finds."
        ),
        "blamed": tr("Blame has answered."),
    }


def send_under(request: Request) -> Response:
    """What is drawn over: a mean, or one of the images that may be looked at."""
    opened = opened_of(request)
    name, place = request.path_params.get("name"), request.path_params.get("place")
    with DrawingBoard.of(opened).shown(opened) as shown:
        if name is not None:
            made = shown.under(name) if name in MAPS else None
        else:
            made = shown.image_under(int(place))  # type: ignore[arg-type]  # the route has one of the two
    return _image_reply(request, made)


def _image_reply(request: Request, made: ImageData | None) -> Response:
    if made is None:
        raise HTTPException(404)
    return bytes_reply(request, base64.b64decode(made.pixels), "image/webp")


def tell_segments(request: Request) -> Response:
    """Segments of an image that may be looked at: rows, columns, and runs of number and length."""
    opened = opened_of(request)
    with DrawingBoard.of(opened).shown(opened) as shown:
        labels = shown.segments_of(request.path_params["place"])
    if labels is None:
        raise HTTPException(404)
    runs: list[int] = []
    for number, length in run_lengths(labels.ravel().tolist()):
        runs += [number, length]
    rows, columns = labels.shape
    return json_reply(request, {"rows": rows, "columns": columns, "runs": runs})


def run_lengths(values: list[int]) -> list[tuple[int, int]]:
    """Values that follow each other, each with how often.

    Examples
    --------
    >>> run_lengths([3, 3, 1])
    [(3, 2), (1, 1)]
    """
    found: list[tuple[int, int]] = []
    for value in values:
        if found and found[-1][0] == value:
            found[-1] = (value, found[-1][1] + 1)
        else:
            found.append((value, 1))
    return found


def send_table(request: Request) -> Response:
    """All regions as CSV."""
    opened = opened_of(request)
    made = DrawingBoard.of(opened).regions(opened)
    return csv_reply(request, HEADS, table_rows(made.lines), f"{opened.run.name}-regions.csv")


def tell_regions(request: Request) -> Response:
    """All regions as JSON."""
    opened = opened_of(request)
    return json_reply(request, regions_value(DrawingBoard.of(opened).regions(opened)))


def regions_value(made: RegionList) -> dict[str, Any]:
    """The table as a page's script and other programs read it."""
    return {
        "regions": [{**line_values(one), "outline": one.outline} for one in made.lines],
        "drawn": made.drawn.drawn,
        "among": made.drawn.among,
        "untested": made.untested,
        "verdict": made.verdict,
        "notes": list(made.notes),
    }


def keep_region(request: Request) -> Response:
    """Keep what was drawn; its shares stand in the answer at once."""
    opened, body = opened_of(request), read_json(request)
    board = DrawingBoard.of(opened)
    with board.shown(opened) as shown:
        outline = read_outline(shown.study, body)
        before = board.regions(opened).drawn
        others = {name: before.outline(name) for name in before.names}
        said = describe_overlaps(shown.study, outline, others)
        made = board.draw(opened, body.get("name"), outline)
    return json_reply(request, {**regions_value(made), "said": said})


def rename_kept(request: Request) -> Response:
    """Call a drawn region otherwise."""
    opened = opened_of(request)
    name = read_json(request).get("name")
    made = DrawingBoard.of(opened).rename(opened, request.path_params["number"], name)
    return json_reply(request, regions_value(made))


def remove_kept(request: Request) -> Response:
    """Remove a drawn region."""
    opened = opened_of(request)
    made = DrawingBoard.of(opened).remove(opened, request.path_params["number"])
    return json_reply(request, regions_value(made))


ROUTES = [
    Route("/regions", show_regions, methods=["GET"]),
    Route("/regions.json", tell_regions, methods=["GET"]),
    Route("/regions.csv", send_table, methods=["GET"]),
    Route("/regions/under/{place:int}.webp", send_under, methods=["GET"]),
    Route("/regions/under/{name}.webp", send_under, methods=["GET"]),
    Route("/regions/segments/{place:int}.json", tell_segments, methods=["GET"]),
    Route("/api/regions", keep_region, methods=["POST"]),
    Route("/api/regions/{number:int}/rename", rename_kept, methods=["POST"]),
    Route("/api/regions/{number:int}/remove", remove_kept, methods=["POST"]),
]
