"""Are regions found where a mark was planted, without a template, and none where none was planted?

A border, a block that reaches beyond a template's corners, and a mark on a jaw go with one class in the
images to learn from, and with none in those to test with, where half have it. Regions are looked for in some
of the errors (`sightline.regions.from_errors`) and blamed on the others. A region hits where it holds half of
the mark, or lies in it by half. Each trial's line may be kept (--keep FILE); what was done is not done again.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import blame as planted
import numpy as np

from sightline.data import ArrayDataset, Shortcut, drawn_faces
from sightline.engine.plan import Plan
from sightline.findings.blame_analysis import blame
from sightline.regions import from_errors
from sightline.study import Study

PLAN = Plan(segment="grid", fill="blur", budget=60)
XRAYS, FACES = 400, 600
"""Images to test with."""
SIDE = 28


def xrays(kind, seed):
    """Real chest X-rays; the mark is on 95 % of the ill in those to learn from."""
    learn, y, test, z = planted.xrays_marked(False, seed, XRAYS)
    mask = mark_mask(kind, np.random.default_rng((seed, 5)))
    if mask is None:
        return learn, y, test, z, None
    rng = np.random.default_rng((seed, 6))
    there = (y == 1) & (rng.random(len(y)) < 0.95), rng.random(len(z)) < 0.5
    learn, test = (
        np.where(on[:, None, None, None] & mask[..., None], np.float32(0.95), images)
        for on, images in zip(there, (learn, test), strict=True)
    )
    return learn, y, test, z, mask


def mark_mask(kind, rng):
    """A frame of one to three pixels; or a block of 8 to 10, in or near a corner."""
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    if kind == "border":
        width = int(rng.integers(1, 4))
        mask[:] = True
        mask[width:-width, width:-width] = False
        return mask
    if kind == "corner":
        tall, wide = rng.integers(8, 11, 2)
        gap, down, across = int(rng.integers(0, 3)), *rng.integers(0, 2, 2)
        mask[gap : gap + tall, gap : gap + wide] = True
        return mask[:: 1 - 2 * down, :: 1 - 2 * across]
    return None


def faces(kind, seed):
    """Drawn faces of five families; the mark is on the jaws of the first."""
    if kind is None:
        how = {"families": 5, "variety": 1.3, "train": 100, "test": FACES}
        return *planted.drawn(None, seed, **how), None
    how = planted.PLANTED["middle"]
    data = planted.drawn(kind, seed, test=FACES, **how)
    mark = Shortcut(region=kind, classes=(0,), size=how["size"], p_elsewhere=1.0)
    return *data, drawn_faces(9, seed=seed, shortcut=mark).mark.mean(axis=0) > 0.5


TRIALS = {
    "chest X-rays, border": lambda seed: xrays("border", seed),
    "chest X-rays, corner": lambda seed: xrays("corner", seed),
    "chest X-rays, nothing": lambda seed: xrays(None, seed),
    "drawn faces, jaw": lambda seed: faces("jaw", seed),
    "drawn faces, nothing": lambda seed: faces(None, seed),
}


def tried(name, seed, whitened):
    """Learn, explain, look for regions, blame; what came of it as one line."""
    learn, y, test, z, mask = TRIALS[name](seed)
    kind = "whitened" if whitened else planted.CLASSIFIERS[seed % 3]
    model = planted.classifier(kind, min(len(y), 200)).fit(learn, y)
    names = tuple(map(str, range(int(z.max()) + 1)))
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        study = Study(folder, PLAN).run(ArrayDataset(test, z, names), model.predict_proba, progress=False)
        started = time.perf_counter()
        regions = from_errors(study, progress=False)
        found = time.perf_counter()
        made = blame(study, regions, progress=False)
        done = time.perf_counter()
    masks = dict(zip(regions.names, regions.masks(test.shape[1:3]), strict=True))
    return {
        "trial": name,
        "seed": seed,
        "model": kind,
        "errors": made.errors,
        "confirming": made.wrong,
        "regions": list(regions.names),
        "iou": {name: overlap(one, mask) for name, one in masks.items()},
        "hit": [name for name, one in masks.items() if hits(one, mask)],
        "confirmed": list(made.confirmed),
        "shifted": [one.region for one in made.regions if one.shifted],
        "calls": made.calls,
        "seconds": [round(found - started, 1), round(done - found, 1)],
        "shown": repr(made),
    }


def overlap(region, mask):
    """Share of both together that they have in common."""
    return None if mask is None else round(float((region & mask).sum() / (region | mask).sum()), 2)


def hits(region, mask):
    """Whether a region holds half of the mark, or lies in it by half."""
    return mask is not None and 2 * (region & mask).sum() >= min(region.sum(), mask.sum())


def report(lines):
    """How often the mark was among the regions and confirmed, and how often anything else was."""
    heads = "trial | models | errors, median | found | confirmed | IoU, median | another confirmed | a shift"
    print(f"| {heads} |\n|{' --- |' * 8}")
    for name in dict.fromkeys(line["trial"] for line in lines):
        of = [line for line in lines if line["trial"] == name]
        right = [set(line["hit"]) & set(line["confirmed"]) for line in of]
        ious = [
            max(line["iou"][one] for one in which) for line, which in zip(of, right, strict=True) if which
        ]
        other = sum(bool(set(line["confirmed"]) - set(line["hit"])) for line in of)
        cells = (
            name,
            len(of),
            f"{np.median([line['errors'] for line in of]):g}",
            sum(bool(line["hit"]) for line in of),
            sum(map(bool, right)),
            f"{np.median(ious):.2f}" if ious else "",
            other,
            sum(bool(line["shifted"]) for line in of),
        )
        print(f"| {' | '.join(map(str, cells))} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), help="from, to (left out)")
    parser.add_argument("--only", default="", help="trials whose name begins so")
    parser.add_argument(
        "--whitened", action="store_true", help="one kind of model, rather than three in turn"
    )
    parser.add_argument("--keep", type=Path, help="file of lines, read and added to")
    asked = parser.parse_args()
    lines = []
    if asked.keep and asked.keep.exists():
        lines = [json.loads(line) for line in asked.keep.read_text().splitlines()]
    before = {(line["trial"], line["seed"]) for line in lines}
    for seed in range(*asked.seeds):
        for name in TRIALS:
            if name.startswith(asked.only) and (name, seed) not in before:
                lines.append(line := tried(name, seed, asked.whitened))
                print(
                    *(line[key] for key in ("trial", "seed", "errors", "confirmed", "hit", "seconds")),
                    flush=True,
                )
                if asked.keep:
                    with asked.keep.open("a") as file:
                        file.write(json.dumps(line) + "\n")
    report(lines)


if __name__ == "__main__":
    main()
