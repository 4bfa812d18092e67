"""What a summary says of studies of all kinds: it is true, in JSON too."""

import ast
import dataclasses
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline._language import use_language
from sightline.errors import SightlineError, SightlineWarning
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.reports.claims import make_verdict
from sightline.reports.commands import repeat_commands
from sightline.reports.markdown import page_markdown
from sightline.reports.page import page_html
from sightline.reports.report_file import Report
from sightline.reports.saved_results import StudyFindings, read_findings
from sightline.reports.sections import make_sections, region_row
from sightline.reports.study_summary import summarise, warning_text
from sightline.reports.summary import Interval, Measure, Repair, Summary
from sightline.study import Study
from support.problems import PLAN, images, model

HOSTILE = (
    "<script>alert(1)</script>",
    "🙂 emoji & 'quotes' \"more\"",
    "\u202eright to left\u202c",
    "x" * 200,
    "line\nbreak\x1b[2K",
    "| table | {braces} %s",
)


def summary_of(study, **how):
    return summarise(study, dated=False, progress=False, **how)


def round_trip(summary):
    written = json.dumps(summary.to_dict())
    assert json.dumps(Summary.from_dict(json.loads(written)).to_dict()) == written
    return json.loads(written)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "run", PLAN).run(images(), model)


def test_the_numbers_are_the_studys(small_study, small_summary):
    told = small_summary.examined
    wrong = int((small_study.labels != small_study.predicted).sum())
    assert (told.explained, told.wrong, told.failed) == (len(small_study), wrong, 0)
    assert told.wanted == told.explained
    assert told.held_out == told.images - told.wanted > 0
    assert told.calls == sum(row.attribution.calls for row in small_study.rows())
    assert small_summary.measures[0].after.value == pytest.approx(1 - wrong / len(small_study))
    table = small_summary.confusion
    for row, label in enumerate(table.labels):
        for column, said in enumerate(table.predicted):
            both = (small_study.labels == label) & (small_study.predicted == said)
            assert table.counts[row, column] == both.sum()
    recalls = [one.after.value for one in small_summary.measures[1:]]
    assert recalls == sorted(recalls)
    assert len(recalls) == 3


def test_it_is_the_same_after_json(small_summary):
    round_trip(small_summary)


def test_what_the_commands_found_is_read_back_as_it_was_said(small_study, small_summary):
    found = json.loads((small_study.path / "blame.json").read_text())
    assert small_summary.blame.asked
    assert small_summary.blame.verdict == found["verdict"]
    (jaw,) = [one for one in small_summary.blame.rows if one.name == "jaw"]
    (said,) = [one for one in found["regions"] if one["region"] == "jaw"]
    assert jaw.status == "drives errors"
    assert (jaw.gain.value, jaw.gain.low, jaw.p) == (said["gain"], said["low"], said["p"])
    assert small_summary.causes.asked
    assert small_summary.causes.verdict.startswith("No whole-image cause")
    assert not small_summary.slices.asked
    assert "sightline slices" in small_summary.slices.how
    assert {one.name: one.status for one in small_summary.region_outlines}["jaw"] == "drives errors"


def test_the_verdict_says_what_each_sentence_rests_on(small_summary):
    assert [one.basis for one in small_summary.verdict] == ["observed", "confirmed", "open"]
    wrong, why, done = (one.text for one in small_summary.verdict)
    assert wrong.startswith("25 of 88 answers are wrong")
    assert why.startswith("jaw drives errors")
    assert "sightline repair" in done
    assert "--region jaw" in done


def test_groups_point_to_their_images(small_study, small_summary):
    assert sum(one.count for one in small_summary.groups) == small_summary.examined.wrong
    for number, group in enumerate(small_summary.groups):
        assert group.typical
        assert {small_summary.images[one].group for one in group.typical} == {number}
        assert sum(one.group == number for one in small_summary.images) == group.count
    assert all(one.group == -1 for one in small_summary.images if one.right)


