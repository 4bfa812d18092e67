"""Files that are there whole or not at all."""

import os

import pytest

from sightline._files import written_aside


def test_a_file_takes_the_place_of_the_one_that_was_there(tmp_path):
    path = tmp_path / "part.parquet"
    path.write_text("old")
    with written_aside(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_what_failed(tmp_path):
    path = tmp_path / "part.parquet"
    path.write_text("old")
    with pytest.raises(TypeError), written_aside(path) as aside, aside.open("w") as file:
        file.writelines(["half", None])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_noticed_before_the_old_file_is_gone(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "plan.toml"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"), written_aside(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def write_both(path):
    with written_aside(path, keep_existing=True) as aside:
        aside.write_text("second")
        with written_aside(path, keep_existing=True) as other:
            other.write_text("first")


def test_the_first_of_two_writers_wins_where_a_file_is_to_be_kept(tmp_path):
    path = tmp_path / "plan.toml"
    with pytest.raises(FileExistsError):
        write_both(path)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_the_writers_mistake(tmp_path):
    with pytest.raises(FileNotFoundError), written_aside(tmp_path / "none" / "a.txt") as aside:
        aside.write_text("new")
