"""a preprocessing of one image → one of a batch; and the commonest one, mean and standard deviation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.callable import callable_name
from sightline.errors import ModelError, OptionError
from sightline.types import option


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


@option
class Normalized:
    """Images less a mean, divided by a standard deviation, as most networks of photographs want them.

    Parameters
    ----------
    mean, std : float or tuple of float
        One number, or one for each channel. Where all are 1 or less, as those of ImageNet, they are meant for
        images of 0 to 1: whole numbers (bytes) are brought there first, as torchvision's ToTensor does.

    Examples
    --------
    >>> Normalized(mean=0.5, std=0.25)(np.full((1, 2, 2), 255, np.uint8)).tolist()
    [[[2.0, 2.0], [2.0, 2.0]]]
    """

    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        if np.min(self.std) <= 0:
            raise OptionError(f"std must be above 0, but {self.std!r} was given.", slug="option-value")

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "B ..."]:
        channels = images.shape[3] if images.ndim == 4 else 1
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if np.size(numbers) not in (1, channels):
                raise OptionError(
                    f"{name} has {np.size(numbers)} numbers, but the images have {channels} channel(s).",
                    slug="option-value",
                )
        given = images.astype(np.float32)
        if images.dtype.kind in "iu" and np.max(self.mean) <= 1 and np.max(self.std) <= 1:
            given /= np.iinfo(images.dtype).max
        mean, std = (np.asarray(one, np.float32) for one in (self.mean, self.std))
        return np.asarray((given - mean) / std, np.float32)
