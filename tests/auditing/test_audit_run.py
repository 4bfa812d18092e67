"""A whole audit, from files and from memory: what it says, keeps, takes on, refuses, and lets overrule."""

import dataclasses
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import sightline as sl
from sightline.adapters.one_label import LabelView
from sightline.auditing import audit_steps
from sightline.auditing.audit_choices import AuditChoices, AuditRecord
from sightline.auditing.audit_setup import AuditRequest, contents_given, usual_regions
from sightline.data import ArrayDataset, ImageFormat
from sightline.data.holdout import HoldoutRule
from sightline.errors import FileError, OptionError, SightlineWarning
from sightline.repair.store import save_repair
from sightline.reports.commands import AUDIT
from support.audits import LEARNED, NAMES, marked_problem, write_folder

LEARN, TEST, ESTIMATOR = marked_problem()
WHERE = ("bottom right of 4x4", "bottom right of 3x3")
"""Places of the two grids in which the mark is whole."""


LEAKED = 5
"""Held-out images that are among those to learn from."""


def _never_called(*_, **__):
    raise AssertionError("it was done before")


def _stopped(*_, **__):
    raise KeyboardInterrupt


def find_nothing():
    """What an audit keeps that has found out nothing."""
    fields = {"size": None, "mode": "asis", "values": "asis", "mean": (), "std": (), "class_names": ()}
    fields |= {"segment": "slic", "fill": "blur", "budget": 9, "held_out": 0.0, "aligned": True}
    return AuditRecord({}, AuditChoices(**fields, regions="", proved=9, answers=9), ())


def request_of(model, data, train, **given):
    """What an audit was asked that was told nothing else."""
    nothing = dict.fromkeys(AuditRequest._fields) | {"form": ImageFormat(), "view": LabelView(None, 0.5)}
    usual = {"minutes": 1.0, "seed": 0, "trust": False, "values_told": False}
    return AuditRequest(**{**nothing, **usual, "model": model, "data": data, "train": train, **given})


def _guarded(model, train, region, **given):
    """The choice of the one method that takes no time."""
    return sl.repair.choose(model, train, region, methods=[sl.repair.Guard(region=region)], **given)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The model's file and two folders, as somebody has them who was sent them."""
    import skops.io

    home = tmp_path_factory.mktemp("files")
    skops.io.dump(ESTIMATOR, home / "model.skops")
    test, train = write_folder(TEST, home / "test"), write_folder(LEARN, home / "train")
    images = sorted(test.rglob("*.png"))
    for place in HoldoutRule(0.3, 0).complement().select(len(images))[:LEAKED].tolist():
        shutil.copy(images[place], train / images[place].parent.name / f"again-{place}.png")
    return home / "model.skops", test, train


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    """An audit with every step, from files."""
    model, test, train = files
    out = tmp_path_factory.mktemp("whole") / "audit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_steps, "choose", _guarded)
        return sl.audit(str(model), str(test), train=str(train), out=out)


@pytest.mark.slow
def test_what_misleads_is_named_repaired_and_proved(whole):
    assert whole.misleads in WHERE
    assert whole.repair == whole.folder / "repair"
    proof = json.loads((whole.repair / "proof.json").read_text())
    assert proof["verdict"] == "repaired"
    first, second, third = whole.verdict
    assert "answers are wrong" in first
    assert second.startswith(f"{whole.misleads} drives errors")
    assert third.startswith("Repaired")
    assert repr(whole).endswith(f"report: {whole.folder / 'report.html'}")


@pytest.mark.slow
def test_the_report_says_what_was_found_out(whole):
    page = whole.report.read_text(encoding="utf-8")
    assert whole.verdict[2].split(":")[0] in page
    assert "range of values" in page
    assert "aligned: the same place shows the same thing" in page


@pytest.mark.slow
def test_what_was_found_out_is_right_and_kept(whole):
    found = {one.name: one for one in whole.discoveries}
    assert found["range of values"].found == "from 0 to 1"
    assert found["images"].found.startswith("aligned")
    assert "never touched" in found["held out"].found
    kept = json.loads((whole.folder / "audit.json").read_text())
    assert kept["choices"]["mean"] == [0.0]
    assert kept["choices"]["std"] == [255.0]
    assert whole.study.manifest.split.share == pytest.approx(0.3)
    assert whole.study.manifest.model_text.endswith(":mean=0,std=255")


