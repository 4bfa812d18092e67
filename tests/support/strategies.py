"""What hypothesis draws: games, images, segments, masks."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sightline.types import Segments
from support.reference import Game

DTYPES = ("uint8", "uint16", "int16", "float16", "float32", "float64", "bool", ">f4", ">u2")


@st.composite
def games(draw, least: int = 1, most: int = 5, targets: int = 3) -> Game:
    """Any scores for every mask of a few segments and several targets."""
    segments, columns = draw(st.integers(least, most)), draw(st.integers(1, targets))
    scores = st.floats(-100, 100, allow_subnormal=False, width=32)
    table = draw(arrays.arrays(np.float64, (2**segments, columns), elements=scores))
    return Game(table)


@st.composite
def images(draw, channels: int = 5, side: int = 7) -> np.ndarray:
    """Images of any dtype, (H, W, C), filled by a generator: their values are of no consequence."""
    shape = (*(draw(st.integers(1, side)) for _ in range(2)), draw(st.integers(1, channels)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return random_image(shape, draw(st.sampled_from(DTYPES)), rng)


def random_image(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """A random image over the whole range of an integer type, or 0 to 1."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return rng.integers(
            limits.min, limits.max, shape, dtype=kind.newbyteorder("="), endpoint=True
        ).astype(kind)
    return (rng.random(shape) < 0.5) if kind.kind == "b" else rng.random(shape).astype(kind)


@st.composite
def segments_of(draw, height: int, width: int, most: int = 6) -> Segments:
    """Any division of an image, not connected as a rule."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return Segments.renumber(rng.integers(0, draw(st.integers(1, most)), (height, width)))


@st.composite
def masks_of(draw, segments: int, most: int = 9) -> np.ndarray:
    """Any masks, some of them followed by their complements."""
    rows = draw(
        st.lists(st.lists(st.booleans(), min_size=segments, max_size=segments), min_size=1, max_size=most)
    )
    keep = []
    for row in rows:
        keep.append(row)
        if draw(st.booleans()):
            keep.append([not visible for visible in row])
    return np.array(keep, dtype=bool)
