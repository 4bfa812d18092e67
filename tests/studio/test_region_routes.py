"""What the page of regions takes and gives: nothing odd is kept, nothing of the other half shown."""

import contextlib
import csv
import io
import json

import numpy as np
import pytest
from markupsafe import escape

from sightline._region_names import DRAWN_REGIONS
from sightline.studio.drawn_regions import read_drawn, shown_while_drawing
from sightline.study.study import Study
from support.studios import EVIL, running_studio

LOWER = {"name": "lower", "points": [[0.5, 0], [0.5, 1], [1, 1], [1, 0]]}
ODD = [
    b"",
    b"null",
    b"[]",
    b"3",
    b"{",
    b"[" * 100_000,
    b'{"name": ' + b"[" * 100_000,
    b"\xff\xfe{}",
    b'{"points": NaN}',
    json.dumps({**LOWER, "name": {"a": 1}}).encode(),
    json.dumps({**LOWER, "name": "\ud800"}).encode(),
    json.dumps({**LOWER, "name": "x" * 10_000}).encode(),
    json.dumps({**LOWER, "points": [[1e400, 0], [0, 1], [1, 1]]}).encode(),
    json.dumps({**LOWER, "points": [[10**400, 0], [0, 1], [1, 1]]}).encode(),
    json.dumps({"name": "a", "mask": {"rows": 10**9, "columns": 10**9, "runs": [1]}}).encode(),
    json.dumps({"name": "a", "mask": {"rows": 2, "columns": 2, "runs": {"0": 1}}}).encode(),
    json.dumps({"name": "a", "cells": {"rows": True, "columns": 2, "numbers": [0]}}).encode(),
    json.dumps({"name": "a", "segments": {"place": 10**30, "numbers": [0]}}).encode(),
    json.dumps({"name": "a", "segments": {"place": -1, "numbers": [0]}}).encode(),
]


@pytest.fixture
def client(studio_run):
    with running_studio(studio_run) as studio, contextlib.closing(studio.client()) as made:
        yield made


@pytest.mark.slow
def test_bodies_of_odd_shapes_are_refused_in_words_and_keep_nothing(client, studio_run):
    for body in ODD:
        for path in ("/api/regions", "/api/regions/0/rename", "/api/regions/0/remove"):
            answer = client.post(path, content=body, headers={"content-type": "application/json"})
            assert 400 <= answer.status_code < 500, (path, body[:80])
            assert answer.json()["error"]
    assert not (studio_run / DRAWN_REGIONS).exists()


@pytest.mark.slow
def test_numbers_and_names_in_addresses_lead_nowhere_else(client):
    assert client.post("/api/regions", json=LOWER).status_code == 200
    for path in (
        "/api/regions/1/remove",
        "/api/regions/99999999999999999999/remove",
        "/api/regions/1/rename",
    ):
        assert client.post(path, json={"name": "other"}).status_code == 400
    for path in (
        "/regions/under/plan.toml.webp",
        "/regions/under/..%2f..%2fplan.webp",
        "/regions/under/999999.webp",
        "/regions/segments/999999.json",
        "/regions/segments/-1.json",
        "/api/regions/-1/remove",
    ):
        assert client.get(path).status_code in (404, 405), path


@pytest.mark.slow
def test_only_the_half_that_may_be_looked_at_is_shown(client, studio_place):
    study = Study(studio_place / "run")
    shown = shown_while_drawing(study.ids)
    for place, allowed in list(zip(study.places.tolist(), shown.tolist(), strict=True))[:12]:
        wanted = 200 if allowed else 404
        assert client.get(f"/regions/under/{place}.webp").status_code == wanted
        assert client.get(f"/regions/segments/{place}.json").status_code == wanted
    hidden = np.array(study.ids)[~shown]
    page = client.get("/regions").text
    assert not [one for one in hidden if f">{escape(one)}<" in page]


@pytest.mark.slow
def test_names_with_markup_and_formulas_are_text_in_the_page_and_its_twins(client, studio_run):
    told = client.post("/api/regions", json={**LOWER, "name": EVIL})
    assert told.status_code == 200
    upper = {"name": "=1+1", "cells": {"rows": 2, "columns": 1, "numbers": [0]}}
    assert client.post("/api/regions", json=upper).status_code == 200
    page = client.get("/regions").text
    assert EVIL not in page
    assert "&lt;img src=x" in page
    assert {one["region"] for one in client.get("/regions.json").json()["regions"]} >= {EVIL, "=1+1"}
    rows = list(csv.reader(io.StringIO(client.get("/regions.csv").text.lstrip("\ufeff"))))
    assert [row[0] for row in rows[1:3]] == ["'=1+1", EVIL]
    assert read_drawn(studio_run).names == (EVIL, "=1+1")


def test_a_region_of_the_template_gives_its_name_to_no_other(client):
    told = client.post("/api/regions", json={**LOWER, "name": "jaw"})
    assert told.status_code == 400
    assert "there is a region 'jaw' already" in told.json()["error"]


@pytest.mark.slow
def test_what_overlaps_is_said_and_an_answer_has_the_row_at_once(client):
    client.post("/api/regions", json=LOWER)
    left = {"name": "left", "points": [[0, 0], [0, 0.5], [1, 0.5], [1, 0]]}
    told = client.post("/api/regions", json=left).json()
    assert told["said"] == [
        "It has 50% of the smaller one's area in common with lower: what is found of one may be the other's."
    ]
    row = told["regions"][0]
    assert (row["region"], row["area"]) == ("left", 0.5)
    assert row["right_low"] < row["right"] < row["right_high"]
    assert told["untested"] == 2


def test_a_file_that_was_spoilt_by_hand_is_named_and_left_as_it_is(client, studio_run):
    (studio_run / DRAWN_REGIONS).write_text("[[", encoding="utf-8")
    page = client.get("/regions")
    assert page.status_code == 400
    assert DRAWN_REGIONS in page.text
    assert client.post("/api/regions", json=LOWER).status_code == 400
    assert (studio_run / DRAWN_REGIONS).read_text() == "[["


@pytest.mark.slow
def test_two_windows_that_draw_at_once_lose_nothing(client, studio_run):
    from concurrent.futures import ThreadPoolExecutor

    def draw(number):
        cells = {"rows": 4, "columns": 4, "numbers": [number]}
        return client.post("/api/regions", json={"name": f"cell {number}", "cells": cells}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(draw, range(6))) == {200}
    assert sorted(read_drawn(studio_run).names) == [f"cell {number}" for number in range(6)]
