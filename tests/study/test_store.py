"""Parts are there whole or not at all, once, whoever writes them."""

import errno
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from sightline.errors import FileError, OptionError
from sightline.study.schema import table_schema
from sightline.study.store import ABANDONED, JOINED, Store, StorePart


def table(start, stop, failing=()):
    lines = [
        {
            "place": place,
            "id": str(place),
            "label": place % 2,
            "predicted": 0,
            "rank": rank,
            "failure": "image-file" if place in failing else None,
            "reason": "broken" if place in failing else None,
        }
        for place in range(start, stop)
        for rank in range(1 if place in failing else 2)
    ]
    return pyarrow.Table.from_pylist(lines, schema=table_schema())


def filled(folder, count, size):
    store = Store(folder / "parts")
    for start, stop in store.missing_parts(count, size):
        store.write_part(start, stop, [table(start, stop)])
    return store


def places(store):
    return [place for one in store.tables(["place", "rank"]) for place in one["place"].to_pylist()]


def test_missing_parts_are_those_not_written(tmp_path):
    store = Store(tmp_path / "parts")
    assert store.missing_parts(7, 3) == [(0, 3), (3, 6), (6, 7)]
    store.write_part(3, 6, [table(3, 6)])
    assert store.missing_parts(7, 3) == [(0, 3), (6, 7)]
    assert store.has_part(3, 6)
    assert not store.has_part(0, 3)


def test_a_part_written_twice_is_there_once(tmp_path):
    store = filled(tmp_path, 6, 3)
    store.write_part(0, 3, [table(0, 3)])
    assert places(store) == sorted(2 * list(range(6)))


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), [(JOINED * 4, 2), (JOINED * 2 + 5, 2), (5, 2)])
def test_joined_parts_hold_the_same_lines(tmp_path, count, size):
    store = filled(tmp_path, count, size)
    store.join_parts(count, size)
    assert places(store) == sorted(2 * list(range(count)))
    assert store.missing_parts(count, size) == []
    assert len(store.parts()) == -(-count // (JOINED * size))
    store.join_parts(count, size)
    assert places(store) == sorted(2 * list(range(count)))


def test_a_group_with_a_gap_is_not_joined(tmp_path):
    store = filled(tmp_path, 10, 2)
    (tmp_path / "parts" / "000000004-000000006.parquet").unlink()
    store.join_parts(10, 2)
    assert len(store.parts()) == 4
    assert store.missing_parts(10, 2) == [(4, 6)]


def test_parts_left_beside_the_one_they_were_joined_into_do_not_count_twice(tmp_path):
    store = filled(tmp_path, 6, 2)
    store.write_part(0, 6, [table(0, 6)])  # as after a kill between joining and deleting
    assert [part[:2] for part in store.parts()] == [(0, 6)]
    assert places(store) == sorted(2 * list(range(6)))


def test_new_lines_take_the_place_of_failed_ones(tmp_path):
    store = Store(tmp_path / "parts")
    store.write_part(0, 4, [table(0, 4, failing=(1, 3))])
    assert [line["place"] for line in store.failed_lines()] == [1, 3]
    store.replace_lines(0, 4, {1: table(1, 2), 3: table(3, 4, failing=(3,))})
    assert [line["place"] for line in store.failed_lines()] == [3]
    assert places(store) == [0, 0, 1, 1, 2, 2, 3]


def test_the_lines_of_one_image_are_found_in_any_part(tmp_path):
    store = filled(tmp_path, 9, 2)
    store.join_parts(9, 2)
    assert [line["place"] for line in store.image_lines(7)] == [7, 7]
    assert store.image_lines(9) == []
    assert store.place_of("5") == 5
    with pytest.raises(OptionError, match="no image of the study has the id 'x'"):
        store.place_of("x")


def test_what_cannot_be_written_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    store = filled(tmp_path, 2, 2)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"No space left on device.*Make room, then run the study again"):
        store.write_part(2, 4, [table(2, 4)])
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["000000000-000000002.parquet"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "parts").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        Store(tmp_path / "parts").write_part(0, 1, [table(0, 1)])


def test_what_killed_writers_left_is_swept_away_once_it_is_old(tmp_path):
    store = filled(tmp_path, 2, 2)
    old, new = (tmp_path / "parts" / f".000000002-000000004.parquet.{name}" for name in ("1-a", "2-b"))
    for path in (old, new):
        path.write_text("half a part")
    os.utime(old, times=(time.time() - 2 * ABANDONED,) * 2)
    store.remove_abandoned()
    assert (old.exists(), new.exists()) == (False, True)
    assert store.parts() == [StorePart(0, 2, tmp_path / "parts" / "000000000-000000002.parquet")]


def claiming(folder, ready, go):
    with Store(folder / "parts").claim_part(0) as mine:
        ready.put(mine)
        go.wait(60)


