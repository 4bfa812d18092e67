"""English message, values → the sentence in the reader's language, with the particles that Korean asks for.

The English text is the key. Results, figures, reports and pages are told through `translate`; errors and
warnings, and what is kept in files, stay English, so that they can be searched for and read back.
"""

import contextlib
import functools
import gettext
import os
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sightline.errors import OptionError

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
"""Codes, and what their speakers call them."""
VARIABLE = "SIGHTLINE_LANG"
"""Environment variable that says the language where nothing else does."""
DOMAIN = "sightline"
FEW_WORDS = 16
"""Letters of a message's own below which no field of a kept text can be several sentences: " and " is in
many."""
FOLDER = Path(__file__).parent / "locale"

_CHOSEN: ContextVar[str | None] = ContextVar("chosen_language", default=None)


@contextlib.contextmanager
def use_language(language: str | None) -> Iterator[None]:
    """Tell results in a language, as long as the block lasts.

    Where no block says it, the environment variable ``SIGHTLINE_LANG`` does, else it is English. Files that
    results are kept in, errors and warnings are English whatever is chosen.

    Parameters
    ----------
    language : str or None
        ``"en"`` or ``"ko"``; also ``"ko_KR.UTF-8"`` and the like. None leaves it as it is.

    Raises
    ------
    OptionError
        If it is none that sightline speaks.

    Examples
    --------
    >>> with use_language("ko"):
    ...     current_language()
    'ko'
    """
    token = _CHOSEN.set(_CHOSEN.get() if language is None else _known_language(language, "the language"))
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def current_language() -> str:
    """The code of the language that results are told in.

    Raises
    ------
    OptionError
        If the environment names one that sightline does not speak.
    """
    chosen = _CHOSEN.get()
    if chosen is not None:
        return chosen
    named = os.environ.get(VARIABLE, "")
    return _known_language(named, VARIABLE) if named else "en"


def _known_language(text: str, what: str) -> str:
    code = re.split(r"[-_.@]", text.strip().lower(), maxsplit=1)[0]
    if code not in LANGUAGES:
        known = " or ".join(f"{one} ({name})" for one, name in LANGUAGES.items())
        raise OptionError(f"{what} must be {known}, but {text!r} was given.", slug="language-unknown")
    return code


def translate(message: str, /, **values: object) -> str:
    """A message in the current language, its fields filled in.

    Parameters
    ----------
    message : str
        In English, with fields as `str.format` has them. A translation may end a field in a pair of
        particles, of which the one that suits the value is taken: ``{region:은/는}``, and after a format
        ``{count:,|이/가}``.
    **values
        What stands in the fields.

    Examples
    --------
    >>> translate("{region} gains {gain:+.2f}", region="jaw", gain=0.1)
    'jaw gains +0.10'
    """
    return _WORDS.vformat(_catalogue(current_language()).gettext(message), (), values)


def translate_plural(one: str, many: str, n: float, /, **values: object) -> str:
    """The message for one, or that for another number, which its fields know as ``{n}``.

    Examples
    --------
    >>> translate_plural("{n} image", "{n:,} images", 1200)
    '1,200 images'
    """
    # Half an image is no single one, which gettext would make of it.
    whole = 1 if n == 1 else 2
    return _WORDS.vformat(_catalogue(current_language()).ngettext(one, many, whole), (), {"n": n, **values})


def translate_in(context: str, message: str, /, **values: object) -> str:
    """A message whose words mean several things, in the sense that the context gives them.

    Examples
    --------
    >>> translate_in("of a figure's axis", "right")
    'right'
    """
    return _WORDS.vformat(_catalogue(current_language()).pgettext(context, message), (), values)


def translatable(message: str, /) -> str:
    """The message as it is: what a constant holds, to be filled in and told later, is found by this.

    Examples
    --------
    >>> translatable("only {count} wrong answers")
    'only {count} wrong answers'
    """
    return message


def translatable_in(context: str, message: str, /) -> str:
    """As `translatable`, of a message whose words mean several things.

    Examples
    --------
    >>> translatable_in("of a region", "right")
    'right'
    """
    return message


def in_english(message: str, /, **values: object) -> str:
    """A message that is kept, and so is English; `translate_kept` tells it in the reader's language.

    Examples
    --------
    >>> in_english("only {count} wrong answers", count=3)
    'only 3 wrong answers'
    """
    return _WORDS.vformat(message, (), values)


def translate_kept(text: str) -> str:
    """A text that was made of a message by `in_english`, perhaps long ago, in the current language.

    The message is found by its fixed words, which have to part its fields, and so are messages in its fields;
    a text that comes of none stays as it is.

    Examples
    --------
    >>> translate_kept("only 3 wrong answers")
    'only 3 wrong answers'
    """
    language = current_language()
    if language == "en" or not text:
        return text
    for pattern, fields, translated in _kept_messages(language):
        found = pattern.fullmatch(text)
        if found:
            values = map(_translate_field, found.groups())
            return _TEXTS.vformat(translated, (), dict(zip(fields, values, strict=True)))
    return text


