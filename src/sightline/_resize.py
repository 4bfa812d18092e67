"""values of pixels → the same at another height and width.

For what is looked at and measured. Images that a model is given are resized by `sightline.data` alone.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped


def resize_smooth(
    values: Shaped[np.ndarray, "h w ..."], shape: Sequence[int], *, antialias: bool = True
) -> Float[np.ndarray, "H W ..."]:
    """Values at another size, linearly interpolated; further axes are taken one by one.

    Parameters
    ----------
    values : array, shape (h, w) or (h, w, C)
    shape : (height, width)
    antialias : bool
        Whether values are averaged where they become fewer.

    Examples
    --------
    >>> resize_smooth(np.array([[0.0, 1.0]]), (1, 4)).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    if values.shape[:2] == tuple(shape):
        return values.astype(np.float64)
    from skimage.transform import resize

    return np.asarray(
        resize(values.astype(np.float64), tuple(shape), order=1, mode="edge", anti_aliasing=antialias)
    )


def resize_nearest(
    values: Shaped[np.ndarray, "h w ..."], shape: Sequence[int]
) -> Shaped[np.ndarray, "H W ..."]:
    """Values at another size: each pixel is the one that its middle falls in. For labels and masks.

    Examples
    --------
    >>> resize_nearest(np.array([[0, 1]]), (1, 4)).tolist()
    [[0, 0, 1, 1]]
    """
    down, across = (nearest_index(new, old) for new, old in zip(shape, values.shape[:2], strict=True))
    return np.asarray(values[down[:, np.newaxis], across])


def nearest_index(new: int, old: int) -> Int[np.ndarray, "new"]:
    """Of `old` pixels in a row, those that the middles of `new` ones fall in.

    Examples
    --------
    >>> nearest_index(2, 5).tolist()
    [1, 3]
    """
    return np.asarray(((np.arange(new) + 0.5) * old / new).astype(np.intp))