@pytest.mark.slow
def test_a_part_is_one_process_s_own_until_that_ends(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, go = context.Queue(), context.Event()
    worker = context.Process(target=claiming, args=(tmp_path, ready, go))
    worker.start()
    try:
        assert ready.get(timeout=60)
        with (
            Store(tmp_path / "parts").claim_part(0) as mine,
            Store(tmp_path / "parts").claim_part(2) as another,
        ):
            assert (mine, another) == (False, True)
        worker.kill()
        worker.join()
        with Store(tmp_path / "parts").claim_part(0) as mine:
            assert mine
    finally:
        worker.kill()
        worker.join()


def test_queries_see_each_line_once(tmp_path):
    store = filled(tmp_path / "it's", 6, 2)
    assert store.query("select count(*), count(distinct place) from rows").fetchall() == [(12, 6)]
    with pytest.raises(OptionError, match=r"DuckDB cannot answer this.*describe rows"):
        store.query("select nothing from nowhere")


def test_an_empty_store_has_nothing_to_query(tmp_path):
    with pytest.raises(FileError, match="run the study"):
        Store(tmp_path / "parts").query("select 1")


def renamed(path):
    path.rename(path.with_name("000000004-000000008.parquet"))


def shortened(path):
    path.write_bytes(path.read_bytes()[:-100])


def of_other_images(path):
    """As an earlier version wrote it, without saying what it holds."""
    pyarrow.parquet.write_table(table(4, 8), path)


@pytest.mark.parametrize("change", [renamed, shortened, of_other_images])
def test_a_part_that_is_not_what_its_name_and_itself_say_is_refused(tmp_path, change):
    store = filled(tmp_path, 4, 4)
    change(store.parts()[0].path)
    for ask in (store.outcome_columns, store.failed_lines, lambda: store.query("select 1")):
        with pytest.raises(FileError, match=r"is damaged .*Delete it and run the study again"):
            ask()


def test_a_part_that_lacks_images_is_refused_before_a_run_goes_on(tmp_path):
    store = filled(tmp_path, 4, 4)
    pyarrow.parquet.write_table(table(0, 3), store.parts()[0].path)
    with pytest.raises(FileError, match="it lacks some of its images, or has others"):
        store.check_parts(np.arange)


def test_bytes_that_changed_are_never_read(tmp_path):
    store = filled(tmp_path, 8, 8)
    path = store.parts()[0].path
    whole, written = store.read_part(store.parts()[0]), path.read_bytes()
    rng = np.random.default_rng(0)
    for where in (*rng.integers(0, len(written), 100), *range(len(written) - 40, len(written))):
        changed = bytes([written[where] ^ 1 << rng.integers(8)])
        path.write_bytes(written[:where] + changed + written[where + 1 :])
        with pytest.raises(FileError, match="is damaged"):
            Store(tmp_path / "parts").read_part(store.parts()[0])
    path.write_bytes(written)
    assert pyarrow.parquet.read_table(path).equals(whole)  # by any other reader, too


def test_parts_of_another_study_are_refused_and_those_that_do_not_say_are_read(tmp_path):
    filled(tmp_path, 4, 4)
    assert places(Store(tmp_path / "parts", "plan a")) == [0, 0, 1, 1, 2, 2, 3, 3]
    Store(tmp_path / "parts", "plan a").write_part(0, 4, [table(0, 4)])
    with pytest.raises(
        FileError, match=r"was not computed under the plan.*plan.toml.*edited.*take the part away"
    ):
        places(Store(tmp_path / "parts", "plan b"))


def test_a_reader_goes_on_where_parts_are_joined_under_it(tmp_path):
    store = filled(tmp_path, 12, 3)
    reading = store.tables(["rank", "place"])
    first = next(reading)["place"].to_pylist()
    store.join_parts(12, 3)
    assert len(store.parts()) == 1
    assert first + [place for one in reading for place in one["place"].to_pylist()] == places(store)


def test_many_may_join_at_once(tmp_path):
    filled(tmp_path, 60, 2)

    def joining(_):
        store = Store(tmp_path / "parts")
        store.join_parts(60, 2)
        return places(store)

    with ThreadPoolExecutor(8) as pool:
        assert set(map(tuple, pool.map(joining, range(16)))) == {tuple(np.repeat(np.arange(60), 2))}
    assert len(Store(tmp_path / "parts").parts()) == 1
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_finished_store_in_a_folder_that_cannot_be_written_to_is_read(tmp_path):
    store = filled(tmp_path, 4, 4)
    (tmp_path / "claims").write_text("in the way")
    store.join_parts(4, 4)
    assert places(store) == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(FileError, match="cannot be written to"), store.claim_part(4):
        pass


def test_tables_of_some_images_hold_their_lines_alone(tmp_path):
    store = filled(tmp_path, 30, 5)
    made = [one["place"].to_pylist() for one in store.tables(["place"], places=[7, 22, 8, 400])]
    assert [place for some in made for place in some] == [7, 7, 8, 8, 22, 22]
    assert len(made) == 2  # other parts are not read


def test_outcomes_and_names_are_those_of_the_parts_that_are_there_now(tmp_path):
    store = filled(tmp_path, 4, 2)
    outcomes = store.outcome_columns()
    outcomes["label"][:] = 9  # a caller's own
    assert store.outcome_columns()["label"].tolist() == [0, 1, 0, 1]
    store.write_part(4, 6, [table(4, 6)])
    assert store.outcome_columns()["place"].tolist() == list(range(6))
    assert store.explained_ids() == tuple("012345")
    store.write_part(2, 4, [table(2, 3)])
    assert store.explained_ids() == tuple("01245")
