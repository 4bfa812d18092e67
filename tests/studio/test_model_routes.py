"""Asking the model: never before a person agreed, by the rules of trust, and the answer is the model's."""

import contextlib
import sys

import numpy as np
import pytest

from sightline.engine.fills import draw_area, draw_fill
from sightline.regions import face
from sightline.studio.model_question import ask_model, hide_mask
from support.studios import running_studio


@pytest.fixture
def studio(studio_run):
    with running_studio(studio_run) as made:
        yield made


@pytest.fixture
def client(studio):
    with contextlib.closing(studio.client()) as made:
        yield made


def first_place(studio):
    return int(studio.opened.study.places[0])


@pytest.mark.slow
def test_no_page_and_no_question_loads_the_model_before_a_person_agreed(studio, client):
    place = first_place(studio)
    for path in ("/", "/regions", "/regions.json", f"/api/images/{place}/ask"):
        assert client.get(path).status_code == 200
    assert client.get(f"/api/images/{place}/ask").json()["model"].endswith("model.skops")
    for body in ({"segments": [0]}, {"segments": [0], "load": True}):
        told = client.post(f"/api/images/{place}/ask", json=body)
        assert (told.status_code, told.json()["slug"]) == (400, "studio-consent")
    for body in ({}, {"load": False}, {"load": "true"}, {"load": 1}):
        told = client.post("/api/model", json=body)
        assert (told.status_code, told.json()["slug"]) == (400, "studio-consent")
    assert client.get("/api/model").status_code == 405
    assert not studio.opened.has_model


def test_the_answer_is_what_the_model_says_of_the_image_with_that_hidden(studio, client):
    place = first_place(studio)
    study = studio.opened.study
    assert client.post("/api/model", json={"load": True}).json() == {"loaded": True}
    told = client.post(f"/api/images/{place}/ask", json={"segments": [13, 14]}).json()
    row, image, model = study.row(place), study.image(place), studio.opened.load_model()
    mask = np.isin(row.segments.labels, [13, 14])
    hidden = hide_mask(image, mask, draw_fill(image, row.segments, study.plan.fill))
    before, after = model(image[np.newaxis])[0], model(hidden)[0]
    assert np.allclose(sorted(one for _, one, _ in told["classes"]), np.sort(before))
    assert np.allclose(sorted(one for _, _, one in told["classes"]), np.sort(after))
    assert not np.allclose(before, after)
    assert told["hidden"].startswith("data:image/webp;base64,")
    jaw = client.post(f"/api/images/{place}/ask", json={"region": "jaw"}).json()
    (where,) = face()["jaw"].masks(image.shape[:2])
    wanted = model(hide_mask(image, where, draw_area(image, where, study.plan.fill)))[0]
    assert np.allclose(sorted(one for _, _, one in jaw["classes"]), np.sort(wanted))
    assert jaw["calls"] == 4  # twice the image, once with each hidden


def test_a_question_of_odd_shape_is_refused_in_words(studio, client):
    place = first_place(studio)
    client.post("/api/model", json={"load": True})
    odd = [
        {},
        {"segments": []},
        {"segments": "0"},
        {"segments": [99]},
        {"segments": [-1]},
        {"segments": [True]},
        {"segments": [0.5]},
        {"segments": [[0]]},
        {"segments": [10**30]},
        {"region": "nowhere"},
        {"region": ["jaw"]},
        {"region": None},
    ]
    for body in odd:
        told = client.post(f"/api/images/{place}/ask", json=body)
        assert (told.status_code, told.json()["slug"]) == (400, "studio-question"), body
    for number in (10**6, 10**30):
        assert client.post(f"/api/images/{number}/ask", json={"segments": [0]}).status_code in (400, 404)
        assert client.get(f"/api/images/{number}/ask").status_code in (400, 404)
    assert client.post("/api/model", content=b"[" * 9).status_code == 400


def test_a_button_does_not_overrule_the_rules_of_trust(studio_run, tmp_path, monkeypatch):
    (tmp_path / "strange_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plan = studio_run / "plan.toml"
    lines = plan.read_text(encoding="utf-8").splitlines()
    named = [
        f'{one.split(" =")[0]} = "strange_module:model"' if "model.skops" in one else one for one in lines
    ]
    assert named != lines
    plan.write_text("\n".join(named) + "\n", encoding="utf-8")
    with running_studio(studio_run) as studio, contextlib.closing(studio.client()) as client:
        told = client.post("/api/model", json={"load": True})
        assert (told.status_code, told.json()["slug"]) == (400, "file-trust")
        assert "--trust" in told.json()["error"]
        assert not studio.opened.has_model
    assert not (tmp_path / "ran").exists()
    assert "strange_module" not in sys.modules


def test_draws_of_a_fill_are_averaged(rng):
    class Counting:
        def __call__(self, images):
            p = images.reshape(len(images), -1).mean(axis=1)
            return np.stack([1 - p, p], axis=1)

    from sightline import as_model

    image = np.full((4, 4), 0.5)
    hidden = np.stack([np.full((4, 4), 0.2), np.full((4, 4), 0.4)])
    made = ask_model(as_model(Counting()), image, hidden, 1, ("dark", "bright"))
    assert made.calls == 3
    assert {name: told for name, *told in made.classes}["bright"] == pytest.approx((0.5, 0.3))
    assert made.after == "dark"
