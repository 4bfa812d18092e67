"""Asking the model about one image: what could be hidden, and what it says then; loaded by a button alone."""

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import shown_name
from sightline.engine.image import unit_rgb
from sightline.errors import OptionError
from sightline.render import fit_to_size
from sightline.reports.image_data import encode_image, encode_labels
from sightline.reports.summary import ImageData
from sightline.studio.model_question import SIDE, ModelQuestions, model_text
from sightline.studio.region_lines import known_regions
from sightline.studio.replies import json_reply, opened_of, page_reply, read_json


def show_question(request: Request) -> Response:
    """The page that asks about one image."""
    row = opened_of(request).study.row(request.path_params["place"])
    return page_reply(
        request,
        "ask_page.html.jinja",
        script="ask_model.mjs",
        words=question_words(),
        data={"place": row.place},
        place=row.place,
        id=printable_text(row.id),
    )


def question_words() -> dict[str, str]:
    """What the page's script says; it fills in the fields in braces."""
    return {
        "segment": tr("segment {number} ({value})", number="{number}", value="{value}"),
        "asked": tr("asked {calls} times since the studio was opened", calls="{calls}"),
        "same": tr("The answer stays {after}.", after="{after}"),
        "other": tr("The answer was {before} and is {after}.", before="{before}", after="{after}"),
        "loading": tr("The model is being loaded …"),
        "failed": tr("This could not be done: {why}", why="{why}"),
    }


def tell_question(request: Request) -> Response:
    """What can be hidden in an image, and whether the model is loaded. It is not loaded for this."""
    opened, place = opened_of(request), request.path_params["place"]
    study = opened.study
    row = study.row(place)
    value: dict[str, Any] = {
        "loaded": opened.has_model,
        "model": model_text(opened),
        "calls": ModelQuestions.of(opened).calls,
        "image": _image_address(encode_image(fit_to_size(unit_rgb(study.image(place)), SIDE))),
        "segments": f"data:image/png;base64,{encode_labels(row.segments.labels).pixels}",
        "values": [round(float(one), 4) for one in row.values()],
        "regions": [(one, shown_name(one)) for among in known_regions(study, opened.run) for one in among],
    }
    return json_reply(request, value)


def load_model(request: Request) -> Response:
    """Load the model, after a person agreed."""
    opened = opened_of(request)
    if read_json(request).get("load") is not True:
        raise OptionError(
            "the model is loaded where a person agrees to it: say load=true, as the page asks.",
            slug="studio-consent",
        )
    ModelQuestions.of(opened).load(opened)
    return json_reply(request, {"loaded": True})


def answer_question(request: Request) -> Response:
    """Hide some of an image, and ask the model."""
    opened, body = opened_of(request), read_json(request)
    questions = ModelQuestions.of(opened)
    made = questions.ask(opened, request.path_params["place"], body)
    value = {**dataclasses.asdict(made), "hidden": _image_address(made.hidden), "calls": questions.calls}
    return json_reply(request, value)


def _image_address(made: ImageData) -> str:
    return f"data:image/webp;base64,{made.pixels}"


ROUTES = [
    Route("/images/{place:int}/ask", show_question, methods=["GET"]),
    Route("/api/images/{place:int}/ask", tell_question, methods=["GET"]),
    Route("/api/images/{place:int}/ask", answer_question, methods=["POST"]),
    Route("/api/model", load_model, methods=["POST"]),
]
