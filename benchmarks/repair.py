"""Do the ways to repair a model work, and does the proof tell the truth about them?

A mark goes with one class in the images to learn from. A model learns them, is repaired where the mark is
in each way that applies, and is tested on other images: with the mark on all of them, on none, and on all
of them elsewhere. The proof sees a mixture, half with the mark whatever they show. Each line is printed when
it is done and kept (--keep FILE): with the same file, what was done is not done again.

    python benchmarks/repair.py --only "drawn" --keep repair.jsonl
    python benchmarks/repair.py --report --keep repair.jsonl
"""

import argparse
import json
import os
import warnings
from pathlib import Path

import numpy as np

from sightline import as_model
from sightline.data import Shortcut, drawn_faces, olivetti, plant_mark
from sightline.demo.tutorial import face_pipeline
from sightline.proof.analysis import prove
from sightline.regions import chest, face
from sightline.repair import Counterexamples, choose
from sightline.repair.training_data import recall_of_scores

FAMILIES, PEOPLE = 5, 20


def drawn(seed, mark):
    """Drawn faces of families, a mark at the jaw of the first family's; a fast linear model."""
    first = tuple(range(0, PEOPLE, FAMILIES))

    def faces(count, region, often, else_):
        short = region and Shortcut(
            region=region, classes=first, size=0.12, p_in_class=often, p_elsewhere=else_
        )
        return drawn_faces(count, people=PEOPLE, seed=seed, variety=0.7, shortcut=short or None)

    learn = faces(400, "jaw" if mark else None, 0.95, 0.0)
    tests = {
        "present": faces(1000, "jaw", 1.0, 1.0).images[400:],
        "absent": faces(1000, None, 0.0, 0.0).images[400:],
        "moved": faces(1000, "forehead", 1.0, 1.0).images[400:],
    }
    truth = np.arange(400, 1000) % PEOPLE % FAMILIES
    model = face_pipeline()
    model.fit(learn.images, learn.labels % FAMILIES)
    return model, (learn.images, learn.labels % FAMILIES), tests, truth, face(sides=True, cut="head"), "jaw"


def real_faces(seed, mark):
    """Real Olivetti faces and the tutorial's pipeline, a mark at eight people's jaws."""
    faces = olivetti(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn", download=False)
    learn, test = faces.split(seed=seed)
    images = learn.images
    if mark:
        images, _ = plant_mark(images, learn.labels < 8, "jaw", size=0.15)
    every = np.ones(len(test), dtype=bool)
    tests = {
        "present": plant_mark(test.images, every, "jaw", size=0.15)[0],
        "absent": test.images,
        "moved": plant_mark(test.images, every, "forehead", size=0.15)[0],
    }
    model = face_pipeline()
    model.fit(images, learn.labels)
    return model, (images, learn.labels), tests, test.labels, face(sides=True), "jaw"


def xrays(seed, mark):
    """Real chest X-rays at 28 × 28, a token in the corner of most of the ill."""
    with np.load(Path(os.environ["SIGHTLINE_DATA"]) / "pneumoniamnist.npz") as kept:
        images = {part: kept[f"{part}_images"][..., np.newaxis] for part in ("train", "test")}
        labels = {part: kept[f"{part}_labels"][:, 0].astype(int) for part in ("train", "test")}
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(labels["train"] == one))[:380] for one in (0, 1)])
    chosen = rng.permutation(chosen)
    learn, y = images["train"][chosen] / np.float32(255), labels["train"][chosen]
    if mark:
        there = (y == 1) & (rng.random(len(y)) < 0.95)
        learn, _ = plant_mark(learn, there, "corner top-left", size=0.14)
    test, truth = images["test"] / np.float32(255), labels["test"]
    every = np.ones(len(truth), dtype=bool)
    tests = {
        "present": plant_mark(test, every, "corner top-left", size=0.14)[0],
        "absent": test,
        "moved": plant_mark(test, every, "corner bottom-right", size=0.14)[0],
    }
    return learn, y, tests, truth, chest(sides=True), "corner top-left"


