"""Decoys: are they found, repaired and proved, beside BNNR, and beside training on clean images?

Decoy-Fashion-MNIST by the rules of Ross et al. 2017 (dtak/rrr, decoy_mnist.py): a patch of 4 by 4 pixels in a
random corner of each image, of grey 255 − 25 · label in the images to learn from, and of a random label's
grey when testing. And Olivetti faces, three families, with a mark at the jaw of the first in nineteen of
twenty images to learn from, and of half of all when testing. A network learns the images with decoys; it is
studied on images with random ones, blamed, repaired, and proved on others with random ones. Accuracy is told
of the same held-out images with true decoys (as learned from), with random ones, and without; of those with
random ones also that of the worst group, class by whether there is a decoy. An audit, which is told nothing,
is run on the same images; where it asks whether what it names is a shortcut, once more with the answer yes.

    apt-get install dataset-fashion-mnist
    python benchmarks/decoys.py [--problems fashion olivetti] [--seeds 0 5] [--keep FILE] [--second PYTHON]

--second names a Python with BNNR 0.8, in an environment of its own. --learn, --study and --held-out say how
many images of Fashion-MNIST are taken; 60000, 2000 and 8000 are all of them.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from small_networks import answers, drawn_network, trained

from repair import interval
from sightline import audit
from sightline.data import olivetti, plant_mark
from sightline.engine.plan import Plan
from sightline.errors import OptionError
from sightline.findings.blame_analysis import blame
from sightline.proof.analysis import prove
from sightline.regions import concepts, face, from_errors, grid
from sightline.repair import Counterexamples, Guard, LastLayer, RightReasons, TrainingConfig, choose
from sightline.repair.store import load_repair
from sightline.reports.saved_results import read_findings
from sightline.study import Study

torch.set_num_threads(1)
FOLDER = Path("/usr/share/datasets/fashion-mnist")
CORNER = 4
CORNERS = ("r1c1", "r1c7", "r7c1", "r7c7")
"""The cells of a grid of 7 by 7 that a decoy fills one of."""
CHANNELS = 3
"""Equal ones: of images with one channel BNNR 0.8 computes no saliency while it augments."""
OFTEN, HALF = 0.95, 0.5
TESTS = ("true", "random", "clean")
EPOCHS = {"fashion": 12, "olivetti": 60}


def read_idx(path):
    """A file of the MNIST family: two zeros, 8 for bytes, the number of axes, their lengths, the data."""
    with gzip.open(path) as file:
        data = file.read()
    lengths = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(lengths)


def fashion_mnist(folder):
    """Images and labels to learn from, and to test with."""
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        sys.exit(
            f"there is no Fashion-MNIST in {folder}: install Debian's package dataset-fashion-mnist (apt-get "
            "install dataset-fashion-mnist), or name the folder of its four .gz files with --folder."
        )
    for part in ("train", "t10k"):
        yield read_idx(folder / f"{part}-images-idx3-ubyte.gz")
        yield read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(int)


def with_decoys(images, greys_of, rng):
    """Images with a patch in a random corner, of the grey of a label, and where it is."""
    out, there = images.copy(), np.zeros(images.shape, bool)
    down, across = rng.random((2, len(images))) < 0.5
    for one, (top, left) in enumerate(zip(down, across, strict=True)):
        place = (
            one,
            slice(None, CORNER) if top else slice(-CORNER, None),
            slice(None, CORNER) if left else slice(-CORNER, None),
        )
        out[place], there[place] = 255 - 25 * greys_of[one], True
    return out, there


def fashion(seed, asked):
    """Decoy-Fashion-MNIST: a part of it drawn by the seed."""
    images, labels, tests, truth = fashion_mnist(asked.folder)
    rng = np.random.default_rng(seed)
    learn = rng.permutation(len(images))[: asked.learn]
    chosen = rng.permutation(len(tests))[: asked.study + asked.held_out]
    studied, held = chosen[: asked.study], chosen[asked.study :]

    def ready(some):
        return (some / np.float32(255))[..., np.newaxis].repeat(CHANNELS, axis=3)

    marked, there = with_decoys(images[learn], labels[learn], rng)
    seen, _ = with_decoys(tests[studied], rng.integers(0, 10, len(studied)), rng)
    with_true, _ = with_decoys(tests[held], truth[held], rng)
    with_random, present = with_decoys(tests[held], rng.integers(0, 10, len(held)), rng)
    cells = grid(7, 7)
    corners = cells.join({"corners": CORNERS})["corners"]
    return SimpleNamespace(
        learn=ready(marked),
        clean=ready(images[learn]),
        y=labels[learn],
        there=there,
        study=ready(seen),
        study_y=truth[studied],
        tests=dict(zip(TESTS, map(ready, (with_true, with_random, tests[held])), strict=True)),
        z=truth[held],
        present=present,
        classes=10,
        looked_for={"corners": corners} | ({"grid": cells} if asked.grid else {}),
        region=corners,
    )


def faces(seed, asked):
    """Olivetti: four images of each person to learn from, three to study, three held out."""
    people = olivetti(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn", download=False)
    rng = np.random.default_rng(seed)
    families = (rng.permutation(40) % 3)[people.labels]
    order = np.concatenate([rng.permutation(np.flatnonzero(people.labels == one)) for one in range(40)])
    parts = order.reshape(40, 10)
    learn, studied, held = parts[:, :4].ravel(), parts[:, 4:7].ravel(), parts[:, 7:].ravel()
    images = people.images[..., :1].repeat(CHANNELS, axis=3)

    def marked(which, present):
        return plant_mark(images[which], present, "jaw", size=0.15)

    there = (families[learn] == 0) & (rng.random(len(learn)) < OFTEN)
    learned, masks = marked(learn, there)
    with_random, present = marked(held, rng.random(len(held)) < HALF)
    return SimpleNamespace(
        learn=learned,
        clean=images[learn],
        y=families[learn],
        there=masks,
        study=marked(studied, rng.random(len(studied)) < HALF)[0],
        study_y=families[studied],
        tests={"true": marked(held, families[held] == 0)[0], "random": with_random, "clean": images[held]},
        z=families[held],
        present=present,
        classes=3,
        looked_for={"face": face()},
        region=face()["jaw"],
    )


PROBLEMS = {"fashion": fashion, "olivetti": faces}


def told(said, problem):
    """Accuracy with true decoys, random ones and none, and that of the worst group with random ones."""
    right = said["random"] == problem.z
    groups = 2 * problem.z + problem.present.any((1, 2))
    worst = min(right[groups == one].mean() for one in np.unique(groups))
    shares = {name: round(float((said[name] == problem.z).mean()), 4) for name in TESTS}
    return {**shares, "worst": round(float(worst), 4)}


def of_network(network, problem):
    return told({name: answers(network, images) for name, images in problem.tests.items()}, problem)


def timed(work):
    """What work gives, and its seconds by the clock and of the processor."""
    began = time.perf_counter(), time.process_time()
    made = work()
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    return made, {"wall": round(took[0], 1), "seconds": round(took[1], 1)}


def found_by(study, looked_for, seed):
    """What blame confirms of concepts, or of regions; None where it confirms nothing."""
    try:
        regions = looked_for(study, seed=seed, progress=False) if callable(looked_for) else looked_for
    except OptionError as error:  # too few errors, or none with anything in common
        return None, str(error)
    result = blame(study, regions, seed=seed, progress=False)
    return (regions[result.confirmed] if result.confirmed else None), result.verdict


def repairs(region, training, seed):
    """Methods that are tried, each with a short name."""
    here = {"region": region, "seed": seed}
    if region.shared:
        yield "counterexamples", Counterexamples(**here, training=training)
        yield "counterexamples, fresh", Counterexamples(**here, training=training, fresh=True)
    else:
        yield "planted", Counterexamples(**here, replacement="plant", training=training)
        yield "planted, fresh", Counterexamples(**here, replacement="plant", training=training, fresh=True)
    yield "last layer", LastLayer(**here)
    yield "right reasons", RightReasons(**here, training=training)
    yield "guard", Guard(**here)


def repaired(problem, network, region, where, asked, seed):
    """Lines of each repair of a region, and of the one that is chosen by the studied images."""
    training = TrainingConfig(epochs=asked.epochs)
    named = {way: one for way, one in repairs(region, training, seed) if way in (asked.ways or (way,))}
    choice, took = timed(
        lambda: choose(
            network,
            (problem.learn, problem.y),
            region,
            validation=(problem.study, problem.study_y),
            methods=list(named.values()),
            seed=seed,
            progress=False,
        )
    )
    for name, trial, made in zip(named, choice.trials[1:], choice.results[1:], strict=True):
        line = {"way": f"{where}: {name}", "wall": round(trial.seconds, 1), "failed": trial.failed[:80]}
        if made is None:
            yield line
            continue
        line |= judged(problem, network, made, seed)
        yield line
        if made is choice.result:
            yield {**line, **took, "way": f"{where}: chosen", "which": name}
    if choice.result is None:
        yield {**of_network(network, problem), **took, "way": f"{where}: chosen", "which": "nothing"}


def judged(problem, network, made, seed):
    """Of a repair: accuracy on the held-out images, and the proof's verdict on those with random decoys."""
    said = {kind: np.asarray(made.model(images)).argmax(1) for kind, images in problem.tests.items()}
    proof = prove(
        network,
        made,
        (problem.tests["random"], problem.z),
        present=problem.present,
        fill="surroundings",
        explained=0,
        controls=1,
        seed=seed,
        progress=False,
    )
    return {**told(said, problem), "verdict": proof.verdict}


