"""Metadata and images find each other by name or by order; what does not fit is said."""

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data.datasets import ArrayDataset
from sightline.errors import FileError, OptionError
from sightline.study.metadata import (
    MetadataTable,
    column_of_groups,
    file_columns,
    join_metadata,
    list_of_study,
)


class Some:
    """What the join asks of a study."""

    def __init__(self, source, data_text=""):
        self.source = source
        self.places = np.arange(len(source))
        self.manifest = type("Manifest", (), {"data_text": data_text})()

    def rows(self):
        return iter(())

    def row(self, place):
        raise NotImplementedError

    def image(self, place):
        return self.source[place][0]


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        path = tmp_path / ("cat" if number < 3 else "dog") / f"im{number}.{'png' if number % 2 else 'jpg'}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 6 + number % 2, 3), 40 * number, np.uint8)).save(path)
    return Some(sl.data.open_folder(tmp_path))


def join(study, table, **given):
    return join_metadata(study, study.places, MetadataTable.read(table), **given)


def ids(study):
    return [study.source.image_id(place) for place in study.places]


@pytest.mark.parametrize("how", ["path", "file name", "name without ending"])
def test_images_are_found_by_path_name_or_stem_in_any_order(folder, how):
    names = [one if how == "path" else one.rpartition("/")[2] for one in ids(folder)]
    names = [one.rpartition(".")[0] for one in names] if how == "name without ending" else names
    sex = [f"s{number}" for number in range(6)]
    joined = join(folder, {"sex": sex[::-1], "file": names[::-1]})
    assert joined.columns == {"sex": tuple(sex)}
    assert f"column file ({how})" in joined.notes[0]
    assert "a guess" in joined.notes[0]


def test_a_named_key_is_no_guess_and_lines_may_be_missing(folder):
    joined = join(folder, {"file": ids(folder)[:5], "age": [1, 2, 3, 4, 5]}, key="file")
    assert joined.columns == {"age": (1, 2, 3, 4, 5, None)}
    assert "a guess" not in joined.notes[0]
    assert "1 of 6 images have no line there" in joined.notes[1]


def test_lines_in_the_order_of_the_data_are_a_guess_that_is_said():
    study = Some(ArrayDataset(np.zeros((6, 4, 4)), np.arange(6) % 2, None))
    study.places = np.array([1, 4])
    joined = join(study, {"age": [20, 31, 22, 23, 24, 25]})
    assert joined.columns == {"age": (31, 24)}
    assert "in the order of the data" in joined.notes[0]


def test_small_numbers_are_not_taken_for_places():
    study = Some(ArrayDataset(np.zeros((6, 4, 4)), np.arange(6) % 2, None))
    joined = join(study, {"score": [3, 0, 1, 1, 2, 0]})
    assert joined.columns == {"score": (3, 0, 1, 1, 2, 0)}
    shuffled = join(study, {"place": [5, 4, 3, 2, 1, 0], "score": [3, 0, 1, 1, 2, 0]})
    assert shuffled.columns == {"score": (0, 2, 1, 1, 0, 3)}


@pytest.mark.parametrize(
    ("table", "given", "error", "says"),
    [
        ({"file": ["x.png"] * 9}, {}, FileError, "does not fit the study"),
        ({"file": ["im0.jpg", "im1.png"], "a": [1, 2]}, {}, FileError, "names more than 2 of the images"),
        ({"a": [1] * 6}, {"key": "b"}, OptionError, "no column 'b'"),
        ({"a": [1], "b": [1, 2]}, {}, OptionError, "one length"),
        (17, {}, OptionError, "a table is the path"),
    ],
)
def test_what_does_not_fit_is_refused(folder, table, given, error, says):
    with pytest.raises(error, match=says):
        join(folder, table, **given)


@pytest.mark.parametrize(
    "names",
    [
        ["cat/im2.jpg", "cat/im0.jpg", "x1.png", "x2.png", "x3.png", "x4.png"],
        ["im2", "im0", "a", "b", "c", "d"],
        ["CAT/IM2.JPG", "CAT/IM1.PNG", "CAT/IM0.JPG", "DOG/IM3.PNG", "DOG/IM4.JPG", "DOG/IM5.PNG"],
        ["new_im2.jpg", "new_im1.png", "new_im0.jpg", "new_im3.png", "new_im4.jpg", "new_im5.png"],
        ["cat/im0.jpg", "cat/im0.jpg", "cat/im1.png", "dog/im3.png", "dog/im4.jpg", "dog/im5.png"],
    ],
    ids=["few of them", "few, without ending", "other case", "other names", "one twice"],
)
def test_lines_that_name_images_are_not_taken_in_order(folder, names):
    with pytest.raises(FileError, match="is not taken to be in their order: its column 'file' names images"):
        join(folder, {"sex": [*"mfmfmf"], "file": names})