def test_every_featured_image_has_its_heat_drawn(small_summary):
    assert 0 < len(small_summary.featured) <= 24
    assert all(small_summary.images[one].overlay is not None for one in small_summary.featured)
    rights = [small_summary.images[one].right for one in small_summary.featured]
    assert 0 < sum(rights) < len(rights)


@pytest.mark.slow
def test_in_korean_it_says_the_same_numbers(small_study):
    with use_language("ko"):
        told = summary_of(small_study)
    assert told.language == "ko"
    round_trip(told)


def test_a_file_of_other_answers_is_left_aside_and_that_is_said(study):
    found = sl.blame(study, sl.regions.grid(3, 3), progress=False).to_dict()
    (study.path / "blame.json").write_text(json.dumps(found | {"answers": "other"}))
    (study.path / "causes.json").write_text("{")
    (study.path / "slices.json").write_text("[]")
    told = summary_of(study)
    assert not told.blame.asked
    assert "other answers" in told.blame.verdict
    assert not told.causes.asked
    assert "cannot be read" in told.causes.verdict
    assert {told.blame.verdict, told.causes.verdict, told.slices.verdict} <= set(told.limits)
    assert "nobody has asked" in told.verdict[1].text


def test_what_is_given_is_shown_before_what_lies_there(study):
    found = sl.blame(study, sl.regions.grid(3, 3), progress=False)
    (study.path / "blame.json").write_text("{")
    told = summary_of(study, given={"blame": found})
    assert told.blame.asked
    assert told.blame.verdict == found.verdict


def test_blame_of_concepts_stands_in_its_own_section(study):
    found = dataclasses.replace(sl.blame(study, sl.regions.grid(3, 3), progress=False), of_concepts=True)
    told = summary_of(study, given={"blame": found})
    assert told.concepts.asked
    assert not told.blame.asked


def made_study(folder, labels_of, **how):
    pixels, _ = images(20)
    said = (model(pixels) > 0.5).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        return Study(folder / "run", PLAN).run((pixels, labels_of(said)), model, progress=False, **how)


@pytest.mark.slow
def test_a_study_with_no_errors(tmp_path):
    told = summary_of(made_study(tmp_path, lambda said: said))
    assert [one.basis for one in told.verdict] == ["observed", "observed", "observed"]
    assert told.verdict[2].text == "There is nothing to repair."
    assert told.verdict[0].text == "All of 20 answers are right: there is no error to explain."
    assert told.groups == ()
    assert told.measures[0].after.value == 1
    assert [one.kind for one in told.atlas] == ["right"]
    round_trip(told)


@pytest.mark.slow
def test_a_study_with_no_right_answer(tmp_path):
    told = summary_of(made_study(tmp_path, lambda said: 1 - said))
    assert told.verdict[0].text.startswith("Of 20 answers none is right")
    assert any("labels, the order of the classes" in one for one in told.limits)
    assert [one.kind for one in told.atlas] == ["wrong"]
    round_trip(told)


@pytest.mark.slow
def test_a_study_that_was_stopped_half_way(tmp_path):
    pixels, labels = images(60)
    asked = 0

    def stops(batch):
        nonlocal asked
        asked += len(batch)
        if asked > 1500:
            raise KeyboardInterrupt
        return model(batch)

    study = Study(tmp_path / "run", PLAN)
    with pytest.raises(KeyboardInterrupt):
        study.run((pixels, labels), stops, progress=False)
    told = summary_of(study)
    done = len(study)
    assert 0 < done < 60
    assert told.verdict[0].text.startswith(f"So far {done} of 60 images are explained.")
    assert any(f"{60 - done} of 60 images are not explained yet" in one for one in told.limits)
    round_trip(told)


