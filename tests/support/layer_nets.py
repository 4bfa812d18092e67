"""Small networks of the families that people have: where does a class activation map look at them?"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

torch.set_num_threads(1)
WIDTH = 16


def conv(ins: int, outs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(ins, outs, size, stride, padding=size // 2, groups=groups, bias=False)


def stem(kind: Callable[..., nn.Module] = conv) -> nn.Sequential:
    return nn.Sequential(kind(3, WIDTH, stride=2), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True))


class Basic(nn.Module):
    """A block of ResNet-18: its shortcut is added by its own code."""

    def __init__(self, ins: int, outs: int, stride: int = 1, kind: Callable[..., nn.Module] = conv) -> None:
        super().__init__()
        self.conv1, self.bn1 = kind(ins, outs, stride=stride), nn.BatchNorm2d(outs)
        self.conv2, self.bn2 = kind(outs, outs), nn.BatchNorm2d(outs)
        self.relu = nn.ReLU(inplace=True)
        self.short = nn.Sequential(kind(ins, outs, 1, stride=stride), nn.BatchNorm2d(outs))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.short(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A block of ResNet-50."""

    def __init__(self, ins: int, outs: int, stride: int = 1) -> None:
        super().__init__()
        inner = outs // 2
        self.conv1, self.bn1 = conv(ins, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, inner, stride=stride), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = conv(inner, outs, 1), nn.BatchNorm2d(outs)
        self.downsample = nn.Sequential(conv(ins, outs, 1, stride), nn.BatchNorm2d(outs))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class Pooled(nn.Module):
    """Stem, blocks, global average pooling and a linear layer."""

    def __init__(self, outputs: int, *blocks: nn.Module, width: int = 2 * WIDTH) -> None:
        super().__init__()
        self.stem, self.layers, self.fc = stem(), nn.Sequential(*blocks), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


def resnet(outputs: int) -> nn.Module:
    return Pooled(outputs, Basic(WIDTH, 2 * WIDTH, 2), Basic(2 * WIDTH, 2 * WIDTH))


def resnet_bottleneck(outputs: int) -> nn.Module:
    return Pooled(outputs, Bottleneck(WIDTH, 2 * WIDTH, 2), Bottleneck(2 * WIDTH, 2 * WIDTH))


class StandardConv(nn.Conv2d):
    """A convolution whose weights are standardised at each call, as in BiT; no class of PyTorch's own."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = weight / (weight.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, weight, None, self.stride, self.padding, self.dilation, self.groups)


class Standardised(StandardConv):
    pass


def weight_standardised(outputs: int) -> nn.Module:
    def kind(ins: int, outs: int, size: int = 3, stride: int = 1) -> nn.Module:
        return Standardised(ins, outs, size, stride, padding=size // 2, bias=False)

    return Pooled(outputs, Basic(WIDTH, 2 * WIDTH, 2, kind), Basic(2 * WIDTH, 2 * WIDTH, 1, kind))


class Dense(nn.Module):
    """A layer of DenseNet: what it makes is put beside what it was given."""

    def __init__(self, ins: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(ins), conv(ins, 2 * growth, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(2 * growth), conv(2 * growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        made = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return torch.cat([x, made], 1)


class DenseNet(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers = [Dense(WIDTH + 8 * number, 8) for number in range(3)]
        self.features = nn.Sequential(stem(), nn.AvgPool2d(2), *layers, nn.BatchNorm2d(WIDTH + 24))
        self.classifier = nn.Linear(WIDTH + 24, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(F.relu(self.features(x), inplace=True), 1).flatten(1))


class Inception(nn.Module):
    """Three branches side by side, of which each convolution makes a third of the channels."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.one, self.three = conv(ins, outs, 1), nn.Sequential(conv(ins, outs, 1), conv(outs, outs))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(ins, outs, 1))
        self.norm = nn.BatchNorm2d(3 * outs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(torch.cat([self.one(x), self.three(x), self.pool(x)], 1)))