def audited(problem, network, asked, seed):
    """Lines of an audit; one more where it asks whether what it names is a shortcut, and is told yes."""
    with tempfile.TemporaryDirectory() as folder:

        def run(**more):
            return audit(
                network,
                (problem.study, problem.study_y),
                train=(problem.learn, problem.y),
                out=folder,
                held_out=0,
                minutes=asked.minutes,
                seed=seed,
                trust=True,
                progress=False,
                **more,
            )

        def line(way, made, took):
            line = {"way": way, **took, "found": made.misleads or "nothing"}
            line |= {"said": made.verdict, "notes": made.notes}
            if made.repair is None:
                return line | of_network(network, problem)
            known = {made.study.manifest.model_text: made.study.model}
            repair = load_repair(made.repair, trust=True, known=known)
            line |= {"which": repair.provenance.method, **judged(problem, network, repair, seed)}
            place = getattr(repair.provenance.region, "regions", None)  # None: the whole image
            return line if place is None else line | fits(place, problem)

        made, took = timed(run)
        yield line("audit", made, took)
        found = read_findings(made.study, made.study.path, {})
        named = [one.relied_on[0] for one in found.blamed if one.relied_on]
        if named and not made.misleads:
            made, more = timed(lambda: run(shortcut=named[0]))
            yield line("audit, its question answered", made, {key: took[key] + more[key] for key in took})


