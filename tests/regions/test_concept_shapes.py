import pickle

import numpy as np
import pytest

from sightline.errors import FileError, ImageError, SegmentError
from sightline.regions import concepts, load
from sightline.regions.concept_shapes import ConceptShapes, Detector
from sightline.regions.region_set import one_region_a_piece
from sightline.regions.segment_looks import BLOCKS, describe_segments

LENGTH = sum(BLOCKS)
IMAGE = np.full((40, 60, 3), 0.5)
IMAGE[10:20, 20:30] = (1.0, 0.0, 0.0)
RED = slice(10, 20), slice(20, 30)


def red(image=IMAGE, at=(15, 25)):
    """What looks like the segment at a place in the red square, and what looks like nothing."""
    found = describe_segments(image)
    detector = Detector(found.looks[found.labels[at]], np.ones(LENGTH), 0.5)
    nothing = Detector(np.full(LENGTH, 9.0), np.ones(LENGTH), 0.5)
    return one_region_a_piece(
        ConceptShapes(("red", "none"), (detector, nothing), (1, 0), ("a/é.png", "b"), ("é", "f"))
    )


def test_what_looks_like_it_is_marked_wherever_it_is():
    masks = red().masks((40, 60), image=IMAGE)
    assert masks[0][RED].mean() > 0.9
    assert masks[0].sum() < 130
    assert not masks[1].any()
    moved = np.roll(IMAGE, (12, -15), axis=(0, 1))
    np.testing.assert_allclose(red().masks((40, 60), image=moved)[0][22:32, 5:15].mean(), 1, atol=0.1)


def test_the_same_image_in_other_numbers_has_the_same_masks():
    bytes_ = (IMAGE * 255).round().astype(np.uint8)
    other = bytes_ / np.float32(255)
    for one in (other, bytes_):
        np.testing.assert_array_equal(red().masks((40, 60), image=one), red().masks((40, 60), image=bytes_))


def test_a_large_image_is_looked_at_smaller_and_marked_at_its_own_size():
    large = IMAGE.repeat(8, axis=0).repeat(8, axis=1)
    looked_at = large.reshape(80, 4, 120, 4, 3).mean(axis=(1, 3))
    mask = red(looked_at, (30, 50)).masks((320, 480), image=large)[0]
    assert mask.shape == (320, 480)
    assert mask[80:160, 160:240].mean() > 0.9
    assert mask.mean() < 0.05


def test_it_is_renamed_chosen_from_and_handed_on():
    named = red().rename({"red": "token"})
    assert named.names == ("token", "none")
    (mask,) = named["token"].masks((40, 60), image=IMAGE)
    again = pickle.loads(pickle.dumps(named))
    np.testing.assert_array_equal(again["token"].masks((40, 60), image=IMAGE)[0], mask)
    assert "_known_looks" not in vars(pickle.loads(pickle.dumps(named.shapes)))
    with pytest.raises(SegmentError, match="there is no region 'reed'"):
        red().rename({"reed": "token"})
    with pytest.raises(SegmentError, match="given to 2 regions"):
        red().rename({"red": "none"})


def test_the_file_holds_all_and_nothing_is_run_from_it(tmp_path):
    path = red().rename({"red": "token"}).save(tmp_path / "concepts.toml")
    again = load(path)
    assert again.names == ("token", "none")
    assert again.shapes.pieces == ("red", "none")
    assert again.shapes.towards == (1, 0)
    assert again.shapes.class_names == ("é", "f")
    assert again.shapes.found_in == ("a/é.png", "b")
    np.testing.assert_array_equal(again.masks((40, 60), image=IMAGE), red().masks((40, 60), image=IMAGE))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("towards = [1, 0]", "towards = [1]"), "towards must name a class for each of 2 concepts"),
        (("towards = [1, 0]", "towards = [1, -1]"), "towards must name a class"),
        (('names = ["red", "none"]', 'names = ["red"]'), "towards must name a class for each of 1"),
        (('classes = ["é", "f"]', 'classes = ["é"]'), "classes must name one for each of 2 concepts"),
        (('classes = ["é", "f"]', "classes = 3"), "classes must be names"),
        (('file = "concepts.npz"', 'file = "../concepts.npz"'), "must lie beside it or below"),
        (('file = "concepts.npz"', 'file = "no.npz"'), "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, change, why):
    path = red().save(tmp_path / "concepts.toml")
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(FileError, match=why):
        load(path)


@pytest.mark.parametrize("spoil", [{"radii": np.zeros(3)}, {"centres": np.full((2, LENGTH), np.nan)}])
def test_arrays_that_do_not_fit_are_refused(tmp_path, spoil):
    path = red().save(tmp_path / "concepts.toml")
    with np.load(tmp_path / "concepts.npz") as kept:
        arrays = dict(kept)
    np.savez(tmp_path / "concepts.npz", **(arrays | spoil))
    with pytest.raises(FileError, match=f"must hold {next(iter(spoil))}, finite numbers"):
        load(path)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"radii": np.full(2, 1e300)}, "must hold radii from 0 to"),
        ({"radii": np.full(2, -1.0)}, "must hold radii from 0 to"),
        ({"weights": np.full((2, LENGTH), 1e300)}, "must hold weights from 0 to"),
        ({"found_in": np.array([0.0, 1.0])}, "must hold found_in, the ids"),
        ({"found_in": None}, "must hold found_in, the ids"),
    ],
)
def test_numbers_of_no_look_and_ids_that_are_none_are_refused(tmp_path, spoil, why):
    path = red().save(tmp_path / "concepts.toml")
    with np.load(tmp_path / "concepts.npz") as kept:
        arrays = dict(kept) | spoil
    np.savez(tmp_path / "concepts.npz", **{name: one for name, one in arrays.items() if one is not None})
    with pytest.raises(FileError, match=why):
        load(path)


def test_a_file_without_class_names_is_read(tmp_path):
    path = red().save(tmp_path / "concepts.toml")
    path.write_text(path.read_text().replace('classes = ["é", "f"]\n', ""))
    assert load(path).shapes.class_names == ()


@pytest.mark.parametrize(
    "image",
    [np.full((20, 20), np.nan), np.zeros((2, 9, 9, 3)), np.zeros(20), np.zeros((0, 5)), np.eye(3) * 1j],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ImageError, match=r"image (must|has) "):
        red().masks((20, 20), image=image)


def test_an_image_may_be_a_tensor():
    torch = pytest.importorskip("torch")
    masks = red().masks((40, 60), image=torch.from_numpy(IMAGE))
    np.testing.assert_array_equal(masks, red().masks((40, 60), image=IMAGE))


def test_no_image_is_said():
    with pytest.raises(SegmentError, match=r"regions\.masks\(shape, image=image\)"):
        red().masks((40, 60), 0)


def test_concepts_and_load_are_what_the_room_gives():
    from sightline import regions

    assert regions.concepts is concepts
    assert "concepts" in regions.__all__
