"""Chest X-rays in folders → a small CNN trained on them, in Keras and as its twin in PyTorch.

    python examples/xray.py PNEUMONIAMNIST.npz FOLDER --size 64

writes the images into FOLDER, trains the network and says how well it does on those it has not seen.
PneumoniaMNIST (Yang et al., MedMNIST v2, 2023, CC BY 4.0) is the paediatric chest X-rays of Kermany et al.
2018 at 28×28. It is not fetched here: https://medmnist.com has it.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

import sightline as sl

CLASSES = ("NORMAL", "PNEUMONIA")
SPLITS = ("train", "val", "test")
CHANNELS = (16, 32, 64, 64)


def write(archive: Path, folder: Path, limit: int | None = None) -> Path:
    """Write the images of PneumoniaMNIST out as train/, val/ and test/, each with a folder for each class.

    Parameters
    ----------
    archive : Path
        ``pneumoniamnist.npz`` as MedMNIST publishes it.
    folder : Path
        Made if it is not there; files of the same names are written over.
    limit : int, optional
        Most images of each class in each split, the first ones; all if None.

    Returns
    -------
    Path
        The folder, with grey 28×28 files such as ``train/NORMAL/00001.png``, numbered as in the archive.
    """
    with np.load(archive) as kept:
        for split in SPLITS:
            images, labels = kept[f"{split}_images"], kept[f"{split}_labels"][:, 0]
            for label, name in enumerate(CLASSES):
                place = folder / split / name
                place.mkdir(parents=True, exist_ok=True)
                for which in np.flatnonzero(labels == label)[:limit]:
                    Image.fromarray(images[which]).save(place / f"{which:05d}.png")
    return folder


def read(
    folder: Path, split: str, size: int = 64
) -> tuple[Float[np.ndarray, "N size size 3"], Int[np.ndarray, "N"]]:
    """The images of one split as RGB from 0 to 1 at `size`×`size`, and their classes, 1 being pneumonia."""
    form = sl.data.ImageFormat(size=(size, size), mode="rgb", values="unit")
    kept = sl.data.open_folder(folder / split, form, class_names=CLASSES).load()
    return kept.images, kept.labels


def network(size: int = 64) -> Any:
    """The untrained Keras CNN: four convolutions, global average pooling, one sigmoid output, pneumonia."""
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((size, size, 3))])
    for i, channels in enumerate(CHANNELS):
        if i:
            model.add(layers.MaxPooling2D())
        model.add(layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{i + 1}"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(1, activation="sigmoid", name="pneumonia"))
    return model


def weights_of(labels: Int[np.ndarray, "N"]) -> dict[int, float]:
    """Class weights that make both classes count alike, however many images each has."""
    counts = np.bincount(labels, minlength=len(CLASSES))
    return {label: len(labels) / (len(CLASSES) * int(count)) for label, count in enumerate(counts)}


def train(
    folder: Path, size: int = 64, *, epochs: int = 20, patience: int = 5, seed: int = 0
) -> tuple[Any, Any]:
    """Train the Keras CNN on a folder tree, with validation.

    It stops when the loss on ``val/`` has not fallen for `patience` epochs, and keeps the weights of the
    lowest. The same seed gives the same network on the same machine.

    Returns
    -------
    model : keras.Sequential
        For images (N, size, size, 3) from 0 to 1; one column, the probability of pneumonia.
    history : keras.callbacks.History
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = network(size)
    model.compile(keras.optimizers.Adam(2e-3), loss="binary_crossentropy", metrics=["accuracy"])
    images, labels = read(folder, "train", size)
    history = model.fit(
        images,
        labels,
        batch_size=32,
        epochs=epochs,
        validation_data=read(folder, "val", size),
        class_weight=weights_of(labels),
        callbacks=[keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)],
        verbose=0,
    )
    return model, history


def torch_network() -> Any:
    """The same CNN as an untrained PyTorch module; it ends in the logit, as PyTorch's losses like it."""
    from torch import nn

    parts: list[nn.Module] = []
    for i, (ins, outs) in enumerate(zip((3, *CHANNELS), CHANNELS, strict=False)):
        parts += [nn.MaxPool2d(2)] if i else []
        parts += [nn.Conv2d(ins, outs, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], 1))