def test_a_study_of_which_nothing_is_explained(tmp_path):
    asked = 0

    def breaks(batch):
        nonlocal asked
        asked += len(batch)
        if asked > 60:
            raise ValueError("no memory")
        return model(batch)

    study = Study(tmp_path / "run", PLAN)
    pixels, labels = images(6)
    with pytest.raises(SightlineError, match="none of the 6"):
        study.run((pixels, labels), breaks, check_range=False, progress=False)
    told = summary_of(study)
    assert told.verdict[0].basis == "unknown"
    assert told.verdict[0].text == "Nothing is known: none of the 6 images is explained."
    assert told.verdict[1].text == "So nothing can be said of causes."
    assert (told.examined.failed, len(told.failures)) == (6, 6)
    assert (told.atlas, told.images, told.confusion) == ((), (), None)
    round_trip(told)


@pytest.mark.slow
def test_a_study_with_a_thousand_classes(tmp_path):
    def many(batch):
        scores = np.zeros((len(batch), 1000))
        place = (batch[:, :4, :4].mean(axis=(1, 2)) * 999).astype(int)
        scores[np.arange(len(batch)), place] = 1
        return scores

    pixels, _ = images(40)
    said = many(pixels).argmax(axis=1)
    labels = np.where(np.arange(40) % 2, said, (said + 7) % 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        study = Study(tmp_path / "run", PLAN).run((pixels, labels), many, progress=False)
    told = summary_of(study)
    assert told.examined.classes == 1000
    assert told.confusion.counts.shape == (30, 30)
    assert told.confusion.counts.sum() + told.confusion.left_out == 40
    assert len(told.measures) == 31
    more = len(np.unique(labels)) - 30
    assert told.measures_note == f"{more} more classes have recalls at least as high."
    assert {one for one, _ in told.class_names} >= {*study.labels.tolist(), *study.predicted.tolist()}
    assert len(round_trip(told)["class_names"]) < 200


@pytest.mark.slow
def test_hostile_names_of_classes_stay_letters(tmp_path):
    def says(batch):
        made = np.zeros((len(batch), len(HOSTILE)))
        made[np.arange(len(batch)), (batch.mean(axis=(1, 2)) * 70).astype(int) % len(HOSTILE)] = 1
        return made

    pixels, _ = images(18)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        labels = np.arange(18) % len(HOSTILE)
        study = Study(tmp_path / "run", PLAN).run((pixels, labels), says, class_names=HOSTILE, progress=False)
    told = summary_of(study)
    written = json.dumps(round_trip(told), ensure_ascii=False)
    assert not any(letter in written for letter in ("\x1b", "\u202e", "\u202c"))
    assert told.class_name(0) == HOSTILE[0]  # a page escapes it; here it is a name
    assert told.class_name(3) == "x" * 200
    assert told.class_name(4) == r"line\nbreak\x1b[2K"


@pytest.mark.slow
def test_hostile_names_of_files_stay_letters(tmp_path):
    rng = np.random.default_rng(0)
    for place, name in enumerate(HOSTILE):
        file = tmp_path / "data" / "ab"[place % 2] / f"{name.replace('/', '')[:200]}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (12, 12), np.uint8)).save(file, "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        data = sl.data.open_folder(tmp_path / "data", sl.data.ImageFormat(values="unit"))
        study = Study(tmp_path / "run", PLAN).run(data, model, progress=False)
    told = summary_of(study)
    written = json.dumps(round_trip(told), ensure_ascii=False)
    assert not any(letter in written for letter in ("\x1b", "\u202e", "\u202c"))
    assert any("🙂" in one.id for one in told.images)
    assert any("<script>" in one.id for one in told.images)
    assert len(told.images) == len(HOSTILE)
    assert not any("\n" in one for one in told.commands)


@pytest.mark.slow
def test_images_out_of_reach_are_said_to_be(tmp_path):
    made_study(tmp_path, lambda said: 1 - said)
    told = summary_of(Study(tmp_path / "run"))
    assert all(one.image is None for one in told.images)
    assert "20 of 20 shown images cannot be read" in " ".join(told.limits)
    assert told.regions_image is None
    assert told.atlas[0].image is None
    assert told.atlas[0].overlay is not None
    round_trip(told)


def test_what_no_report_is_is_refused():
    for given in ({}, {"layout": 1}, {"layout": "x"}, [], {"layout": 1, "language": 3}):
        with pytest.raises(SightlineError, match="report"):
            Summary.from_dict(given)
    with pytest.raises(SightlineError, match="upgrade"):
        Summary.from_dict({"layout": 99})


@pytest.mark.slow
def test_what_is_given_of_other_answers_is_left_aside(study):
    found = sl.blame(study, sl.regions.grid(3, 3), progress=False)
    for past in (
        dataclasses.replace(found, answers="other"),
        dataclasses.replace(found, answers="", errors=found.errors + 1),
    ):
        made = sl.report(study, blame=past, progress=False)
        assert not made.summary.blame.asked
        assert any("left aside" in one for one in made.summary.limits)
        assert not made.fails_on("errors-driven")
        assert not made.knows("errors-driven")


@pytest.mark.parametrize(
    ("field", "value"),
    [("gain", 10**400), ("failed", ["\ud800"]), ("p", "none"), ("corrected", None)],
    ids=["number", "half a letter", "kind", "lacking"],
)
def test_a_file_with_a_damaged_entry_is_left_aside(small_study, tmp_path, field, value):
    found = json.loads((small_study.path / "blame.json").read_text())
    found["regions"][0].update({"confirmed": True, field: value})
    (tmp_path / "blame.json").write_text(json.dumps(found))
    read = read_findings(small_study, tmp_path, {})
    assert read.blame is None
    assert "blame.json is left aside" in read.lacks["blame"]


def test_a_cell_of_a_grid_is_told_with_its_place_and_what_shares_it_apart(small_study, small_summary):
    found = read_findings(small_study, small_study.path, {}).blame
    boxes = {"r3c2 of 3x3": (2 / 3, 1 / 3, 1, 2 / 3), "r2c1 of 2x2": (0.5, 0, 1, 0.5)}
    boxes["r1c1 of 2x2"] = (0, 0, 0.5, 0.5)
    areas = sl.regions.polygons(
        {
            name: [(top, left), (top, right), (bottom, right), (bottom, left)]
            for name, (top, left, bottom, right) in boxes.items()
        }
    )
    rows = tuple(
        dataclasses.replace(found.regions[0], region=one, confirmed=True, suspect=True, corrected=4.0)
        for one in areas.names
    )
    confirmed = dataclasses.replace(found, regions=rows, areas=areas)
    _, claim, _ = make_verdict(
        *(small_summary.examined, small_summary.measures, None),
        *(StudyFindings(confirmed, None, None, None, {}), None, "RUN"),
    )
    said = claim.text
    assert said.startswith("r3c2 of 3x3 (at the bottom) drives errors: hiding it turns 4 of")
    assert "Confirmed at the same place as well: r2c1 of 2x2 (at the bottom left)." in said
    assert "Also confirmed: r1c1 of 2x2 (at the top left)." in said


def slugs_of_warnings():
    """Those of all warnings that an explanation can lead to."""
    for file in (Path(sl.__file__).parent / "engine").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "warn":
                yield next(one.value.value for one in node.keywords if one.arg == "slug")


@pytest.mark.parametrize("slug", sorted(set(slugs_of_warnings())))
def test_what_was_to_be_said_of_an_image_is_said_in_words(slug):
    assert " " in warning_text(slug)


def test_whether_images_are_aligned_is_looked_at(small_summary):
    assert any("They are: 88 of them agree place by place" in one for one in small_summary.limits)


def test_an_audit_is_repeated_by_its_own_command(study, tmp_path):
    folder = tmp_path / "audit" / "study"
    shutil.copytree(study.path, folder)
    given = {"model": "net.py:load", "data": "test images", "train": "train", "output": "auto", "seed": "3"}
    (folder.parent / "audit.json").write_text(json.dumps({"given": given | {"class_names": "('a', 'b')"}}))
    (told,) = summary_of(Study(folder)).commands
    assert told.startswith("sightline audit net.py:load 'test images' --train train --seed 3 -o ")
    assert "audit --trust  # class_names: " in told
    (folder / "class_names.txt").write_text("a\nb\n")
    assert f"--names {folder / 'class_names.txt'} -o " in summary_of(Study(folder)).commands[0]


@pytest.mark.parametrize(
    ("model", "title"),
    [
        ("/home/me/net.onnx:mean=0,std=255", "Report of net.onnx"),
        ("nets/net.py:load", "Report of net.py:load"),
        ("", "Report of audit"),
    ],
)
def test_the_title_of_an_audit_names_the_model(study, tmp_path, monkeypatch, model, title):
    folder = tmp_path / "audit" / "study"
    shutil.copytree(study.path, folder)
    made = Study(folder)
    monkeypatch.setattr(made, "_manifest", dataclasses.replace(made.manifest, model_text=model))
    assert summary_of(made).title == "Report of study"
    (folder.parent / "audit.json").write_text("{}")
    assert summary_of(made).title == title


@pytest.mark.parametrize(
    ("repair", "options"),
    [
        ({"method": "Guard(region='jaw')"}, "--method guard --margin 0.1"),
        ({"method": "Counterexamples(region='jaw', margin=0.1, copies=2)"},
         "--method counterexamples:copies=2 --margin 0.1"),
        ({"chosen": True, "train": "my train"}, "--train 'my train'"),
        ({"method": "Mine(f=<function>)"}, "--margin 0.1  # Mine(f=<function>)"),
        ({"region": "concept 1 + concept 2", "chosen": True}, ""),
    ],
)  # fmt: skip
def test_a_repair_is_repeated_as_it_was_made(study, repair, options):
    usual = {"folder": "R", "method": "", "region": "jaw", "verdict": "", "margin": 0.1}
    rest = dict.fromkeys(("headline", "evidence", "rule"), "") | {"sentences": (), "measures": ()}
    made = Repair(**(usual | rest | repair))
    nothing = StudyFindings(None, None, None, None, {})
    told = repeat_commands(study.manifest, "RUN", nothing, made, study.path)
    where = "jaw" if made.region == "jaw" else "'concept 1,concept 2'"
    assert f"sightline repair RUN --region {where} -o R {options}".strip() in told


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (sl.Contrast(0, 1), "0:1"),
        (sl.Classes(1, sl.Contrast(1, 0)), "1, 1:0"),
        (sl.Top(k=2), "the 2 highest classes"),
        (sl.Top(), ""),
    ],
)
def test_what_is_explained_beside_the_answer_is_told_and_how_to_repeat_it(target, told, study):
    made = dataclasses.replace(study.manifest, plan=dataclasses.replace(PLAN, target=target))
    made = dataclasses.replace(made, model_text="m.onnx", data_text="d")
    command, *_ = repeat_commands(made, "RUN", StudyFindings(None, None, None, None, {}), None, study.path)
    assert command.partition("  # ")[2] == (f"given from Python: Plan(target=...), {told}" if told else "")
    study._manifest = made
    settings = dict(summary_of(study).examined.settings)
    assert settings.get("explained as well", "") == told


