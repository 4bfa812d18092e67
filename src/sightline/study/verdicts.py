"""what a person says of groups of errors, regions, concepts and properties ⇄ a file in the study's folder.

A group is known by its images: one that the errors no longer form is told as such. What is in the file and
not known here, as of a later version, stays in it.
"""

import contextlib
import dataclasses
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from sightline._arguments import check_choice, clear_arguments
from sightline._digests import combined_digest
from sightline._files import held_in_turn, readable_text, time_now, write_text
from sightline._language import translate as tr
from sightline._language import translate_plural as tr_n
from sightline._limits import read_text
from sightline._notebook_html import result_html
from sightline._optional import require
from sightline._printing import printable_text
from sightline._serialise import UNREADABLE
from sightline._tables import csv_text, format_table
from sightline.errors import FileError, OptionError
from sightline.study.thing_keys import JudgedThing, judged_things
from sightline.types import record

NAME = "verdicts.toml"
LAYOUT = 1
SAID = ("reason", "shortcut", "wrong label")
"""What can be said: the model rightly goes by it; it is no sign of the class; the labels are wrong there."""
KINDS = ("group", "region", "concept", "property", "image")
"""Of what it can be said."""
MOST_NOTE = 2000
"""Letters of a note that are kept."""
WAITED = 5.0
"""Seconds that a second writer waits for the first."""
HEADS = ("image", "label", "predicted", "of", "name", "note", "when")
"""Of the table of images whose labels are called wrong."""


@record
class PersonVerdict:
    """What a person says of one thing.

    Parameters
    ----------
    of : str
        One of ``"group"``, ``"region"``, ``"concept"``, ``"property"`` and ``"image"``.
    name : str
        What it is called; a group is known by its images.
    said : str
        ``"reason"``, ``"shortcut"`` or ``"wrong label"``.
    note : str
    when : str
        Day and time, as in ISO 8601.
    key : str
        Of a group: the digest of its images. Of a region or concept that the study has: the digest of its
        outline, or of what finds it. Else empty.
    images : tuple of str
        Of a group: what its images are called.
    answers : str
        Digest of the answers that the study had.
    """

    of: str
    name: str
    said: str
    note: str = ""
    when: str = ""
    key: str = ""
    images: tuple[str, ...] = ()
    answers: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What it is known by: of each place there is one verdict."""
        return self.of, self.key or self.name


def said_text(said: str) -> str:
    """What was said, in the reader's language."""
    return {
        "reason": tr("a reason"),
        "shortcut": tr("a shortcut"),
        "wrong label": tr("wrong labels"),
    }[said]


def kind_text(of: str) -> str:
    """Of what it was said, in the reader's language."""
    return {
        "group": tr("group of errors"),
        "region": tr("region"),
        "concept": tr("concept"),
        "property": tr("property"),
        "image": tr("image"),
    }[of]


def group_key(images: Iterable[str]) -> str:
    """What a group of errors is known by: its images, in any order.

    Examples
    --------
    >>> group_key(["b.png", "a.png"]) == group_key(["a.png", "b.png"])
    True
    """
    return combined_digest(["\n".join(sorted(map(readable_text, images)))], size=8)