@pytest.mark.slow
def test_steps_that_are_done_are_taken_from_the_folder(whole, files, monkeypatch):
    model, test, train = files
    for name in ("find_out", "blame", "image_causes", "choose", "prove"):
        monkeypatch.setattr(audit_steps, name, _never_called)
    again = sl.audit(str(model), str(test), train=str(train), out=whole.folder, lang="ko")
    assert again.misleads == whole.misleads
    page = again.report.read_text(encoding="utf-8")
    assert 'lang="ko"' in page
    assert "range of values" not in page
    assert "never touched" not in page
    assert "값의 범위" in page
    assert repr(again).startswith("묻지 않고 알아낸 것:")


@pytest.mark.slow
def test_held_out_images_among_those_to_learn_from_are_left_out_and_told(whole):
    assert any(one.startswith(f"{LEAKED} of the training images are among") for one in whole.notes)
    assert f"{LEAKED} of the training images are among those held out" in whole.verdict[2]
    made = json.loads((whole.folder / AUDIT).read_text())
    assert made["leak"].startswith(f"{LEAKED} of the training images")


@pytest.mark.slow
def test_training_images_that_have_changed_are_noticed(whole, files):
    model, test, train = files
    one = min(train.rglob("*.png"))
    before = one.read_bytes()
    shutil.copy(max(train.rglob("*.png")), one)
    try:
        with pytest.raises(OptionError, match=r"set of training images is another.*\[audit-other\]"):
            sl.audit(str(model), str(test), train=str(train), out=whole.folder)
    finally:
        one.write_bytes(before)


@pytest.mark.slow
def test_what_a_person_calls_a_shortcut_is_repaired_if_it_was_looked_at(whole, files, tmp_path, monkeypatch):
    model, test, train = files
    shutil.copytree(whole.folder, tmp_path / "audit")
    given = {"train": str(train), "out": tmp_path / "audit"}
    with pytest.raises(OptionError, match=r"no 'bottom' among what .*\[audit-shortcut\]"):
        sl.audit(str(model), str(test), shortcut="bottom", **given)
    monkeypatch.setattr(audit_steps, "choose", _guarded)
    made = sl.audit(str(model), str(test), shortcut="top left of 3x3", **given)
    assert any("holds a repair of" in one for one in made.notes)
    assert made.repair is None
    shutil.rmtree(tmp_path / "audit" / "repair")
    made = sl.audit(str(model), str(test), shortcut=whole.misleads, **given)
    assert made.misleads == whole.misleads
    assert (made.repair / "proof.json").is_file()


@pytest.mark.slow
def test_an_audit_that_was_stopped_goes_on_where_it_was(whole, files, tmp_path, monkeypatch):
    model, test, train = files
    home = tmp_path / "audit"
    shutil.copytree(whole.folder, home)
    shutil.rmtree(home / "repair")
    (home / "study" / "blame.json").unlink()
    next(iter(sorted((home / "study" / "parts").rglob("*.parquet")))).unlink()
    monkeypatch.setattr(audit_steps, "find_out", _never_called)
    monkeypatch.setattr(audit_steps, "choose", _stopped)
    with pytest.raises(KeyboardInterrupt):
        sl.audit(str(model), str(test), train=str(train), out=home)
    assert (home / "study" / "blame.json").is_file()
    assert "stopped at repair" in (home / "report.html").read_text(encoding="utf-8")
    monkeypatch.setattr(audit_steps, "blame", _never_called)
    monkeypatch.setattr(audit_steps, "choose", _guarded)
    made = sl.audit(str(model), str(test), train=str(train), out=home)
    assert (made.misleads, len(made.study)) == (whole.misleads, len(whole.study))
    assert (home / "repair" / "proof.json").is_file()
    assert not any("stopped at" in one for one in made.notes)


@pytest.mark.slow
def test_the_folder_of_another_audit_is_refused(whole, files):
    model, test, _ = files
    with pytest.raises(OptionError, match=r"begun with train .*now it is 'left out'.*\[audit-other\]"):
        sl.audit(str(model), str(test), out=whole.folder)


def test_a_folder_that_holds_something_else_is_refused(files, tmp_path):
    (tmp_path / "audit.json").write_text('{"given": 3}')
    with pytest.raises(FileError, match=r"\[audit-folder\]"):
        sl.audit(str(files[0]), str(files[1]), out=tmp_path)


