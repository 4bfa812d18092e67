"""The page of groups and the page of work, in a real browser and asked as one would."""

import contextlib
import dataclasses
import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import expect

import sightline as sl
from sightline._language import use_language
from support.browser import NARROW, WIDE, eventually
from support.kept_results import keep_blame, quick_proof
from support.studios import held_still, running_studio


def ready(opened, studio, path):
    opened.page.goto(f"{studio.origin}{path}")
    opened.page.wait_for_selector("html[data-ready=yes]")


def errors_of(run):
    study = sl.Study(run)
    return int((study.labels != study.predicted).sum())


def good(opened):
    assert opened.errors == []
    assert opened.violations() == []
    assert not opened.is_wider_than_its_window()


@pytest.mark.slow
def test_a_group_is_judged_by_mouse_and_by_keyboard_and_that_stays(studio_browser, studio_run):
    keep_blame(studio_run, {"jaw": True, "hair": False}, errors=errors_of(studio_run))
    opened, studio = studio_browser(studio_run)
    page = opened.page
    ready(opened, studio, "/groups")
    first = page.locator("article.group").first
    first.locator("button.say[data-said=shortcut]").click()
    first.locator(".said-status", has_text="Kept: a shortcut").wait_for()
    first.locator("textarea").fill("a mark at the jaw")
    with page.expect_response("**/api/verdicts"):
        first.locator("button.keep-note").click()
    (said,) = sl.Study(studio_run).verdicts
    (group, *_) = sl.atlas(sl.Study(studio_run), progress=False).groups
    assert (said.of, said.said, said.note, len(said.images)) == (
        "group",
        "shortcut",
        "a mark at the jaw",
        group.count,
    )

    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("3")
    first.locator(".said-status", has_text="Kept: wrong labels").wait_for()
    page.keyboard.press("n")
    page.keyboard.type(" 2")
    page.keyboard.press("Escape")
    thing = page.locator("article.thing[data-thing=jaw]")
    thing.focus()
    page.keyboard.press("2")
    thing.locator(".said-status", has_text="Kept: a shortcut").wait_for()
    assert sl.Study(studio_run).verdicts.names("shortcut") == ["jaw"]
    good(opened)

    ready(opened, studio, "/groups")
    assert (
        page.locator("article.group").first.locator("button[aria-pressed=true]").inner_text()
        == "wrong labels"
    )
    text = studio.opened.study.verdicts.to_csv()
    assert text.count("\n") == 1 + len(said.images)
    thing.locator("button[aria-pressed=true]").click()
    thing.locator(".said-status", has_text="Nothing is said").wait_for()
    assert sl.Study(studio_run).verdicts.names("shortcut") == []


@pytest.mark.slow
def test_work_says_why_it_offers_what_it_offers(studio_run):
    with running_studio(studio_run) as studio, contextlib.closing(studio.client()) as client:
        assert "Offered: jaw, which was shown to drive errors." in client.get("/work").text
        sl.Study(studio_run).verdicts.say("eyes", "shortcut")
        assert "Offered: eyes, which you call a shortcut." in client.get("/work").text


@pytest.mark.slow
def test_what_a_person_says_stands_in_the_report_and_its_twins(studio_run):
    study = sl.Study(studio_run)
    (group, *_) = sl.atlas(study, progress=False).groups
    study.verdicts.say(group, "wrong label", "<b>two</b> were swapped")
    study.verdicts.say("jaw", "shortcut", "put there by the scanner")
    study.verdicts.say("concept 9", "reason", of="concept")
    made = sl.report(study, progress=False)
    page, short = made.text("html")[0], made.text("md")[0]
    for text in (
        "What a person says of it",
        "put there by the scanner",
        "&lt;b&gt;two&lt;/b&gt; were swapped",
    ):
        assert text in page
    assert "A person: wrong labels" in page
    assert "| group of errors | group 1 | wrong labels |" in short
    assert "| region | jaw | a shortcut | put there by the scanner |" in short
    assert made.summary.said_of("region", "jaw").said == "shortcut"
    assert made.summary.said_of("group", made.summary.groups[0].key).said == "wrong label"
    assert "--region jaw" in made.summary.verdict[2].text
    assert "사람의 판단" in sl.report(study, progress=False, lang="ko").text("html")[0]


@pytest.mark.slow
def test_a_verdict_of_what_is_not_there_is_refused(studio_run):
    with running_studio(studio_run) as studio, contextlib.closing(studio.client()) as client:
        for value in (
            {"of": "group", "key": "0123", "name": "group 1", "said": "reason"},
            {"of": "planet", "name": "jaw", "said": "reason"},
            {"of": "region", "name": "jaw", "said": "perhaps"},
            {"of": "region", "name": "", "said": "reason"},
            {"of": "region", "name": "jaw", "said": "reason", "note": "x" * 3000},
            {"of": "region", "name": ["jaw"], "said": "reason"},
        ):
            assert client.post("/api/verdicts", json=value).status_code == 400
        assert not (studio_run / "verdicts.toml").exists()
        groups = client.get("/groups.json").json()["groups"]
        assert sum(one["count"] for one in groups) == sum(len(one["members"]) for one in groups) > 0
        client.post(
            "/api/verdicts", json={"of": "group", "key": groups[0]["key"], "name": "1", "said": "wrong label"}
        )
        table = client.get("/wrong-labels.csv")
        assert table.headers["content-disposition"] == 'attachment; filename="wrong-labels.csv"'
        lines = table.content.decode("utf-8-sig").splitlines()
        assert len(lines) == 1 + groups[0]["count"]
        assert not any(cell.startswith("=") for line in lines for cell in line.split(","))


