"""Repairs in folders of their own."""

import tomllib

import numpy as np
import pytest
import skops.io
import tomli_w
from sklearn.linear_model import LogisticRegression

from sightline.engine.fills import Surroundings
from sightline.errors import FileError
from sightline.regions import grid
from sightline.repair import Counterexamples, Guard, store

CORNER = grid(4, 4)["r1c1"]
RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((60, 8, 8)), np.arange(60) % 2
OLD = {"method": "way", "margin": "grow", "notes": "told", "original": "before"}


@pytest.fixture
def saved(tmp_path, request):
    """A repair, and its folder."""
    model = LogisticRegression().fit(IMAGES.reshape(60, -1), LABELS)
    skops.io.dump(model, tmp_path / "old.skops")
    result = request.param(model, (IMAGES, LABELS))
    store.save_repair(tmp_path / "repair", result, str(tmp_path / "old.skops"), IMAGES[0])
    return result, tmp_path / "repair"


METHODS = [
    Counterexamples(region=CORNER, margin=0.1),
    Guard(region=CORNER),
    Guard(region=CORNER, fill=Surroundings()),
]
BOTH = pytest.mark.parametrize("saved", METHODS, indirect=True, ids=["fitted", "guard", "guard of no sigma"])


@BOTH
@pytest.mark.parametrize("layout", [1, 2])
def test_a_repair_comes_back_whole_also_as_the_first_layout_wrote_it(saved, layout):
    result, folder = saved
    if layout == 1:
        entries = tomllib.loads((folder / "repair.toml").read_text())
        old = {OLD.get(name, name): value for name, value in entries.items()}
        (folder / "repair.toml").write_text(tomli_w.dumps(old | {"layout": 1}))
    again = store.load_repair(folder, trust=True)
    assert np.allclose(again.model(IMAGES), result.model(IMAGES))
    assert again.notes == result.notes
    assert again.provenance.method == result.provenance.method
    assert again.provenance.region.margin == result.provenance.region.margin
    assert again.provenance.region.name == "r1c1"
    assert again.provenance.image_digests == result.provenance.image_digests
    assert repr(again) == repr(result)


@pytest.mark.parametrize("saved", METHODS[:1], indirect=True, ids=["fitted"])
@pytest.mark.parametrize(
    "text", [b"no = TOML = at all", b"\xff\xfe", b"model = 5", b"[model]\ndigest = 3", b"x = [[[[1]"]
)
def test_a_description_that_is_damaged_is_told_in_words(saved, text):
    _, folder = saved
    (folder / store.NAME).write_bytes(text)
    for read in (store.load_repair, store.read_repair_notes, store.model_file, store.repaired_model_path):
        with pytest.raises(FileError) as caught:
            read(folder)
        assert caught.value.slug == "repair-damaged"