def test_settings_of_methods_that_look_inside_are_those_that_count(study):
    study._manifest = dataclasses.replace(
        study.manifest, plan=dataclasses.replace(PLAN, attribute="gradient-x-input")
    )
    settings = dict(summary_of(study).examined.settings)
    assert settings["attribution"] == "gradient-x-input"
    assert "model calls for an image, at most" not in settings


def test_commands_after_the_first_are_trusted_where_the_model_is_code(study):
    made = dataclasses.replace(study.manifest, model_text="mdl.py:f", data_text="d", output="logit")
    (study.path / "regions.toml").write_text("")
    found = sl.blame(study, sl.regions.grid(3, 3), progress=False)
    nothing = StudyFindings(found, None, None, None, {})
    first, second, *_ = repeat_commands(made, "RUN", nothing, None, study.path)
    assert first.startswith("sightline study mdl.py:f d -o RUN")
    assert "--trust" not in first
    assert "--output logit" in first
    assert second == "sightline blame RUN --trust"


def test_it_says_which_wrong_answers_are_counted_where_not_all_are(small_summary):
    one = RegionEffect("jaw", True, 0.4, 0.3, 0.5, 0.0, 0.003, 9, 1.5, 3, 2, 0.5, 0.5, True)
    blamed = Blame((one,), 39, 19, 20, None, 0.6, 0.05, 0.05, "Blur()", 900, halved=True)
    counted = "Counted are the 19 of 39 wrong answers that had no say in what is tested."
    for made, said in (
        (blamed, counted),
        (dataclasses.replace(blamed, halved=False), "Counted are 19 of 39 wrong answers, drawn by lot"),
        (dataclasses.replace(blamed, wrong=39), ""),
    ):
        found = StudyFindings(made, None, None, None, {})
        asked = (small_summary.examined, small_summary.measures, None, found, None, "runs/a")
        section = make_sections(found, "runs/a")["blame"]
        assert section.counted.startswith(said)
        assert section.counted in make_verdict(*asked)[1].text
        page = dataclasses.replace(small_summary, blame=section)
        assert section.counted in page_html(page)
        assert section.counted in page_markdown(page)
        assert bool(section.counted) is bool(said)
    with use_language("ko"):
        assert "오답 39개 가운데" in blamed.counted


