"""Answers read in blocks are those of the rows, and rows that are chosen are some of all."""

import numpy as np
import pyarrow
import pytest

from sightline import Plan
from sightline.engine.segmentation import Grid
from sightline.study import Study
from sightline.study.row_blocks import answer_blocks, chosen_rows
from sightline.study.schema import failed_line, image_lines, table_schema
from sightline.types import Attribution, Scores, Segments
from support.problems import PLAN, images, model


class Alone:
    """The same study as one that knows its rows alone."""

    def __init__(self, study):
        self.rows, self.row, self.image, self.plan = study.rows, study.row, study.image, study.plan


def written_study(folder, rng, *, alike):
    """A study of 40 images of four classes, some failed, some weak, some explained for their label, too."""
    study = Study(folder / "run", PLAN).run(
        images(4), lambda batch: np.tile([0.1, 0.2, 0.3, 0.4], (len(batch), 1))
    )
    for part in study.store.parts():
        part.path.unlink()
    grid = np.kron(np.arange(4).reshape(2, 2), np.ones((3, 4), int))
    lines = []
    for place in range(40):
        about = {"place": place, "id": f"{place}", "content": "", "label": place % 4, "seconds": 0.1}
        if place % 11 == 5:
            lines.append(failed_line(about, ValueError("broken")))
            continue
        cut = grid if alike else rng.permutation(np.arange(24) % 5).reshape(4, 6)
        segments, sure = Segments(cut), place % 7 == 0
        classes = np.array([0.99, 0.01, 0, 0]) if sure else rng.dirichlet(np.ones(4))
        targets = tuple(dict.fromkeys((int(np.argmax(classes)), place % 4)))
        scores = Scores(
            np.zeros((0, len(targets))),
            classes[list(targets)],
            classes[list(targets)] - 0.001,
            targets,
            classes,
            9,
        )
        size = 0.001 if sure else 1.0
        shape = (len(targets), segments.count)
        values = Attribution(
            size * rng.normal(size=shape), np.ones(shape), np.zeros(len(targets)), np.ones(len(targets))
        )
        lines += image_lines(about | {"warnings": []}, segments, scores, values)
    study.store.write_part(0, 40, [pyarrow.Table.from_pylist(lines, schema=table_schema())])
    return study


@pytest.mark.parametrize("alike", [True, False])
def test_blocks_hold_what_the_rows_hold(tmp_path, rng, alike):
    study = written_study(tmp_path, rng, alike=alike)
    rows, seen = {row.place: row for row in study.rows()}, []
    blocks = list(answer_blocks(study))
    assert len(blocks) == (1 if alike else len(rows))
    for block in blocks:
        for at, place in enumerate(block.places.tolist()):
            row = rows[place]
            assert (block.labels[at], block.predicted[at]) == (row.label, row.predicted)
            np.testing.assert_array_equal(block.values[at], row.values())
            np.testing.assert_array_equal(block.segments.labels, row.segments.labels)
            assert (block.full[at], block.empty[at]) == (row.full[0], row.empty[0])
            assert block.weak[at] == row.hides_little(study.plan)
            seen.append(place)
    assert sorted(seen) == sorted(rows) == study.places.tolist()
    weak = [place for block in blocks for place in block.places[block.weak].tolist()]
    assert weak == [place for place in rows if place % 7 == 0]


def test_of_rows_alone_blocks_are_the_same(tmp_path, rng):
    study = written_study(tmp_path, rng, alike=False)
    for one, other in zip(answer_blocks(study), answer_blocks(Alone(study)), strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.weak, other.weak)
        assert one.places.tolist() == other.places.tolist()


def test_chosen_rows_are_those_of_all_that_were_named_in_the_order_of_the_data(tmp_path, rng):
    study = written_study(tmp_path, rng, alike=True)
    named = [31, 5, 2, 8, 99]  # 5 failed, and there is no 99
    for given in (study, Alone(study)):
        assert [row.place for row in chosen_rows(given, named)] == [2, 8, 31]
    two = {row.place: row for row in chosen_rows(study, [2, 3])}
    for row in study.rows():
        if row.place in two:
            assert row.targets == two[row.place].targets
            np.testing.assert_array_equal(row.attribution.values, two[row.place].attribution.values)
    assert list(chosen_rows(study, [])) == []


def test_images_that_are_cut_alike_share_segments_that_nobody_can_change(tmp_path):
    study = Study(tmp_path / "run", Plan(segment=Grid(rows=2, columns=2), budget=16, fill="colour"))
    first, second, *_ = study.run(images(6), model).rows()
    assert first.segments is second.segments
    with pytest.raises(ValueError, match="read-only"):
        first.segments.labels[0, 0] = 3