@pytest.mark.slow
def test_no_job_begins_before_a_person_has_agreed(studio_browser, studio_run):
    opened, studio = studio_browser(studio_run)
    ready(opened, studio, "/work")
    page = opened.page
    assert "model.skops" in page.inner_text(".loaded")
    page.click("#start-repair")
    assert page.inner_text("#work-said") == "Tick first that the model may be loaded."
    assert page.inner_text("p:has(#start-repair) + .said-beside").startswith("Tick first")
    assert opened.violations() == []
    assert not (studio_run / "jobs").exists()
    with running_studio(studio_run) as other, contextlib.closing(other.client()) as client:
        for value in ({"kind": "repair"}, {"kind": "repair", "load": "yes"}):
            answer = client.post("/api/jobs", json=value)
            assert (answer.status_code, answer.json()["slug"]) == (400, "studio-consent")
        for path in ("/api/jobs/1", "/api/jobs/1/log", "/api/jobs/1/model", "/api/jobs/1/folder.zip"):
            assert client.get(path).status_code == 400
        assert client.get("/api/jobs/..%2f..%2fplan.toml").status_code == 404
        first = client.get("/api/jobs")
        again = client.get("/api/jobs", headers={"If-None-Match": first.headers["etag"]})
        assert (first.json(), again.status_code) == ({"jobs": []}, 304)
    good(opened)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "dark", "language"), [(WIDE, True, "en"), (NARROW, False, "ko")])
def test_both_pages_are_as_good_in_the_dark_on_a_telephone_and_in_korean(
    studio_browser, studio_run, size, dark, language
):
    keep_blame(studio_run, {"jaw": True, "hair": False}, errors=errors_of(studio_run))
    sl.Study(studio_run).verdicts.say("jaw", "shortcut", "a note")
    opened, studio = studio_browser(studio_run, size=size, dark=dark, language=language)
    for path in ("/groups", "/work"):
        ready(opened, studio, path)
        good(opened)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Repaired: the model"), ("ko", "교정됨: 모델이 확실히")]
)
def test_the_row_of_a_proof_shows_its_verdict_and_what_its_images_were_used_for(
    studio_browser, studio_run, language, said
):
    folder, jobs = studio_run / "repairs" / "1", studio_run / "jobs"
    folder.mkdir(parents=True)
    jobs.mkdir()
    with use_language(language):
        proof = dataclasses.replace(quick_proof(), earlier=1)
        used = proof.reused_text
    proof.save(folder / "proof.json")
    (jobs / "1.json").write_text(json.dumps({"kind": "repair", "options": {"region": "jaw"}}))
    (jobs / "2.json").write_text(json.dumps({"kind": "proof", "options": {"repair": "1"}}))
    for number in (1, 2):
        (jobs / f"{number}.run").write_text(json.dumps({"begun": "", "ended": "now", "exit": 0}))
    opened, studio = studio_browser(studio_run, language=language)
    ready(opened, studio, "/work")
    state = opened.page.locator("article.job[data-kind=proof] .state")
    expect(state).to_contain_text(said)
    expect(state).to_contain_text(used)
    good(opened)


@pytest.mark.slow
def test_a_repair_is_started_watched_stopped_gone_on_with_proved_and_kept(studio_browser, studio_run):
    keep_blame(studio_run, {"jaw": True}, errors=errors_of(studio_run))
    opened, studio = studio_browser(studio_run)
    page = opened.page
    ready(opened, studio, "/work?region=jaw")
    assert page.input_value("#repair-region") == "jaw"
    page.check("#agree")
    page.click("#start-repair")
    job = page.locator("article.job[data-kind=repair]")
    trials = studio_run / "repairs" / "1" / "trials"
    eventually(page, lambda: bool(list(trials.glob("*/*.toml"))))  # a fit that is kept
    with held_still(studio_run, 1):
        job.locator(".step-text", has_text=re.compile("trying methods: [0-2] of 3")).wait_for()
        job.locator("button.stop").click()
    page.locator("article.job[data-kind=repair][data-state=stopped]").wait_for(timeout=60_000)
    assert "Go on with the same command" in job.locator(".state").inner_text()
    good(opened)
    job.locator("button.resume").click()
    page.locator("article.job[data-kind=repair][data-state=done]").wait_for(timeout=300_000)
    job.locator("summary").click()
    job.locator(".log", has_text="of 3 methods had been tried then").wait_for()
    job.locator("button.prove").click()
    proof = page.locator("article.job[data-kind=proof][data-state=done]")
    proof.wait_for(timeout=300_000)
    with page.expect_download() as got:
        job.locator("a.download-model").click()
    assert got.value.suggested_filename == "repaired-1.skops"
    model = got.value.path().read_bytes()
    assert model == (studio_run / "repairs" / "1" / "model.skops").read_bytes()
    with page.expect_download() as got:
        job.locator("a.download-folder").click()
    with zipfile.ZipFile(io.BytesIO(got.value.path().read_bytes())) as archive:
        assert {"repair-1/repair.toml", "repair-1/model.skops", "repair-1/proof.json"} <= set(
            archive.namelist()
        )
    good(opened)
    page.goto(f"{studio.origin}/")
    page.wait_for_selector("#repair")
    assert "jaw" in page.inner_text("#repair")
