"""Small networks and how they are trained: for every script alike, in any Python that has torch and NumPy."""

import numpy as np
import torch
from torch import nn

RATE = 1e-3
BATCH = 32


def drawn_network(seed, channels, side, classes):
    """Two convolutions with pooling, two fully connected layers; weights as the seed draws them."""
    torch.manual_seed(seed)
    layers = []
    for width in (16, 32):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    within = 32 * (side // 4) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(within, 64), nn.ReLU(), nn.Linear(64, classes))


def as_inputs(images):
    """Images (N, H, W, C) → a tensor (N, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1).astype(np.float32)))


def trained(network, images, labels, seed, epochs):
    """The network, after so many times through the images, by Adam."""
    inputs, truth = as_inputs(images), torch.from_numpy(np.asarray(labels)).long()
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam((one for one in network.parameters() if one.requires_grad), RATE)
    for _ in range(epochs):
        for batch in torch.randperm(len(truth), generator=order).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), truth[batch]).backward()
            optimizer.step()
    return network.eval()


def answers(network, images):
    """The class that the network says of each image."""
    network.eval()
    with torch.no_grad():
        return np.concatenate([network(some).argmax(1).numpy() for some in as_inputs(images).split(500)])
