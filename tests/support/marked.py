"""Images with a mark that gives the class away, and networks that went by it."""

import keras
import numpy as np
import torch

from sightline import as_model
from sightline.regions import grid
from sightline.repair import TrainingConfig
from sightline.repair.training.gradient_penalty import log_probabilities

CORNER = grid(4, 4)["r1c1"]
TRAINING = TrainingConfig(epochs=10, learning_rate=0.01)


def marked(count, share=0.97, seed=0):
    """Images a little brighter below where the class is 1, most of which have a mark in the corner."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 8, 8, 1)).astype(np.float32)
    images[:, 4:] += np.float32(0.12) * labels[:, None, None, None].astype(np.float32)
    there = np.where(labels == 1, rng.random(count) < share, rng.random(count) > share)
    images[there, :2, :2] = 2.0
    return images, labels, there


IMAGES, LABELS, _ = marked(240)
TEST, TRUTH, SEEN = marked(400, share=0.5, seed=1)
TRAIN = (IMAGES, LABELS)


def worst(model):
    """Accuracy in the worst of the groups of class and mark."""
    right = as_model(model)(TEST).argmax(axis=1) == TRUTH
    return min(right[(label == TRUTH) & (mark == SEEN)].mean() for label in (0, 1) for mark in (False, True))


def misled_module(outputs=1, last=(), seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, outputs), *last
        )
    inputs = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        logs = log_probabilities(net(inputs), bool(last))
        (-logs[torch.arange(240), torch.from_numpy(LABELS)].mean()).backward()
        optimizer.step()
    return net.eval()


def misled_keras_model(outputs=1, activation="sigmoid"):
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )
    loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
    net.compile(keras.optimizers.Adam(0.01), loss)
    net.fit(IMAGES, LABELS, epochs=15, verbose=0)
    return net
