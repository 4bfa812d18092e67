"""candidates: do they lie where their names say, and are cells merged into the shape that they have?"""

import numpy as np
import pytest

from sightline.regions.area_candidates import (
    Area,
    area_masks,
    cell_effects,
    first_areas,
    merged_cells,
    name_areas,
    nudged,
    parts_of,
)


@pytest.mark.parametrize(
    ("box", "name"),
    [
        ((0.0, 0.0, 0.3, 0.3), "corner top-left"),
        ((0.7, 0.68, 1.0, 0.98), "corner bottom-right"),
        ((0.1, 0.1, 0.3, 0.3), "top left"),
        ((0.0, 0.0, 0.25, 1.0), "top side"),
        ((0.0, 0.75, 1.0, 1.0), "right side"),
        ((0.3, 0.3, 0.7, 0.7), "middle"),
        ((0.4, 0.0, 0.6, 1.0), "middle"),
        ((0.6, 0.4, 0.9, 0.6), "bottom"),
    ],
)
def test_areas_are_named_by_where_they_lie(box, name):
    assert name_areas([Area("window 3", (box,))]) == (name,)


def test_two_at_one_place_are_told_apart():
    one, other = (Area("window 3", ((0.0, 0.0, side, side),)) for side in (0.2, 0.3))
    assert name_areas([one, other]) == ("corner top-left", "corner top-left 2")


def test_a_frame_is_one_area_whose_sides_do_not_overlap():
    frames = [area for area in first_areas() if area.kind == "frame"]
    masks = area_masks(frames, (24, 24))
    assert name_areas(frames[:2]) == ("border", "border 2")
    for mask, width in zip(masks, (1, 2, 3, 4), strict=True):
        want = np.ones((24, 24), dtype=bool)
        want[width:-width, width:-width] = False
        assert (mask == want).all()


def test_first_areas_are_windows_strips_frames_and_halves():
    kinds = [area.kind for area in first_areas()]
    counts = {kind: kinds.count(kind) for kind in kinds}
    assert counts == {"window 2": 9, "window 3": 25, "window 4": 49, "side": 12, "frame": 4, "half": 4}
    assert area_masks(list(first_areas()), (28, 28)).any(axis=(1, 2)).all()


def test_cells_are_merged_into_the_shape_that_they_have():
    cells = np.zeros((8, 8))
    cells[0, 2:5] = cells[1, 2] = 1.0
    cells[6, 6] = 0.5
    areas = list(merged_cells(cells))
    masks = area_masks(areas, (8, 8))
    assert (masks[0] == (cells == 1)).all()
    assert (masks[1] == (cells == 0.5)).all()  # beyond the lower of the two shares alone
    assert (masks[2] == (cells == 1)).all()
    assert list(merged_cells(-cells - 1)) == []


def test_what_windows_do_is_shared_among_their_cells():
    areas = list(first_areas())
    masks = area_masks(areas, (8, 8))
    effects = masks[:, :2, :2].sum(axis=(1, 2)) / np.maximum(masks.sum(axis=(1, 2)), 1)
    cells = cell_effects(areas, effects)
    assert np.unravel_index(cells.argmax(), cells.shape) == (0, 0)
    assert cells[0, 0] > 3 * cells[5, 5]


def test_a_window_has_nine_parts_and_moves_by_its_sides_within_the_image():
    window = Area("window 2", ((0.0, 0.5, 0.5, 1.0),))
    parts = [area.boxes[0] for area in parts_of(window)]
    assert len(parts) == 9
    assert parts[4] == pytest.approx((1 / 12, 7 / 12, 5 / 12, 11 / 12))
    moved = [area.boxes[0] for area in nudged(window)]
    assert len(moved) == 6  # the upper and the right side end at the image's
    assert all(
        0 <= low < high <= 1
        for top, left, bottom, right in moved
        for low, high in ((top, bottom), (left, right))
    )
