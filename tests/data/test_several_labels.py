"""Images of which several labels may be true: from arrays, items, lists, folders; and one of them alone."""

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data import as_dataset, multi_label, open_multi_label
from sightline.data.data_spec import open_data, open_labels
from sightline.data.several_labels import as_multi_label, combinations_of_cells, split_combinations
from sightline.errors import FileError, ImageError, OptionError, TargetError

NAMES = ("ill", "marker", "side")
ROWS = [[1, 0, 0], [1, 1, -1], [0, 0, 1], [0, 1, 1], [0, 0, 0]]
TRUTH = np.array(ROWS, np.int8)


@pytest.fixture
def pixels(rng):
    return rng.random((5, 8, 6))


@pytest.fixture
def files(tmp_path, pixels):
    for number, image in enumerate(pixels):
        Image.fromarray((255 * image).astype(np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("missing", [-1, np.nan])
def test_arrays_and_items_of_rows_are_the_same_data(pixels, missing):
    labels = np.where(TRUTH < 0, missing, TRUTH)
    for data in (
        multi_label(pixels, labels, NAMES),
        as_multi_label((pixels, labels)),
        as_multi_label((list(pixels), labels.tolist())),
        as_multi_label({"image": pixels, "label": labels}),
        as_multi_label([(image, row) for image, row in zip(pixels, labels, strict=True)]),
    ):
        assert data.truth.tolist() == ROWS
        assert data.dataset[3][0] == pytest.approx(pixels[3])
        side = data.label(2)
        assert side.labels.tolist() == [0, 1, 1, 0]
        assert side.n_missing == 1
        assert [side.image_id(one) for one in range(4)] == ["0", "2", "3", "4"]
        assert side[1][0] == pytest.approx(pixels[2])


def test_rows_with_a_single_one_are_classes(pixels):
    assert as_multi_label((pixels[:3], np.eye(3))) is None
    assert as_dataset((pixels[:3], np.eye(3))).labels.tolist() == [0, 1, 2]
    assert as_multi_label((pixels, np.arange(5))) is None
    # What is said to be several labels is.
    assert multi_label(pixels[:3], np.eye(3)).label(0).labels.tolist() == [1, 0, 0]


def test_one_label_is_a_data_set_of_two_classes(pixels):
    data = multi_label(pixels, ROWS, NAMES)
    ill = data.label("Ill")
    assert ill.class_names == ("not ill", "ill")
    assert ill.labels.tolist() == [1, 1, 0, 0, 0]
    assert len({data.label(name).fingerprint() for name in NAMES}) == 3
    assert data.label("ill").fingerprint() == ill.fingerprint()
    assert ill[[4, 0]].labels.tolist() == [0, 1]
    assert repr(data).startswith(
        "MultiLabelDataset(5 images, 3 labels: ill 2 of 5, marker 2 of 5, side 2 of 4 (1 not"
    )
    assert repr(data.label("side")) == (
        "LabelImages(4 images, 2 with side; 1 of which it is not known are left out)"
    )


def test_a_model_s_label_is_found_by_name_and_else_by_place(pixels):
    data, nameless = multi_label(pixels, ROWS, NAMES), multi_label(pixels, ROWS)
    others = ("side", "heart", "ill")
    assert data.of_model(2, others).column == 0
    assert data.of_model("side", None).column == 2
    assert data.of_model(1, None).column == 1
    assert nameless.of_model("marker", NAMES).column == 1
    with pytest.raises(TargetError, match="the data have no label 'heart'"):
        data.of_model(1, others)
    # By place only where there are as many: "ill" is column 2 of four, but which of three is not known.
    for asked in ("ill", 2, 0):
        with pytest.raises(TargetError, match=r"of them is '(ill|x)' cannot be told"):
            nameless.of_model(asked, ("x", "y", "ill", "side"))
    for data_or in (data, nameless):
        with pytest.raises(TargetError, match="the model has no label 'foo'"):
            data_or.of_model("foo", NAMES)
        with pytest.raises(TargetError, match="no label 7: the model has 3, numbered from 0"):
            data_or.of_model(7, NAMES)


def test_what_cannot_be_used_is_refused(pixels):
    data = multi_label(pixels, ROWS, NAMES)
    with pytest.raises(
        OptionError, match=r"several labels may be true of each of these images \(ill, marker"
    ):
        as_dataset(data)
    with pytest.raises(ImageError, match=r"give sl.data.multi_label\(images, labels, names\)"):
        as_dataset((pixels, np.abs(TRUTH)))
    with pytest.raises(ImageError, match="5 images and 4 rows"):
        multi_label(pixels, ROWS[:4])
    with pytest.raises(ImageError, match=r"but 0\.5 was given: make 0 or 1"):
        multi_label(pixels, np.full((5, 2), 0.5))
    with pytest.raises(ImageError, match="each of the 3 labels needs a name of its own, but 2"):
        multi_label(pixels, ROWS, ["a", "b"])
    with pytest.raises(TargetError, match="Did you mean 'marker'"):
        data.label("makrer")
    with pytest.raises(TargetError, match="there is no label 3: the data have 3"):
        data.label(3)
    with pytest.raises(ImageError, match="is known of none of the 5 images"):
        multi_label(pixels, np.full((5, 2), -1)).label(0)


def test_a_list_has_a_column_for_each_label(files):
    cells = {1: "1.0", 0: "0", -1: ""}
    lines = [f"{place}.png,{','.join(cells[one] for one in row)},7" for place, row in enumerate(ROWS)]
    (files / "films.csv").write_text("\n".join(["path,ill,marker,side,age", *lines]))
    data = open_multi_label(files / "films.csv", label_columns=NAMES)
    assert data.label_names == NAMES
    assert data.truth.tolist() == ROWS
    text = f"{files / 'films.csv'}:label_columns=ill+marker+side"
    opened, recipe = open_labels(text)
    assert opened.truth.tolist() == ROWS
    assert open_labels(recipe)[0].label("side").fingerprint() == data.label("side").fingerprint()
    assert data.label("side").image_id(1) == "2.png"
    with pytest.raises(OptionError, match="several labels"):
        open_data(text)
    (files / "odd.csv").write_text("path,ill,marker\n0.png,1,maybe\n")
    with pytest.raises(FileError, match=r"odd.csv: the column 'marker' of labels holds 'maybe'"):
        open_multi_label(files / "odd.csv", label_columns=("ill", "marker"))
    with pytest.raises(FileError, match="has no column 'sides'"):
        open_multi_label(files / "films.csv", label_columns=("ill", "sides"))
    with pytest.raises(OptionError, match="say how several labels"):
        open_multi_label(files / "films.csv")


def test_a_parquet_list_is_the_same(files):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        name: [None if one < 0 else float(one) for one in TRUTH[:, place]] for place, name in enumerate(NAMES)
    }
    parquet.write_table(
        arrow.table({"path": [f"{one}.png" for one in range(5)], **columns}), files / "films.parquet"
    )
    assert open_multi_label(files / "films.parquet", label_columns=NAMES).truth.tolist() == ROWS


def test_a_column_or_a_folder_names_the_labels_that_are_there(files):
    named = ["ill", "marker|ill", "side", "marker | side", ""]
    lines = [f"{place}.png,{text}" for place, text in enumerate(named)]
    (files / "films.csv").write_text("\n".join(["path,label", *lines]))
    expected = np.maximum(TRUTH, 0).tolist()
    data = open_multi_label(files / "films.csv", label_delimiter="|")
    assert (data.label_names, data.truth.tolist()) == (NAMES, expected)
    assert open_labels(f"{files / 'films.csv'}:label_delimiter=|")[0].truth.tolist() == expected
    for folder, number in (("ill", 0), ("ill+marker", 1), ("none", 4)):
        (files / "tree" / folder).mkdir(parents=True)
        (files / f"{number}.png").rename(files / "tree" / folder / f"{number}.png")
    tree = open_multi_label(files / "tree", label_delimiter="+")
    assert (tree.label_names, tree.truth.tolist()) == (
        ("ill", "marker", "none"),
        [[1, 0, 0], [1, 1, 0], [0, 0, 1]],
    )
    again, recipe = open_labels(f"{files / 'tree'}:label_delimiter=+")
    assert again.truth.tolist() == tree.truth.tolist()
    assert open_labels(recipe)[0].label("ill").fingerprint() == tree.label("ill").fingerprint()


def test_cells_and_names_are_read_as_they_are_meant():
    cells = [("1", "yes", "TRUE", "1.0", "0", "no", "False", "0.0", "", "-1", "-1.0", "nan", "None")]
    assert combinations_of_cells(cells, [""] * 13).tolist() == [[1, 1, 1, 1, 0, 0, 0, 0, -1, -1, -1, -1, -1]]
    assert split_combinations(["b;a", "", ";a;"], ";")[0].tolist() == [[1, 1], [0, 0], [1, 0]]


def test_images_of_torch_s_data_sets_come_with_their_rows(pixels):
    torch = pytest.importorskip("torch")
    labels = torch.from_numpy(np.where(TRUTH < 0, np.nan, TRUTH)).float()
    data = torch.utils.data.TensorDataset(torch.from_numpy(pixels)[:, None].float(), labels)
    found = as_multi_label(data)
    assert found.truth.tolist() == ROWS
    assert found.label(0)[2][0].shape == (8, 6, 1)
    assert sl.data.as_dataset(found.label(0)) is not None


def test_whole_numbers_in_any_writing_and_each_label_once(files):
    (files / "l.csv").write_text("path,ill,marker\n0.png,1.00,0.0\n1.png,-1.0,1e0\n2.png,0.00,\n")
    read = open_multi_label(files / "l.csv", label_columns=["ill", "marker"])
    assert read.truth.tolist() == [[1, 0], [-1, 1], [0, -1]]
    assert open_multi_label(files / "l.csv", label_columns="ill").names == ("ill",)
    with pytest.raises(OptionError, match="names 'ill' twice"):
        open_multi_label(files / "l.csv", label_columns=["ill", "marker", "ill"])