def _translate_field(text: str) -> str:
    """A field of a kept text; of one that is a list, each part."""
    told = translate_kept(text)
    return ", ".join(map(translate_kept, text.split(", "))) if told == text else told


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    """Messages of a language; without a file, the English ones."""
    return gettext.translation(DOMAIN, FOLDER, languages=[language], fallback=True)


@functools.cache
def _kept_messages(language: str) -> list[tuple[re.Pattern[str], tuple[str, ...], str]]:
    """Each message as a pattern of its texts, its fields, its translation: most fixed words first."""
    messages = vars(_catalogue(language)).get("_catalog", {})
    found = []
    for message, translated in messages.items():
        if not isinstance(message, str) or not message or "\x04" in message:  # plurals, the heading, contexts
            continue
        parts = list(string.Formatter().parse(message))
        fixed = sum(len(part[0]) for part in parts)
        field = "(.+?)" if fixed >= FEW_WORDS else r"((?:(?!\. ).)+?)"
        pattern = "".join(re.escape(part[0]) + (field if part[1] is not None else "") for part in parts)
        fields = tuple(part[1] for part in parts if part[1] is not None)
        if fixed >= 7 or not fields:
            found.append((fixed, re.compile(pattern, re.DOTALL), fields, translated))
    return [one[1:] for one in sorted(found, key=lambda one: -one[0])]


class _Words(string.Formatter):
    """`str.format` that knows particles."""

    def format_field(self, value: Any, format_spec: str) -> str:
        spec, pair = _split_spec(format_spec)
        text = str(super().format_field(value, spec))
        return text + (particle(text, pair) if pair else "")


class _Texts(_Words):
    """The same of values that are texts already, known by all that their fields say."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        pair = _split_spec(format_spec)[1]
        return str(value) + (particle(value, pair) if pair else "")


_WORDS, _TEXTS = _Words(), _Texts()
PAIR = re.compile(r"(?:^|\|)([가-힣]+/[가-힣]+)$")


def _split_spec(spec: str) -> tuple[str, str]:
    """The format of a value, and the pair of particles behind it."""
    found = PAIR.search(spec)
    return (spec[: found.start()], found[1]) if found else (spec, "")


def particle(text: str, pair: str) -> str:
    """The particle that a word takes: the first of the pair after a consonant, the second after a vowel.

    Parameters
    ----------
    text : str
        As it is read aloud: a syllable by its last letter, digits and Latin letters by what Koreans say. What
        stands in brackets at its end is not read; quotes are passed over.
    pair : str
        ``은/는``, ``이/가``, ``을/를``, ``과/와``, ``으로/로``, ``이라고/라고`` and the like.

    Returns
    -------
    str
        Both, as ``은(는)``, where nobody can tell how the word ends: an emoji, another script.

    Examples
    --------
    >>> particle("턱", "은/는"), particle("눈(left)", "으로/로"), particle("2", "을/를")
    ('은', '으로', '를')
    >>> particle("cat", "이/가"), particle("서울", "으로/로"), particle("👀", "은/는")
    ('이', '로', '은(는)')
    """
    closed, opened = pair.split("/")
    end = _last_sound(text)
    if end is None:
        return (
            f"({closed.removesuffix(opened)}){opened}" if closed.endswith(opened) else f"{closed}({opened})"
        )
    if not end or (end == "ㄹ" and closed.startswith("으로")):
        return opened
    return closed


DIGITS = dict(zip("0123456789", ("ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""), strict=True))
"""The consonant that each ends in when it is said; also for the tens, hundreds and so on behind a zero."""
LETTERS = {"l": "ㄹ", "m": "ㅁ", "n": "ㄴ", "r": "ㄹ"}
"""Names of Latin letters that end in a consonant: 엘, 엠, 엔, 알."""
SIGNS = {"%": "", "°": "", "+": "", "½": ""}
"""퍼센트, 도, 플러스: read aloud, they end in a vowel."""
CLOSED = re.compile(r"(?:ng|ck|[lmn]e?|(?<![aeiou])[aeiou][bckpt])$")
"""Ends of Latin words that a Korean writes with a consonant below: 링, 백, 라인, 캣; not 마스크, 레프트."""
BRACKETS = re.compile(r"(?<=\S)\s*(?:\([^()]*\)|\[[^\[\]]*\])$")


def _last_sound(text: str) -> str | None:
    """The consonant that a text ends in when read aloud, empty after a vowel; None if nobody can tell."""
    word = BRACKETS.sub("", text.strip()).rstrip(" \t\n\"'`”’»›)]}>」』》〉.,;:!?…")
    if not word:
        return None
    last = word[-1]
    if "가" <= last <= "힣":
        place = (ord(last) - 0xAC00) % 28
        return "ㄹ" if place == 8 else "ㄱ" if place else ""
    if last in DIGITS or last in SIGNS:
        return DIGITS.get(last, SIGNS.get(last))
    if not (last.isascii() and last.isalpha()):
        return None
    latin = re.findall(r"[A-Za-z]+", word)[-1]
    if len(latin) == 1 or (latin.isupper() and len(latin) < 6):
        return LETTERS.get(latin[-1].lower(), "")
    if not CLOSED.search(latin.lower()):
        return ""
    return "ㄹ" if latin.lower().rstrip("e").endswith("l") else "ㄱ"
