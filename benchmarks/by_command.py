"""Does one command find what is planted in real chest X-rays, repair it and prove it?

PneumoniaMNIST at 64 × 64 as PNG files: 800 to learn from and 400 to test with, of which the audit holds some
out. What is planted, an "L" anywhere or a colour cast, is in 95 % of the ill to learn from and in half of all
others. A network of PyTorch (a function in a file) or of Keras (a file) learns them; then `sightline audit`
is run as a person would type it, without a question. Apart from the library, the network before and after is
judged on X-rays that the audit never got: accuracy, and the worst group of class by what is planted.

    export SIGHTLINE_DATA=/folder/of/data
    python benchmarks/by_command.py [--cases L-torch cast-keras] [--seeds 0 1] [--keep FILE] [--folder FOLDER]
"""

import argparse
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import concepts
import numpy as np
from concept_repair import held_out, worst_group
from concepts import HALF, OFTEN, judged, with_mark, xrays
from PIL import Image

CAST = np.array([1.12, 1.0, 0.85], np.float32)
CASES = ("L-torch", "cast-keras", "L-keras", "cast-torch")
NAMES = ("normal", "pneumonia")
EPOCHS = 15
SOURCE = """import numpy as np
import torch
from torch import nn


{network}

def load():
    net = Net({channels}, 2)
    net.load_state_dict(torch.load("weights.pt", weights_only=True))
    return net.eval()
"""


def planted(images, present, kind, rng):
    """X-rays with what is planted where it is to be; and the pixels of it, None of a cast."""
    if kind == "L":
        return with_mark(images, present, "L", concepts.WHITE[:1], rng)
    images = images.repeat(3, axis=3)
    images[present] = images[present] * CAST
    return images.clip(0, 1).astype(np.float32), np.broadcast_to(present[:, None, None], images.shape[:3])


def as_bytes(images):
    return np.round(images * 255).astype(np.uint8)


def made(kind, seed):
    """Images as bytes, labels, and where what is planted is: to learn from, to test with, never given."""
    rng = np.random.default_rng((seed, 23))
    learn, y, test, z = xrays(seed)
    rest, truth, _ = held_out("xray-none", seed)
    parts = (learn, y, (y == 1) & (rng.random(len(y)) < OFTEN)), (test, z, None), (rest, truth, None)
    for images, labels, present in parts:
        present = rng.random(len(labels)) < HALF if present is None else present
        marked, there = planted(images, present, kind, rng)
        yield as_bytes(marked), labels, there


def written(folder, images, labels):
    """A folder of PNG files, one for each class."""
    for name in NAMES:
        (folder / name).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image.squeeze()).save(folder / NAMES[label] / f"{number:04d}.png")


def torch_model(folder, images, labels, seed):
    """A network that has learned the images, and how the command opens it."""
    import torch

    channels = images.shape[3]
    net = concepts.trained(images / np.float32(255), labels, 2, seed, EPOCHS)
    torch.save(net.state_dict(), folder / "weights.pt")
    text = SOURCE.format(network=inspect.getsource(concepts.Net), channels=channels)
    (folder / "net.py").write_text(text)
    return net, "net.py:load"


def keras_model(folder, images, labels, seed):
    """The same kind of network, of Keras."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    given = keras.Input(images.shape[1:])
    maps = given
    for width, kernel, stride in ((12, 5, 2), (24, 3, 2), (32, 3, 1)):
        maps = layers.Conv2D(width, kernel, stride, padding="same", activation="relu")(maps)
    pooled = [layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)]
    said = layers.Dense(2, activation="softmax")(layers.Concatenate()(pooled))
    net = keras.Model(given, said)
    net.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    net.fit(images / np.float32(255), labels, batch_size=32, epochs=EPOCHS, verbose=0)
    net.save(folder / "model.keras")
    return net, "model.keras"


def command(folder, model, minutes):
    """Run the audit as a person would; its words, and its seconds by the clock and of the processor."""
    words = ["audit", model, "test", "--train", "train", "-o", "audit", "--trust", "--minutes", str(minutes)]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "sightline", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, {"wall": round(time.perf_counter() - began), "seconds": round(spent)}


def repaired(folder, images, labels, there, kind):
    """What the repaired network is worth on the X-rays that were never given, and where it was repaired."""
    from sightline.repair.store import load_repair

    os.chdir(folder)  # file.py:function is of where the command was run
    repair = load_repair(Path("audit/repair"), trust=True)
    asis = json.loads(Path("audit/audit.json").read_text())["choices"]["values"] == "asis"
    given = as_bytes(images) if asis else images  # the range that was found out is then part of the model
    after = worst_group(repair.model, given, labels, {kind: there})
    line = {"after": after, "method": repair.provenance.method}
    proof = Path("audit/repair/proof.json")
    if proof.exists():
        line["proof"] = json.loads(proof.read_text())["verdict"]
    place = getattr(repair.provenance.region, "regions", None)  # None: the whole image
    if place is None or kind != "L":
        return line
    masks = [place.masks(images.shape[1:3], None, image).any(0) for image in images]
    return line | {key: round(one, 2) for key, one in judged(np.array(masks), there).items()}


def trial(case, seed, folder, minutes):
    """One case: files, network, command, judgement."""
    from sightline import as_model

    kind, framework = case.split("-")
    (learn, y, _), (test, z, _), (rest, truth, there) = made(kind, seed)
    written(folder / "train", learn, y)
    written(folder / "test", test, z)
    opened = torch_model if framework == "torch" else keras_model
    net, name = opened(folder, learn, y, seed)
    images = rest / np.float32(255)
    line = {"case": case, "seed": seed, "before": worst_group(as_model(net), images, truth, {kind: there})}
    done, took = command(folder, name, minutes)
    (folder / "said.txt").write_text(done.stdout)
    line |= {**took, "code": done.returncode, "verdict": done.stdout.strip().splitlines()[-4:-1]}
    if (folder / "audit/repair").exists():
        line |= repaired(folder, images, truth, there, kind)
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=CASES[:2], choices=CASES)
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 1))
    parser.add_argument("--minutes", type=float, default=10, help="that an audit may take, about")
    parser.add_argument("--keep", type=Path, help="file of lines, added to")
    parser.add_argument("--folder", type=Path, help="where files and audits are left")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as passing:
        whole = (asked.folder or Path(passing)).absolute()
        for case in asked.cases:
            for seed in range(*asked.seeds):
                folder = whole / f"{case}-{seed}"
                folder.mkdir(parents=True)
                line = trial(case, seed, folder, asked.minutes)
                os.chdir(whole)
                print(json.dumps(line), flush=True)
                if asked.keep:
                    with asked.keep.open("a") as file:
                        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
