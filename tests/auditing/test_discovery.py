"""What is found out of a model and images: form, range, order and fill; nothing where all is well."""

import numpy as np
import pytest

from sightline import Grid
from sightline._language import translate_kept, use_language
from sightline.adapters import as_model
from sightline.auditing.audit_setup import _held_out_discovery
from sightline.auditing.discovery import (
    columns_of_data,
    find_fill,
    find_form,
    find_order,
    find_range,
    range_text,
    sample_images,
    seconds_per_image,
)
from sightline.data import ArrayDataset, ImageFormat
from sightline.errors import ModelError

RNG = np.random.default_rng(0)
LABELS = np.arange(120) % 2
BYTES = (RNG.random((120, 16, 16)) * 80 + 90 * LABELS[:, None, None]).astype(np.uint8)
NAMES = ("cat", "dog")
DATA = ArrayDataset(BYTES, LABELS, NAMES)
SAMPLE = sample_images(DATA)


def unit_model(images):
    """Class 1 is bright, of values from 0 to 1; of bytes it always says 1."""
    assert images.shape[1:] == (16, 16), images.shape
    p = 1 / (1 + np.exp(-40 * (images.reshape(len(images), -1).mean(axis=1) - 0.33)))
    return np.stack([1 - p, p], axis=1)


def columns(model):
    return columns_of_data(as_model(model), DATA, SAMPLE)


def test_the_range_that_a_model_learned_is_found_and_no_other():
    found, told = find_range(as_model(unit_model), SAMPLE, columns(unit_model), learned=True)
    assert (found.mean, found.std) == ((0.0,), (255.0,))
    assert told[0].found == "from 0 to 1"
    assert range_text("net.onnx", found) == "net.onnx:mean=0,std=255"

    def of_bytes(images):
        return unit_model(images / 255)

    assert find_range(as_model(of_bytes), SAMPLE, columns(of_bytes), learned=True) == (None, [])


def test_another_order_of_classes_is_taken_where_it_is_surely_so():
    names, told = find_order(as_model(swapped_model), SAMPLE, columns(swapped_model), NAMES, learned=True)
    assert names == ("dog", "cat")
    assert "1.000 are right so, and 0.000" in told[0].reason
    named = as_model(swapped_model, class_names=NAMES)
    assert find_order(named, SAMPLE, columns(named), NAMES, learned=True) == (None, [])


def swapped_model(images):
    return unit_model(images / 255)[:, ::-1].copy()


@pytest.mark.parametrize("count", [2, 3])
def test_images_that_are_audited_are_no_reason_for_another_order(count):
    names = ("cat", "dog", "eel")[:count]
    data = ArrayDataset(
        np.repeat(np.arange(count), 30)[:, None, None] * np.ones((1, 4, 4)),
        np.repeat(np.arange(count), 30),
        names,
    )

    def wrong(images):  # of every image
        return np.eye(count)[(images[:, 0, 0].astype(int) + 1) % count]

    model, sample = as_model(wrong), sample_images(data)
    at = columns_of_data(model, data, sample)
    taken, told = find_order(model, sample, at, names, learned=False)
    assert taken is None
    assert told[0].found == "as the data have it"
    assert "0.0% are right by it, and 100.0% would be" in told[0].doubt
    assert "--names" in told[0].doubt
    taken, told = find_order(model, sample, at, names, learned=True)
    assert taken == (*names[-1:], *names[:-1])
    assert "which nobody told" in told[0].doubt


def test_a_match_of_names_decides_the_order():
    named = as_model(swapped_model, class_names=NAMES[::-1])
    at = columns_of_data(named, DATA, SAMPLE)
    assert find_order(named, SAMPLE, at, NAMES, learned=False) == (None, [])


def less_misled(images):
    """In its own range, bytes, it goes by a light corner; from 0 to 1 by what it should."""
    light, bright = images[:, 0, 0] > 125, images.reshape(len(images), -1).mean(axis=1)
    p = np.where(images.max() > 2, np.where(light, 0.8, 0.2), 1 / (1 + np.exp(-40 * (bright - 0.33))))
    return np.stack([1 - p, p], axis=1)