@pytest.mark.parametrize("model", ["net.pt2", "net.pkl", "net.h5", "net.py:load", "package.net:load"])
def test_code_out_of_files_is_run_on_trust_alone_and_said_before_anything(model, tmp_path):
    with pytest.raises(FileError, match=r"nothing was opened yet.*--trust.*\[audit-trust\]"):
        sl.audit(model, str(tmp_path / "no such folder"), out=tmp_path / "audit")
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_refused_as_its_text_is(tmp_path):
    for model, preprocess in ((Path("net.py:load"), None), ("net.onnx", Path("prep.py:f"))):
        with pytest.raises(FileError, match=r"is code, which is run.*\[audit-trust\]"):
            sl.audit(model, str(tmp_path), preprocess=preprocess, out=tmp_path / "audit")


def test_a_preprocessing_out_of_a_file_needs_trust_too(tmp_path):
    with pytest.raises(FileError, match=r"'prep.py:f' is code, which is run on the images.*\[audit-trust\]"):
        sl.audit("net.onnx:preprocess=prep.py:f", str(tmp_path), out=tmp_path / "audit")


@pytest.mark.slow
def test_every_guess_is_overruled_by_what_is_told(files, tmp_path):
    few = write_folder(TEST[np.arange(66)], tmp_path / "few")
    made = sl.audit(
        str(files[0]),
        str(few),
        out=tmp_path / "audit",
        values="unit",
        mode="grey",
        size=(24, 24),
        fill="segment-mean",
        aligned=True,
        regions="grid:rows=2,columns=2",
        held_out=0.5,
    )
    assert {one.name for one in made.discoveries} == {"held out", "model calls"}
    manifest = made.study.manifest
    assert manifest.image_format == ImageFormat(size=(24, 24), mode="grey", values="unit")
    assert isinstance(made.study.plan.fill, sl.SegmentMean)
    assert manifest.split.share == 0.5
    assert len(json.loads((made.study.path / "blame.json").read_text())["regions"]) == 4
    assert made.repair is None


@pytest.mark.parametrize("wrong", [{"regions": "fcae"}, {"table": "no such table.csv"}])
def test_what_is_mistyped_is_refused_before_anything_is_explained(wrong, files, tmp_path):
    with pytest.raises((OptionError, FileError)):
        sl.audit(str(files[0]), str(files[1]), out=tmp_path / "audit", **wrong)
    assert not (tmp_path / "audit").exists()


@pytest.mark.slow
def test_too_few_images_are_said_and_none_is_set_aside(tmp_path):
    few = ArrayDataset(TEST.images[:30], TEST.labels[:30], NAMES)
    made = sl.audit(ESTIMATOR, few, out=tmp_path / "audit")
    assert made.study.manifest.split is None
    assert "only 30 images" in made.notes[0]
    assert made.misleads == ""


@pytest.mark.slow
def test_where_nothing_is_planted_nothing_is_found(tmp_path):
    learn, test, estimator = marked_problem(planted=False)
    noisy = test.images + np.random.default_rng(0).normal(0, 0.25, test.images.shape).astype(np.float32)
    given = ArrayDataset(noisy, test.labels, NAMES)
    made = sl.audit(estimator, given, train=learn, out=tmp_path / "audit")
    assert (made.study.predicted != made.study.labels).sum() > 10
    assert made.misleads == ""
    assert made.repair is None


def test_places_of_two_grids_hold_what_lies_across_a_border():
    regions = usual_regions()
    assert len(regions) == 25
    masks = regions.masks((48, 48))
    assert (masks.sum(axis=0) == 2).all()
    assert sum(bool(mask[20:28, 20:28].all()) for mask in masks) == 1