@pytest.mark.parametrize("column", [["p3", "p1", "p2", "p9", "p8", "p7"], ["im0", *"abcde"], [*"543210"]])
def test_other_texts_and_numbers_do_not_keep_lines_from_their_order(folder, column):
    joined = join(folder, {"sex": [*"mfmfmf"], "patient": column})
    assert joined.columns["sex"] == tuple("mfmfmf")
    assert "in the order of" in joined.notes[0]


def test_two_lines_of_one_image_that_differ_are_refused(folder):
    names = [*ids(folder), ids(folder)[0]]
    with pytest.raises(FileError, match=r"says different things of cat/im0.jpg in lines 1 and later"):
        join(folder, {"file": names, "sex": [*"mfmfmf", "f"]}, key="file")
    alike = join(folder, {"file": names, "sex": [*"mfmfmf", "m"]}, key="file")
    assert alike.columns["sex"] == tuple("mfmfmf")


def test_files_are_read_and_numbers_told_from_codes(tmp_path, folder):
    text = tmp_path / "meta.csv"
    text.write_text(
        "file;age;code\n" + "\n".join(f"{one};{40 + n};0{n}" for n, one in enumerate(ids(folder)))
    )
    joined = join(folder, text)
    assert joined.columns["age"] == (40.0, 41.0, 42.0, 43.0, 44.0, 45.0)
    assert joined.columns["code"][1] == "01"
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"file": ids(folder), "age": range(6)}), tmp_path / "meta.parquet")
    assert join(folder, tmp_path / "meta.parquet").columns == {"age": tuple(range(6))}
    for bad in ("a,b\n1\n", "a,a\n1,2\n", "a,b\n", "a,\n1,2\n"):
        text.write_text(bad)
        with pytest.raises(FileError, match="the table"):
            MetadataTable.read(text)
    with pytest.raises(FileError, match="cannot be read"):
        MetadataTable.read(tmp_path / "none.csv")


def test_further_columns_of_a_list_are_its_table_without_path_and_label(tmp_path, folder):
    lines = [f"{one},{one.partition('/')[0]},h{n % 2}" for n, one in enumerate(ids(folder))]
    file = tmp_path / "list.csv"
    file.write_text("file,class,hospital\n" + "\n".join(lines))
    text = f"{file}:path_column=file,label_column=class"
    study = Some(sl.data.open_list(file, path_column="file", label_column="class"), text)
    joined = join(study, list_of_study(study))
    assert joined.columns == {"hospital": ("h0", "h1") * 3}
    assert column_of_groups(study, "hospital") == ("h0", "h1") * 3
    assert column_of_groups(study, "label") == "label"
    file.write_text("file,class\n" + "\n".join(one.rpartition(",")[0] for one in lines))
    assert list_of_study(study) is None
    with pytest.raises(OptionError, match="no column 'hospital' to take groups from"):
        column_of_groups(study, "hospital")


def test_an_image_without_a_group_is_refused(folder):
    table = {"file": ids(folder)[:5], "patient": [1, 1, 2, 2, 3]}
    with pytest.raises(FileError, match="1 of 6 images have no patient"):
        column_of_groups(folder, "patient", table)


def test_files_tell_their_format_and_size(folder):
    found = file_columns(folder, folder.places)
    assert found["file format"] == ("JPEG", "PNG") * 3
    assert found["image size"] == ("6×8", "7×8") * 3


def test_missing_values_of_pandas_and_columns_that_are_no_lists():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"site": pd.array([1, None, 3], dtype="Int64"), "old": pd.array([True, None, False], dtype="boolean")}
    )
    assert MetadataTable.read(frame).columns == {"site": [1, None, 3], "old": [True, None, False]}
    for bad in (np.zeros((3, 2)), 3, "abc", None):
        with pytest.raises(OptionError, match="the column 's' of the table must be a list"):
            MetadataTable.read({"s": bad})


def test_lines_of_all_images_fit_a_study_that_leaves_out_those_of_unknown_label():
    films = sl.data.multi_label(np.zeros((6, 4, 4)), [[1], [-1], [0], [1], [-1], [0]], ["ill"])
    study = Some(films.label("ill"))
    joined = join(study, {"age": [20, 31, 22, 23, 34, 25]})
    assert joined.columns == {"age": (20, 22, 23, 25)}
    assert "the order of all images, those left out" in joined.notes[0]
    assert join(study, {"age": [20, 22, 23, 25]}).columns == {"age": (20, 22, 23, 25)}


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1e6", "1000000"], ["1e6", "1000000"]),
        (["12e4", "3"], ["12e4", "3"]),
        (["1_2", "12"], ["1_2", "12"]),
        (["007", "7"], ["007", "7"]),
        (["1e-05", "1.5e+10", "-2", "0", "0.5"], [1e-05, 1.5e10, -2.0, 0.0, 0.5]),
    ],
)
def test_codes_that_look_like_numbers_stay_apart(tmp_path, cells, read):
    file = tmp_path / "table.csv"
    file.write_text("site\n" + "\n".join(cells) + "\n")
    assert list(MetadataTable.read(file).columns["site"]) == read