def twin(model: Any) -> Any:
    """The PyTorch module with a Keras CNN's weights: sigmoid of its logit is what the Keras model says.

    Keras keeps kernels as (height, width, in, out) and takes images (N, H, W, C); PyTorch keeps (out, in,
    height, width) and takes (N, C, H, W).
    """
    import torch
    from torch import nn

    made = torch_network()
    learned = [layer for layer in model.layers if layer.weights]
    parts = [part for part in made if isinstance(part, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer, part in zip(learned, parts, strict=True):
            kernel, offsets = (torch.from_numpy(np.array(one)) for one in layer.get_weights())
            part.weight.copy_(kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T)
            part.bias.copy_(offsets)
    return made.eval()


def train_torch(folder: Path, size: int = 64, *, epochs: int = 10, seed: int = 0) -> Any:
    """Train the twin from scratch in PyTorch; the epoch with the lowest loss on ``val/`` is kept."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

    torch.manual_seed(seed)
    model = torch_network()
    images, labels = _tensors(*read(folder, "train", size))
    val_images, val_labels = _tensors(*read(folder, "val", size))
    weights = weights_of(labels.long().numpy())
    steps = torch.optim.Adam(model.parameters(), lr=2e-3)
    lowest, best = float("inf"), model.state_dict()
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(32):
            wanted = labels[rows]
            steps.zero_grad()
            loss_of(
                model(images[rows])[:, 0], wanted, torch.where(wanted > 0, weights[1], weights[0])
            ).backward()
            steps.step()
        with torch.no_grad():
            loss = float(loss_of(model(val_images)[:, 0], val_labels))
        if loss < lowest:
            lowest, best = loss, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best)
    return model.eval()


def probabilities(module: Any, images: Float[np.ndarray, "N size size 3"]) -> Float[np.ndarray, "N"]:
    """What the PyTorch module says of images, as the Keras model would: the probability of pneumonia."""
    import torch

    with torch.inference_mode():
        said = [
            torch.sigmoid(module(part.permute(0, 3, 1, 2))[:, 0])
            for part in torch.from_numpy(images).split(64)
        ]
    return torch.cat(said).numpy()


def measured(said: Float[np.ndarray, "N"], labels: Int[np.ndarray, "N"]) -> dict[str, float]:
    """Accuracy, and recall and precision of pneumonia, at the threshold 0.5."""
    found = (said > 0.5) == (labels == 1)
    hits = float(((said > 0.5) & (labels == 1)).sum())
    return {
        "accuracy": float(found.mean()),
        "recall": hits / max(int((labels == 1).sum()), 1),
        "precision": hits / max(int((said > 0.5).sum()), 1),
    }


def _tensors(images: Float[np.ndarray, "N size size 3"], labels: Int[np.ndarray, "N"]) -> tuple[Any, Any]:
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels).float()


def main() -> None:
    """Write, train, measure, print."""
    asked = argparse.ArgumentParser(description="Train the chest X-ray network on PneumoniaMNIST.")
    asked.add_argument("archive", type=Path)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--size", type=int, default=64)
    asked.add_argument("--limit", type=int)
    asked.add_argument("--epochs", type=int, default=20)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--torch", action="store_true", help="train the twin from scratch too")
    given = asked.parse_args()
    write(given.archive, given.folder, given.limit)
    images, labels = read(given.folder, "test", given.size)
    begun = time.perf_counter()
    model, history = train(given.folder, given.size, epochs=given.epochs, seed=given.seed)
    _tell("Keras", model.predict(images, verbose=0)[:, 0], labels, time.perf_counter() - begun)
    print(f"  {len(history.epoch)} epochs; accuracy on val {max(history.history['val_accuracy']):.3f}")
    apart = np.abs(probabilities(twin(model), images) - model.predict(images, verbose=0)[:, 0]).max()
    print(f"  the PyTorch twin differs by {apart:.1e} at most")
    if given.torch:
        begun = time.perf_counter()
        module = train_torch(given.folder, given.size, seed=given.seed)
        _tell("PyTorch", probabilities(module, images), labels, time.perf_counter() - begun)


def _tell(name: str, said: Float[np.ndarray, "N"], labels: Int[np.ndarray, "N"], seconds: float) -> None:
    figures = ", ".join(f"{key} {value:.3f}" for key, value in measured(said, labels).items())
    print(f"{name}: {figures} on {len(labels)} images; trained in {seconds:.0f} s")


if __name__ == "__main__":
    main()
