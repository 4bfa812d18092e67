"""What a person says of groups of errors and of what was found: the page of groups, and its change."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline._language import translate as tr
from sightline.errors import OptionError
from sightline.reports.summary import RegionRow, Summary
from sightline.studio.replies import (
    bytes_reply,
    json_reply,
    opened_of,
    page_reply,
    read_json,
    summary_of,
    with_summary,
)
from sightline.study.schema import answers_digest
from sightline.study.study import Study
from sightline.study.thing_keys import judged_things
from sightline.study.verdicts import KINDS, MOST_NOTE, SAID, PersonVerdict, said_text


@with_summary
def show_groups(request: Request, summary: Summary) -> Response:
    """Groups of errors, and regions, concepts and properties, each with what a person says of it."""
    return page_reply(
        request,
        "judge_groups.html.jinja",
        script="groups.mjs",
        words=verdict_words(),
        summary=summary,
        things=_things(summary, opened_of(request).study),
        past=[one for one in summary.said if not one.current],
    )


def _things(summary: Summary, study: Study) -> list[tuple[str, str, RegionRow]]:
    """Kind, name and row of what can be judged beside groups, what drives errors first."""
    sections = (("region", summary.blame), ("concept", summary.concepts), ("property", summary.causes))
    things = judged_things(study.path, answers_digest(study))
    fixed = {(one.of, one.name): one.called for one in things if not one.drawn}
    found = [
        (kind, fixed.get((kind, row.name), row.name), row)
        for kind, section in sections
        for row in section.rows
    ]
    return sorted(found, key=lambda one: one[2].status in ("nothing", "not tested"))


def tell_groups(request: Request) -> Response:
    """The same as JSON."""
    summary = summary_of(request)
    groups = [
        {
            "key": one.key,
            "count": one.count,
            "members": list(one.members),
            "pairs": [
                {"label": summary.class_name(label), "predicted": summary.class_name(said), "count": count}
                for label, said, count in one.pairs
            ],
        }
        for one in summary.groups
    ]
    said = [_said_value(one) for one in opened_of(request).study.verdicts.current()]
    return json_reply(request, {"groups": groups, "verdicts": said})


def send_wrong_labels(request: Request) -> Response:
    """The images whose labels a person called wrong, as a table to be kept."""
    study = opened_of(request).study
    names = study.class_names
    called = str if names is None else names.__getitem__
    answers = zip(study.labels.tolist(), study.predicted.tolist(), strict=True)
    words = [(called(label), called(predicted)) for label, predicted in answers]
    text = study.verdicts.to_csv(dict(zip(study.ids, words, strict=True)))
    return bytes_reply(request, text.encode("utf-8-sig"), "text/csv", name="wrong-labels.csv")


def tell_verdicts(request: Request) -> Response:
    """All that a person says."""
    return json_reply(
        request, {"verdicts": [_said_value(one) for one in opened_of(request).study.verdicts.current()]}
    )


def say_verdict(request: Request) -> Response:
    """Keep what a person says, or take it back."""
    given = read_json(request)
    texts = {name: given.get(name, "") for name in ("of", "name", "key", "said", "note")}
    if not all(isinstance(one, str) for one in texts.values()) or len(texts["note"]) > MOST_NOTE:
        raise OptionError(
            f"a verdict has the texts of, name, key, said and note, a note of {MOST_NOTE:,} letters at most.",
            slug="studio-request",
        )
    of, name, key, said = (texts[one] for one in ("of", "name", "key", "said"))
    if of not in KINDS or said not in ("", *SAID) or not (name or key):
        raise OptionError("a verdict is of one thing, and one of the words for it.", slug="studio-request")
    opened = opened_of(request)
    verdicts = opened.study.verdicts
    if not said:
        verdicts.withdraw(key or name, of=of)
        return json_reply(request, {"of": of, "name": name, "key": key, "said": "", "note": "", "when": ""})
    if of == "group":
        group = next((one for one in summary_of(request).groups if one.key == key), None)
        if group is None:
            raise OptionError(
                "there is no such group of errors any more: open the page anew.", slug="verdict-of"
            )
        made = verdicts.say(group, said, texts["note"])
    else:
        made = verdicts.say(name, said, texts["note"], of=of)
    return json_reply(request, _said_value(made))


def _said_value(one: PersonVerdict) -> dict[str, str]:
    # Pages know a region by what it is called now; only groups have a key there.
    key = one.key if one.of == "group" else ""
    told = {"of": one.of, "name": one.name, "key": key, "said": one.said, "note": one.note}
    return {**told, "when": one.when, "text": said_text(one.said)}


def verdict_words() -> dict[str, str]:
    """What `verdict.mjs` says on every page that has verdicts."""
    return {
        "verdict_question": tr("What is {name}?", name="{name}"),
        "verdict_reason": tr("a reason"),
        "verdict_shortcut": tr("a shortcut"),
        "verdict_wrong label": tr("wrong labels"),
        "verdict_note": tr("Note: why?"),
        "verdict_keep": tr("Keep the note"),
        "verdict_kept": tr("Kept: {said}, {when}.", said="{said}", when="{when}"),
        "verdict_none": tr("Nothing is said of it."),
    }


ROUTES = [
    Route("/groups", show_groups, methods=["GET"]),
    Route("/groups.json", tell_groups, methods=["GET"]),
    Route("/wrong-labels.csv", send_wrong_labels, methods=["GET"]),
    Route("/api/verdicts", tell_verdicts, methods=["GET"]),
    Route("/api/verdicts", say_verdict, methods=["POST"]),
]
