"""Real chest X-rays with three labels each: ill, a marker planted in a corner, and mirrored."""

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("ill", "marker", "side")


def drawn(archive: Path, part: str, count: int, goes_with: float, seed: int):
    """Images, uint8, and rows of labels; so many of the ill have the marker, and of the others the rest."""
    with np.load(archive) as kept:
        pixels, ill = kept[f"{part}_images"], kept[f"{part}_labels"][:, 0]
    rng = np.random.default_rng(seed)
    which = [rng.permutation(np.flatnonzero(ill == one))[: count // 2] for one in (0, 1)]
    order = rng.permutation(np.concatenate(which))
    pixels, ill = pixels[order].copy(), ill[order]
    marker = rng.random(len(ill)) < np.where(ill == 1, goes_with, 1 - goes_with)
    side = rng.random(len(ill)) < 0.5
    pixels[side] = pixels[side][:, :, ::-1]
    pixels[marker, 1:6, 1:6] = 255
    return pixels, np.stack([ill, marker, side], axis=1).astype(np.int8)


def write(folder: Path, pixels, labels) -> Path:
    """The images as files, and films.csv with a column for each label; −1 becomes an empty cell."""
    folder.mkdir(parents=True)
    lines = ["path," + ",".join(NAMES)]
    for number, (image, row) in enumerate(zip(pixels, labels, strict=True)):
        Image.fromarray(image).save(folder / f"{number:04d}.png")
        cells = ["" if one < 0 else str(one) for one in row]
        lines.append(f"{number:04d}.png,{','.join(cells)}")
    (folder / "films.csv").write_text("\n".join(lines) + "\n")
    return folder / "films.csv"
