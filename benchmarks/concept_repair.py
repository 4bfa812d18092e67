"""Is what has no fixed place repaired and proved, by its looks as well as by true masks?

The problems of concepts.py. A network is repaired with the masks of what was planted (true), or with those of
the concepts that blame confirmed (found), and both are asked about images that nothing before has used: the
share of right answers in the worst group of class and what is planted, before and after, and what the proof
says. Each trial's line is printed when it is done and may be kept (--keep FILE): with the same file, what was
done is not done again.

    python benchmarks/concept_repair.py [--problems xray-L ...] [--masks true] [--seeds 0 10] [--keep FILE]
    python benchmarks/concept_repair.py --report --keep FILE
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from concepts import HALF, MARKS, PLAN, SIDE, problem, with_mark, with_texture
from scipy.ndimage import zoom

from sightline.adapters import as_model
from sightline.data import drawn_faces
from sightline.errors import OptionError
from sightline.findings.blame_analysis import blame
from sightline.proof.analysis import prove
from sightline.regions import concepts, per_image
from sightline.repair import Counterexamples, TrainingConfig
from sightline.study import Study

PROBLEMS = ("xray-L", "face-ring", "face-two")
FEWEST = 8
"""Images of a group below which it is not looked at."""
TRAINING = TrainingConfig(epochs=12, learning_rate=3e-3)


def held_out(name, seed):
    """Images that neither the network nor the study has had, their labels, and where what was planted is."""
    kind, what = name.split("-")
    rng = np.random.default_rng((seed, 99))
    if kind == "xray":
        with np.load(Path(os.environ["SIGHTLINE_DATA"]) / "pneumoniamnist.npz") as kept:
            tests, truth = kept["test_images"] / np.float32(255), kept["test_labels"][:, 0].astype(int)
            known = np.concatenate([kept["train_labels"], kept["val_labels"]])[:, 0]
        # The same draws as those of the problem, up to the images that it tests with.
        drawn = np.random.default_rng(seed)
        each = [drawn.permutation(np.flatnonzero(known == label))[:400] for label in (0, 1)]
        drawn.permutation(np.concatenate(each))
        rest = drawn.permutation(len(tests))[400:]
        images = np.stack([zoom(one, SIDE / 28, order=1) for one in tests[rest]]).clip(0, 1)[..., np.newaxis]
        labels, face = truth[rest], None
    else:
        made = drawn_faces(950, people=12, seed=seed, variety=1.0, colour=True)
        images, labels, face = made.images[550:], made.labels[550:] % 3, np.asarray(made.visible)[550:]
    planted = {}
    for mark, _, tone, within in MARKS.get(what, ()):
        images, planted[mark] = with_mark(images, rng.random(len(labels)) < HALF, mark, tone, rng, within)
    if what == "texture":
        images, planted[what] = with_texture(images, rng.random(len(labels)) < HALF, face, rng)
    return images.astype(np.float32), labels, planted


def worst_group(model, images, labels, planted):
    """Share of right answers among all, and in the worst group of class and what is planted."""
    right = np.asarray(model(images)).argmax(axis=1) == labels
    groups = np.stack([labels, *(one.any((1, 2)) for one in planted.values())], axis=1)
    shares = [
        right[(groups == group).all(axis=1)].mean()
        for group in np.unique(groups, axis=0)
        if (groups == group).all(axis=1).sum() >= FEWEST
    ]
    return round(float(right.mean()), 3), round(float(min(shares)), 3)


def confirmed_concepts(net, test, labels, seed):
    """The concepts that blame confirms on the images of a study; None where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study(folder, PLAN).run((test, labels), net, check_range=False, progress=False)
        try:
            found = concepts(study, seed=seed)
        except OptionError:  # too few errors, or none with anything in common
            return None
        names = blame(study, found, seed=seed, progress=False).confirmed
    return found[names] if names else None


def everything(planted):
    """Where anything is planted."""
    return np.any(list(planted.values()), axis=0)


def trial(name, seed, masks):
    """Train, repair, prove."""
    learned = {}
    net, learn, y, test, z, _ = problem(name, seed, learned)
    held, labels, planted = held_out(name, seed)
    model, line = as_model(net), {"problem": name, "seed": seed, "masks": masks}
    line["before"] = worst_group(model, held, labels, planted)
    if masks == "true":
        region = per_image(everything(learned)[:, np.newaxis], ["thing"])
        there = per_image(everything(planted)[:, np.newaxis], ["thing"])
    else:
        region = there = confirmed_concepts(net, test, z, seed)
        if region is None:
            return line
        line["confirmed"] = region.names
    started = time.process_time()
    method = Counterexamples(region=region, replacement="plant", fresh=True, training=TRAINING, seed=seed)
    made = method(net, (learn, y), progress=False)
    line["seconds"] = round(time.process_time() - started, 1)
    line["after"] = worst_group(made.model, held, labels, planted)
    proof = prove(
        model,
        made,
        (held, labels),
        region=there,
        present=everything(planted),
        fill="surroundings",
        explained=0,
        controls=2,
        seed=seed,
        progress=False,
    )
    line |= {"verdict": proof.verdict, "rule": proof.rule}
    if proof.detections is not None:
        seen = proof.detections
        line["detected"] = {"marked": seen.marked, "missed": seen.missed, "wrong": seen.wrong}
        line["detected"] |= {"area": round(seen.area, 3), "learned": made.notes[0]}
    return line


def summarised(lines):
    """A table: each problem and kind of masks, over its seeds."""
    said = [
        "| problem | masks | n | worst group before | after | least | accuracy | verdicts |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(line["problem"] for line in lines):
        for masks in ("true", "found"):
            some = [line for line in lines if (line["problem"], line["masks"]) == (name, masks)]
            done = [line for line in some if "after" in line]
            if not done:
                continue
            before, after = (np.array([line[when] for line in done]) for when in ("before", "after"))
            verdicts = [line["verdict"] for line in done]
            counts = ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts))
            fell = sum(
                line["verdict"] in ("repaired", "partly") and line["after"][0] < line["before"][0]
                for line in done
            )
            said.append(
                f"| {name} | {masks} | {len(done)} of {len(some)} | {before[:, 1].mean():.2f} | "
                f"{after[:, 1].mean():.2f} | {after[:, 1].min():.2f} | {before[:, 0].mean():.2f} → "
                f"{after[:, 0].mean():.2f} | {counts}{f'; {fell} of them lost accuracy' if fell else ''} |"
            )
    return "\n".join(said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=PROBLEMS)
    parser.add_argument("--masks", nargs="+", default=("true", "found"))
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 10))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--report", action="store_true", help="print the table of what was kept")
    given = parser.parse_args()
    lines = [json.loads(line) for line in given.keep.open()] if given.keep and given.keep.exists() else []
    known = {(line["problem"], line["seed"], line["masks"]) for line in lines}
    warnings.simplefilter("ignore")
    for seed in () if given.report else range(*given.seeds):
        for name in given.problems:
            for masks in given.masks:
                if (name, seed, masks) in known:
                    continue
                lines.append(json.loads(json.dumps(trial(name, seed, masks))))
                print(json.dumps(lines[-1]), flush=True)
                if given.keep:
                    with given.keep.open("a") as file:
                        file.write(json.dumps(lines[-1]) + "\n")
    print(summarised(lines))


if __name__ == "__main__":
    main()
