"""The demo tells the whole story, and what it tells is true."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sightline.cli import app
from sightline.demo import tutorial, walkthrough
from sightline.demo.tutorial import face_pipeline
from sightline.demo.walkthrough import LOOK_AT, marked_faces


@pytest.fixture(scope="module")
def given():
    return marked_faces()


@pytest.mark.slow
def test_the_demo_finds_the_jaw_repairs_it_and_proves_it(tmp_path, given, monkeypatch):
    # A smaller network and fewer explanations than the story has; with fewer rounds it comes out otherwise.
    smaller = face_pipeline().set_params(MLP__hidden_layer_sizes=(50, 20))
    monkeypatch.setattr(tutorial, "face_pipeline", lambda: smaller)
    monkeypatch.setattr(walkthrough, "marked_faces", lambda: given)
    monkeypatch.setattr(walkthrough, "EXPLAINED", 20)
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    said = done.output
    assert "jaw drives errors" in said
    assert "Repair at jaw" in said
    assert "Chosen: Counterexamples(region='jaw'" in said
    assert "Repaired: the model is surely better" in said
    for file, look in LOOK_AT.items():
        assert f"{file}\n      {look}" in said
        if file == "report.html":
            continue
        with Image.open(tmp_path / "demo" / file) as image:
            assert np.asarray(image.convert("L")).std() > 10
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "jaw drives errors" in page
    assert "Repaired: the model is surely better" in page
    with Image.open(tmp_path / "demo" / "story.png") as story:
        assert story.width > 2000


@pytest.mark.slow
def test_in_the_test_the_mark_tells_nothing_of_the_family(given):
    assert len(given.test) == len(given.marked) == 700
    shares = [given.marked[given.test.labels == family].mean() for family in range(5)]
    assert max(shares) - min(shares) < 0.15
    assert not np.isin(given.train.images, given.test.images).all(axis=(1, 2, 3)).any()
