"""Explanations to draw, and what is read off a figure of them."""

import io

import numpy as np
from PIL import Image

from sightline import figures
from sightline.engine.plan import Plan
from sightline.explanation import Explanation
from sightline.types import Attribution, Scores, Segments

KINDS = [name for name in figures.KINDS if name not in ("pixels", "pairs")]  # tests of their own


class Example(Explanation):
    """Its targets are called by their numbers, so that they are short."""

    def name(self, target):
        return super().name(target).removeprefix("class ")


def example(values, error=0.001, *, image=None, labels=None, targets=None, names=None, fit=0.8, **scores):
    """One row of segments unless labels are given, with these values."""
    values = np.atleast_2d(np.asarray(values, float))
    error = np.broadcast_to(np.asarray(error, float), values.shape).copy()
    count, size = values.shape
    if labels is None:
        labels = np.repeat(np.arange(size), 8)[np.newaxis].repeat(8 * size, axis=0)
    image = np.full(labels.shape, 0.6) if image is None else image
    targets = tuple(range(count)) if targets is None else targets
    full = np.full(count, scores.get("full", 0.93))
    classes = np.asarray(scores.get("classes", [0.61, 0.3, 0.09]), float)
    return Example(
        image,
        Plan(),
        Segments(labels),
        Scores(np.zeros((2, count)), full, np.full(count, scores.get("empty", 0.1)), targets, classes, 1000),
        Attribution(values, error, np.zeros(count), np.full(count, fit), 1000, scores.get("settled", True)),
        names,
    )


MIXED = [0.4, -0.3, 0.2, 0.05, -0.1]


MIXED_ERROR = [0.01, 0.01, 0.01, 0.05, 0.01]


def texts(figure):
    page, *charts = figure.axes
    numbers = [label.get_text() for axes in charts for label in axes.get_xticklabels()]
    return [*(text.get_text() for text in page.texts), *numbers]


def said(figure):
    return " ".join(texts(figure))


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figures.figure_to_png(figure))).convert("RGB")).astype(int)


def tiles(figure):
    """The images of a figure, largest first, in the order of drawing."""
    drawn = [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]
    return [tile for tile in drawn if tile.shape[0] > 60]


def kind(pixel):
    red, green, blue = map(int, pixel)
    if max(red, green, blue) - min(red, green, blue) < 20:
        return "grey"
    return "red" if red > blue else "blue"


def sides(tile, count):
    """What most pixels of each of the row's segments are, its lines left out."""
    wide = tile.shape[1] / count
    answer = []
    for index in range(count):
        part = tile[20:-20, int(index * wide) + 10 : int((index + 1) * wide) - 10].reshape(-1, 3)
        names, counts = np.unique([kind(pixel) for pixel in part[::101]], return_counts=True)
        answer.append(str(names[counts.argmax()]))
    return answer