def test_what_right_answers_go_by_too_is_told_and_left_to_who_knows_the_images(small_summary):
    one = RegionEffect("jaw", True, 0.4, 0.3, 0.5, 0.0, 0.3, 29, 1.5, 31, 2, 0.5, 0.5, False)
    one = dataclasses.replace(one, failed=("right answers",), reliance_p=0.002)
    blamed = Blame((one,), 63, 63, 70, None, 0.6, 0.05, 0.05, "Blur()", 900)
    found = StudyFindings(blamed, None, None, None, {})
    _, why, done = make_verdict(small_summary.examined, small_summary.measures, None, found, None, "runs/a")
    assert why.basis == "confirmed"
    assert why.text.startswith(
        "jaw is what the model goes by: hiding it turns 29 of 63 wrong answers right, hiding as much "
        "elsewhere 1.5 (p = 0.002), and 31 of 70 right ones wrong. That is sure; whether it is a good reason "
        "or a shortcut these images cannot tell"
    )
    section = make_sections(found, "runs/a")["blame"]
    assert (section.basis, section.rows[0].status_text) == ("confirmed", "what the model goes by")
    assert section.verdict.startswith("jaw is what the model goes by")
    assert "That a region misleads is not shown" in section.verdict
    assert done.basis == "open"
    assert done.text.endswith("sightline repair runs/a --region jaw -o REPAIR")
    unsure = dataclasses.replace(blamed, regions=(dataclasses.replace(one, reliance_p=0.2),))
    found = StudyFindings(unsure, None, None, None, {})
    _, why, _ = make_verdict(small_summary.examined, small_summary.measures, None, found, None, "runs/a")
    assert why.text.startswith("Why is not known")