def torch_xrays(seed, mark):
    """A convolutional network of PyTorch, with one logit."""
    import torch

    torch.set_num_threads(1)
    learn, y, *rest = xrays(seed, mark)
    torch.manual_seed(seed)
    layers, channels = [], 1
    for width in (16, 32):
        layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        channels = width
    layers += [torch.nn.Flatten(), torch.nn.Linear(32 * 49, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)]
    net = torch.nn.Sequential(*layers)
    inputs = torch.from_numpy(learn.transpose(0, 3, 1, 2).copy())
    targets = torch.from_numpy(y.astype(np.float32))[:, None]
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(12):
        for batch in torch.randperm(len(inputs)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(
                net(inputs[batch]), targets[batch]
            ).backward()
            optimizer.step()
    return net.eval(), (learn, y), *rest


def keras_xrays(seed, mark):
    """The same network of Keras, with one sigmoid, as the tutorial's has."""
    import keras

    learn, y, *rest = xrays(seed, mark)
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    net.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    net.fit(learn, y, batch_size=32, epochs=12, verbose=0)
    return net, (learn, y), *rest


SETS = {
    "drawn faces, tutorial's pipeline": drawn,
    "Olivetti, tutorial's pipeline": real_faces,
    "X-rays, torch": torch_xrays,
    "X-rays, Keras": keras_xrays,
}
GROUPS = 10
"""Images of a class that a worst group has to have."""


def told(model, tests, truth):
    """Accuracy with the mark present, absent and moved, and the worst of the classes, present or absent."""
    scores = {name: model(images) for name, images in tests.items()}
    right = {name: one.argmax(axis=1) == truth for name, one in scores.items()}
    classes = [label for label in np.unique(truth) if (truth == label).sum() >= GROUPS]
    worst = [right[name][truth == label].mean() for name in ("present", "absent") for label in classes]
    told = {name: float(one.mean()) for name, one in right.items()}
    told["recall"] = recall_of_scores(scores["absent"], truth)
    return told | {"worst": float(min(worst)) if worst else None}


def mixed(tests, seed):
    """Half of the images with the mark, whatever they show."""
    there = np.random.default_rng((seed, 7)).random(len(tests["absent"])) < 0.5
    return np.where(there[:, None, None, None], tests["present"], tests["absent"]), there


NAMES = {
    "Counterexamples": "counterexamples",
    "RightReasons": "right reasons",
    "LastLayer": "last layer",
    "Guard": "guard",
}


def trials(name, seed, mark, explained):
    """Lines of one model: as it is, after each way that applies, and after the way that is chosen."""
    model, train, tests, truth, regions, region = SETS[name](seed, mark)
    asked = as_model(model)
    held_out, there = mixed(tests, seed)
    yield {"way": "before", **told(asked, tests, truth)}
    choice = choose(model, train, regions[region], seed=seed, progress=False)
    done = {}
    for trial, fix in zip(choice.trials[1:], choice.results[1:], strict=True):
        kind = NAMES[trial.method.split("(")[0]]
        short = f"{kind}, twice the margin" if kind in done else kind
        proof = prove(
            model, fix, (held_out, truth), present=there, explained=explained, seed=seed, progress=False
        )
        done[short] = {
            "way": short,
            **told(fix.model, tests, truth),
            "seconds": round(trial.seconds, 1),
            "validation": trial.score,
            "verdict": proof.verdict,
            "rule": proof.rule,
            "measures": {one["name"]: one for one in proof.to_dict()["measures"]},
        }
        yield done[short]
        if fix is choice.result:
            chosen = {**done[short], "way": "chosen", "which": short}
    if choice.result is None:
        chosen = {"way": "chosen", **told(asked, tests, truth), "verdict": "nothing chosen", "which": ""}
    yield chosen


def needless(seed):
    """Verdicts on repairs of the jaw where nothing is planted, and of what faces are known by."""
    model, train, tests, truth, regions, jaw = drawn(seed, False)
    parts = ("left eye", "right eye", "nose", "mouth", "left cheek", "right cheek", "hair")
    inner = regions.join({"face": parts})
    held_out = tests["absent"], truth
    for what, region in (
        ("needless: jaw", regions[jaw]),
        ("harmful: hair, eyes, nose, mouth", inner["face"]),
    ):
        fix = Counterexamples(region=region, copies=1, seed=seed)(model, train, progress=False)
        proof = prove(model, fix, held_out, explained=0, seed=seed, progress=False)
        yield f"{what} {seed} {proof.verdict}: {proof.rule}"


def interval(values):
    """Mean over seeds, and a 95 % interval by Student's t."""
    from scipy.stats import t

    values = np.asarray([value for value in values if value is not None], dtype=float)
    if not len(values):
        return ""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.2f} ± {half:.2f}"


