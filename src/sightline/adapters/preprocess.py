"""a preprocessing of one image → a preprocessing of a batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.callable import callable_name
from sightline.errors import ModelError


class per_image:
    """Applies a function of one PIL image to every image of a batch, for `preprocess=`.

    Parameters
    ----------
    function : callable
        PIL image → array (H, W, C) or tensor (C, H, W), the same shape for every image; such as a
        ``torchvision.transforms.Compose``.

    Examples
    --------
    >>> halve = per_image(lambda image: np.asarray(image.resize((2, 2))) / 255)
    >>> halve(np.full((3, 4, 4), 255, np.uint8)).shape
    (3, 2, 2)
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"per_image({callable_name(self.function)})"

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        """Images → the function's results, stacked.

        Raises
        ------
        ModelError
            If the images are not uint8, of which alone PIL images are made.
        """
        from PIL import Image

        if images.dtype != np.uint8:
            raise ModelError(
                "per_image() makes PIL images, which takes uint8 (0 to 255), but the image is "
                f"{images.dtype}. Give the image as it is in its file, or a preprocess= that takes arrays.",
                slug="preprocess",
            )
        made = [self.function(Image.fromarray(image)) for image in images]
        return made if hasattr(made[0], "detach") else np.stack(made)