@pytest.mark.parametrize(
    ("gains", "basis", "said"),
    [
        ((0.1, 0.2), "tested", "tested were 2 concepts, and none is shown to drive the errors"),
        ((0.1, np.nan), "tested", "tested were 1 concept, and none is shown to drive the errors"),
        ((np.nan, np.nan), "unknown", "Why cannot be told: there was nothing that could be tested."),
    ],
)
def test_concepts_that_were_found_too_seldom_are_not_said_to_be_tested(small_summary, gains, basis, said):
    rows = [RegionEffect("", True, gain, 0, 0, 0, 1.0, 0, 0, 0, 0, 0, 0, False) for gain in gains]
    rows = [
        dataclasses.replace(one, region=f"concept {n}", towards="dog", found_wrong=n, called_wrong=9)
        for n, one in enumerate(rows, 1)
    ]
    blamed = Blame(tuple(rows), 63, 63, 70, None, 0.6, 0.05, 0.05, "Blur()", 9, of_concepts=True, screened=6)
    found = StudyFindings(None, blamed, None, None, {})
    _, why, _ = make_verdict(small_summary.examined, small_summary.measures, None, found, None, "runs/a")
    assert why.basis == basis
    assert said in why.text
    seldom = sum(np.isnan(gains))
    assert ("too few wrong answers" in why.text) == bool(seldom)
    assert ("(concept 1" in blamed.verdict) == (seldom < 2)
    assert ("concept 2 cannot be told: it was found in 2 of the 9" in blamed.verdict) == bool(seldom)
    assert "concept 2)" not in blamed.verdict or not seldom
    statuses = [region_row(blamed, one).status for one in blamed.regions]
    assert statuses == ["not tested" if np.isnan(gain) else "nothing" for gain in gains]


