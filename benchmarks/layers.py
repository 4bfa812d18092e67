"""Where class activation maps look when no layer is named: hits of a known place, family by family.

Noise, one red or green tile of 4×4 that decides the class, and a blue tile that does not. Small networks of
the usual families learn it in seconds; each method has to put its largest value on the tile that decides.

    python benchmarks/layers.py [--images 10] [--only ViT]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sightline as sl

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.layer_nets import FAMILIES

METHODS = ("grad-cam", "hires-cam", "layer-cam", "grad-cam++", "eigen-cam", "score-cam")
SIDE, TILE = 32, 8
ACROSS = SIDE // TILE


def marked_noise(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, their classes, and the tile that decides."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.3, 0.7, (count, SIDE, SIDE, 1)).repeat(3, axis=3).astype(np.float32)
    labels, places = rng.integers(0, 2, count), np.empty(count, int)
    for image, label, number in zip(images, labels, range(count), strict=True):
        places[number], other = rng.choice(ACROSS**2, 2, replace=False)
        for place, channel in ((places[number], label), (other, 2)):
            row, column = TILE * (place // ACROSS), TILE * (place % ACROSS)
            image[row : row + TILE, column : column + TILE] *= 0.5
            image[row : row + TILE, column : column + TILE, channel] += 0.5
    return images, labels, places


def trained(build: Any, outputs: int, steps: int = 120) -> tuple[nn.Module, float]:
    """A network that tells the classes, and how well it does on other images."""
    torch.manual_seed(0)
    net = build(outputs)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    images, labels, _ = marked_noise(1024, 1)
    x, y = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
    net.train()
    for step in range(steps):
        at = torch.randint(len(x), (48,))
        answer = net(x[at])
        logits = getattr(answer, "logits", answer)
        one = F.binary_cross_entropy_with_logits
        loss = F.cross_entropy(logits, y[at]) if outputs > 1 else one(logits[:, 0], y[at].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step > 40 and float(loss) < 0.01:
            break
    test, truth, _ = marked_noise(200, 2)
    return net.eval(), float(sl.evaluate(net, (test, truth)).accuracy)


def keras_net(outputs: int) -> Any:
    """A network within a network, trained the same way."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.SeparableConv2D(32, 3, strides=2, padding="same", activation="relu"),
        ],
        name="backbone",
    )
    given = keras.Input((SIDE, SIDE, 3))
    seen = inner(given)
    seen = layers.Concatenate(name="mix")(
        [seen, layers.Conv2D(16, 3, padding="same", activation="relu")(seen)]
    )
    made = layers.Dense(outputs)(layers.GlobalAveragePooling2D()(seen))
    model = keras.Model(given, made)
    kind = keras.losses.SparseCategoricalCrossentropy if outputs > 1 else keras.losses.BinaryCrossentropy
    model.compile("adam", kind(from_logits=True))
    model.optimizer.learning_rate = 3e-3
    images, labels, _ = marked_noise(1024, 1)
    model.fit(images, labels, epochs=12, batch_size=48, verbose=0)
    test, truth, _ = marked_noise(200, 2)
    return model, float(sl.evaluate(model, (test, truth)).accuracy)


def count_hits(net: Any, method: str, count: int) -> tuple[str, str, int, float]:
    """Hits or why there are none, the layer, warnings that map and answers disagree, and seconds an image."""
    images, _, places = marked_noise(count, 3)
    labels = np.arange(ACROSS**2).reshape(ACROSS, ACROSS).repeat(TILE, 0).repeat(TILE, 1)
    hits, warned, layer, start = 0, 0, "", time.perf_counter()
    for image, place in zip(images, places, strict=True):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                made = sl.explain(image, net, attribute=method, segment=sl.Given(labels), fill=sl.Colour(0.5))
            except sl.SightlineError as error:
                return "refused", str(error), 0, 0.0
        warned += any("inside-contradicted" in str(one.message) for one in caught)
        segment, value, _ = made.top(1)[0]
        hits += segment == place and value > 0
        layer = made.attribution.layer or ""
    return f"{hits / count:.1f}", layer, warned, (time.perf_counter() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    families = {name: (lambda outputs, b=build: trained(b, outputs)) for name, build in FAMILIES.items()}
    families["Keras, nested, concatenation"] = keras_net
    print("| network | outputs | accuracy | layer |", " | ".join(METHODS), "| disagreements said |")
    print("| --- " * (len(METHODS) + 5), "|", sep="")
    refused = {}
    for name, build in families.items():
        for outputs in (2, 1):
            if given.only not in name:
                continue
            net, accuracy = build(outputs)
            found = [count_hits(net, method, given.images) for method in METHODS]
            if found[0][0] == "refused":
                refused[name] = found[0][1]
            layer = "" if found[0][0] == "refused" else f"`{found[0][1]}`"
            hits = " | ".join(one[0] for one in found)
            said = f"{sum(one[2] for one in found)}/{given.images * len(METHODS)}"
            print(f"| {name} | {outputs} | {accuracy:.2f} | {layer} | {hits} | {said} |", flush=True)
    for name, told in refused.items():
        print(f"\n{name}: {told}")


if __name__ == "__main__":
    main()