def peer(problem, tile, asked, seed):
    """BNNR, in its own Python."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = f"{folder}/given.npz", f"{folder}/answers.npz"
        np.savez(
            given,
            classes=problem.classes,
            learn=problem.learn,
            learn_labels=problem.y,
            study=problem.study,
            study_labels=problem.study_y,
            **{f"test_{name}": images for name, images in problem.tests.items()},
        )
        words = ["--epochs", asked.epochs, "--iterations", asked.iterations, "--tile", tile, "--seed", seed]
        words += ["--noise"] * asked.noise
        script = Path(__file__).with_name("bnnr_peer.py")
        clear = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(
            [asked.second, str(script), given, out, *map(str, words)],
            check=True,
            env=clear,
            stderr=None if asked.loud else subprocess.DEVNULL,
        )
        with np.load(out) as kept:
            run = json.loads(str(kept["told"]))
            return {"way": f"BNNR, tiles of {tile}", **told(dict(kept), problem), **run}


def trials(name, seed, asked, known):
    """Lines of one problem and seed, as they are done; those that are known are not done again."""
    problem = PROBLEMS[name](seed, asked)
    asked.epochs = asked.rounds or EPOCHS[name]
    side, channels = problem.learn.shape[2:]

    def learned(images):
        network = drawn_network(seed, channels, side, problem.classes)
        return timed(lambda: trained(network, images, problem.y, seed, asked.epochs))

    network, took = learned(problem.learn)
    if "before" not in known:
        counts = {"learn": len(problem.y), "studied": len(problem.study_y), "held out": len(problem.z)}
        yield {"way": "before", **of_network(network, problem), **took, **counts}
        clean, took = learned(problem.clean)
        yield {"way": "learned from clean images", **of_network(clean, problem), **took}
    for tile in asked.tiles if asked.second else ():
        if f"BNNR, tiles of {tile}" not in known:
            yield peer(problem, tile, asked, seed)
    if asked.peer_only:
        return
    if asked.search == "audit" and "audit" not in known:
        yield from audited(problem, network, asked, seed)
    if asked.search == "blame" and "blame of regions from errors" not in known:  # the last that is asked
        yield from blamed(problem, network, asked, seed)
    where = problem.region.names[0]
    if f"{where}: chosen" not in known:
        yield from repaired(problem, network, problem.region, where, asked, seed)


def blamed(problem, network, asked, seed):
    """What blame confirms of regions and of concepts; of confirmed concepts the repairs, too."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(segment="grid", fill="surroundings", budget=40)
        study, took = timed(
            lambda: Study(folder, plan).run(
                (problem.study, problem.study_y), network, check_range=False, progress=False
            )
        )
        yield {"way": "study", **took, "errors": int((study.predicted != study.labels).sum())}
        searches = {"concepts": concepts, "regions from errors": from_errors}
        for where, looked_for in (problem.looked_for | searches).items():
            (region, verdict), took = timed(lambda what=looked_for: found_by(study, what, seed))
            line = {"way": f"blame of {where}", **took, "verdict": verdict}
            if region is not None:
                line |= {"confirmed": list(region.names), **fits(region, problem)}
            yield line
            if region is not None and where in searches:
                yield from repaired(problem, network, region, where, asked, seed)


