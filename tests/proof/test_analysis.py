"""A proof: what it measures is what its words say, it refuses what proves nothing, and it can be kept."""

import json

import numpy as np
import pytest

import sightline as sl
from sightline._digests import image_digest
from sightline.engine.fills import Noise, SegmentMean, Surroundings, draw_area
from sightline.engine.plan import Plan
from sightline.errors import FileError, ModelError, OptionError, SightlineWarning
from sightline.proof.analysis import prove
from sightline.proof.probes import Probes, move_content
from sightline.regions import grid
from sightline.regions.margins import DEFAULT_MARGIN, control_areas
from sightline.repair.method import Provenance, RepairResult
from sightline.repair.region_swap import paste_region
from sightline.repair.repair_region import RepairRegion
from sightline.repair.training_data import TrainingData, as_subset
from support.bright import bright, known_bright
from support.saturated import cornered, in_percent, sure

NAMES = ("oak", "birch", "pine")
TOP = grid(2, 1)["r1c1"]
QUICK = {"margin": 0, "fill": "segment-mean", "explained": 0, "progress": False}


def trees(count, seed=0, share=0.6):
    """Noise, a little brighter in one third below by class; above a mark that tells nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = 0.35 + 0.12 * rng.standard_normal((count, 12, 12))
    marks, present = rng.integers(0, 3, count), rng.random(count) < share
    for image, label, mark, there in zip(images, labels, marks, present, strict=True):
        image[6:, 4 * label : 4 * label + 4] += 0.12
        if there:
            image[1:4, 4 * mark : 4 * mark + 4] = 0.95
    return images.clip(0, 1), labels, present


def going_by(weight, bottom=40.0):
    """A model that goes by what is below, and by the mark as far as its weight goes."""

    def model(images):
        assert images.ndim == 3
        below = [images[:, 6:, 4 * k : 4 * k + 4].mean((1, 2)) for k in range(3)]
        above = [images[:, 1:4, 4 * k : 4 * k + 4].mean((1, 2)) for k in range(3)]
        scores = np.exp(bottom * np.stack(below, 1) + weight * np.stack(above, 1))
        return scores / scores.sum(1, keepdims=True)

    return sl.as_model(model, class_names=NAMES)


IMAGES, LABELS, PRESENT = trees(160)
MISLED, BETTER = going_by(6.0), going_by(0.2)


@pytest.fixture(scope="module")
def proof():
    return prove(
        MISLED,
        BETTER,
        (IMAGES, LABELS),
        region=TOP,
        regions=grid(2, 2),
        present=PRESENT,
        plan=Plan(segment="grid", fill="segment-mean", budget=60),
        margin=0,
        explained=6,
        progress=False,
    )


def right(model, images=IMAGES, labels=LABELS):
    return model(np.ascontiguousarray(images)).argmax(1) == labels


@pytest.mark.slow
def test_a_real_repair_is_proved(proof):
    assert proof.verdict == "repaired"
    assert proof.headline == "Repaired: the model is surely better, and “r1c1” surely misleads it less."


def test_accuracy_and_recalls_are_those_of_the_models_themselves(proof):
    before, after = right(MISLED), right(BETTER)
    assert (proof["accuracy"].before, proof["accuracy"].after) == (before.mean(), after.mean())
    assert proof.right == (before.sum(), after.sum())
    assert proof.corrected == (~before & after).sum()
    assert proof.broken == (before & ~after).sum()
    for label, name in enumerate(NAMES):
        one = proof[f"recall of {name}"]
        which = label == LABELS
        assert (one.before, one.after) == pytest.approx((before[which].mean(), after[which].mean()))
        assert one.count == which.sum()


def test_errors_blamed_and_flips_are_what_hiding_by_hand_gives(proof):
    mask = np.zeros((12, 12), bool)
    mask[:6] = True
    for model, when in ((MISLED, "before"), (BETTER, "after")):
        blame, flips, away = [], [], []
        for place, image in enumerate(IMAGES):
            rng = np.random.default_rng((0, place))
            said = []
            for hole in (np.zeros_like(mask), mask, *control_areas(mask, 4, rng)):
                hidden = image.copy()
                if hole.any():
                    hidden[hole] = image[hole].mean()
                said.append(int(model(hidden[np.newaxis]).argmax()))
            full, there, *others = said
            turned = (there == LABELS[place]) - np.mean([one == LABELS[place] for one in others])
            blame.append(0 if full == LABELS[place] else turned)
            flips.append(there != full)
            away.append(np.mean([one != full for one in others]))
        assert getattr(proof["errors blamed on it"], when) == pytest.approx(np.mean(blame))
        flip = proof["answers that change when it is hidden"]
        assert getattr(flip, when) == pytest.approx(np.mean(flips))
        assert flip.beside[when == "after"] == pytest.approx(np.mean(away))


def test_accuracy_with_the_region_hidden_is_that_of_hidden_images(proof):
    hidden = IMAGES.copy()
    hidden[:, :6] = IMAGES[:, :6].mean((1, 2), keepdims=True)
    one = proof["accuracy, region hidden"]
    assert (one.before, one.after) == pytest.approx(
        (right(MISLED, hidden).mean(), right(BETTER, hidden).mean())
    )


def test_swapped_regions_come_from_the_own_and_from_another_class():
    images = np.zeros((60, 4, 4)) + 0.5
    labels = np.arange(60) % 3
    images[:, 0, 0] = labels / 2  # the corner tells the class, and is all that the model goes by
    corner = grid(4, 4)["r1c1"]
    eye = np.eye(3)
    model = sl.as_model(lambda x: eye[(2 * x[:, 0, 0]).round().astype(int)], class_names=NAMES)
    made = prove(model, model, (images, labels), region=corner, **QUICK)
    assert made["accuracy, region of its own class"].before == 1
    assert made["accuracy, region of another class"].before == 0
    assert made.verdict == "cannot tell"
    assert "too few errors: 0 of 60" in made.rule


def test_moved_content_is_elsewhere_and_the_region_is_filled():
    image = np.arange(64.0).reshape(8, 8) / 64
    mask = np.zeros((8, 8), bool)
    mask[1:3, 1:4] = True
    shown = list(move_content(image, mask, SegmentMean(), 5, np.random.default_rng(0)))
    assert len(shown) == 5
    for pixels in shown:
        assert np.allclose(pixels[mask], image[mask].mean())
        changed = (pixels != image) & ~mask
        down, across = np.argwhere(changed).min(axis=0)
        assert np.array_equal(pixels[down : down + 2, across : across + 3], image[1:3, 1:4])
        assert changed.sum() == 6


def test_what_fits_nowhere_else_is_not_moved():
    mask = np.ones((4, 4), bool)
    mask[0, 0] = False
    assert list(move_content(np.zeros((4, 4)), mask, SegmentMean(), 3, np.random.default_rng(0))) == []


def test_attribution_shares_lie_beside_the_share_of_the_area(proof):
    one = proof["share of the attribution"]
    assert one.beside == (0.5, 0.5)
    assert one.count == 6
    assert one.before > one.after
    assert proof.shift.before.shape == (12, 12)


def test_presence_and_the_worst_group(proof):
    before, after = right(MISLED), right(BETTER)
    there = proof["accuracy, shortcut present"]
    assert (there.before, there.after) == pytest.approx((before[PRESENT].mean(), after[PRESENT].mean()))
    groups = [(k == LABELS) & (there == PRESENT) for k in range(3) for there in (True, False)]
    (found,) = [one for one in proof.measures if one.name.startswith("worst group")]
    assert found.before == min(before[which].mean() for which in groups)
    assert found.after == min(after[which].mean() for which in groups)


def test_the_other_regions_are_reported_on(proof):
    names = [one.name for one in proof.measures if one.kind == "other region"]
    assert names == [
        text.format(name)
        for name in ("r1c2", "r2c1", "r2c2")
        for text in ("errors blamed on {}", "answers that change when {} is hidden")
    ]


def test_it_prints_an_aligned_table_the_rule_and_the_calls(proof):
    lines = repr(proof).splitlines()
    assert lines[0].startswith(
        "Proof of a repair: 160 held-out images, region 'r1c1', hidden with SegmentMean()"
    )
    assert f"{proof.calls[0]:,} + {proof.calls[1]:,} model calls" in lines[0]
    ends = {line.index("0.") for line in lines[2:6]}
    assert len(ends) == 1
    assert any(line.startswith("Decided by: accuracy is surely higher (p ") for line in lines)


def test_the_calls_are_counted():
    asked = [0, 0]

    def counting(which, model):
        def ask(images):
            asked[which] += len(images)
            return model(images)

        return sl.as_model(ask, class_names=NAMES)

    images, labels, _ = trees(20)
    made = prove(
        counting(0, MISLED), counting(1, BETTER), (images, labels), region=TOP, **(QUICK | {"explained": 3})
    )
    # Two calls each to see what the models answer.
    assert made.calls[0] == pytest.approx(asked[0], abs=3)
    assert made.calls[1] == pytest.approx(asked[1], abs=3)
    assert made.calls[0] >= 20 * (1 + 5 + 3 * 4)


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["segment-mean", Noise(draws=2)])
def test_the_same_seed_gives_the_same_whatever_the_batch_size(fill):
    images, labels, _ = trees(30)
    more = QUICK | {"fill": fill, "explained": 2}
    one, other = (
        prove(MISLED, BETTER, (images, labels), region=TOP, batch_size=size, **more).to_dict()
        for size in (None, 7)
    )
    assert one == other
    assert one != prove(MISLED, BETTER, (images, labels), region=TOP, seed=1, **more).to_dict()


@pytest.mark.slow
def test_a_repair_that_was_not_needed_has_no_effect():
    made = prove(BETTER, going_by(0.0, 30.0), trees(120, 3)[:2], region=TOP, **QUICK)
    assert made.verdict in ("no effect", "cannot tell")


@pytest.mark.slow
def test_hiding_what_truly_matters_is_harmful():
    blind = sl.as_model(lambda x: MISLED(np.where(np.arange(12)[:, None] >= 6, 0.4, x)), class_names=NAMES)
    made = prove(going_by(1.0), blind, (IMAGES, LABELS), region=grid(2, 1)["r2c1"], **QUICK)
    assert made.verdict == "harmful"
    assert made.rule.startswith("accuracy is surely lower (p < 0.0001)")


def repaired(images, margin=0.1):
    seen = frozenset(image_digest(image) for image in images)
    copied = sl.as_model(BETTER.backend, class_names=NAMES, batch_size=64)
    return RepairResult(copied, ("done",), Provenance("'a way'", RepairRegion(TOP, margin), seen))


@pytest.mark.slow
def test_images_that_the_repair_has_seen_are_left_out_and_that_is_said():
    present = np.arange(len(LABELS)) % 3 == 0
    with pytest.warns(sl.SightlineWarning, match=r"40 of the 160 held-out images were used") as caught:
        made = prove(MISLED, repaired(IMAGES[:40]), (IMAGES, LABELS), present=present, **QUICK)
    assert caught[0].message.slug == "proof-twice"
    assert "(places 0, 1, 2, 3, 4, 5, 6, 7, …)" in str(caught[0].message)
    others = prove(MISLED, repaired(IMAGES[:0]), (IMAGES[40:], LABELS[40:]), present=present[40:], **QUICK)
    assert made.images == others.images == 120
    assert (made.right, made.verdict, made.tests.accuracy) == (
        others.right,
        others.verdict,
        others.tests.accuracy,
    )


def test_where_the_repair_has_seen_all_images_nothing_is_proved():
    with pytest.raises(OptionError, match=r"all of the 160 held-out images were used") as caught:
        prove(MISLED, repaired(IMAGES), (IMAGES, LABELS), **QUICK)
    assert caught.value.slug == "proof-seen"
    assert "study.held_out" in str(caught.value)


def test_a_fix_says_which_region_and_margin_it_repaired():
    fix = repaired(trees(20, 9)[0])
    made = prove(MISLED, fix, trees(20, 1)[:2], fill="segment-mean", explained=0)
    assert (made.region, made.margin, made.method) == ("r1c1", 0.1, "'a way'")
    other = prove(MISLED, BETTER, trees(20, 1)[:2], region=TOP, fill="segment-mean", explained=0)
    assert other.margin == DEFAULT_MARGIN


def test_without_a_fix_the_region_has_to_be_named():
    with pytest.raises(OptionError, match="it is not known which region was repaired") as caught:
        prove(MISLED, BETTER, (IMAGES, LABELS))
    assert caught.value.slug == "proof-region"


def test_models_of_other_classes_are_refused():
    two = sl.as_model(lambda x: np.full((len(x), 2), 0.5))
    with pytest.raises(
        ModelError, match=r"3 classes \(oak, birch, pine\), but the repaired one has 2 classes"
    ):
        prove(MISLED, two, (IMAGES, LABELS), region=TOP, **QUICK)
    turned = sl.as_model(MISLED.backend, class_names=NAMES[::-1])
    with pytest.raises(ModelError, match="their answers cannot be compared") as caught:
        prove(MISLED, turned, (IMAGES, LABELS), region=TOP, **QUICK)
    assert caught.value.slug == "proof-classes"


@pytest.mark.parametrize(
    "present", [[True], np.full(160, 2), np.zeros((160, 2, 2, 2), bool), [True] * 159 + [np.ones((2, 2))]]
)
def test_presence_is_of_every_image(present):
    with pytest.raises(OptionError, match="present must say True or False for each of the 160") as caught:
        prove(MISLED, BETTER, (IMAGES, LABELS), region=TOP, present=present, **QUICK)
    assert caught.value.slug == "proof-present"


@pytest.mark.parametrize(
    "given",
    [{"controls": 0}, {"level": 0}, {"level": 1.0}, {"seed": -1}, {"explained": -1}, {"batch_size": 0}],
)
def test_numbers_out_of_range_are_refused(given):
    (name,) = given
    with pytest.raises(OptionError, match=f"{name} must be"):
        prove(MISLED, BETTER, (IMAGES, LABELS), region=TOP, **given)


def test_images_of_several_sizes_swap_only_with_their_like():
    rng = np.random.default_rng(0)
    images = [rng.random((12 + 2 * (k % 2), 12)) for k in range(12)]
    eye = np.eye(3)
    model = sl.as_model(lambda x: eye[(x.mean((1, 2)) * 3).astype(int)], class_names=NAMES)
    made = prove(model, model, (images, [0] * 6 + [1] * 6), region=TOP, **QUICK)
    assert made.verdict == "cannot tell"
    assert made["accuracy"].count == 12
    assert made["accuracy, region of another class"].count <= 12


def test_it_is_kept_as_json(proof, tmp_path):
    path = proof.save(tmp_path / "proof.json")
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["verdict"] == "repaired"
    assert kept["measures"][0]["change"] == pytest.approx(proof["accuracy"].change)
    assert np.shape(kept["maps"]["before"]) == (12, 12)
    with pytest.raises(FileError, match="cannot be written"):
        proof.save(tmp_path / "none" / "proof.json")


def test_examples_are_images_whose_answer_turned(proof):
    before, after = right(MISLED), right(BETTER)
    assert len(proof.examples) >= 3
    for one in proof.examples:
        assert before[one.place] != after[one.place]
        assert one.label == NAMES[LABELS[one.place]]
        assert one.before.shape == (12, 12)


@pytest.mark.slow
def test_studies_take_the_place_of_new_explanations(tmp_path):
    images, labels, _ = trees(30)
    plan = Plan(segment="grid", fill="noise", budget=40)
    runs = [
        sl.Study(tmp_path / name, plan).run((images, labels), model, progress=False)
        for name, model in (("before", MISLED), ("after", BETTER))
    ]
    more = {"region": TOP, "margin": 0, "progress": False}
    made = prove(MISLED, BETTER, (images, labels), before=runs[0], after=runs[1], **more)
    anew = prove(MISLED, BETTER, (images, labels), plan=plan, explained=30, **more)
    one, other = made["share of the attribution"], anew["share of the attribution"]
    assert (one.before, one.after, one.count) == pytest.approx((other.before, other.after, 30), abs=1e-5)
    assert made.calls[0] < anew.calls[0]
    assert np.allclose(made.shift.before, anew.shift.before, atol=1e-6)


@pytest.mark.slow
def test_regions_that_each_image_has_its_own_of():
    halves = np.zeros((60, 1, 12, 12), bool)
    for place in range(60):
        halves[place, 0, : 3 + place % 3] = True
    own = sl.regions.per_image(halves, ["half"])
    made = prove(MISLED, BETTER, (IMAGES[:60], LABELS[:60]), region=own, **QUICK)
    assert made.region == "half"
    hidden = IMAGES[:60].copy()
    for image, (mask,) in zip(hidden, halves, strict=True):
        image[mask] = image[mask].mean()
    assert made["accuracy, region hidden"].before == right(MISLED, hidden, LABELS[:60]).mean()


@pytest.mark.parametrize(
    "form",
    [
        lambda images: images,
        lambda images: images[..., np.newaxis],
        lambda images: images.astype(float),
        lambda images: images / 255,
    ],
    ids=["same", "(H, W, 1)", "float", "0 to 1"],
)
def test_images_that_the_repair_learned_from_are_known_again_in_any_form(form):
    model, fix, learned = repaired_on_bytes()
    with pytest.raises(OptionError, match=r"all of the 40 held-out images were used in the repair"):
        prove(model, fix, (form(learned), np.arange(40) % 2), explained=0)


def test_images_that_are_nearly_those_learned_from_are_counted():
    model, fix, learned = repaired_on_bytes()
    held = np.random.default_rng(7).integers(0, 256, (40, 12, 12), np.uint8)
    held[:5] = learned[:5]
    held[:5, 3, 4] ^= 255
    with pytest.warns(SightlineWarning, match=r"5 of the 40 held-out images are nearly .*0, 1, 2, 3, 4\)"):
        made = prove(model, fix, (held, np.arange(40) % 2), explained=0)
    assert made.nearly_used == 5
    assert any(one.startswith("5 of the 40 held-out images are nearly the same") for one in made.sentences)


def repaired_on_bytes():
    rng = np.random.default_rng(0)
    learned = rng.integers(0, 256, (40, 12, 12), np.uint8)

    def model(batch):
        return np.clip(batch.reshape(len(batch), -1).mean(axis=1) / 255, 0, 1)

    seen, looks = TrainingData(
        *(as_subset(sl.as_model(model), part) for part in parts(learned))
    ).seen_images()
    known = Provenance("'a way'", RepairRegion(TOP, 0.0), seen, looks)
    return model, RepairResult(sl.as_model(model), ("done",), known), learned


def parts(images):
    labels = np.arange(len(images)) % 2
    return (images[:30], labels[:30]), (images[30:], labels[30:])


@pytest.mark.slow
def test_what_misleads_a_saturated_model_is_tested_in_log_odds():
    images, labels = cornered(120, 1, 0.05, 0.5)
    told = {
        model: prove(
            model, model, (images, labels), region=grid(3, 3)["r1c1"], **QUICK | {"fill": "colour:value=0.5"}
        )
        for model in (sure, in_percent)
    }
    assert told[sure].tests.misled < 0.01 < 0.05 < told[in_percent].tests.misled


@pytest.mark.slow
def test_what_is_found_in_the_images_is_proved_as_if_it_were_known():
    images, labels = IMAGES[:60], LABELS[:60]
    how = QUICK | {"fill": sl.Colour(0.35), "explained": 4}
    proofs = [
        prove(MISLED, BETTER, (images, labels), region=one["bright"], regions=one, **how)
        for one in (bright(), known_bright(images))
    ]
    measures = [one.to_dict()["measures"] for one in proofs]
    assert [one for one in measures[0] if one["kind"] != "presence"] == measures[1]
    assert proofs[0]["errors blamed on it"].before > 0
    assert [one.mask.sum() for one in proofs[0].examples] == [one.mask.sum() for one in proofs[1].examples]
    assert proofs[1].detections is None
    # What lies elsewhere in each image is outlined in no mean of them.
    assert all(one.shift is not None and one.shift.image is None and len(one.shift.shares) for one in proofs)


@pytest.mark.slow
def test_what_is_missed_and_found_wrongly_is_counted_where_a_person_marked_it():
    images, labels, there = IMAGES[:60].copy(), LABELS[:60], PRESENT[:60]
    masks = np.stack([(image > 0.9) & (np.arange(12) < 6)[:, np.newaxis] for image in images])
    images[np.flatnonzero(there)[:3]] *= 0.9  # three marks are no longer bright
    images[np.flatnonzero(~there)[:2], 10, 10] = 0.95  # and two images are, elsewhere
    concept = bright()["bright"]
    how = {"region": concept, "margin": 0, "explained": 0, "progress": False}
    data = images, labels
    by_flags, by_masks = (prove(MISLED, BETTER, data, present=one, **how) for one in (there, masks))
    found = [(image > 0.9).any() for image in images]
    for made in (by_flags, by_masks):
        told = made.detections
        assert (told.marked, told.missed, told.wrong) == (there.sum(), 3, 2)
        assert told.found.tolist() == [np.sum(found, where=labels == one) for one in range(3)]
        said = f"Of {there.sum()} that were marked it missed 3, and it found something else in 2."
        assert said in made.sentences
        assert made["accuracy, shortcut present"].count == there.sum()
        assert made["accuracy, shortcut found"].count == sum(found)
    assert by_masks.tests.gap is None
    gap = by_flags.tests.gap
    rows = [(labels == one) & side for one in range(3) for side in (there, ~there)]
    for said, model in ((gap.before, MISLED), (gap.after, BETTER)):
        hits = model(images).argmax(axis=1) == labels
        apart = [abs(hits[one].mean() - hits[two].mean()) for one, two in zip(*[iter(rows)] * 2, strict=True)]
        assert said == pytest.approx(np.average(apart, weights=np.bincount(labels)))
    assert by_flags["gap in accuracy, shortcut present and absent"].p == gap.weaker
    # What a person marked is hidden by its own mask, and what was found goes beside.
    hidden = [
        paste_region(one, mask, draw_area(one, mask, Surroundings())[0][..., 0])
        for one, mask in zip(images, masks, strict=True)
    ]
    assert by_masks["accuracy, region hidden"].before == right(MISLED, np.stack(hidden), labels).mean()
    beside = by_masks["answers that change when bright, as found is hidden"]
    assert beside.before == by_flags["answers that change when it is hidden"].before
    by_masks.plot()


def test_of_found_regions_a_donor_s_is_planted_where_the_donor_has_it():
    images = np.full((8, 6, 6), 0.5)
    images[:4, 1, 1] = images[4:, 4, 4] = 1.0
    data = as_subset(sl.as_model(lambda x: x[:, 0, :2]), (images, np.repeat([0, 1], 4)))
    probes = Probes(data, RepairRegion(bright()["bright"], 0), (), Surroundings(), 2, 0)
    variants = dict(next(iter(probes)).variants)
    bright_at = {kind: np.argwhere(image > 0.9).tolist() for kind, image in variants.items()}
    assert bright_at["same_class"] == [[1, 1]]
    assert bright_at["other_class"] == [[4, 4]]
    assert len(bright_at["moved"]) == 1
    assert bright_at["moved"] != [[1, 1]]
