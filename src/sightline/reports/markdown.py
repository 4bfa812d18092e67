"""Summary → Markdown: what fits into a comment on a pull request."""

import math
import re
from collections.abc import Sequence

from sightline._language import translate as tr
from sightline._language import use_language
from sightline.proof.verdict import format_p
from sightline.reports.options_in_words import clear_note, option_words
from sightline.reports.summary import (
    ConceptSheet,
    Interval,
    Measure,
    RegionRow,
    Repair,
    Section,
    Summary,
    thing_name,
)

MOST_ROWS = 8
"""Lines of a table."""
ACTIVE = re.compile(r"[\\`*_\[\]|<>~$&]")
"""What Markdown would obey within a line."""
BEGINS = re.compile(r"^(?=[#+=-])")
"""What would begin a heading or a list."""
CALLS = re.compile(r"[@#](?=\w)")
"""What would call a person, or link an issue."""


def page_markdown(summary: Summary) -> str:
    """The report in short: verdict, measures, what was found, limits, how to repeat it.

    Parameters
    ----------
    summary : Summary
        Its language is the page's.
    """
    with use_language(summary.language):
        parts = [
            f"## {escape_markdown(summary.title)}",
            *verdict_lines(summary),
            _examined_line(summary),
            *measure_lines(summary),
            escape_markdown(summary.measures_note),
            *section_lines(summary),
            *_said_lines(summary),
            *_repair_lines(summary),
            *limit_lines(summary),
            "```sh\n" + "\n".join(one.replace("```", "") for one in summary.commands) + "\n```",
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape_markdown(text: str) -> str:
    """Another's words as Markdown shows them letter by letter.

    Examples
    --------
    >>> escape_markdown("<b>x</b> | @team")
    '\\\\<b\\\\>x\\\\</b\\\\> \\\\| @<!-- -->team'
    """
    plain = ACTIVE.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
    return CALLS.sub(lambda found: f"{found[0]}<!-- -->", BEGINS.sub(r"\\", plain))


def basis_text(basis: str) -> str:
    """What a sentence rests on, in the reader's language."""
    return {
        "observed": tr("observed"),
        "confirmed": tr("confirmed by a test that allows for chance"),
        "proved": tr("proved on images that nothing was learned from"),
        "tested": tr("tested, and not shown"),
        "unknown": tr("not known"),
        "open": tr("not done yet"),
    }[basis]


def verdict_lines(summary: Summary) -> list[str]:
    """The verdict's sentences, numbered, each with what it rests on."""
    return [
        "\n".join(
            f"{place}. {escape_markdown(one.text)} _({basis_text(one.basis)})_"
            for place, one in enumerate(summary.verdict, start=1)
        )
    ]


def _examined_line(summary: Summary) -> str:
    about = summary.examined
    return escape_markdown(
        tr(
            "{explained:,} of {wanted:,} images explained, {failed:,} failed, {held_out:,} held out,"
            " {calls:,} model calls.",
            explained=about.explained,
            wanted=about.wanted,
            failed=about.failed,
            held_out=about.held_out,
            calls=about.calls,
        )
    )


def measure_lines(summary: Summary) -> list[str]:
    """How good the studied model is, as a table; nothing where no image is explained."""
    rows = [
        (escape_markdown(one.name), _interval_text(one.after), f"{one.count:,}") for one in summary.measures
    ]
    return table_lines((tr("measure"), tr("value [95 %]"), tr("images")), rows[: MOST_ROWS + 1], len(rows))


def section_lines(summary: Summary) -> list[str]:
    """What was found by each question that was asked."""
    said: list[str] = []
    for section in (summary.blame, *(one for one, _ in summary.further_sections)):
        if section.asked:
            said += [f"### {escape_markdown(section.title)}", escape_markdown(option_words(section.verdict))]
            said += [escape_markdown(section.counted)] if section.counted else []
            said += _row_lines(section)
        if section is summary.concepts:
            said += [escape_markdown(_sheet_line(summary, one)) for one in summary.concept_sheets]
    return said


def _said_lines(summary: Summary) -> list[str]:
    if not summary.said:
        return []
    rows = [
        tuple(escape_markdown(text) for text in (one.of_text, one.shown_name, one.said_text, one.note))
        for one in summary.said
    ]
    heads = (tr("of"), tr("name"), tr("said"), tr("note"))
    return [f"### {tr('What a person says of it')}", *table_lines(heads, rows, len(rows))]


def _sheet_line(summary: Summary, sheet: ConceptSheet) -> str:
    """In how many images of each class a concept is; what it looks like, other forms show."""
    counts = [
        tr(
            "{name}: {found} of {images}",
            name=summary.class_name(one.label),
            found=one.found,
            images=one.images,
        )
        for one in sheet.counts[:MOST_ROWS]
    ]
    return tr(
        "{concept}. Found in images of {counts}", concept=thing_name(sheet.name), counts=", ".join(counts)
    )


def _row_lines(section: Section) -> list[str]:
    rows = [_row_cells(one, named=section.of_regions) for one in section.rows]
    heads = ("", tr("found"), tr("value [95 %]"), tr("beside"), "p")
    told = [escape_markdown(clear_note())] if section.nothing_beside_clear else []
    return table_lines(heads, rows[:MOST_ROWS], len(rows)) + told


def _row_cells(one: RegionRow, *, named: bool) -> tuple[str, ...]:
    p = format_p(one.p).removeprefix("p ").removeprefix("= ") if math.isfinite(one.p) else ""
    beside = f"{one.elsewhere:.3f}" if math.isfinite(one.elsewhere) else ""
    return (
        escape_markdown(
            (thing_name(one.name) if named else one.name) + (one.towards and f" → {one.towards}")
        ),
        escape_markdown(one.status_text),
        _interval_text(one.gain),
        beside,
        escape_markdown(p),
    )


def _repair_lines(summary: Summary) -> list[str]:
    mended = summary.repair
    if mended is None:
        return []
    said = [f"### {tr('Repair')}", escape_markdown(mended.headline)]
    said += [escape_markdown(" ".join(mended.sentences[1:]))] if mended.sentences else []
    return said + repair_table(mended)


def repair_table(mended: Repair) -> list[str]:
    """Measures before a repair and after it, as a table; nothing where it was not proved."""
    rows = [_change_cells(one) for one in mended.measures if one.kind != "other region"]
    heads = ("", tr("before"), tr("after"), tr("change [95 %]"), "p")
    return table_lines(heads, rows[:MOST_ROWS], len(rows))


def _change_cells(one: Measure) -> tuple[str, ...]:
    before = "" if one.before is None else _interval_text(one.before)
    change = "" if one.change is None else _interval_text(one.change)
    p = escape_markdown(format_p(one.p).removeprefix("p ").removeprefix("= ")) if math.isfinite(one.p) else ""
    return escape_markdown(one.name), before, _interval_text(one.after), change, p


def limit_lines(summary: Summary) -> list[str]:
    """What is to be known before any of it is relied on, below its heading."""
    if not summary.limits:
        return []
    listed = "\n".join(f"- {escape_markdown(one)}" for one in summary.limits)
    return [f"### {tr('Limits')}", listed]


def table_lines(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], all_rows: int) -> list[str]:
    """A table; nothing of no rows."""
    if not rows:
        return []
    lines = [heads, ("---",) * len(heads), *rows]
    made = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    more = all_rows - len(rows)
    return [made, *([tr("and {more:,} more", more=more)] if more > 0 else [])]


def _interval_text(one: Interval) -> str:
    if not math.isfinite(one.value):
        return ""
    ends = f" [{one.low:.3f}, {one.high:.3f}]" if math.isfinite(one.low) else ""
    return f"{one.value:.3f}{ends}"