def _always_wrong(images):
    """Sure of the other class, by a corner that was a sign of this one where it learned."""
    return np.eye(2)[(images[:, 0, 0] > 0.5).astype(int)] * 0.96 + 0.02


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the model is right on 0.0%")
def test_a_model_that_is_always_wrong_is_told_so_and_what_another_order_would_give(tmp_path):
    labels = np.arange(80) % 2
    images = np.random.default_rng(3).random((80, 12, 12)) * 0.4
    images[:, :3, :3] = (1 - labels)[:, None, None]
    made = sl.audit(_always_wrong, ArrayDataset(images, labels, NAMES[:2]), out=tmp_path / "audit")
    assert "none is right" in made.verdict[0]
    told = "0.0% are right by it, and 100.0% would be in the order dog, cat"
    assert told in made.notes[0]
    again = sl.report(tmp_path / "audit" / "study")  # without the audit's own notes
    assert sum(told in one for one in again.summary.limits) == 1
    with sl.use_language("ko"):
        again = sl.report(tmp_path / "audit" / "study")
    assert any("클래스의 순서는 데이터의 순서입니다" in one for one in again.summary.limits)


@pytest.mark.slow
def test_the_verdict_says_what_range_was_guessed_of_the_audited_images_alone(tmp_path):
    images = (TEST.images * 255).astype(np.uint8)[:90]
    labels = (np.arange(90) % 2).astype(int)
    images[:, 2:6, 2:6] = np.where(labels, 255, 0)[:, None, None]

    def of_unit(images):
        light = images[:, 2:6, 2:6].mean(axis=(1, 2))
        p = 1 / (1 + np.exp(-12 * np.where(images.max() > 2, 2.0, light - 0.5)))
        return np.stack([1 - p, p], axis=1) * 0.98 + 0.01

    made = sl.audit(of_unit, ArrayDataset(images, labels, NAMES[:2]), out=tmp_path / "audit")
    assert made.study.manifest.guesses[0].endswith("(--values / --mean --std overrules)")
    assert "although these are the images that are audited" in made.verdict[0]
    later = sl.report(made.folder / "study", progress=False).summary.verdict[0]
    assert (later.text, later.basis) == (made.verdict[0], "unknown")


def test_of_a_model_from_memory_only_the_repair_that_the_audit_made_is_its_own(tmp_path):
    """Of such a model no text tells whose a repair is that lies in the folder."""
    region = sl.regions.grid(2, 2)["r2c2"]
    made = sl.repair.Guard(region=region)(sl.as_model(ESTIMATOR), LEARN)
    save_repair(tmp_path / "repair", made, "", LEARN.images[0])
    asked = request_of(ESTIMATOR, TEST, LEARN)
    steps = audit_steps.AuditSteps(asked, tmp_path, progress=False)
    study = sl.Study(tmp_path / "study", sl.Plan(segment=sl.Grid(rows=2, columns=2), budget=8)).run(
        TEST[:8], ESTIMATOR, progress=False
    )
    chosen = find_nothing()
    for kept, ours in (("", False), (made.provenance.key, True), ("another", False)):
        steps.kept = dataclasses.replace(chosen, repair=kept)
        assert steps._repairs(study, tmp_path / "repair", "r2c2") is ours


def _same_answers(images):
    """A function that says what the estimator does, and cannot be trained."""
    return ESTIMATOR.predict_proba(images.reshape(len(images), -1))


@pytest.mark.parametrize(("model", "told"), [(_same_answers, True), (ESTIMATOR, False)])
def test_of_a_model_that_cannot_be_trained_it_is_said_that_nothing_that_learns_was_tried(
    model, told, tmp_path, monkeypatch
):
    monkeypatch.setattr(audit_steps, "choose", _guarded)
    asked = request_of(model, TEST, LEARN)
    steps = audit_steps.AuditSteps(asked, tmp_path, progress=False)
    steps.kept = find_nothing()
    study = sl.Study(tmp_path / "study", sl.Plan(segment=sl.Grid(rows=2, columns=2), budget=8)).run(
        TEST[:8], model, progress=False
    )
    steps._choose_repair(study, tmp_path / "repair", "r2c2", sl.regions.grid(2, 2)["r2c2"])
    assert any("Nothing that learns was tried" in one for one in steps.kept.notes) is told


