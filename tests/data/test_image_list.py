"""Lists of paths and labels as labelled images."""

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import sightline as sl
from sightline.data import ImageFolder, ImageFormat, open_list
from sightline.errors import FileError, MissingExtra, OptionError, SightlineWarning


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four images, each of another grey: pets/0.png, pets/1.png, more/2.png, more/3.png."""
    for shade, folder in enumerate(("pets", "pets", "more", "more")):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("L", (8, 6), shade).save(tmp_path / folder / f"{shade}.png")
    return tmp_path


ROWS = [("more/3.png", "cat"), ("pets/0.png", "dog"), ("pets/1.png", "cat"), ("more/2.png", "bird")]


def csv_of(rows: Any, delimiter: str = ",", head: tuple[str, ...] = ("path", "label")) -> str:
    return "\n".join(delimiter.join(map(str, row)) for row in (head, *rows)) + "\n"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def shades(data: ImageFolder) -> list[int]:
    return [int(data[place][0].flat[0]) for place in range(len(data))]


def refusal(kind: type[Exception], *given: Any, **more: Any) -> str:
    with pytest.raises(kind) as caught:
        open_list(*given, **more)
    return str(caught.value)


def test_images_come_in_the_order_of_the_list_with_sorted_class_names(root: Path) -> None:
    data = open_list(written(root / "list.csv", csv_of(ROWS)))
    assert isinstance(data, ImageFolder)
    assert shades(data) == [3, 0, 1, 2]
    assert data.class_names == ("bird", "cat", "dog")
    assert data.labels.tolist() == [1, 2, 1, 0]
    assert data.path(3) == root / "more" / "2.png"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", csv_of(ROWS, ";").encode()),
        ("a.csv", csv_of(ROWS, "\t").encode()),
        ("a.csv", csv_of(ROWS, "|").encode()),
        ("a.tsv", csv_of(ROWS, "\t").encode()),
        ("a.CSV", csv_of(ROWS).replace("\n", "\r\n").encode()),
        ("a.csv", csv_of(ROWS).encode("utf-8-sig")),
        ("a.csv", csv_of(ROWS).encode("utf-16")),
        ("a.csv", csv_of(ROWS).replace(",", ", ").replace("\n", "\n\n").encode()),
        ("a.csv", csv_of([[f'"{one}"' for one in row] for row in ROWS]).encode()),
        ("a.csv", csv_of([(7, *row, "x;y") for row in ROWS], head=("id", "path", "label", "note")).encode()),
        ("a.csv", csv_of([(path.replace("/", "\\"), label) for path, label in ROWS]).encode()),
    ],
    ids=["semicolon", "tab", "bar", "tsv", "crlf", "bom", "utf-16", "spaces", "quotes", "columns", "windows"],
)
def test_texts_of_every_hand_are_read_alike(root: Path, name: str, content: bytes) -> None:
    data = open_list(written(root / name, content))
    assert shades(data) == [3, 0, 1, 2]
    assert data.labels.tolist() == [1, 2, 1, 0]


def parquet(file: Path, **columns: Any) -> Path:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(arrow.table(columns), file)
    return file


def test_parquet_is_read_as_a_text_is(root: Path) -> None:
    paths, labels = zip(*ROWS, strict=True)
    data = open_list(parquet(root / "list.parquet", path=paths, label=labels))
    same = open_list(written(root / "list.csv", csv_of(ROWS)))
    assert shades(data) == shades(same)
    assert (data.labels.tolist(), data.class_names) == (same.labels.tolist(), same.class_names)
    arrow = pytest.importorskip("pyarrow")
    coded = arrow.array(labels).dictionary_encode()
    assert open_list(parquet(root / "coded.pq", path=paths, label=coded)).labels.tolist() == [1, 2, 1, 0]
    for numbers in ([2, 0, 2, 1], [2.0, 0.0, 2.0, 1.0]):
        assert open_list(parquet(root / "n.pq", path=paths, label=numbers)).labels.tolist() == [2, 0, 2, 1]


def test_parquet_that_does_not_fit_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, labels = map(list, zip(*ROWS, strict=True))
    for gap in (None, float("nan")):
        some = parquet(root / "gap.parquet", path=paths, label=[1.0, gap, 0.0, 0.0])
        assert refusal(FileError, some) == (
            f"line 2 of {some} has no label: leave the line out, or fill it in. [list-line]"
        )
    pixels = parquet(root / "pixels.parquet", path=[b"123"] * 4, label=labels)
    assert "the column 'path' of" in refusal(FileError, pixels)
    assert "holds bytes values, but text or numbers are needed. [list-columns]" in refusal(FileError, pixels)
    torn = written(root / "torn.parquet", b"PAR1 and no more")
    assert f"{torn} cannot be read as Parquet: " in refusal(FileError, torn)
    whole = parquet(root / "whole.parquet", path=paths, label=labels)
    assert "has no column 'file', which" in refusal(FileError, whole, path_column="file")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'sightline-xai[study]'" in refusal(MissingExtra, whole)


def test_columns_may_have_other_names_and_a_missing_one_is_answered_with_the_nearest(root: Path) -> None:
    path = written(root / "list.csv", csv_of(ROWS, head=("file_path", "class")))
    data = open_list(path, path_column="file_path", label_column="class")
    assert shades(data) == [3, 0, 1, 2]
    assert refusal(FileError, path, label_column="class", path_column="filepath") == (
        f"{path} has no column 'filepath', which its first line must name. Did you mean 'file_path'? Valid: "
        "file_path, class. Which columns to read is told by path_column= and label_column=. [list-columns]"
    )
    bare = written(root / "bare.csv", csv_of(ROWS[1:], head=ROWS[0]))
    assert "has no column 'path', which its first line must name. Did you mean 'cat'?" in refusal(
        FileError, bare
    )


def test_paths_begin_at_the_lists_own_folder_or_at_root(root: Path, tmp_path_factory: Any) -> None:
    elsewhere = written(tmp_path_factory.mktemp("lists") / "list.csv", csv_of(ROWS))
    assert refusal(FileError, elsewhere) == (
        f"no image of {elsewhere} is where it says: there is no {elsewhere.parent / 'more/3.png'}. Name "
        "the folder that the paths begin at with root=. [list-missing]"
    )
    assert shades(open_list(elsewhere, root=root)) == [3, 0, 1, 2]
    whole = written(elsewhere.parent / "whole.csv", csv_of([(root / path, label) for path, label in ROWS]))
    assert shades(open_list(whole)) == [3, 0, 1, 2]


def test_whole_numbers_are_places_among_the_models_classes(root: Path) -> None:
    numbers = [(path, number) for (path, _), number in zip(ROWS, (1, 10, 2, 0), strict=True)]
    with pytest.warns(SightlineWarning, match=r"7 of 11 classes, such as '3', .* \[class-empty\]"):
        data = open_list(written(root / "list.csv", csv_of(numbers)))
    assert data.labels.tolist() == [1, 10, 2, 0]
    assert data.class_names == tuple(map(str, range(11)))
    names = [f"class {which}" for which in range(11)]
    with pytest.warns(SightlineWarning, match="'class 3'"):
        named = open_list(root / "list.csv", class_names=names)
    assert named.labels.tolist() == [1, 10, 2, 0]
    assert named.class_names == tuple(names)


def test_class_names_give_the_order_of_the_models_classes(root: Path) -> None:
    path = written(root / "list.csv", csv_of(ROWS))
    assert open_list(path, class_names=("dog", "cat", "bird")).labels.tolist() == [1, 0, 1, 2]
    assert refusal(OptionError, path, class_names=("dog", "cat", "birds")) == (
        f"line 5 of {path} has the label 'bird', which class_names does not have. Did you mean 'birds'? "
        "Valid: dog, cat, birds. [option-value]"
    )
    assert "class_names must name each class once" in refusal(OptionError, path, class_names=("a", "a"))
    digits = written(
        root / "digits.csv", csv_of([(path, n) for (path, _), n in zip(ROWS, "7979", strict=True)])
    )
    assert open_list(digits, class_names=("9", "7")).labels.tolist() == [1, 0, 1, 0], "names, not places"


@pytest.mark.parametrize(
    ("labels", "names", "told"),
    [
        ((0, -1, 1, 1), None, "line 3 of {} has the label -1, but labels that are numbers must be places"),
        ((0, 20240131, 1, 1), None, "line 3 of {} has the label 20240131, but labels that are numbers must"),
        (
            (0, 3, 1, 1),
            ("a", "b", "c"),
            "line 3 of {} has the label 3, but labels that are numbers must be 0 to 2",
        ),
    ],
)
def test_numbers_that_are_no_places_are_refused(root: Path, labels: Any, names: Any, told: str) -> None:
    rows = [(path, label) for (path, _), label in zip(ROWS, labels, strict=True)]
    path = written(root / "list.csv", csv_of(rows))
    said = refusal(FileError, path, class_names=names)
    assert said.startswith(told.format(path))
    assert said.endswith("[list-labels]")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "path,label\nmore/3.png,\n",
            "line 2 of {} has no label: leave the line out, or fill it in. [list-line]",
        ),
        ("path,label\n,cat\n", "line 2 of {} has no path: leave the line out, or fill it in. [list-line]"),
        (
            "path,label\nhttps://x.org/a.png,cat\n",
            "line 2 of {} names https://x.org/a.png, but only files are read: download it first. [list-line]",
        ),
        (
            "path,label\nmore/3.png\n",
            "line 2 of {} has 1 fields, but the first line names 2",
        ),
        (
            "path,label\nmore/3, b.png,cat\n",
            "line 2 of {} has 3 fields, but the first line names 2",
        ),
        (
            'path,label\na.png,cat\n"b.png,cat\n',
            "{} cannot be read after line 2: unexpected end of",
        ),
        ("path,label\n", "{} names no images: there is no line below its columns. [list-file]"),
        ("", "{} has no column 'path', which its first line must name."),
        ("path,label\ncafé.png,cat\n".encode("latin-1"), "{} is not text in UTF-8 ("),
        (b"PK\x03\x04\xff\xff", "{} is not text in UTF-8 ("),
    ],
)
def test_lists_that_cannot_be_read_are_answered_with_the_line(tmp_path: Path, text: Any, told: str) -> None:
    path = written(tmp_path / "list.csv", text)
    assert refusal(FileError, path).startswith(told.format(path))


def test_a_column_that_is_named_twice_is_not_chosen_from(tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", "path,label,label\na.png,cat,dog\n")
    assert "names the column 'label' twice" in refusal(FileError, path)


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert refusal(FileError, tmp_path / "no.csv") == f"there is no list {tmp_path / 'no.csv'}. [list-file]"


def test_missing_and_broken_files_are_told_when_they_are_read(root: Path) -> None:
    (root / "torn.png").write_bytes(b"no image")
    path = written(root / "list.csv", csv_of([*ROWS, ("gone.png", "dog"), ("torn.png", "cat")]))
    data = open_list(path)
    assert len(data) == 6
    assert data.unreadable == ()
    with pytest.warns(SightlineWarning, match="2 of 6 files"):
        assert len(list(data)) == 4
    assert [(one.index, one.path.name) for one in data.unreadable] == [(4, "gone.png"), (5, "torn.png")]
    assert "there is no image" in data.unreadable[0].reason


def test_the_form_and_the_parts_are_those_of_folders(root: Path) -> None:
    data = open_list(written(root / "list.csv", csv_of(ROWS)), ImageFormat(size=(3, 4), mode="rgb"))
    assert data[0][0].shape == (3, 4, 3)
    assert shades(data[[3, 0]]) == [2, 3]  # type: ignore[arg-type]
    assert [images.shape for images, _ in sl.data.batches(data, 3)] == [(3, 3, 4, 3), (1, 3, 4, 3)]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0:"), min_size=1, max_size=8)


@pytest.mark.slow
@given(rows=st.lists(st.tuples(NAMES, NAMES, st.sampled_from("abc")), min_size=1, max_size=12))
def test_any_names_come_back_as_they_were_written(rows: Any, tmp_path_factory: Any) -> None:
    import csv

    rows = [row for row in rows if all(one.strip() == one != "" for one in row)]
    folder = tmp_path_factory.mktemp("names")
    Image.new("L", (2, 2)).save(folder / "there.png")
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("path", "label"), *((f"{a}/{b}", c) for a, b, c in rows), ("there.png", "a")]
        )
    data = open_list(folder / "list.csv")
    expected = [*(f"{folder}/{a}/{b}" for a, b, _ in rows), f"{folder}/there.png"]
    assert [data.file_index.path(place) for place in range(len(data))] == expected
    assert [data.class_names[label] for label in data.labels] == [*(c for *_, c in rows), "a"]


@pytest.mark.slow
def test_a_line_costs_its_name_and_few_bytes(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "image-000000.png")
    count = 20_000
    path = written(tmp_path / "list.csv", csv_of((f"image-{i:06}.png", i % 7) for i in range(count)))
    tracemalloc.start()
    data = open_list(path)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) == count
    assert kept / count < 16 + 25
    assert peak / count < 80
    assert np.bincount(data.labels).sum() == count
