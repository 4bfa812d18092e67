"""What is printed on the command line names options of commands, not parameters of calls."""

import re

import numpy as np
import pytest
import typer

from sightline.cli import app
from sightline.cli.command_wording import OPTIONS, command_words
from sightline.engine.input_range import warn_of_range
from sightline.errors import SightlineWarning


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Give a table: table= (--table FILE).", "Give a table: --table FILE."),
        ("begin a new study with held_out=0.3 (--held-out 0.3).", "begin a new study with --held-out 0.3."),
        ("with held_out= of Study.run (--held-out), give", "with --held-out, give"),
        ("pass --trust (trust=True); a .skops", "pass --trust; a .skops"),
        ("run the study again with retry=True (--retry).", "run the study again with --retry."),
        ("in the data's order (class_names= overrules)", "in the data's order (--names overrules)"),
        (
            'what its columns are: as_model(model, output="sigmoid") (--output).',
            "what its columns are: --output.",
        ),
        ('or give as_model(model, output="softmax").', "or give --output softmax."),
        (
            "or try another fill, or scale='log-odds', there.",
            "or try another fill, or --scale log-odds, there.",
        ),
        ("a wider margin= or another fill=.", "a wider --margin or another --fill."),
        ("leave out estimator=.", "leave out --estimator."),
        ("look at it (sightline.figures.plot_regions).", "look at it (sightline regions)."),
        ("hidden with Blur(sigma=None), label=1 of 2", "hidden with Blur(sigma=None), --label 1 of 2"),
        (
            "sl.repair.Guard(region=…, fill=Colour(value=0))",
            "sl.repair.Guard(region=…, fill=Colour(value=0))",
        ),
        ("such as data/label=1/x.png and label=0/y.png.", "such as data/label=1/x.png and label=0/y.png."),
        ("no hint here (as said)", "no hint here (as said)"),
    ],
)
def test_a_hint_names_the_option(said: str, told: str) -> None:
    assert command_words(said) == told


def test_the_range_of_values_is_an_option_too() -> None:
    image = np.full((8, 8), 200, np.uint8)

    def model(images):
        odds = 400 * (images.mean(axis=(1, 2)) - 0.7) * np.where(images.max() > 1, 1, 0.1)
        p = 1 / (1 + np.exp(-odds.clip(-700, 700)))
        return np.stack([1 - p, p], axis=1)

    with pytest.warns(SightlineWarning) as caught:
        warn_of_range(model, image, model(image[None])[0])
    told = command_words(str(caught[0].message))
    assert "Then give --values unit; with a mean" in told


def test_every_option_is_one_of_a_command() -> None:
    known = {
        option
        for command in typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
    }
    assert {f"--{one}" for one in OPTIONS.values()} <= known
    assert all(re.fullmatch(r"[a-z-]+", one) for one in OPTIONS.values())