def inception(outputs: int) -> nn.Module:
    return Pooled(outputs, nn.MaxPool2d(2), Inception(WIDTH, 8), Inception(24, 8), width=24)


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """A depthwise convolution, then linear layers on channels kept last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.pw1, self.pw2 = (
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )
        self.gamma = nn.Parameter(0.5 * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        made = self.pw2(F.gelu(self.pw1(self.norm(self.dwconv(x).permute(0, 2, 3, 1)))))
        return x + (self.gamma * made).permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        width = 24
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, stride=4), LayerNorm2d(width))
        self.stages = nn.Sequential(ConvNextBlock(width), ConvNextBlock(width))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.stages(self.stem(x)).mean((-2, -1))))


class Squeeze(nn.Module):
    """A gate of squeeze and excitation, whose convolutions see no extent."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, 8, 1), nn.Conv2d(8, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)))))


class Inverted(nn.Module):
    """An inverted residual of MobileNet and EfficientNet: expand, depthwise, gate, project, add."""

    def __init__(self, ins: int, outs: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        wide = 2 * ins
        self.same = ins == outs and stride == 1
        self.conv = nn.Sequential(
            *(conv(ins, wide, 1), nn.BatchNorm2d(wide), nn.SiLU(inplace=True)),
            *(conv(wide, wide, 3, stride, groups=wide), nn.BatchNorm2d(wide), nn.SiLU(inplace=True)),
            *([Squeeze(wide)] if squeeze else []),
            *(conv(wide, outs, 1), nn.BatchNorm2d(outs)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.same else self.conv(x)


def efficientnet(outputs: int) -> nn.Module:
    blocks = [Inverted(WIDTH, 24, 2, True), Inverted(24, 24, 1, True)]
    return Pooled(outputs, *blocks, conv(24, 48, 1), nn.BatchNorm2d(48), nn.SiLU(inplace=True), width=48)


def mobilenet(outputs: int) -> nn.Module:
    return Pooled(outputs, Inverted(WIDTH, 24, 2, False), Inverted(24, 24, 1, False), width=24)


class Block(nn.Module):
    """A block of a transformer, its normalisation first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        count, width = x.shape[-2:]
        q, k, v = self.qkv(self.norm1(x)).reshape(-1, count, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.proj(mixed)
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """A vision transformer that is read from its class token, or from the mean of its patches."""

    def __init__(self, outputs: int, read: str = "class", depth: int = 3, width: int = 32) -> None:
        super().__init__()
        self.read = read
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, 65, width))
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.places
        tokens = self.norm(self.blocks(tokens))
        return self.head(tokens[:, 0] if self.read == "class" else tokens[:, 1:].mean(1))


def vit_mean(outputs: int) -> nn.Module:
    return ViT(outputs, "mean")


class Windows(nn.Module):
    """A block of Swin: attention within windows of 4×4, of maps that keep their channels last."""

    def __init__(self, width: int, shift: int) -> None:
        super().__init__()
        self.block, self.shift = Block(width), shift

    def forward(self, x: Tensor) -> Tensor:
        count, height, across, width = x.shape
        x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        x = x.reshape(count, height // 4, 4, across // 4, 4, width).transpose(2, 3)
        x = self.block(x.reshape(-1, 16, width)).reshape(count, height // 4, across // 4, 4, 4, width)
        x = x.transpose(2, 3).reshape(count, height, across, width)
        return torch.roll(x, (self.shift, self.shift), (1, 2))


class Swin(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, stride=4)
        self.layers = nn.Sequential(Windows(32, 0), Windows(32, 2))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(self.patches(x).permute(0, 2, 3, 1))).mean((1, 2)))


class MixerBlock(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens))
        self.within = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, stride=4)
        self.blocks = nn.Sequential(MixerBlock(64, 32), MixerBlock(64, 32))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(tokens)).mean(1))


class UNet(nn.Module):
    """Scores from the encoder; the decoder runs after it, and says nothing of the class."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.down1, self.down2 = stem(), Basic(WIDTH, 2 * WIDTH, 2)
        self.up = nn.ConvTranspose2d(2 * WIDTH, WIDTH, 2, stride=2)
        self.decode, self.mask = Basic(2 * WIDTH, WIDTH), nn.Conv2d(WIDTH, 1, 1)
        self.fc = nn.Linear(2 * WIDTH, outputs)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down1(x)
        second = self.down2(first)
        self.drawn = self.mask(self.decode(torch.cat([self.up(second), first], 1)))
        return self.fc(second.mean((2, 3)))


class Shared(nn.Module):
    """One encoder sees the image as it is and mirrored; its two maps are added where they belong."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder, self.fc = (
            nn.Sequential(stem(), Basic(WIDTH, 2 * WIDTH, 2)),
            nn.Linear(2 * WIDTH, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        both = self.encoder(x) + self.encoder(x.flip(3)).flip(3)
        return self.fc(both.mean((2, 3)))


class Siamese(nn.Module):
    """One encoder sees two halves of the image, and what they differ in is scored: no map of the image."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder, self.fc = (
            nn.Sequential(stem(), Basic(WIDTH, 2 * WIDTH, 2)),
            nn.Linear(2 * WIDTH, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=3)
        return self.fc((self.encoder(left) - self.encoder(right)).abs().mean((2, 3)))


class TwoScales(nn.Module):
    """Two maps of different size are pooled and put beside each other: none has all of the score."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.large, self.small = (
            nn.Sequential(stem(), Basic(WIDTH, WIDTH)),
            nn.Sequential(stem(), Basic(WIDTH, WIDTH)),
        )
        self.fc = nn.Linear(2 * WIDTH, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.large(x), self.small(F.avg_pool2d(x, 2))
        return self.fc(torch.cat([part.mean((2, 3)) for part in parts], 1))


class Answer(dict[str, Any]):
    """What Hugging Face's models return."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class HuggingFace(nn.Module):
    """A ResNet as Hugging Face has it: a shortcut that runs after the layers, an answer of several parts."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.embedder = stem()
        self.stages = nn.ModuleList(
            [HuggingFaceLayer(WIDTH, 2 * WIDTH, 2), HuggingFaceLayer(2 * WIDTH, 2 * WIDTH, 1)]
        )
        self.pooler = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(2 * WIDTH, outputs))

    def forward(self, x: Tensor) -> Answer:
        seen = self.embedder(x)
        for stage in self.stages:
            seen = stage(seen)
        return Answer(logits=self.classifier(self.pooler(seen)), hidden_states=None)


class HuggingFaceLayer(nn.Module):
    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            conv(ins, outs, 3, stride), nn.BatchNorm2d(outs), nn.ReLU(), conv(outs, outs)
        )
        self.shortcut, self.activation = conv(ins, outs, 1, stride), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        made = self.layer(x)
        return self.activation(made + self.shortcut(x))


class Flat(nn.Module):
    """Everything is done by the network's own code: concatenation and addition are functions, not layers."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first, self.norm = stem(), nn.BatchNorm2d(2 * WIDTH)
        self.one, self.other = conv(WIDTH, WIDTH, 3, 2), conv(WIDTH, WIDTH, 1, 2)
        self.fc = nn.Linear(2 * WIDTH, outputs)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.first(x)
        seen = F.relu(torch.cat([self.one(seen), self.other(seen)], 1))
        return self.fc((seen + self.norm(seen)).mean((2, 3)))


FAMILIES: dict[str, Callable[[int], nn.Module]] = {
    "ResNet, basic blocks": resnet,
    "ResNet, bottlenecks": resnet_bottleneck,
    "ResNet, weight-standardised": weight_standardised,
    "ResNet of Hugging Face's kind": HuggingFace,
    "DenseNet": DenseNet,
    "Inception": inception,
    "ConvNeXt": ConvNext,
    "EfficientNet": efficientnet,
    "MobileNet": mobilenet,
    "ViT, class token": ViT,
    "ViT, mean of the patches": vit_mean,
    "Swin": Swin,
    "Mixer": Mixer,
    "U-Net, decoder off the path": UNet,
    "concatenation and addition in functions": Flat,
    "shared encoder, maps added": Shared,
    "Siamese halves": Siamese,
    "two scales, pooled apart": TwoScales,
}
LAYERS = {
    "ResNet, basic blocks": "layers",
    "ResNet, bottlenecks": "layers",
    "ResNet, weight-standardised": "layers",
    "ResNet of Hugging Face's kind": "stages.1",
    "DenseNet": "forward:relu",
    "Inception": "layers",
    "ConvNeXt": "stages",
    "EfficientNet": "layers",
    "MobileNet": "layers",
    "U-Net, decoder off the path": "down2",
    "concatenation and addition in functions": "forward:add",
    "shared encoder, maps added": "forward:add",
}
"""The layer that is looked at where none is named; the others are refused."""
