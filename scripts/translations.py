"""Bring the catalogues up to what the package says, and compile them: `python scripts/translations.py`.

It writes ``src/sightline/locale/*/LC_MESSAGES/sightline.po``, new messages without a translation, ones that
nobody says any more left out, and the ``.mo`` beside it, which is what the package reads. It needs Babel (and
Jinja2, for the report's templates).
"""

import datetime
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sightline"
CATALOGUES = "locale/*/LC_MESSAGES/sightline.po"
KEYWORDS = {
    "translate": None,
    "tr": None,
    "_": None,
    "in_english": None,
    "translatable": None,
    "translate_plural": (1, 2),
    "tr_n": (1, 2),
    "translate_in": ((1, "c"), 2),
    "translatable_in": ((1, "c"), 2),
}
"""What a message is the argument of, and which argument it is."""
DATE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""Instead of today: the same messages make the same files."""
LEFT_OUT = ("Report-Msgid", "POT-Creation", "PO-Revision", "Last-Translator", "Language-Team", "Generated-By")
"""Headings that say nothing here."""


def extracted() -> Catalog:
    """Every message of the package and of the report's templates, with the file that says it."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as opened:
        methods, options = parse_mapping_cfg(opened)
    catalogue = Catalog()
    for file, _, message, comments, context in extract_from_dir(PACKAGE, methods, options, KEYWORDS):
        # Without lines: they change with every other change.
        catalogue.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return catalogue


def updated(po: Path, template: Catalog) -> Catalog:
    """The catalogue of a language with the messages of today."""
    with po.open(encoding="utf-8") as opened:
        catalogue = read_po(opened, locale=po.parts[-3])
    catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = DATE
    for message in catalogue:
        if message.id:
            message.locations = sorted({(file, None) for file, _ in message.locations})
            message.flags -= {"python-format", "python-brace-format"}
    return catalogue


def po_bytes(catalogue: Catalog) -> bytes:
    """As the file has it."""
    made = io.BytesIO()
    write_po(made, catalogue, width=110, sort_by_file=True)
    lines = made.getvalue().decode().splitlines(keepends=True)
    return "".join(
        line for line in lines if not line.startswith(tuple(f'"{one}' for one in LEFT_OUT))
    ).encode()


def mo_bytes(catalogue: Catalog) -> bytes:
    """As the package reads it: the same bytes for the same messages."""
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def missing(catalogue: Catalog) -> list[str]:
    """Messages without a translation."""
    return [
        str(message.id)
        for message in catalogue
        if message.id and not all(message.string if isinstance(message.string, tuple) else [message.string])
    ]


if __name__ == "__main__":
    template = extracted()
    for po in PACKAGE.glob(CATALOGUES):
        catalogue = updated(po, template)
        po.write_bytes(po_bytes(catalogue))
        po.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
        left = missing(catalogue)
        sys.stdout.write(
            f"{po.relative_to(ROOT)}: {len(catalogue)} messages, {len(left)} without a translation\n"
        )
        sys.stdout.writelines(f"  {one}\n" for one in left)