def fits(region, problem):
    """How what was confirmed fits the decoys of the held-out images: shares of what it marks, by pixels."""
    images = problem.tests["random"]
    shape = images.shape[1:3]
    marked = np.array([region.masks(shape, None, one).any(0) for one in images])
    shared = (marked & problem.present).sum()
    return {
        "recall": round(float(shared / problem.present.sum()), 2),
        "area": round(float(marked.mean()), 3),
    }


def report(lines):
    """The table: each problem and way, over seeds."""
    titles = (
        "images | way | seeds | worst group | random decoys | true decoys | none | seconds (wall) | epochs"
    )
    print(f"| {titles} | found, chosen, verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for problem, way in dict.fromkeys((line["problem"], line["way"]) for line in lines):
        some = [line for line in lines if (line["problem"], line["way"]) == (problem, way)]
        shares = [
            interval([line.get(name) for line in some]) for name in ("worst", "random", "true", "clean")
        ]
        words = [word for line in some for word in said_of(line)]
        counts = ", ".join(f"{one} {words.count(one)}" for one in dict.fromkeys(words))
        took, wall, epochs = (middle(some, key) for key in ("seconds", "wall", "epochs"))
        cells = (problem, way, len(some), *shares, f"{took} ({wall})", epochs, counts)
        print(f"| {' | '.join(map(str, cells))} |")


def middle(lines, key):
    """The median of a number that some lines have."""
    values = [line[key] for line in lines if key in line]
    return f"{np.median(values):.0f}" if values else ""


def said_of(line):
    """What a line says in words, short."""
    if line["way"].startswith("blame"):
        found = line.get("confirmed")
        if not found:
            return ["nothing"]
        return [f"confirmed {', '.join(found)}: {line['recall']:.0%} of the decoys"]
    if "chosen" in line:
        return [" then ".join(line["chosen"]) or "nothing better"]
    words = [line[key] for key in ("found", "which", "failed", "verdict") if line.get(key)]
    return [": ".join(words)] if words else []


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=tuple(PROBLEMS), choices=tuple(PROBLEMS))
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 5))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where Fashion-MNIST is")
    parser.add_argument("--learn", type=int, default=2000, help="images of Fashion-MNIST to learn from")
    parser.add_argument("--study", type=int, default=600, help="images of it to study")
    parser.add_argument("--held-out", type=int, default=1500, help="images of it to prove with")
    parser.add_argument("--grid", action="store_true", help="blame each cell of a grid of 7 by 7, too")
    parser.add_argument("--rounds", type=int, help="epochs, of each training alike")
    parser.add_argument("--second", help="a Python with BNNR 0.8")
    parser.add_argument("--iterations", type=int, default=2, help="of BNNR's search")
    parser.add_argument("--noise", action="store_true", help="BNNR's ChurchNoise as a candidate, too")
    parser.add_argument("--tiles", nargs="+", type=int, default=(8, 4), help="BNNR's tiles, in pixels")
    parser.add_argument(
        "--ways", nargs="+", help="the methods of repair that are tried, by the table's names"
    )
    parser.add_argument(
        "--search", default="blame", choices=("blame", "audit", "none"), help="how the decoys are looked for"
    )
    parser.add_argument("--minutes", type=float, default=10, help="that an audit may take, about")
    parser.add_argument("--peer-only", action="store_true", help="nothing of ours but the training")
    parser.add_argument("--keep", type=Path, help="file of lines, read and added to")
    parser.add_argument("--report", action="store_true", help="only print the table of what is kept")
    parser.add_argument("--loud", action="store_true", help="show what BNNR says")
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.keep.open()] if asked.keep and asked.keep.exists() else []
    warnings.simplefilter("ignore")
    for seed in () if asked.report else range(*asked.seeds):
        for name in asked.problems:
            known = {line["way"] for line in lines if (line["problem"], line["seed"]) == (name, seed)}
            for line in trials(name, seed, asked, known):
                lines.append({"problem": name, "seed": seed, **line})
                print(json.dumps(lines[-1]), flush=True)
                if asked.keep:
                    with asked.keep.open("a") as file:
                        file.write(json.dumps(lines[-1]) + "\n")
    report(lines)


if __name__ == "__main__":
    main()