@pytest.mark.slow
def test_held_out_images_that_the_data_has_twice_are_left_out_of_the_proof(tmp_path, monkeypatch):
    """One image twice among hundreds is no reason to prove nothing."""
    monkeypatch.setattr(audit_steps, "choose", _guarded)
    monkeypatch.setattr(audit_steps, "EXPLAINED", 0)
    rule, count = HoldoutRule(0.5, 0), 120
    studied, held = rule.select(count), rule.complement().select(count)
    images = TEST.images[:count].copy()
    images[held[:2]] = images[studied[:2]]
    steps = audit_steps.AuditSteps(request_of(ESTIMATOR, None, LEARN), tmp_path, progress=False)
    chosen = find_nothing()
    steps.kept = dataclasses.replace(chosen, choices=dataclasses.replace(chosen.choices, proved=500))
    study = sl.Study(tmp_path / "study", sl.Plan(segment=sl.Grid(rows=1, columns=2), budget=4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)  # of what is there twice
        study.run((images, TEST.labels[:count]), ESTIMATOR, held_out=0.5, progress=False)
        made = steps._choose_repair(study, tmp_path / "repair", "r2c2", sl.regions.grid(2, 2)["r2c2"])
        steps.prove(study, made)
    proof = json.loads((tmp_path / "repair" / "proof.json").read_text())
    assert proof["images"] == len(held) - 2
    (told,) = [one for one in steps.kept.notes if "twice" in one]
    assert told.startswith(f"2 of the {len(held)} held-out images the repair has seen")


@pytest.mark.parametrize("changed", ["as it is", "a pixel", "mirrored"])
def test_what_is_held_out_is_known_again_among_training_images_though_changed(tmp_path, changed):
    """The same image saved anew: a repair that learned from it would be proved on what it knows."""
    rule, count = HoldoutRule(0.5, 0), 40
    held = rule.complement().select(count)
    steps = audit_steps.AuditSteps(request_of(ESTIMATOR, None, LEARN), tmp_path, progress=False)
    steps.kept = find_nothing()
    study = sl.Study(tmp_path / "study", sl.Plan(segment=sl.Grid(rows=1, columns=2), budget=4))
    study.run(TEST[:count], ESTIMATOR, held_out=0.5, progress=False)
    again = TEST.images[held[:3]].copy()
    again[:, 3, 4] += 0.2 * (changed == "a pixel")
    again = again[:, :, ::-1] if changed == "mirrored" else again
    learn = ArrayDataset(
        np.concatenate([LEARN.images[:20], again]), np.append(LEARN.labels[:20], TEST.labels[held[:3]]), NAMES
    )
    assert len(steps._untouched(study, learn)) == 20
    assert any(
        one.startswith("3 of the training images are among those held out") for one in steps.kept.notes
    )
    assert len(steps._untouched(study, learn[:20])) == 20


def test_a_repair_that_was_tried_in_vain_is_not_told_as_nothing_done(tmp_path):
    steps = audit_steps.AuditSteps(request_of("m.onnx", "d", "t"), tmp_path, progress=False)
    steps.kept = dataclasses.replace(find_nothing(), no_repair="concept 1")
    claim = steps._claim_without_repair("concept 1")
    assert claim.text.startswith("A repair of concept 1 was tried, and no method made the model better")
    assert claim.basis == "tested"
    assert steps._claim_without_repair("concept 2") is None
    assert steps._claim_without_repair("") is None
    steps.asked = steps.asked._replace(train=None)
    assert "sightline audit m.onnx d --train TRAIN" in steps._claim_without_repair("concept 2").text


@pytest.mark.parametrize(
    "wrong", [{"fill": "blurr"}, {"groups": "no"}, {"key": "no"}, {"table": {"a": [1]}, "groups": "no"}]
)
def test_what_is_mistyped_leaves_no_folder(wrong, tmp_path):
    with pytest.raises(OptionError):
        sl.audit(ESTIMATOR, TEST, out=tmp_path / "audit", **wrong)
    assert not (tmp_path / "audit").exists()


def test_what_is_given_from_memory_is_known_again_by_what_is_in_it():
    one, other = ({"image": ["a", "b"], "site": [site, "B"]} for site in ("A", "C"))
    base = request_of(ESTIMATOR, TEST, LEARN)
    changed = LEARN.images.copy()
    changed[LEARNED // 2] = 0
    others = ArrayDataset(changed, LEARN.labels, NAMES)
    given = [
        contents_given(base._replace(**each))
        for each in ({}, {"table": one}, {"table": other}, {"train": others}, {"train": None})
    ]
    assert len({tuple(each.values()) for each in given}) == len(given)
    assert given[0] == contents_given(base)
    named = [base._replace(class_names=each) for each in ({0: "a", 1: "b"}, {0: "b", 1: "a"}, ("a", "b"))]
    assert len({each.texts["class_names"] for each in named}) == 3