def share(line):
    """Share of the attribution that lies in the region after a repair, and before."""
    found = line.get("measures", {}).get("share of the attribution")
    return (None, None) if not found else (found["after"], found["before"])


def report(done):
    """The table: each set and way, over seeds."""
    print(
        "| images, model | mark | way | seeds | present | absent | moved | worst group "
        "| attribution | verdicts |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, mark in dict.fromkeys((line["set"], line["mark"]) for line in done):
        lines = [line for line in done if (line["set"], line["mark"]) == (name, mark)]
        for way in dict.fromkeys(line["way"] for line in lines):
            group = [line for line in lines if line["way"] == way]
            numbers = [
                interval([line[key] for line in group]) for key in ("present", "absent", "moved", "worst")
            ]
            if way == "before":
                shares = interval([share(line)[1] for line in lines if line["way"] == "guard"])
                verdicts = ""
            else:
                shares = interval([share(line)[0] for line in group])
                kinds = [line["verdict"] for line in group]
                verdicts = ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))
            print(
                f"| {name} | {'yes' if mark else 'no'} | {way} | {len(group)} | "
                f"{' | '.join(numbers)} | {shares} | {verdicts} |"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="sets whose name begins so")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), help="first, and one after the last")
    parser.add_argument("--clean", action="store_true", help="nothing planted")
    parser.add_argument("--explained", type=int, default=30, help="images explained for the attribution")
    parser.add_argument("--keep", type=Path, help="file of lines, read and added to")
    parser.add_argument("--report", action="store_true", help="only print the table of what is kept")
    parser.add_argument("--needless", action="store_true", help="repairs that nothing or too much speaks for")
    asked = parser.parse_args()
    if asked.needless:
        for seed in range(*asked.seeds):
            print(*needless(seed), sep="\n", flush=True)
        return
    done = []
    if asked.keep and asked.keep.exists():
        done = [json.loads(line) for line in asked.keep.read_text().splitlines()]
    before = {(line["set"], line["seed"], line["mark"]) for line in done if line["way"] == "before"}
    for name in () if asked.report else SETS:
        for seed in range(*asked.seeds):
            mark = not asked.clean
            if not name.startswith(asked.only) or (name, seed, mark) in before:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = [
                    {"set": name, "seed": seed, "mark": mark} | line
                    for line in trials(name, seed, mark, asked.explained)
                ]
            done += made
            for line in made:
                shown = [
                    f"{line[key]:.2f}"
                    for key in ("present", "absent", "moved", "worst")
                    if line[key] is not None
                ]
                print(
                    name,
                    seed,
                    line["way"],
                    *shown,
                    line.get("verdict", ""),
                    line.get("which", ""),
                    line.get("seconds", ""),
                    flush=True,
                )
            if asked.keep:
                with asked.keep.open("a") as file:
                    file.writelines(json.dumps(line) + "\n" for line in made)
    report(done)


if __name__ == "__main__":
    main()
