"""Regions: which pixels they are, at any size, and what is said of what cannot be used."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import points_in_poly

from sightline import regions as sr
from sightline.errors import FileError, OptionError, SegmentError, SightlineWarning
from sightline.regions.region_set import one_region_a_piece
from sightline.regions.shapes import PolygonShapes
from support import unchecked
from support.bright import bright

WHOLE = [(0, 0), (0, 1), (1, 1), (1, 0)]
UPPER = [(0, 0), (0, 1), (0.5, 1), (0.5, 0)]
LOWER = [(0.5, 0), (0.5, 1), (1, 1), (1, 0)]

sizes = st.tuples(st.integers(1, 23), st.integers(1, 23))


def middles(shape):
    """Middle of every pixel, in shares."""
    return [
        ((row + 0.5) / shape[0], (col + 0.5) / shape[1]) for row in range(shape[0]) for col in range(shape[1])
    ]


def pixels(regions, shape):
    """Masks, an empty region being no error."""
    try:
        return regions.masks(shape)
    except SegmentError:
        return None


@given(
    st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)), min_size=3, max_size=7, unique=True),
    sizes,
)
def test_a_polygon_is_the_pixels_whose_middle_lies_in_it(points, shape):
    masks = pixels(sr.polygons({"one": points}), shape)
    expected = points_in_poly(middles(shape), points).reshape(shape)
    found = np.zeros(shape, bool) if masks is None else masks[0]
    strange = np.argwhere(found != expected)
    for row, col in strange:  # only where a middle lies on an edge may two definitions differ
        assert distance(((row + 0.5) / shape[0], (col + 0.5) / shape[1]), points) < 1e-9


def distance(point, polygon):
    point, ends = np.array(point), np.array([*polygon, polygon[0]], float)
    least = np.inf
    for start, end in itertools.pairwise(ends):
        way = end - start
        at = np.clip((point - start) @ way / max(way @ way, 1e-300), 0, 1)
        least = min(least, np.linalg.norm(start + at * way - point))
    return least


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda p: 0 < p[0] < 1 and 0 < p[1] < 1), sizes)
def test_polygons_that_share_borders_leave_no_pixel_out_and_share_none(middle, shape):
    corners = [*WHOLE, WHOLE[0]]
    fan = {f"part {n}": [corners[n], corners[n + 1], middle] for n in range(4)}
    sources = sr.polygons(fan).shapes
    assert (sources(shape, None).sum(axis=0) == 1).all()


@pytest.mark.slow
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 20), st.integers(0, 20))
def test_a_grid_is_a_partition_in_rectangles_whose_sides_differ_by_a_pixel(rows, columns, more, wider):
    shape = (rows + more, columns + wider)
    masks = sr.grid(rows, columns).masks(shape)
    assert (masks.sum(axis=0) == 1).all()
    for mask, name in zip(masks, sr.grid(rows, columns), strict=True):
        down, across = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        assert mask[np.ix_(down, across)].all()
        assert abs(len(down) - shape[0] / rows) < 1
        assert abs(len(across) - shape[1] / columns) < 1
        row, column = (int(word) for word in name[1:].split("c"))
        assert down[0] == pytest.approx((row - 1) * shape[0] / rows, abs=1)
        assert across[0] == pytest.approx((column - 1) * shape[1] / columns, abs=1)


def test_what_lies_outside_of_the_image_is_cut_off():
    out = sr.polygons({"ear": [(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)]})
    assert out.masks((4, 4))[0].astype(int).tolist() == [[1, 1, 0, 0]] * 2 + [[0] * 4] * 2


def test_regions_may_overlap_unless_the_first_takes_it_all():
    drawn = {"upper": UPPER, "all": WHOLE}
    assert sr.polygons(drawn).areas((4, 4)).tolist() == [8, 16]
    assert sr.polygons(drawn, exclusive=True).areas((4, 4)).tolist() == [8, 8]


def test_fewer_regions_keep_their_pixels_even_if_another_took_some():
    both = sr.polygons({"upper": UPPER, "all": WHOLE}, exclusive=True)
    alone = both["all"]
    assert alone.names == ("all",)
    assert (alone.masks((4, 4))[0] == both.masks((4, 4))[1]).all()
    assert both[["all", "upper"]].names == ("all", "upper")
    assert (both[("all", "upper")].masks((4, 4)) == both.masks((4, 4))[::-1]).all()


def test_several_polygons_and_joined_regions_add_up():
    corner = [[(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 0)], [(0.5, 0.5), (0.5, 1), (1, 1), (1, 0.5)]]
    several = sr.polygons({"diagonal": corner}).masks((4, 4))
    joined = sr.grid(2, 2).join({"diagonal": ["r1c1", "r2c2"]})
    assert joined.names == ("diagonal", "r1c2", "r2c1")
    assert (joined["diagonal"].masks((4, 4)) == several).all()
    assert joined.apart().names == ("r1c1", "r2c2", "r1c2", "r2c1")
    assert (joined.apart()["r2c2"].masks((4, 4)) == sr.grid(2, 2)["r2c2"].masks((4, 4))).all()


def test_regions_are_counted_listed_and_found_by_name():
    three = sr.grid(1, 3)
    assert len(three) == 3
    assert list(three) == ["r1c1", "r1c2", "r1c3"]
    assert "r1c2" in three
    assert "jaw" not in three
    assert three.index("r1c3") == 2
    assert repr(three) == "<Regions: 3 (r1c1, r1c2, r1c3)>"
    with pytest.raises(
        SegmentError, match=r"no region 'r1c'. Did you mean 'r1c\d'\? Valid: r1c1, r1c2, r1c3"
    ):
        three["r1c"]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_masks_of_another_size_take_the_nearest_pixel(height, width, factor):
    rng = np.random.default_rng(height * 100 + width)
    mask = rng.random((height, width)) < 0.5
    mask[0, 0] = True
    larger = sr.masks({"some": mask}).masks((height * factor, width * factor))[0]
    assert (larger == np.kron(mask, np.ones((factor, factor), bool))).all()
    again = sr.masks({"some": larger}).masks((height, width))[0]
    assert (again == mask).all()


def test_masks_of_integers_are_inside_where_they_are_not_0():
    regions = sr.masks({"one": np.array([[0, 255]], np.uint8), "two": np.array([[1, 0]])})
    assert regions.masks((1, 2)).tolist() == [[[False, True]], [[True, False]]]


def test_labels_are_numbers_with_names_and_may_leave_some_out():
    image = np.array([[0, 1], [1, 255]])
    assert sr.labels(image, {1: "lung"}).masks((2, 2)).tolist() == [[[False, True], [True, False]]]
    in_turn = sr.labels(np.minimum(image, 1), ["rest", "lung"])
    assert in_turn.areas((2, 2)).tolist() == [1, 3]
    with pytest.raises(
        SegmentError, match=r"has the number 255, but there are names for 0 to 1 only\. Give names as"
    ):
        sr.labels(image, ["rest", "lung"])
    with pytest.raises(SegmentError, match="region 'heart' has no pixel in what was given"):
        sr.labels(image, {1: "lung", 2: "heart"})


def test_masks_whose_proportions_are_others_are_taken_with_a_warning():
    tall = sr.masks({"one": np.ones((20, 10), bool)})
    with pytest.warns(
        SightlineWarning, match=r"20×10 are stretched over an image of 10×20.*height and width"
    ):
        assert tall.masks((10, 20)).all()
    assert tall.masks((41, 20)).all()


# Each image its own


def own():
    masks = np.zeros((3, 2, 4, 4), bool)
    for place in range(3):
        masks[place, 0, place] = True
        masks[place, 1, :, place] = True
    return masks


@pytest.mark.parametrize("form", ["array", "function", "regions"])
def test_every_image_may_have_regions_of_its_own(form):
    masks = own()
    source = {
        "array": masks,
        "function": lambda place: masks[place],
        "regions": lambda place: sr.masks({"row": masks[place, 0], "column": masks[place, 1]}),
    }[form]
    regions = sr.per_image(source, ["row", "column"])
    for place in range(3):
        assert (regions.masks((4, 4), place) == masks[place]).all()
        assert (regions.masks((8, 8), place) == np.kron(masks[place], np.ones((1, 2, 2)))).all()
        assert (regions["column"].masks((4, 4), place)[0] == masks[place, 1]).all()
    assert repr(regions) == "<Regions: 2 (row, column), each image its own>"
    assert not regions.shared


def test_landmarks_become_regions_of_each_image():
    tip = np.array([[0.25, 0.25], [0.75, 0.75]])

    def found(place):
        down, across = tip[place]
        square = [(-0.25, -0.25), (-0.25, 0.25), (0.25, 0.25), (0.25, -0.25)]
        return sr.polygons({"nose": [(down + d, across + a) for d, a in square]})

    noses = sr.per_image(found, ["nose"])
    assert noses.masks((4, 4), 0)[0].astype(int).tolist() == [[1, 1, 0, 0]] * 2 + [[0] * 4] * 2
    assert noses.masks((4, 4), 1)[0].astype(int).tolist() == [[0] * 4] * 2 + [[0, 0, 1, 1]] * 2


def test_label_images_of_each_image_may_lack_a_region():
    images = np.array([[[0, 1]], [[0, 0]]])
    regions = sr.per_image(images, {1: "lung"})
    assert regions.areas((1, 2), 0).tolist() == [1]
    assert regions.areas((1, 2), 1).tolist() == [0]


def test_the_place_is_asked_for_where_it_matters():
    regions = sr.per_image(own(), ["row", "column"])
    with pytest.raises(SegmentError, match=r"differ from image to image, but no index was given"):
        regions.masks((4, 4))
    with pytest.raises(SegmentError, match=r"regions for 3 images, but not for image 3"):
        regions.masks((4, 4), 3)
    assert (sr.grid(2, 2).masks((4, 4), 7) == sr.grid(2, 2).masks((4, 4))).all()


def test_regions_that_an_image_shows_are_found_in_it():
    regions, image = bright(), np.full((4, 6, 3), 0.5)
    image[1:3, 2:4], image[3, 5] = 1.0, 0.0
    light, dark = regions.masks((4, 6), image=image)
    assert light.astype(int).tolist() == [[0] * 6, *[[0, 0, 1, 1, 0, 0]] * 2, [0] * 6]
    assert np.argwhere(dark).tolist() == [[3, 5]]
    assert regions.areas((4, 6), 0, image).tolist() == [4, 1]
    assert (regions["dark"].masks((4, 6), image=image)[0] == dark).all()
    both = regions.join({"both": ["bright", "dark"]})
    assert (both.masks((4, 6), image=image)[0] == light | dark).all()
    # What another size is asked for is found at the image's own.
    assert (regions.masks((8, 12), image=image) == np.kron([light, dark], np.ones((1, 2, 2)))).all()
    assert regions.needs_image
    assert not regions.shared
    assert repr(regions) == "<Regions: 2 (bright, dark), found in each image>"


def test_the_image_is_asked_for_where_it_matters():
    with pytest.raises(SegmentError, match=r"found by what an image shows, but no image was given") as caught:
        bright().masks((4, 4), 3)
    assert caught.value.slug == "regions-image"
    assert not any(
        one.needs_image for one in (sr.grid(2, 2), sr.face(), sr.per_image(own(), ["row", "column"]))
    )
    assert (sr.grid(2, 2).masks((4, 4), image=np.ones((4, 4))) == sr.grid(2, 2).masks((4, 4))).all()


def test_an_image_with_other_regions_is_refused():
    regions = sr.per_image(lambda place: sr.grid(1, 2), ["left", "right"])
    with pytest.raises(
        SegmentError, match=r"image 5 has the regions r1c1, r1c2, but left, right were promised"
    ):
        regions.masks((4, 4), 5)
    three = sr.per_image(lambda place: np.zeros((3, 4, 4), bool), ["left", "right"])
    with pytest.raises(SegmentError, match=r"image 5 must have shape \(2, H, W\).*shape is \(3, 4, 4\)"):
        three.masks((4, 4), 5)


# The same arrays again


def test_masks_of_a_size_are_made_once_and_cannot_be_written_to():
    regions = sr.grid(2, 2)
    first = regions.masks((8, 8))
    assert regions.masks((8, 8)) is first
    assert regions.masks((9, 9)) is not first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0, 0] = False
    with pytest.raises(ValueError, match="read-only"):
        sr.per_image(own(), ["a", "b"]).masks((4, 4), 0)[0, 0, 0] = False


def test_regions_go_to_another_process_after_they_were_used():
    regions = sr.polygons({"upper": UPPER, "all": WHOLE}, exclusive=True)
    before = regions.masks((8, 8))
    again = pickle.loads(pickle.dumps(regions))
    assert again.names == regions.names
    assert (again.masks((8, 8)) == before).all()


def test_a_change_to_the_users_arrays_changes_no_region():
    points, mask = np.array(UPPER, float), np.eye(4, dtype=bool)
    drawn, stencil = sr.polygons({"one": points}), sr.masks({"one": mask})
    points[:], mask[:] = 0, True
    assert drawn.masks((4, 4))[0].astype(int).tolist() == [[1] * 4] * 2 + [[0] * 4] * 2
    assert stencil.masks((4, 4))[0].sum() == 4


# What cannot be used

SHORT = [(0, 0), (1, 1)]
BAD = [
    ({}, "regions-names", "no region was given"),
    ({"": WHOLE}, "regions-names", "a line of text, but '' was given"),
    ({"a\nb": WHOLE}, "regions-names", r"a line of text, but 'a\\nb' was given"),
    (
        {"jaw": []},
        "regions-polygon",
        r"'jaw' must be a list of points, \[\(down, across\).* but \[\] was given",
    ),
    ({"jaw": SHORT}, "regions-polygon", "'jaw' has 2 different points, but it needs 3"),
    ({"jaw": [*SHORT, *SHORT]}, "regions-polygon", "'jaw' has 2 different points"),
    ({"jaw": [WHOLE, SHORT]}, "regions-polygon", "'jaw' has 2 different points"),
    ({"jaw": (0.1, 0.2)}, "regions-polygon", r"'jaw' must be a list of points.* but \(0.1, 0.2\) was given"),
    ({"jaw": [[WHOLE]]}, "regions-polygon", "'jaw' must be a list of points"),
    ({"jaw": [(0, 0, 0)] * 3}, "regions-polygon", "'jaw' must be a list of points"),
    ({"jaw": [(0, 0), (0, 1), 1]}, "regions-polygon", "'jaw' must be a list of points"),
    ({"jaw": "face"}, "regions-polygon", "'jaw' must be a list of points.* but 'face' was given"),
    ({"jaw": [("a", "b")] * 3}, "regions-polygon", "'jaw' must be a list of points"),
    ({"jaw": None}, "regions-polygon", "but None was given"),
    ({"jaw": {"x": 1}}, "regions-polygon", "'jaw' must be a list of points"),
    ({"jaw": [(0, 0), (0, np.nan), (1, 1)]}, "regions-polygon", "'jaw' has a point that is NaN"),
    ({"jaw": [(0, 0), (0, np.inf), (1, 1)]}, "regions-polygon", "'jaw' has a point that is NaN or infinite"),
    (
        {"jaw": [(0, 0), (40, 12), (60, 0)]},
        "regions-pixels",
        r"the point \(40, 12\), which is far outside.* If they are pixels, divide them by the height",
    ),
]


@pytest.mark.parametrize(("drawn", "slug", "says"), BAD, ids=[str(bad[0])[:40] for bad in BAD])
def test_polygons_that_cannot_be_used_say_why(drawn, slug, says):
    with pytest.raises(SegmentError, match=says) as caught:
        sr.polygons(drawn)
    assert caught.value.slug == slug


@pytest.mark.parametrize(
    ("arrays", "slug", "says"),
    [
        ({}, "regions-names", "no region was given"),
        ({"a": np.ones((2, 2, 1), bool)}, "regions-masks", r"mask 'a' must have shape \(1, H, W\)"),
        ({"a": np.ones((2, 2), bool), "b": np.ones((2, 3), bool)}, "regions-masks", r"\(2, 2\), \(2, 3\)"),
        (
            {"a": np.full((2, 2), 0.5)},
            "regions-masks",
            "mask 'a' must be True or False, but the dtype is float64",
        ),
        ({"a": np.arange(4).reshape(2, 2)}, "regions-masks", r"4 different values.*regions\.labels\(image"),
        ({"a": np.zeros((2, 2), bool)}, "regions-empty", "'a' has no pixel"),
        ({"a": np.zeros((0, 2), bool)}, "regions-masks", "must have shape"),
    ],
)
def test_masks_that_cannot_be_used_say_why(arrays, slug, says):
    with pytest.raises(SegmentError, match=says) as caught:
        sr.masks(arrays)
    assert caught.value.slug == slug


@pytest.mark.slow
def test_without_the_checks_of_the_test_run_wrong_types_say_why_too():
    code = """
