"""an option as code writes it, ``Blur(sigma=4)`` → the same in words, for who reads a page and no code."""

import ast
import re

from sightline._language import particle, translatable
from sightline._language import translate as tr

NAMES = {
    "Blur": translatable("a blur"),
    "Colour": translatable("one colour"),
    "Donors": translatable("what other images have there"),
    "Inpaint": translatable("inpainting"),
    "Noise": translatable("noise"),
    "SegmentMean": translatable("each segment's mean colour"),
    "Surroundings": translatable("its surroundings"),
    "Counterexamples": translatable("counterexamples"),
    "Guard": translatable("a guard"),
    "LastLayer": translatable("last layer"),
    "RightReasons": translatable("right reasons"),
}
"""Fills, and methods of repair."""
SETTINGS = {
    "sigma": translatable("width"),
    "copies": translatable("copies"),
    "weight": translatable("weight"),
    "margin": translatable("margin"),
    "fill": translatable("hidden with"),
    "colour": translatable("colour"),
}
"""What an option is set to; others keep the name that they have."""
SAID_BESIDE = ("region", "regions")
"""Of a method, what is told beside it anyhow."""
AFTER = {"으로": "으로/로", "로": "으로/로", "을": "을/를", "를": "을/를"}
"""Korean particles that hang at an option, and the pair that each is of: words end otherwise than code."""
PARTICLE = rf"(?P<after>{'|'.join(AFTER)})?"
CALL = re.compile(rf"\b(?P<call>(?P<name>{'|'.join(NAMES)})\((?:[^()]|\([^()]*\))*\)){PARTICLE}")
SCALE = re.compile(rf"\bscale='(?P<scale>[\w-]+)'{PARTICLE}")


def option_words(text: str) -> str:
    """A text in which options are named in words; what cannot be read as one stays as it is.

    Examples
    --------
    >>> option_words("hidden with Surroundings(sigma=None), 4 places")
    'hidden with its surroundings, 4 places'
    >>> option_words("Counterexamples(region='jaw', copies=2)")
    'counterexamples (copies 2)'
    >>> option_words("try another fill, or scale='log-odds', there; Nothing(at=1)")
    'try another fill, or the log-odds scale, there; Nothing(at=1)'
    """
    text = CALL.sub(lambda found: _followed(_words_of_call(found["call"], found["name"]), found), text)
    return SCALE.sub(lambda found: _followed(tr("the {scale} scale", scale=found["scale"]), found), text)


def _followed(words: str, found: re.Match[str]) -> str:
    return words + particle(words, AFTER[found["after"]]) if found["after"] else words


def _words_of_call(text: str, name: str) -> str:
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return text
    if not isinstance(call, ast.Call) or call.args:
        return text
    told = []
    for one in call.keywords:
        value = ast.unparse(one.value)
        if one.arg is not None and one.arg not in SAID_BESIDE and value != "None":
            named = tr(SETTINGS[one.arg]) if one.arg in SETTINGS else one.arg.replace("_", " ")
            told.append(f"{named} {option_words(value)}")
    said = tr(NAMES[name])
    return f"{said} ({', '.join(told)})" if told else said


def clear_note() -> str:
    """Why nothing is found may stand beside an interval clear of 0."""
    return tr(
        "“Nothing found” beside an interval clear of 0: its gain is below 0, too small, or not surely more"
        " than what it is held against."
    )
