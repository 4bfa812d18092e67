"""Are shortcuts that have no fixed place found by their looks, marked in the images, and blamed?

A mark lies anywhere, or a texture in the background, and goes with one class in the images to learn from, and
with none in those to test with. A small network is trained for each trial. A concept *is* the planted thing
where at least half of its detections lie on one, or one half in them. Each trial's line is printed when it is
done and may be kept (--keep FILE): with the same file, what was done is not done again.

    python benchmarks/concepts.py [--problems xray-L face-ring ...] [--seeds 0 10] [--keep FILE]
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, zoom
from torch import nn

from sightline.data import drawn_faces, olivetti
from sightline.engine.plan import Plan
from sightline.errors import OptionError
from sightline.findings.blame_analysis import blame
from sightline.regions import concepts
from sightline.study import Study

torch.set_num_threads(1)
PLAN = Plan(segment="grid", fill="blur", budget=120)
SIDE = 64
OFTEN, HALF = 0.95, 0.5
"""Share of a class's images that the thing is on in those to learn from, and of all in those to test with."""
PLANTED = ("xray-L", "face-ring", "oliv-cap", "face-two", "face-texture")
YELLOW, BLUE, WHITE, DARK = (1.0, 0.9, 0.2), (0.1, 0.2, 0.9), (1.0, 1.0, 1.0), (0.05,)
MARKS = {
    "L": [("L", 1, WHITE[:1], None)],
    "ring": [("ring", 0, WHITE, None)],
    "cap": [("cap", 0, DARK, (30, 32))],
    "two": [("ring", 0, YELLOW, None), ("plus", 1, BLUE, None)],
}
"""What a problem plants: marks, the class of each, its colour, and the corner that it stays within."""


class Net(nn.Module):
    """Three convolutions, mean and maximum of each channel, one fully connected layer."""

    def __init__(self, channels, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 12, 5, 2, 2),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(24, 32, 3, 1, 1),
            nn.ReLU(),
        )
        self.last = nn.Linear(64, classes)

    def forward(self, images):
        maps = self.features(images - 0.5)
        return self.last(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))


def as_inputs(images):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1).astype(np.float32)))