from sightline import regions as sr
tries = [
    lambda: sr.grid(2.5, 2), lambda: sr.grid(True, 2), lambda: sr.face(sides="no"), lambda: sr.chest(sides=1),
    lambda: sr.polygons({7: []}), lambda: sr.polygons([1, 2]), lambda: sr.named(3), lambda: sr.masks([1, 2]),
]
for each in tries:
    try:
        each()
    except Exception as error:
        print(type(error).__name__, error)
"""
    told = unchecked.run(code)
    assert told.splitlines() == [
        "OptionError a grid's rows must be a whole number from 1 up, but 2.5 was given. [option-value]",
        "OptionError a grid's rows must be a whole number from 1 up, but True was given. [option-value]",
        "OptionError sides of face() must be True or False, but 'no' was given. [option-value]",
        "OptionError sides of chest() must be True or False, but 1 was given. [option-value]",
        "SegmentError a region's name must be a line of text, but 7 was given. [regions-names]",
        "SegmentError regions must be given as {name: …}, but [1, 2] was given. [regions-names]",
        "OptionError regions must be a name such as 'face', the path of a TOML file, or Regions, but 3 was "
        "given. [option-value]",
        "SegmentError regions must be given as {name: …}, but [1, 2] was given. [regions-names]",
    ]


def test_other_things_that_cannot_be_used_say_why():
    with pytest.raises(
        SegmentError, match=r"label image must be integers of shape \(H, W\), but dtype float64"
    ):
        sr.labels(np.zeros((2, 2)), ["a"])
    with pytest.raises(SegmentError, match="the name 'a' was given to 2 regions"):
        sr.labels(np.array([[0, 1]]), ["a", "a"])
    with pytest.raises(
        SegmentError, match=r"masks of shape \(N, 3, H, W\).* but the shape is \(3, 2, 4, 4\)"
    ):
        sr.per_image(own(), ["a", "b", "c"])
    with pytest.raises(SegmentError, match="the name 'r1c1' was given to 2 regions"):
        sr.grid(1, 2)[["r1c1", "r1c1"]]
    with pytest.raises(SegmentError, match=r"no region 'r9c9'"):
        sr.grid(1, 2).join({"a": ["r9c9"]})


def test_a_region_too_small_for_an_image_is_an_error_with_its_name():
    speck = sr.polygons({"speck": [(0.5, 0.5), (0.5, 0.51), (0.51, 0.51), (0.51, 0.5)], "all": WHOLE})
    assert speck.areas((1000, 1000))[0] == 100
    with pytest.raises(SegmentError, match=r"'speck' has no pixel in an image of 4×4.*leave it out"):
        speck.masks((4, 4))
    assert speck["all"].masks((4, 4)).all()


# By name


def test_regions_are_named_as_the_command_line_names_them():
    assert sr.named("grid:rows=4,columns=2").names == sr.grid(4, 2).names
    assert sr.named("Grid: columns = 2, rows = 4").names == sr.grid(4, 2).names
    assert sr.named("face").names == sr.face().names
    assert sr.named("face:sides=true,cut=head").names == sr.face(sides=True, cut="head").names
    assert sr.named("chest:sides=True").names == sr.chest(sides=True).names
    given = sr.grid(1, 2)
    assert sr.named(given) is given


@pytest.mark.parametrize(
    ("text", "slug", "says"),
    [
        (
            "fase",
            "option-unknown",
            r"no set of regions named 'fase'. Did you mean 'face'\? Valid: grid, face, chest. Or",
        ),
        ("", "option-unknown", "no set of regions named ''"),
        (
            "grid",
            "option-syntax",
            "'grid' cannot be read: rows and columns must be given, as in grid:rows=…,columns=…",
        ),
        ("grid:rows=4", "option-syntax", "cannot be read"),
        ("grid:4,4", "option-syntax", "cannot be read"),
        ("grid:rows=4,colums=4", "option-unknown", "no option 'colums'. Did you mean 'columns'"),
        ("grid:rows=0,columns=4", "option-value", "rows must be a whole number from 1 up, but 0"),
        ("grid:rows=x,columns=4", "option-value", "rows=x of grid cannot be read: it must be a whole number"),
        ("face:sides=2", "option-value", "sides=2 of face cannot be read: it must be True or False"),
        ("face:cut=wide", "option-unknown", "no face cut 'wide'. Valid: close, head"),
    ],
)
def test_a_name_that_cannot_be_used_says_why(text, slug, says):
    with pytest.raises(OptionError, match=says) as caught:
        sr.named(text)
    assert caught.value.slug == slug


# Files


def same(one, other, shape=(37, 41)):
    assert one.names == other.names
    assert (one.masks(shape) == other.masks(shape)).all()


def test_what_is_saved_is_what_is_loaded(tmp_path):
    for regions in (
        sr.grid(3, 7),
        sr.face(),
        sr.face(sides=True),
        sr.face()[["nose", "background"]],
        sr.chest(sides=True).join({"edge": ["corner top-left", "border"]}),
        sr.polygons({'a "quoted" \\ näme = [x]': [UPPER, [(0.6, 0.6), (0.6, 0.7), (0.9, 0.65)]], "b": LOWER}),
    ):
        path = regions.save(tmp_path / "my.toml")
        same(sr.load(path), regions)
        same(sr.named(str(path)), regions)
        same(sr.named(path), regions)
        assert [file.name for file in tmp_path.iterdir()] == ["my.toml"]


def test_where_regions_were_found_is_kept_with_them(tmp_path):
    found = PolygonShapes(
        ("border",), ((np.array([[0, 0], [0, 1], [0.1, 0.5]]),),), found_in=('a "1".png', "ä")
    )
    again = sr.load(one_region_a_piece(found).rename({"border": "frame"}).save(tmp_path / "my.toml"))
    assert again.names == ("frame",)
    assert again.shapes.found_in == ('a "1".png', "ä")
    assert again["frame"].shapes.found_in == again.shapes.found_in


def test_points_are_kept_to_the_last_digit(tmp_path):
    regions = sr.grid(3, 7)
    again = sr.load(regions.save(tmp_path / "my.toml"))
    for (one,), (other,) in zip(regions.shapes.polygons, again.shapes.polygons, strict=True):
        assert (one == other).all()


def test_masks_are_saved_beside_and_go_where_the_file_goes(tmp_path):
    mask = np.random.default_rng(0).random((2, 12, 9)) < 0.5
    regions = sr.masks({"a": mask[0], "b": mask[1]})
    regions["b"].save(tmp_path / "my.toml")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["my.npz", "my.toml"]
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    same(sr.load(moved / "my.toml"), regions["b"], (12, 9))
    (moved / "my.npz").unlink()
    with pytest.raises(FileError, match=r"my\.toml cannot be used: its arrays in .*my\.npz cannot be read"):
        sr.load(moved / "my.toml")


def test_a_person_can_edit_what_was_saved(tmp_path):
    path = sr.face().save(tmp_path / "my.toml")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Regions for sightline. Points are [down, across]")
    assert max(map(len, text.splitlines())) <= 110
    path.write_text(text.replace('"mouth" = ["mouth"]', 'lips = ["mouth"]'), encoding="utf-8")
    assert "lips" in sr.load(path)


def test_a_person_can_write_a_file_by_hand(tmp_path):
    path = tmp_path / "hand.toml"
    path.write_text("[polygons]\njaw = [[0.5, 0], [0.5, 1], [1, 1], [1, 0]]\n", encoding="utf-8")
    assert sr.load(path).masks((2, 1)).tolist() == [[[False], [True]]]


JAW = "[polygons]\njaw = [[0.5, 0], [0.5, 1], [1, 1]]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jaw = [", r"bad\.toml cannot be used: Invalid value \(at end of document\)"),
        ("", r"needs either a table \[polygons\], a table \[masks\] or a table \[concepts\]"),
        (f'{JAW}[masks]\nfile = "a.npz"\nnames = ["a"]', "needs either a table"),
        ("[polygon]\n", "no 'polygon' in a file of regions. Did you mean 'polygons'"),
        ("polygons = 3", r"polygons must be a table, \[polygons\], but it is 3"),
        ("[polygons]\n", "no region was given"),
        ("[polygons]\njaw = [[0.5, 0], [0.5, 1]]", "'jaw' has 2 different points, but it needs 3"),
        ("[polygons]\njaw = [[50, 0], [50, 100], [100, 10]]", "If they are pixels, divide"),
        ("[polygons]\njaw = [[0.5, nan], [0.5, 1], [0, 1]]", "NaN"),
        (f"{JAW}jaw = [[0.5, 0], [0.5, 1], [1, 1]]\n", "line 3"),
        (f"exclusive = 1\n{JAW}", "exclusive must be true or false, but it is 1"),
        (f"found_in = 3\n{JAW}", "found_in must be the ids of images, a list of texts, but it is 3"),
        ('found_in = ["a"]\n[masks]\nfile = "a.npz"\nnames = ["a"]', r"found_in goes with \[polygons\]"),
        (f'{JAW}[regions]\nchin = ["jow"]', "'chin' has no piece 'jow'. Did you mean 'jaw'"),
        (f'{JAW}[regions]\nchin = "jaw"', "'chin' must be a list of pieces, but it is 'jaw'"),
        (f"{JAW}[regions]\nchin = [3]", "'chin' has no piece 3"),
        (f"{JAW}[regions]\n", "no region was given"),
        ("[masks]\nfile = 3", r"\[masks\] needs a file"),
        ('[masks]\nfile = "no.npz"\nnames = ["a"]', r"its arrays in .*no\.npz cannot be read"),
        ('[masks]\nfile = "bad.toml"\nnames = ["a"]', r"its arrays in .* cannot be read"),
        ("[polygons]\njaw = [[0.5, 0], [0.5, '\udcff'], [1, 1]]", "codec can't decode"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, says):
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FileError, match=says) as caught:
        sr.load(path)
    assert caught.value.slug == "regions-file"
    assert str(path) in str(caught.value)
    assert str(caught.value).count("[regions-") == 1


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FileError, match=r"my\.toml cannot be used: No such file"):
        sr.named(str(tmp_path / "my.toml"))


def test_what_cannot_be_saved_says_why(tmp_path):
    with pytest.raises(FileError, match=r"every image has its own of cannot be saved.*per_image"):
        sr.per_image(own(), ["a", "b"]).save(tmp_path / "my.toml")
    with pytest.raises(FileError, match=r"does not end in \.toml"):
        sr.grid(1, 2).save(tmp_path / "my.json")
    with pytest.raises(FileError, match=r"cannot be written: No such file"):
        sr.grid(1, 2).save(tmp_path / "nowhere" / "my.toml")
    assert list(tmp_path.iterdir()) == []
