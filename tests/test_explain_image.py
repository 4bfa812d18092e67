"""What a user holds becomes values: images, names, plans."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import sightline as sl
from sightline.engine.attribute import Banzhaf, Lime, Shapley
from sightline.engine.fills import Blur, Colour
from sightline.engine.model_query import Classes, Top
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Grid
from sightline.errors import ImageError, ModelError, OptionError, SightlineError, TargetError
from sightline.explain_image import explain, read_image
from sightline.types import Contrast
from support import unchecked

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = np.arange(54, dtype=np.uint8).reshape(6, 9) * 4
DEEP = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200
NAMES = ("cat", "dog", "emu")


def model(images: np.ndarray) -> np.ndarray:
    """Three classes that look at the top, the middle and the bottom of an image."""
    bright = images.reshape(len(images), images.shape[1], -1).mean(axis=2)
    third = bright.shape[1] // 3
    parts = np.stack([bright[:, i * third : (i + 1) * third].mean(axis=1) for i in range(3)], axis=1)
    odds = np.exp(3 * parts)
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(3).random((12, 12)) * np.linspace(1, 0.2, 12)[:, np.newaxis]


PLAN = Plan(segment=Grid(rows=3, columns=4), fill=Colour(0.0), budget=200)


# Images


def saved(pixels: Image.Image, path: Path, **options: object) -> Path:
    pixels.save(path, **options)
    return path


def mode_of(path: Path) -> str:
    with Image.open(path) as opened:
        return opened.mode


def test_a_grey_file_is_two_dimensional(tmp_path):
    path = saved(Image.fromarray(GREY), tmp_path / "p.png")
    assert np.array_equal(read_image(path), GREY)
    assert np.array_equal(read_image(str(path)), GREY)
    assert read_image(path).dtype == np.uint8


def test_a_colour_file_has_three_channels(tmp_path):
    assert np.array_equal(read_image(saved(Image.fromarray(RGB), tmp_path / "p.png")), RGB)


def test_alpha_is_dropped_and_not_blended(tmp_path):
    alpha = np.zeros((6, 9, 1), np.uint8)
    rgba = Image.fromarray(np.concatenate([RGB, alpha], axis=2))
    assert np.array_equal(read_image(saved(rgba, tmp_path / "p.png")), RGB)
    grey = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha[..., 0])])
    assert np.array_equal(read_image(saved(grey, tmp_path / "g.png")), GREY)


def test_a_palette_becomes_colours(tmp_path):
    few = np.where(RGB > 127, 255, 0).astype(np.uint8)
    path = saved(Image.fromarray(few).quantize(16), tmp_path / "p.png")
    assert mode_of(path) == "P"
    assert np.array_equal(read_image(path), few)


def test_cmyk_becomes_rgb(tmp_path):
    path = saved(Image.fromarray(RGB).convert("CMYK"), tmp_path / "p.tif")
    assert mode_of(path) == "CMYK"
    assert np.array_equal(read_image(path), RGB)


def test_a_cmyk_photo_is_near_the_colours_it_was_made_from(tmp_path):
    even = np.broadcast_to(np.array([200, 60, 20], np.uint8), (16, 16, 3))
    path = saved(Image.fromarray(even).convert("CMYK"), tmp_path / "p.jpg", quality=95)
    assert mode_of(path) == "CMYK"
    assert read_image(path).shape == (16, 16, 3)
    assert read_image(path).astype(float) == pytest.approx(even.astype(float), abs=8)


def test_black_and_white_becomes_grey(tmp_path):
    path = saved(Image.fromarray(GREY > 100), tmp_path / "p.png")
    assert np.array_equal(read_image(path), np.where(GREY > 100, 255, 0))


@pytest.mark.parametrize("name", ["p.png", "p.tif"])
def test_sixteen_bits_stay_sixteen_bits(name, tmp_path):
    read = read_image(saved(Image.fromarray(DEEP), tmp_path / name))
    assert np.array_equal(read, DEEP)
    assert read.dtype in (np.uint16, np.int32)


def test_sixteen_bits_in_the_other_byte_order_are_not_clipped():
    swapped = Image.frombytes("I;16B", (9, 6), DEEP.astype(">u2").tobytes())
    read = read_image(swapped)
    assert np.array_equal(read, DEEP)
    assert read.dtype == np.uint16


def test_a_float_tiff_keeps_its_numbers(tmp_path):
    pixels = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    read = read_image(saved(Image.fromarray(pixels), tmp_path / "p.tif"))
    assert np.array_equal(read, pixels)
    assert read.dtype == np.float32


@pytest.mark.parametrize(("orientation", "turned"), [(1, RGB), (3, RGB[::-1, ::-1]), (6, np.rot90(RGB, -1))])
def test_a_camera_s_turn_is_undone(orientation, turned, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image(saved(Image.fromarray(RGB), tmp_path / "p.png", exif=exif))
    assert np.array_equal(read, turned)


def test_an_image_in_memory_is_read_like_its_file():
    assert np.array_equal(read_image(Image.fromarray(RGB)), RGB)
    assert np.array_equal(read_image(Image.fromarray(RGB).convert("RGBA")), RGB)


def test_arrays_and_lists_are_only_checked():
    assert read_image(RGB) is RGB
    assert read_image([[0.0, 0.5]]).tolist() == [[0.0, 0.5]]
    with pytest.raises(ImageError, match="channels last"):
        read_image(np.zeros((3, 32, 32)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"there is no image .*gone\.png\.") as caught:
        read_image(tmp_path / "gone.png")
    assert caught.value.slug == "image-file"


def broken() -> dict[str, bytes]:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    files = {"empty": b"", "text": b"this is no image", "html": b"<html><body>404</body></html>"}
    for kind in ("PNG", "JPEG", "BMP", "TIFF"):
        held = io.BytesIO()
        noise.save(held, kind)
        files[f"half a {kind}"] = held.getvalue()[: len(held.getvalue()) // 2]
    files["a PPM of a strange size"] = b"P6 2\xa80 20 255\n" + bytes(1200)
    return files


@pytest.mark.parametrize("name", broken())
def test_a_broken_file_is_named_and_not_half_read(name, tmp_path):
    path = tmp_path / "p.img"
    path.write_bytes(broken()[name])
    with pytest.raises(ImageError, match=r"p\.img cannot be read as an image: .+") as caught:
        read_image(path)
    assert caught.value.slug == "image-file"


@pytest.mark.filterwarnings("ignore")  # Pillow's own, of what it mends
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "PPM", "TGA"])
def test_a_file_with_any_bytes_damaged_is_read_or_refused_as_an_image(kind, tmp_path):
    held, rng = io.BytesIO(), np.random.default_rng(0)
    Image.fromarray(RGB).save(held, kind)
    slugs = set()
    for _ in range(150):
        content = bytearray(held.getvalue())
        for place in rng.integers(0, min(len(content), 80), 2):
            content[place] = rng.integers(256)
        (tmp_path / "p.img").write_bytes(content)
        try:
            assert read_image(tmp_path / "p.img").size
        except ImageError as error:
            slugs.add(error.slug)
    assert slugs == {"image-file"}


@pytest.mark.parametrize("source", ["a\0b.png", Image.new("La", (4, 5))], ids=["nul", "La"])
def test_what_pillow_gives_up_on_is_no_image(source):
    with pytest.raises(ImageError, match="cannot be read as an image") as caught:
        read_image(source)
    assert caught.value.slug == "image-file"


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ImageError, match="cannot be read as an image"):
        read_image(tmp_path)


def test_an_image_in_memory_that_turns_out_broken_is_refused(tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(broken()["half a PNG"])
    with Image.open(path) as opened, pytest.raises(ImageError, match="the image cannot be read as an image"):
        read_image(opened)


def test_an_image_too_large_to_be_one_is_refused(tmp_path, monkeypatch):
    path = saved(Image.fromarray(RGB), tmp_path / "p.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ImageError, match="exceeds limit"):
        read_image(path)


def test_a_file_is_explained_like_its_array(tmp_path):
    path = saved(Image.fromarray(GREY), tmp_path / "p.png")
    options = {"segment": "grid:rows=3,columns=3", "fill": "colour", "budget": 100}

    def scaled(images: np.ndarray) -> np.ndarray:
        return model(images / 255)

    from_file, from_array = explain(path, scaled, **options), explain(GREY, scaled, **options)
    assert np.array_equal(from_file.attribution.values, from_array.attribution.values)
    assert np.array_equal(from_file.image, GREY)


# Plans and their parts


def test_keywords_replace_the_plan_s_parts_and_leave_the_rest(image):
    made = explain(
        image,
        model,
        PLAN,
        attribute="shapley",
        segment=Grid(rows=3, columns=3),
        fill="blur:sigma=2",
        sample="balanced",
        target=2,
        budget=150,
        seed=4,
    ).plan
    assert repr(made) == (
        "Plan(segment=Grid(rows=3, columns=3), sample=Balanced(), fill=Blur(sigma=2), target=Classes(2), "
        "attribute=Shapley(), budget=150, seed=4, estimator='auto')"
    )
    assert explain(image, model, PLAN).plan == PLAN
    assert PLAN.seed == 0


def test_the_numbers_are_the_plan_s(image):
    by_plan = explain(
        image, model, Plan(segment=Grid(rows=3, columns=4), fill=Blur(), attribute=Banzhaf(), seed=3)
    )
    by_words = explain(
        image, model, segment="grid:rows=3,columns=4", fill="blur", attribute="banzhaf", seed=3
    )
    assert by_plan.plan == by_words.plan
    assert np.array_equal(by_plan.attribution.values, by_words.attribution.values)


def test_seed_zero_and_the_top_class_replace_too(image):
    plan = Plan(segment=Grid(rows=3, columns=5), fill=Colour(0.0), seed=7, target=2, budget=40)
    made = explain(image, model, plan, seed=0, target=Top())
    assert made.plan.seed == 0
    assert made.targets == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("budget", [100, "auto"])
def test_progress_and_batch_size_change_no_number(image, budget, capsys):
    plan = Plan(segment=Grid(rows=4, columns=4), fill=Colour(0.0), budget=budget)
    quiet = explain(image, model, plan, progress=False)
    shown = explain(image, model, plan, progress=True, batch_size=7)
    assert shown.attribution.values == pytest.approx(quiet.attribution.values, abs=1e-9)
    assert shown.attribution.error == pytest.approx(quiet.attribution.error, abs=1e-9)
    assert shown.attribution.calls == quiet.attribution.calls
    assert shown.plan == quiet.plan
    assert capsys.readouterr().out == ""


def test_nothing_is_printed_where_there_is_no_terminal(image, capsys):
    explain(image, model, PLAN)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"segment": "slik"}, OptionError, r"no segment named 'slik'. Did you mean 'slic'\?"),
        (
            {"attribute": "lime:width=2"},
            OptionError,
            r"Lime has no option 'width'. Did you mean 'kernel_width'",
        ),
        ({"budget": 2}, ValueError, "a budget of 2 model calls is too small"),
        ({"seed": -1}, OptionError, "seed must be a whole number from 0 up, but -1 was given"),
        ({"batch_size": 0}, OptionError, "batch_size must be a whole number from 1 up, but 0 was given"),
        ({"target": 3}, TargetError, "the model has classes 0 to 2, but class 3 was asked for"),
        ({"target": -1}, TargetError, "the model has classes 0 to 2, but class -1 was asked for"),
        ({"target": 1.5}, OptionError, "target must be a class number"),
        ({"target": "cat"}, TargetError, "the class 'cat' is named, but the model has no class names"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(image, options, error, said):
    with pytest.raises(error, match=said) as caught:
        explain(image, model, PLAN, **options)
    assert isinstance(caught.value, SightlineError)


# Classes and their names


def test_without_a_target_the_highest_class_is_explained(image):
    assert explain(image, model, PLAN).targets == (0,)


@pytest.mark.parametrize(
    ("given", "targets"),
    [
        ("dog", (1,)),
        (["emu", "cat"], (2, 0)),
        (("dog", 0), (1, 0)),
        ([Contrast(0, 1), "emu"], (Contrast(0, 1), 2)),
        (np.int64(2), (2,)),
        (np.array([2, 1]), (2, 1)),
        (np.array(["emu", "cat"]), (2, 0)),
        (Classes(1), (1,)),
        (Top(k=2), (0, 1)),
        (lambda classes: (2,), (2,)),
    ],
)
def test_targets_may_be_names_numbers_contrasts_or_a_function(image, given, targets):
    made = explain(image, model, PLAN, target=given, class_names=NAMES)
    assert made.targets == targets
    assert made.class_names == NAMES


def test_the_names_are_those_of_the_targets(image):
    made = explain(image, model, PLAN, target=["emu", Contrast(2, 0)], class_names=list(NAMES))
    assert [made.name(target) for target in made.targets] == ["emu", "emu rather than cat"]


def test_a_name_that_no_class_has_offers_the_nearest(image):
    with pytest.raises(
        TargetError, match=r"there is no class 'doge'. Did you mean 'dog'\? Valid: cat, dog, emu"
    ):
        explain(image, model, PLAN, target="doge", class_names=NAMES)


@pytest.mark.parametrize("names", [("cat", "dog"), ("a", "b", "c", "d")])
def test_the_wrong_number_of_names_is_refused_at_the_first_answer(image, names):
    calls = []

    def counted(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        return model(images)

    with pytest.raises(ModelError, match=rf"there are {len(names)} class names, but the model returned 3"):
        explain(image, counted, PLAN, class_names=names)
    assert len(calls) == 1


def test_an_estimator_s_own_names_are_used(image):
    rng = np.random.default_rng(0)
    estimator = LogisticRegression().fit(rng.random((30, 144)), np.arange(30) % 3 + 4)
    made = explain(image, estimator, PLAN, target="5")
    assert made.class_names == ("4", "5", "6")
    assert made.targets == (1,)


def test_names_that_come_with_the_model_s_answer_are_kept(image):
    def named(images: np.ndarray) -> list[dict[str, float]]:
        return [dict(zip(NAMES, row.tolist(), strict=True)) for row in model(images)]

    made = explain(image, named, PLAN)
    assert made.class_names == NAMES
    assert made.name(made.targets[0]) == "cat"


def test_one_column_is_two_classes(image):
    made = explain(image, lambda images: images.mean(axis=(1, 2)), PLAN, target=1, class_names=["bright"])
    assert made.class_names == ("not bright", "bright")
    assert (made.attribution.values > 0).all()


# What comes out


def test_the_explanation_is_true_of_a_model_that_looks_at_one_place(image):
    def corner(images: np.ndarray) -> np.ndarray:
        seen = images[:, :4, 9:].mean(axis=(1, 2))
        return np.stack([seen, 1 - seen], axis=1)

    for attribute in ("lime", "shapley", "banzhaf", "rise", "occlusion"):
        made = explain(image, corner, PLAN, attribute=attribute, target=[0, 1])
        assert made.top(1)[0].segment == 3
        assert made.top(1)[0].value > 0 > made.top(1, target=1)[0].value
        rest = np.delete(made.attribution.values[0], 3)
        # LIME's ridge leaves a little, and RISE's coin flips hide other segments, too.
        tolerance = {"lime": 0.01, "rise": 0.2}.get(attribute, 1e-9)
        assert np.abs(rest).max() <= tolerance * made.top(1)[0].value


def test_the_image_is_left_untouched_by_a_model_that_works_in_place(image):
    def rude(images: np.ndarray) -> np.ndarray:
        scores = model(images)
        images -= images.mean()
        return scores

    before = image.copy()
    made = explain(image, rude, PLAN)
    assert np.array_equal(image, before)
    assert np.array_equal(made.image, before)


def test_the_public_names_are_these_functions():
    assert sl.explain is explain
    assert sl.read_image is read_image
    assert isinstance(sl.Lime(), Lime)
    assert isinstance(sl.Shapley(), Shapley)


@pytest.mark.slow
def test_a_plan_that_is_none_says_how_to_name_its_parts():
    said = unchecked.run(
        "import numpy as np, sightline as sl\n"
        "try: sl.explain(np.zeros((9, 9)), lambda images: images[:, 0], 'shapley')\n"
        "except sl.SightlineError as error: print(type(error).__name__, error)"
    )
    assert said.strip() == (
        "OptionError plan must be a Plan, but 'shapley' was given. "
        "Name what it is: attribute=, segment=, fill=, …. [option-value]"
    )
