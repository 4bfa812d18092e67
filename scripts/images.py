"""Redraw docs/images: run it when figures, drawn faces or the demo have changed.

python scripts/images.py
"""

import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sightline as sl
from sightline.demo import tutorial
from sightline.engine.perturbation import perturbed_batches

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FROM_THE_DEMO = {
    "2-panel.png": "panel.png",
    "4-bars.png": "bars.png",
    "5-right-and-wrong.png": "right-and-wrong.png",
}


def save(image: bytes, name: str) -> None:
    """Write a figure as small as PNG goes without loss."""
    with Image.open(BytesIO(image)) as opened:
        opened.convert("RGB").save(IMAGES / name, optimize=True)


def stages() -> Iterator[tuple[Any, str]]:
    """One image at every stage of the arrow, and what each is called."""
    image = sl.data.drawn_faces(4, size=256).images[3]
    segments = sl.Slic()(image)
    hidden = sl.Blur()(image, segments).astype(image.dtype)
    edges = sl.render.draw_contours(image, segments, np.ones(segments.count, dtype=bool), sl.render.PAPER)
    yield image, "image"
    yield edges, f"{segments.count} segments"
    yield hidden, "fill: a blur"
    keep = np.random.default_rng(2).random((2, segments.count)) < 0.5
    for pixels in next(perturbed_batches(image, hidden, segments, keep, 2)):
        yield pixels, "asked: half is hidden"


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for file in tutorial.run_tutorial("drawn", Path(folder), lambda line: None):
            if file.name in FROM_THE_DEMO:
                save(file.read_bytes(), FROM_THE_DEMO[file.name])
    images, titles = zip(*stages(), strict=True)
    drawn = sl.figures.plot_images(images, titles, heading="From an image to what the model is asked")
    save(sl.figures.figure_to_png(drawn), "stages.png")


if __name__ == "__main__":
    main()
