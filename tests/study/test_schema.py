"""An explanation becomes lines of a table and comes back as it was."""

import numpy as np
import pyarrow
import pytest
from pyarrow.parquet import ParquetFile
from skimage import data
from skimage.segmentation import slic
from skimage.transform import resize

from sightline.errors import ImageError
from sightline.study.schema import (
    ALL_SCORES,
    COLUMNS,
    HISTORY,
    LAYOUT,
    PredictedAndLabel,
    answers_digest,
    failed_line,
    image_lines,
    is_of_answers,
    rows_from_table,
    table_schema,
)
from sightline.study.store import Store
from sightline.types import Attribution, Contrast, Scores, Segments
from support.studies import Memory

ABOUT = {"place": 3, "id": "cat/1.png", "label": 1, "content": "ab", "seconds": 0.5, "warnings": []}


def made(rng, targets, segments=12, classes=5, shape=(6, 8)):
    labels = np.arange(shape[0] * shape[1]).reshape(shape) % segments
    scores = Scores(
        values=np.zeros((0, len(targets))),
        full=rng.random(len(targets)),
        empty=rng.random(len(targets)),
        targets=targets,
        classes=rng.random(classes),
        calls=9,
    )
    attribution = Attribution(
        values=rng.normal(size=(len(targets), segments)),
        error=rng.random((len(targets), segments)),
        base=rng.random(len(targets)),
        fit=np.array([np.nan, 0.5])[: len(targets)],
        calls=10,
        settled=True,
        layer="layer4",
    )
    return Segments(labels), scores, attribution


def there_and_back(parts, classes):
    (row,) = rows_from_table(
        pyarrow.Table.from_pylist(image_lines(ABOUT, *parts), schema=table_schema()), classes
    )
    return row


def test_a_row_is_what_was_explained(rng):
    parts = made(rng, (2, Contrast(1, 2)))
    segments, scores, attribution = parts
    row = there_and_back(parts, 5)
    assert (row.place, row.id, row.label, row.targets) == (3, "cat/1.png", 1, (2, Contrast(1, 2)))
    np.testing.assert_array_equal(row.segments.labels, segments.labels)
    np.testing.assert_allclose(row.classes, scores.classes, rtol=1e-6)
    np.testing.assert_allclose(row.full, scores.full, rtol=1e-6)
    np.testing.assert_allclose(row.empty, scores.empty, rtol=1e-6)
    for name, digits in (("values", 1e-6), ("error", 2e-3), ("base", 1e-6), ("fit", 1e-6)):
        np.testing.assert_allclose(getattr(row.attribution, name), getattr(attribution, name), rtol=digits)
    assert (row.attribution.calls, row.attribution.settled, row.attribution.layer) == (10, True, "layer4")


@pytest.mark.parametrize("segments", [1, 256, 257, 70_000])
def test_segments_of_any_number_come_back(rng, segments):
    parts = made(rng, (0,), segments=segments, shape=(300, 300))
    np.testing.assert_array_equal(there_and_back(parts, 5).segments.labels, parts[0].labels)


def test_errors_that_are_no_numbers_stay_so(rng):
    parts = made(rng, (2,))
    parts[2].error[0, :3] = [0.0, np.inf, np.nan]
    np.testing.assert_array_equal(there_and_back(parts, 5).attribution.error[0, :3], [0.0, np.inf, np.nan])


@pytest.mark.slow
def test_an_explanation_at_224_with_100_segments_takes_under_4_kB(rng, tmp_path):
    image = resize(data.coffee(), (224, 224))
    count, found, counts = 32, [], []
    for place in range(count):
        cut = slic(np.roll(image, 7 * place, axis=1), n_segments=127, compactness=10, start_label=0)
        segments = Segments.renumber(cut)
        _, scores, attribution = made(rng, (2,), segments=segments.count, classes=1000)
        counts.append(segments.count)
        found += image_lines(ABOUT | {"place": place}, segments, scores, attribution)
    part = Store(tmp_path).write_part(0, count, [pyarrow.Table.from_pylist(found, schema=table_schema())])
    group = ParquetFile(part.path).metadata.row_group(0)  # without the footer, which all lines share
    size = sum(group.column(place).total_compressed_size for place in range(group.num_columns))
    assert size / count < 4096
    assert np.mean(counts) > 95


def test_of_many_classes_the_leading_and_the_explained_keep_their_scores(rng):
    classes = 10 * ALL_SCORES
    parts = made(rng, (0, Contrast(1, 2)), classes=classes)
    row = there_and_back(parts, classes)
    known = ~np.isnan(row.classes)
    assert known[[0, 1, 2]].all()
    assert known.sum() < ALL_SCORES
    np.testing.assert_allclose(row.classes[known], parts[1].classes[known], rtol=1e-6)
    assert row.predicted == parts[1].classes.argmax()


def test_heat_spreads_each_value_over_its_segment(rng):
    row = there_and_back(made(rng, (2, 1)), 5)
    heat = row.heat(1)
    for segment, value in enumerate(row.values(1)):
        assert heat[row.segments.labels == segment].sum() == pytest.approx(value)
    np.testing.assert_array_equal(row.heat(), row.heat(2))


def test_a_failure_is_a_line_and_no_row():
    line = failed_line(ABOUT, ImageError("it is not an image.", slug="image-file"))
    table = pyarrow.Table.from_pylist([line], schema=table_schema())
    assert list(rows_from_table(table, 5)) == []
    assert (line["failure"], line["reason"]) == ("image-file", "it is not an image.")


def test_what_nobody_foresaw_is_called_unexpected():
    line = failed_line(ABOUT, ZeroDivisionError("division by zero"))
    assert (line["failure"], line["reason"]) == ("unexpected", "ZeroDivisionError: division by zero")


def test_the_predicted_class_is_explained_first_and_the_label_where_it_is_another():
    scores = np.array([0.1, 0.7, 0.2])
    assert PredictedAndLabel(2, lambda classes: (1,))(scores) == (1, 2)
    assert PredictedAndLabel(1, lambda classes: (1, 0))(scores) == (1, 0)
    assert PredictedAndLabel(0, lambda classes: (Contrast(1, 2),))(scores) == (1, 0, Contrast(1, 2))


def test_every_column_belongs_to_a_layout_that_is_told_of():
    assert {since for _, since, _ in COLUMNS.values()} <= set(HISTORY)
    assert max(HISTORY) == LAYOUT


class Told(Memory):
    """What a study says of its answers."""

    def __init__(self, ids, labels, predicted):
        self.ids, self.labels, self.predicted = ids, np.array(labels), np.array(predicted)


def test_a_result_is_known_to_be_of_other_answers_though_there_are_as_many_errors():
    study = Told(("a", "b", "c"), [0, 1, 1], [0, 0, 1])
    found = {"errors": 1, "answers": answers_digest(study)}
    assert is_of_answers(found, Told(("a", "b", "c"), [0, 1, 1], [0, 0, 1]))
    others = (
        Told(("a", "b", "d"), [0, 1, 1], [0, 0, 1]),
        Told(("a", "b", "c"), [0, 0, 1], [0, 1, 1]),
        Told(("a", "b", "c"), [0, 1, 1], [0, 1, 0]),
        Told(("a", "b", "c", "d"), [0, 1, 1, 1], [0, 0, 1, 1]),
    )
    assert not any(is_of_answers(found, other) for other in others)
    older = {"errors": 1}
    assert is_of_answers(older, study)
    assert not is_of_answers({"errors": 2}, study)