def test_a_harmful_repair_is_told_with_what_is_worse_though_accuracy_is_not(small_summary):
    both = Interval(0.545), Interval(0.54)
    measures = (Measure("accuracy", *both, count=211),)
    made = Repair(
        *("R", "Guard()", "concept 1", "harmful", "Harmful: the model is surely worse.", ""),
        "recall is surely lower (ill, p < 0.0001), and accuracy is not surely higher",
        (),
        measures,
    )
    nothing = StudyFindings(None, None, None, None, {})
    told = [small_summary.examined, small_summary.measures, None, nothing]
    *_, done = make_verdict(*told, made, "runs/a")
    assert "54.0% were right before and 54.5% after. Decided by: recall is surely lower (ill" in done.text
    assert done.text.endswith("accuracy is not surely higher. Keep the model as it was.")
    *_, done = make_verdict(*told, dataclasses.replace(made, verdict="repaired"), "runs/a")
    assert "Keep" not in done.text


@pytest.mark.parametrize(
    ("verdict", "near", "basis"),
    [
        ("repaired", 0, "proved"),
        ("repaired", 10, "proved"),
        ("repaired", 11, "tested"),
        ("partly", 211, "tested"),
        ("harmful", 211, "proved"),
        ("cannot tell", 211, "unknown"),
    ],
)
def test_images_that_a_repair_has_nearly_used_are_told_and_prove_nothing(small_summary, verdict, near, basis):
    measures = (Measure("accuracy", Interval(0.9), Interval(0.5), count=211),)
    told = ("R", "Guard()", "jaw", verdict, "So it is.", "", "", (), measures)
    made = Repair(*told, nearly_used=near)
    nothing = StudyFindings(None, None, None, None, {})
    *_, done = make_verdict(small_summary.examined, small_summary.measures, None, nothing, made, "runs/a")
    assert done.basis == basis
    said = f"Of 211 images, of which {near} are nearly" if near else "Of 211 images that nothing was learned"
    assert said in done.text
    gated = Report(dataclasses.replace(small_summary, repair=made))
    assert gated.fails_on("errors-driven") == (verdict != "repaired" or near > 10)


def test_the_verdict_is_told_before_maps_are_read_and_is_the_same(study):
    told = []
    made = summary_of(study, first=told.append)
    (early,) = told
    assert [one.text for one in early.verdict] == [one.text for one in made.verdict]
    assert early.measures == made.measures
    assert early.confusion is made.confusion
    assert (early.atlas, early.groups, early.images, early.limits) == ((), (), (), ())
    assert made.atlas
    assert made.limits
    round_trip(early)
