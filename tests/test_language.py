"""Languages: sentences with their particles, and catalogues that miss nothing."""

import gettext
import importlib.util
import io
import string
import subprocess
import sys

import pytest
from babel.messages.pofile import read_po

import sightline as sl
from sightline import _language
from sightline._language import (
    current_language,
    in_english,
    particle,
    translate,
    translate_in,
    translate_kept,
    translate_plural,
    use_language,
)
from sightline.errors import OptionError
from support.source import REPOSITORY, ROOT

PO = ROOT / "locale" / "ko" / "LC_MESSAGES" / "sightline.po"


def translations_script():
    spec = importlib.util.spec_from_file_location("translations", REPOSITORY / "scripts" / "translations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def korean(monkeypatch):
    """A catalogue of our own instead of the package's."""

    class Few(gettext.NullTranslations):
        def __init__(self):
            self._catalog = {
                "{region} drives {share:.1%} of {n:,} errors": (
                    "{region:은/는} 오답 {n:,}개의 {share:.1%}를 일으킵니다"
                ),
                "only {count} wrong answers in {place}": "{place}에는 오답이 {count}개뿐입니다",
                "right": "정답",
            }

        def gettext(self, message):
            return self._catalog.get(message, message)

        def ngettext(self, one, many, n):
            return "이미지 {n:,}개" if one == "{n} image" else (one if n == 1 else many)

        def pgettext(self, context, message):
            return {("side", "right"): "오른쪽"}.get((context, message), message)

    few = Few()
    monkeypatch.setattr(
        _language, "_catalogue", lambda code: few if code == "ko" else gettext.NullTranslations()
    )
    _language._kept_messages.cache_clear()
    yield
    _language._kept_messages.cache_clear()


@pytest.mark.parametrize(
    ("word", "topic", "towards"),
    [
        ("턱", "은", "으로"),
        ("코", "는", "로"),
        ("입술", "은", "로"),
        ("눈(left)", "은", "으로"),
        ("'고양이'", "는", "로"),
        ("1", "은", "로"),
        ("12", "는", "로"),
        ("1,000", "은", "으로"),
        ("0.36", "은", "으로"),
        ("35%", "는", "로"),
        ("cat", "은", "으로"),
        ("left eye", "는", "로"),
        ("mouth line", "은", "으로"),
        ("mole", "은", "로"),
        ("front", "는", "로"),
        ("mask", "는", "로"),
        ("MRI", "는", "로"),
        ("L", "은", "로"),
        ("class_M", "은", "으로"),
        ("👀", "은(는)", "(으)로"),
        ("猫", "은(는)", "(으)로"),
        ("", "은(는)", "(으)로"),
    ],
)
def test_a_particle_is_that_of_the_last_sound(word, topic, towards):
    assert particle(word, "은/는") == topic
    assert particle(word, "으로/로") == towards


def test_fields_have_formats_particles_and_both(korean):
    message = "{region} drives {share:.1%} of {n:,} errors"
    assert translate(message, region="jaw", share=0.25, n=1200) == "jaw drives 25.0% of 1,200 errors"
    with use_language("ko"):
        assert translate(message, region="턱", share=0.25, n=1200) == "턱은 오답 1,200개의 25.0%를 일으킵니다"
        assert translate_plural("{n} image", "{n:,} images", 1200) == "이미지 1,200개"
        assert (translate_in("side", "right"), translate("right")) == ("오른쪽", "정답")
        assert translate("never {word}", word="said") == "never said"
        assert translate("{n:,|이/가} {name!r:을/를}", n=1000, name="턱") == "1,000이 '턱'을"
    assert translate_plural("{n} image", "{n:,} images", 0.5) == "0.5 images"


def test_what_a_value_holds_is_never_a_field(korean):
    with use_language("ko"):
        assert translate("{name:은/는}", name="{0.__class__}") == "{0.__class__}은(는)"


def test_a_text_that_was_kept_is_told_in_the_readers_language(korean):
    kept = in_english("only {count} wrong answers in {place}", count=3, place="서울")
    assert kept == translate_kept(kept) == "only 3 wrong answers in 서울"
    with use_language("ko"):
        assert in_english("only {count} wrong answers in {place}", count=3, place="서울") == kept
        assert translate_kept(kept) == "서울에는 오답이 3개뿐입니다"
        assert translate_kept("something else") == "something else"


def test_a_language_is_chosen_by_a_block_then_by_the_environment(monkeypatch):
    monkeypatch.delenv("SIGHTLINE_LANG", raising=False)
    assert current_language() == "en"
    monkeypatch.setenv("SIGHTLINE_LANG", "ko_KR.UTF-8")
    assert current_language() == "ko"
    with sl.use_language("en-GB"):
        assert current_language() == "en"
        with sl.use_language(None):
            assert current_language() == "en"
    monkeypatch.setenv("SIGHTLINE_LANG", "tlh")
    with pytest.raises(
        OptionError, match=r"SIGHTLINE_LANG must be en \(English\) or ko \(한국어\), but 'tlh'"
    ):
        current_language()
    with pytest.raises(OptionError, match="language-unknown"), sl.use_language("klingon"):
        pass


def fields_of(message):
    """Names of a message's fields; formats may differ, as a translation adds particles."""
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def test_no_message_lacks_a_translation_and_none_has_other_fields():
    """To mend it: `python scripts/translations.py`, and write what it lists into the .po file."""
    script = translations_script()
    with PO.open(encoding="utf-8") as opened:
        catalogue = read_po(opened, locale="ko")
    said = {(one.id, one.context) for one in script.extracted() if one.id}
    assert said == {(one.id, one.context) for one in catalogue if one.id}
    assert script.missing(catalogue) == []
    for one in catalogue:
        if one.id:
            texts = [one.string] if isinstance(one.string, str) else one.string
            sources = [one.id] if isinstance(one.id, str) else one.id
            assert set().union(*map(fields_of, texts)) <= set().union(*map(fields_of, sources)), one.id
            for text in texts:  # every format can be read, every pair of particles is one
                assert not any(
                    "/" in _language._split_spec(part[2] or "")[0] for part in string.Formatter().parse(text)
                )


def test_the_compiled_catalogue_is_that_of_the_text():
    script = translations_script()
    with PO.open(encoding="utf-8") as opened:
        catalogue = read_po(opened, locale="ko")
    fresh = gettext.GNUTranslations(io.BytesIO(script.mo_bytes(catalogue)))._catalog
    with PO.with_suffix(".mo").open("rb") as opened:
        kept = gettext.GNUTranslations(opened)._catalog
    assert {**kept, "": ""} == {**fresh, "": ""}


def test_at_run_time_no_babel_is_needed():
    code = (
        "import sys; from sightline._language import translate, use_language\n"
        "with use_language('ko'): translate('x')\n"
        "print([one for one in ('babel', 'jinja2') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