def test_a_model_that_is_misled_is_not_given_a_range_in_which_it_is_less_so():
    images = BYTES.copy()
    images[:, 0, 0] = np.where(np.random.default_rng(2).random(120) < 0.5, 250, 0)
    sample = sample_images(ArrayDataset(images, LABELS, NAMES))
    model = as_model(less_misled)
    found, told = find_range(model, sample, np.arange(2), learned=False)
    assert found is None
    assert told[0].found == "as the files have it"
    assert "with their values from 0 to 1" in told[0].doubt
    assert "--values / --mean --std" in told[0].doubt
    found, told = find_range(model, sample, np.arange(2), learned=True)
    assert found is not None
    assert told[0].doubt == ""


def test_a_range_is_taken_of_audited_images_where_the_model_sees_none_of_them_as_they_are():
    found, told = find_range(as_model(unit_model), SAMPLE, columns(unit_model), learned=False)
    assert found is not None
    assert told[0].weighs
    assert "although these are the images that are audited" in told[0].doubt


def test_to_a_model_of_bytes_that_is_sure_images_from_0_to_1_are_black():
    mark = np.where(np.arange(120) % 3 == 0, 250, 0).astype(np.uint8)
    images = np.broadcast_to(mark[:, None, None], (120, 16, 16)).copy()

    def sure(images):
        p = 1 / (1 + np.exp(-0.2 * (images[:, 0, 0].astype(float) - 125)))
        return np.stack([1 - p, p], axis=1)

    sample = sample_images(ArrayDataset(images, LABELS, NAMES))
    assert find_range(as_model(sure), sample, np.arange(2), learned=False)[0] is None


def test_what_is_held_out_is_not_looked_at():
    shown = sample_images(DATA, among=np.arange(0, len(DATA), 3))
    known = {image.tobytes() for image in BYTES[::3]}
    assert len(shown.images) == len(known)
    assert {image.tobytes() for image in shown.images} == known


def test_a_model_that_is_misled_is_not_called_right_by_another_order():
    wrong = np.random.default_rng(1).random(120) < 0.75

    def misled(images):
        right = unit_model(images / 255)
        return np.where(wrong[: len(images), None], right[:, ::-1], right) if len(images) == 120 else right

    assert len(SAMPLE.labels) == 120
    assert find_order(as_model(misled), SAMPLE, columns(misled), NAMES, learned=True)[0] is None


@pytest.mark.parametrize(
    ("shape", "mode", "size"),
    [((16, 16), "asis", None), ((16, 16, 3), "grey", None), ((30, 20), "asis", (16, 16))],
)
def test_the_form_that_a_model_takes_is_found_by_trying(shape, mode, size, monkeypatch):
    monkeypatch.setattr("sightline.auditing.discovery.SIDES", (32, 16))
    data = ArrayDataset(RNG.integers(0, 255, (6, *shape)).astype(np.uint8), np.arange(6) % 2, None)

    def picky(images):
        if images.shape[1:] != (16, 16):
            raise ValueError("other images")
        return np.full((len(images), 2), 0.5)

    form, told = find_form(as_model(picky), sample_images(data), ImageFormat(), resized=True)
    assert form == ImageFormat(mode=mode, size=size)
    assert [one.option for one in told] == [
        option for option, changed in (("--mode", mode != "asis"), ("--size", size)) if changed
    ]


def test_a_model_that_takes_no_form_fails_with_its_own_words():
    def never(images):
        raise ValueError("never")

    with pytest.raises(ModelError, match="never"):
        find_form(as_model(never), SAMPLE, ImageFormat(), resized=False)


def test_a_fill_that_hides_nothing_is_passed_over():
    def lit(images):
        """Sure of class 1 of whatever is not black."""
        p = np.where(images.reshape(len(images), -1).mean(axis=1) > 9, 0.99, 0.02)
        return np.stack([1 - p, p], axis=1)

    fill, told = find_fill(as_model(lit), SAMPLE, Grid(rows=2, columns=2))
    assert fill == "colour:value=0"
    assert "blur 24, segment-mean 24, noise 24" in told[0].reason


def test_time_is_measured():
    assert 0 < seconds_per_image(as_model(lambda images: np.full((len(images), 2), 0.5)), SAMPLE) < 1


def test_it_is_said_that_images_are_held_out_by_lot():
    told = _held_out_discovery(100, 57, 0.4)
    assert told.found == "43 of 100 images, never touched before the proof"
    assert told.reason == "about 40% asked for; each image is drawn by lot, once, at the start"
    with use_language("ko"):
        assert "제비" in translate_kept(told.reason)
    assert _held_out_discovery(30, 30, 0.0).found == "none at all"
