"""Small PyTorch networks for the tests of what is asked of them and of what is looked at inside."""

from typing import Any

import torch
from torch import nn

torch.set_num_threads(1)


def cnn(channels: int = 3, classes: int = 4, seed: int = 0, *, inplace: bool = True) -> nn.Sequential:
    """Two convolutions, global average pooling, one fully connected layer; in training mode."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16, classes),
    )


class Squeezed(nn.Module):
    """A network whose modules are not declared in the order in which they are run, and return tuples."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.head = nn.Linear(6, 3)
        self.second = nn.Conv2d(5, 6, 3)
        self.first = nn.Conv2d(3, 5, 3)
        self.gate = nn.Conv2d(6, 6, 1)

    def forward(self, x: Any) -> Any:
        features = self.second(torch.relu(self.first(x)))
        gate = torch.sigmoid(self.gate(features.mean((2, 3), keepdim=True)))
        return self.head((features * gate).mean((2, 3)))


class Transformer(nn.Module):
    """A vision transformer of 4×4 patches with a class token."""

    def __init__(self, side: int = 16) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.place = nn.Parameter(torch.randn(1, (side // 4) ** 2 + 1, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.mix = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1) + self.place
        return self.head(self.mix(self.norm(self.block(tokens)))[:, 0])