class Verdicts(Sequence[PersonVerdict]):
    """What a person has said of a study: read from its folder whenever it is asked for.

    Parameters
    ----------
    folder : Path
        The study's.
    named : callable, optional
        ``named(places)`` gives what images are called, so that a group can be given as the atlas has it.
    answers : callable, optional
        Gives the digest of the answers that the study has now.
    """

    def __init__(
        self,
        folder: Path,
        named: Callable[[Int[np.ndarray, "_"]], list[str]] | None = None,
        answers: Callable[[], str] = str,
    ) -> None:
        self.path = folder / NAME
        self._named, self._answers = named, answers

    def __len__(self) -> int:
        return len(self._read())

    def __getitem__(self, index: Any) -> Any:
        return self._read()[index]

    def __iter__(self) -> Iterator[PersonVerdict]:
        return iter(self._read())

    def of(self, name: str, kind: str | None = None) -> PersonVerdict | None:
        """What was said of a region, concept or property, or of a group by its key; None if nothing was."""
        found = [one for one in self.current() if name in (one.name, one.key) and kind in (None, one.of)]
        return found[-1] if found else None

    def names(self, said: str) -> list[str]:
        """Regions, concepts and properties of which that was said; a group of errors is no region.

        Those that the study has no more are left out: another thing may be called the same.
        """
        last = {(one.of, one.name): one.said for one in self.current() if one.of not in ("group", "image")}
        return [name for (_, name), word in last.items() if word == said]

    def current(self) -> list[PersonVerdict]:
        """What was said of what there is now, in the order of saying, each called as it is now.

        A verdict is of a thing, not of a name: a region is known by where it lies, a concept by what finds
        it. Groups are all told.
        """
        listed = list(self)
        if not any(one.of in ("region", "concept") for one in listed):
            return listed
        now = self._answers()
        called: dict[tuple[str, str], list[str]] = {}
        for thing in self._things():
            called.setdefault((thing.of, thing.key), []).append(thing.called)
        kept = []
        for one in listed:
            if one.of in ("region", "concept") and one.key:
                names = called.get((one.of, one.key), [])
                if names:  # of two of one outline, the one that it was said of
                    kept.append(dataclasses.replace(one, name=one.name if one.name in names else names[-1]))
            elif not (one.of == "concept" and one.answers not in ("", now)):
                kept.append(one)
        return kept

    def past(self) -> list[PersonVerdict]:
        """What was said of regions and concepts that the study has no more."""
        places = {one.place for one in self.current()}
        return [one for one in self if one.place not in places]

    def _things(self) -> tuple[JudgedThing, ...]:
        return judged_things(self.path.parent, self._answers())

    @clear_arguments
    def say(self, what: object, said: str, note: str = "", *, of: str | None = None) -> PersonVerdict:
        """Keep what a person says, in the place of what was said of the same thing before.

        Parameters
        ----------
        what : str, or a group of an atlas or of a summary
            The name of a region, concept or property, or one of ``sl.atlas(study).groups``.
        said : str
            ``"reason"``: the model rightly goes by it. ``"shortcut"``: it is no sign of the class.
            ``"wrong label"``: the labels are wrong there.
        note : str
            Why, in your words.
        of : str, optional
            ``"region"``, ``"concept"`` or ``"property"``; else told by the name.

        Returns
        -------
        PersonVerdict

        Raises
        ------
        OptionError
            If that cannot be said, or of such a thing.
        FileError
            If it cannot be kept.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> verdicts = Verdicts(Path(mkdtemp()))
        >>> verdicts.say("jaw", "shortcut", "the bar was put there by the scanner").of
        'region'
        >>> verdicts.names("shortcut")
        ['jaw']
        """
        check_choice("said", said, SAID)
        if of is not None:
            check_choice("of", of, KINDS)
        if not isinstance(note, str) or len(note) > MOST_NOTE:
            raise OptionError(f"a note is a text of {MOST_NOTE:,} letters at most.", slug="option-value")
        when = time_now()
        about = self._identify(what, of)
        made = PersonVerdict(
            said=said, note=readable_text(note.strip()), when=when, answers=self._answers(), **about
        )
        self._change(self._places(about), made)
        return made

    @clear_arguments
    def withdraw(self, what: object, *, of: str | None = None) -> None:
        """Forget what was said of a region, concept, property or group."""
        about = self._identify(what, of)
        self._change(self._places(about), None)

    def wrong_labels(self) -> list[PersonVerdict]:
        """Verdicts by which images have a wrong label: of groups and of single images."""
        return [one for one in self if one.said == "wrong label" and one.of in ("group", "image")]

    def to_csv(self, answers: Mapping[str, tuple[str, str]] | None = None) -> str:
        """The images whose labels are called wrong, as CSV: a line for each, with who said so of what.

        Parameters
        ----------
        answers : mapping, optional
            Image → its label and the predicted class, in words.
        """
        known = answers or {}
        rows = (
            (image, *known.get(image, ("", "")), one.of, one.name, one.note, one.when)
            for one in self.wrong_labels()
            for image in one.images or (one.name,)
        )
        return csv_text([HEADS, *rows])

    def _identify(self, what: object, of: str | None) -> dict[str, Any]:
        """Of what something is said, as `PersonVerdict` has it."""
        images = self._images_of(what)
        if images:
            return {
                "of": "group",
                "name": tr("a group of errors"),
                "key": group_key(images),
                "images": images,
            }
        if not isinstance(what, str) or not what.strip():
            raise OptionError(
                "a person's verdict is of a region, concept or property by its name, or of one of the groups "
                "of sl.atlas(study).groups.",
                slug="verdict-of",
            )
        kind, name = of or _kind_of(what), readable_text(what.strip())
        things = [one for one in self._things() if one.of == kind]
        same = [one for one in things if name in (one.called, one.name)]
        exact = [one for one in same if one.called == name]
        if len(same) > 1 and not exact:
            names = " and ".join(repr(one.called) for one in same)
            raise OptionError(f"there are two that are called {name!r}: {names}.", slug="verdict-of")
        made = {"of": kind, "name": name}
        return {**made, "key": (exact or same)[0].key} if same else made

    def _images_of(self, group: object) -> tuple[str, ...]:
        """What the images of a group are called: an atlas has their places, a summary their names."""
        members = getattr(group, "members", ())
        if not isinstance(members, tuple):
            members = () if self._named is None else self._named(np.asarray(members))
        return tuple(map(readable_text, members))

    def _places(self, about: Mapping[str, Any]) -> set[tuple[str, str]]:
        """Where it stands what was said of a thing: by its key, and by its name, from before keys."""
        places = {(about["of"], about.get("key") or about["name"])}
        return places if about["of"] == "group" else {*places, (about["of"], about["name"])}

    def _change(self, places: set[tuple[str, str]], made: PersonVerdict | None) -> None:
        """Put a verdict into the file, or take it out; what else is there stays."""
        writer = require("tomli_w", extra="study")
        with self._writing():
            text = self._read_file()
            listed = [one for one in text.get("verdict", []) if _place_of(one) not in places]
            if made is not None:
                listed.append(_as_table(made))
            write_text(self.path, writer.dumps({**text, "layout": LAYOUT, "verdict": listed}))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Wait until no other process writes it, and say so where it cannot be written.

        Raises
        ------
        FileError
        """
        try:
            with held_in_turn(self.path.with_name(f".{NAME}.held"), WAITED):
                yield
        except OSError as error:
            raise FileError(
                f"{self.path} cannot be written: {error.strerror or error}.", slug="verdicts-write"
            ) from error

    def _read_file(self) -> dict[str, Any]:
        try:
            text = tomllib.loads(read_text(self.path))
            layout, listed = int(text.get("layout", 1)), text.get("verdict", [])
            if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
                raise TypeError("its verdicts are no tables")
        except FileNotFoundError:
            return {}
        except FileError:
            raise
        except UNREADABLE as error:
            raise FileError(
                f"{self.path} does not hold a person's verdicts ({type(error).__name__}: {error}). Mend it, "
                "or move it away to begin anew.",
                slug="verdicts-damaged",
            ) from error
        if layout > LAYOUT:
            raise FileError(
                f"{self.path} has layout {layout}, but this sightline reads up to {LAYOUT}: upgrade "
                "sightline.",
                slug="file-layout",
            )
        return text

    def _read(self) -> list[PersonVerdict]:
        found = (_from_table(one) for one in self._read_file().get("verdict", []))
        return [one for one in found if one is not None]

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line for each verdict below the heads."""
        heads = (tr("of"), tr("name"), tr("said"), tr("note"), tr("when"))
        return [
            heads,
            *(
                (
                    kind_text(one.of),
                    printable_text(one.name),
                    said_text(one.said),
                    printable_text(one.note),
                    one.when[:10],
                )
                for one in self
            ),
        ]

    @property
    def heading(self) -> str:
        """What the table is of."""
        return tr_n("A person has said of {n} thing", "A person has said of {n:,} things", len(self))

    def __repr__(self) -> str:
        return "\n".join([self.heading, *format_table(self.table)]) if len(self) else self.heading

    def _repr_html_(self) -> str:
        return result_html(self.heading, sentences=[], tables=[self.table] if len(self) else [])


def _kind_of(name: str) -> str:
    """Whether a name is a property's, or a region's."""
    from sightline.engine.image_properties import PROPERTIES

    return "property" if name in PROPERTIES else "region"


def _place_of(table: Mapping[str, Any]) -> tuple[str, str]:
    return str(table.get("of", "region")), str(table.get("key") or table.get("name", ""))


def _as_table(one: PersonVerdict) -> dict[str, Any]:
    """What the file has of a verdict; what is empty is left out."""
    told = {name: getattr(one, name) for name in ("of", "name", "said", "note", "when", "key", "answers")}
    kept = {name: value for name, value in told.items() if value}
    return {**kept, "images": list(one.images)} if one.images else kept


def _from_table(table: Mapping[str, Any]) -> PersonVerdict | None:
    """A verdict of the file; None where a later version said something that this one does not know."""
    of, said = table.get("of", "region"), table.get("said")
    name = table.get("name", "")
    if of not in KINDS or said not in SAID or not isinstance(name, str):
        return None
    texts = {key: str(table.get(key, "")) for key in ("note", "when", "key", "answers")}
    images = table.get("images", ())
    return PersonVerdict(
        of, name, said, images=tuple(map(str, images)) if isinstance(images, list) else (), **texts
    )