def trained(images, labels, classes, seed, epochs):
    torch.manual_seed(seed)
    net = Net(images.shape[-1], classes)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-4)
    order = torch.Generator().manual_seed(seed)
    inputs, truth = as_inputs(images), torch.from_numpy(np.asarray(labels)).long()
    steps = epochs * -(-len(truth) // 32)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(truth), generator=order).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), truth[batch]).backward()
            optimizer.step()
            rates.step()
    return net.eval()


def drawn_mark(kind):
    """A mark's own pixels, and how high and wide it is."""
    down, across = np.mgrid[-5:6, -5:6].astype(float)
    if kind == "L":
        mark = np.zeros((11, 9))
        mark[:, :3] = mark[8:] = 1
    elif kind == "ring":
        far = np.hypot(down, across)
        mark = ((far < 5.6) & (far > 2.6)).astype(float)
    elif kind == "plus":
        mark = ((np.abs(down) < 2) | (np.abs(across) < 2)).astype(float)
    else:  # a cap
        mark = np.ones((10, 30))
        mark[:7, :4] = mark[:7, 26:] = 0
    return mark


def with_mark(images, present, kind, tone, rng, within=None):
    """Images with a mark at a random place where it is to be, and the box that it takes in each."""
    mark = gaussian_filter(np.pad(drawn_mark(kind), 1), 0.4)
    height, width = mark.shape
    top, left = within or (SIDE - height, SIDE - width)
    tops, lefts = rng.integers(0, top + 1, len(images)), rng.integers(0, left + 1, len(images))
    out, truth = images.copy(), np.zeros(images.shape[:3], bool)
    for one in np.flatnonzero(present):
        cover = 0.9 * mark[..., np.newaxis]
        place = (one, slice(tops[one], tops[one] + height), slice(lefts[one], lefts[one] + width))
        out[place] = out[place] * (1 - cover) + cover * np.asarray(tone)
        truth[one, tops[one] + 1 : tops[one] + height - 1, lefts[one] + 1 : lefts[one] + width - 1] = True
    return out.astype(np.float32), truth


def with_texture(images, present, face, rng):
    """Images with slanting stripes behind the face, and where they are."""
    down, across = np.mgrid[:SIDE, :SIDE]
    out, truth = images.copy(), np.zeros(images.shape[:3], bool)
    for one in np.flatnonzero(present):
        stripes = 0.35 * (((down + across + rng.integers(0, 6)) // 2) % 3 == 0)
        behind = face[one] == 0
        out[one][behind] = np.clip(out[one][behind] * 0.8 + stripes[behind][:, np.newaxis], 0, 1)
        truth[one] = behind
    return out.astype(np.float32), truth


def xrays(seed, n_learn=800, n_test=400):
    with np.load(Path(os.environ["SIGHTLINE_DATA"]) / "pneumoniamnist.npz") as kept:
        images = {part: kept[f"{part}_images"] / np.float32(255) for part in ("train", "val", "test")}
        labels = {part: kept[f"{part}_labels"][:, 0].astype(int) for part in ("train", "val", "test")}
    rng = np.random.default_rng(seed)
    pool = np.concatenate([images["train"], images["val"]])
    truth = np.concatenate([labels["train"], labels["val"]])
    each = [rng.permutation(np.flatnonzero(truth == label))[: n_learn // 2] for label in (0, 1)]
    learn, test = rng.permutation(np.concatenate(each)), rng.permutation(len(images["test"]))[:n_test]

    def enlarged(small):
        return np.stack([zoom(one, SIDE / 28, order=1) for one in small]).clip(0, 1)[..., np.newaxis]

    return enlarged(pool[learn]), truth[learn], enlarged(images["test"][test]), labels["test"][test]


def faces(seed, n_learn, n_test=300, variety=1.0):
    made = drawn_faces(n_learn + n_test, people=12, seed=seed, variety=variety, colour=True)
    images, labels, face = made.images, made.labels % 3, np.asarray(made.visible)
    first, rest = slice(n_learn), slice(n_learn, None)
    return images[first], labels[first], images[rest], labels[rest], face[first], face[rest]


def olivettis(seed):
    people = olivetti(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn", download=False)
    rng = np.random.default_rng(seed)
    order = rng.permutation(400)
    learns = np.zeros(400, bool)
    for person in range(40):
        learns[order[people.labels[order] == person][:5]] = True
    labels = (rng.permutation(40) % 3)[people.labels]
    images = people.images[..., :1]
    return images[learns], labels[learns], images[~learns], labels[~learns]


def problem(name, seed, learned=None):
    """Images to learn from and to test with, their labels, and where what was planted is in the latter.

    Where it is in those to learn from is written into `learned`, a dictionary.
    """
    learned = {} if learned is None else learned
    rng = np.random.default_rng((seed, 17))
    kind, what = name.split("-")
    face = (None, None)
    if kind == "xray":
        learn, y, test, z = xrays(seed)
    elif kind == "oliv":
        learn, y, test, z = olivettis(seed)
    else:
        few = what == "none"
        learn, y, test, z, *face = faces(seed, *((120, 300, 1.3) if few else (250,)))
    truth = {}
    for mark, label, tone, within in MARKS.get(what, ()):
        often = (y == label) & (rng.random(len(y)) < OFTEN)
        learn, learned[mark] = with_mark(learn, often, mark, tone, rng, within)
        test, truth[mark] = with_mark(test, rng.random(len(z)) < HALF, mark, tone, rng, within)
    if what == "texture":
        often = (y == 0) & (rng.random(len(y)) < OFTEN)
        learn, learned[what] = with_texture(learn, often, face[0], rng)
        test, truth["texture"] = with_texture(test, rng.random(len(z)) < HALF, face[1], rng)
    epochs = {"oliv": 60, "xray": 15, "face": 25}[kind]
    net = trained(learn, y, int(max(y)) + 1, seed, epochs)
    return net, learn.astype(np.float32), y, test.astype(np.float32), z, truth


def judged(found, truth):
    """How detections fit what was planted: recall, precision, and the median IoU of hits.

    A hit is a detection of which, or of the planted thing, at least half overlaps the other.
    """
    shared, there, told = ((one).sum((1, 2)) for one in (found & truth, truth, found))
    hit = shared >= 0.5 * np.maximum(np.minimum(there, told), 1)
    union = (found | truth).sum((1, 2))
    return {
        "recall": float(hit[there > 0].mean()),
        "precision": float(hit[told > 0].mean()) if told.any() else 0.0,
        "iou": float(np.median((shared / np.maximum(union, 1))[hit])) if hit.any() else 0.0,
    }


def blamed(study, found, seed):
    """What blame says of the concepts, the leading one first."""
    made = blame(study, found, seed=seed, progress=False)
    return [
        {
            "number": found.index(one.region),
            "said": "misleads" if one.confirmed else "worth it" if one.worthwhile else "",
            "p": one.p,
            "overall": one.overall,
            "odds": one.class_odds,
        }
        for one in made.regions
    ]


def summarised(lines, name):
    """Of one problem: the trials in which a planted thing is first, and confirmed; or anything is."""
    lines = [line for line in lines if line["problem"] == name]
    things = sorted({thing for line in lines for one in line["concepts"] for thing in one} - {"towards"})
    said = [f"{name}: {len(lines)} trials"]
    for thing in things:
        hits = [
            [
                (place, row, line["concepts"][row["number"]][thing])
                for place, row in enumerate(line["blame"])
                if line["concepts"][row["number"]][thing]["precision"] >= 0.5
            ]
            for line in lines
        ]
        real = [next((fit for _, row, fit in each if row["said"]), None) for each in hits]
        fits = [fit for fit in real if fit]
        misled = sum(any(row["said"] == "misleads" for _, row, _ in each) for each in hits)
        means = {key: round(float(np.mean([fit[key] for fit in fits])), 2) for key in (fits or [{}])[0]}
        first = sum(bool(each) and each[0][0] == 0 for each in hits)
        said.append(f"  {thing}: first {first}, confirmed {len(fits)}, misleads {misled}, {means}")
    rows = [[row["said"] for row in line["blame"]] for line in lines]
    both = sum("misleads" in each for each in rows), sum("worth it" in each for each in rows)
    said.append(f"  anything: misleads {both[0]}, worth more than it costs {both[1]}")
    return "\n".join(said)


def trial(name, seed, draw=None):
    """Train, explain, look for concepts; how each fits what was planted, on the images not searched."""
    net, _, _, test, z, truth = problem(name, seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = Study(folder, PLAN).run((test, z), net, check_range=False, progress=False)
        errors = int((study.predicted != study.labels).sum())
        started = time.perf_counter()
        line = {"problem": name, "seed": seed, "errors": errors, "n": 0, "concepts": [], "blame": []}
        try:
            found = concepts(study, seed=seed)
        except OptionError as error:  # too few errors, or none with anything in common
            return {**line, "nothing": str(error)}
        line["n"] = len(found)
        line["seconds"] = round(time.perf_counter() - started, 1)
        line["blame"] = blamed(study, found, seed)
        seen = set(found.shapes.found_in)
        others = [place for place in range(len(test)) if str(place) not in seen]
        masks = np.array([found.masks(test.shape[1:3], place, test[place]) for place in others])
        line["concepts"] = [
            {
                "towards": found.shapes.towards[number],
                **{thing: judged(masks[:, number], truth[thing][others]) for thing in truth},
            }
            for number in range(len(found))
        ]
        if draw:
            draw(study, found, name, seed)
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=PLANTED)
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 10))
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    lines = [json.loads(line) for line in given.keep.open()] if given.keep and given.keep.exists() else []
    known = {(line["problem"], line["seed"]) for line in lines}
    for name in given.problems:
        for seed in range(*given.seeds):
            if (name, seed) in known:
                continue
            lines.append(json.loads(json.dumps(trial(name, seed))))
            print(json.dumps(lines[-1]), flush=True)
            if given.keep:
                with given.keep.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
        print(summarised(lines, name), flush=True)


if __name__ == "__main__":
    main()
