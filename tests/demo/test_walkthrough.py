"""The demo tells the whole story, and what it tells is true."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sightline.cli import app
from sightline.demo.walkthrough import LOOK_AT, marked_faces


@pytest.mark.slow
def test_the_demo_finds_the_jaw_repairs_it_and_proves_it(tmp_path):
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    said = done.output
    assert "jaw drives errors" in said
    assert "Repair at jaw" in said
    assert "Chosen: Counterexamples(region='jaw'" in said
    assert "Repaired: the model is surely better" in said
    for file, look in LOOK_AT.items():
        assert f"{file}\n      {look}" in said
        with Image.open(tmp_path / "demo" / file) as image:
            assert np.asarray(image.convert("L")).std() > 10
    with Image.open(tmp_path / "demo" / "story.png") as page:
        assert page.width > 2000


@pytest.mark.slow
def test_in_the_test_the_mark_tells_nothing_of_the_family():
    given = marked_faces()
    assert len(given.test) == len(given.marked) == 700
    shares = [given.marked[given.test.labels == family].mean() for family in range(5)]
    assert max(shares) - min(shares) < 0.15
    assert not np.isin(given.train.images, given.test.images).all(axis=(1, 2, 3)).any()
