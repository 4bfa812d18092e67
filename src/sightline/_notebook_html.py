"""what a result says → the HTML that a notebook's cell shows: heading, figure, sentences, tables.

It holds no script and no style sheet: a notebook that nobody trusts yet takes those away, and what is left
has to say all of it. Colours are the notebook's own, so that it reads in the dark as well. The text twin of
each is what it prints.
"""

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sightline._language import current_language
from sightline._printing import printable_text
from sightline.errors import SightlineError

LARGE = 200_000
"""Bytes of a PNG from which on a figure is kept as WebP, whose photographs take a fifth of it."""
QUALITY = 88
LONGEST = 300
"""Letters of what is read aloud instead of a figure."""
MOST_ROWS = 60
"""Lines of a table: what a cell shows is kept in the notebook's file."""


def result_html(
    heading: str,
    *,
    figure: Callable[[], Any] | None = None,
    sentences: Iterable[str] = (),
    tables: Iterable[Sequence[Sequence[str]]] = (),
) -> str:
    """A result as a notebook's cell shows it; names in it are never markup.

    Parameters
    ----------
    heading : str
    figure : callable, optional
        Draws it. What cannot be drawn, such as curves of scores that are not known, is left out.
    sentences : iterable of str
    tables : iterable of sequence of sequence of str
        Rows, the heads first.

    Examples
    --------
    >>> print(result_html("Two <things>", sentences=["They differ."], tables=[[("", "a"), ("one", "1")]]))
    <div lang="en">
    <p><b>Two &lt;things&gt;</b></p>
    <p>They differ.</p>
    <table>
    <thead><tr><th></th><th>a</th></tr></thead>
    <tbody>
    <tr><th>one</th><td>1</td></tr>
    </tbody></table>
    </div>
    """
    said = [one for text in sentences for one in text.split("\n") if one.strip()]
    parts = [f"<p><b>{_escaped_text(heading)}</b></p>"]
    if figure is not None:
        parts += _figure_html(figure, ". ".join([heading, *said]))
    parts += [f"<p>{_escaped_text(one)}</p>" for one in said]
    parts += [_table_html(rows) for rows in tables if rows]
    return "\n".join([f'<div lang="{current_language()}">', *parts, "</div>"])


def _escaped_text(text: str) -> str:
    return html.escape(printable_text(text.strip()))


def _figure_html(draw: Callable[[], Any], told: str) -> list[str]:
    try:
        png = draw()._repr_png_()
    except SightlineError:
        return []
    kind, data = ("png", png) if len(png) < LARGE else ("webp", _webp_bytes(png))
    alt = told if len(told) <= LONGEST else f"{told[:LONGEST].rstrip()} …"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return [f'<p><img style="max-width:100%" alt="{_escaped_text(alt)}" src="{source}"></p>']


def _webp_bytes(png: bytes) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()


def _table_html(rows: Sequence[Sequence[str]]) -> str:
    heads, *lines = rows
    top = "".join(f"<th>{_escaped_text(one)}</th>" for one in heads)
    body = []
    for first, *others in lines[:MOST_ROWS]:
        cells = "".join(f"<td>{_escaped_text(one)}</td>" for one in others)
        body.append(f"<tr><th>{_escaped_text(first)}</th>{cells}</tr>")
    if len(lines) > MOST_ROWS:
        body.append(f"<tr><th>… {len(lines) - MOST_ROWS:,}</th></tr>")
    return "\n".join(["<table>", f"<thead><tr>{top}</tr></thead>", "<tbody>", *body, "</tbody></table>"])
