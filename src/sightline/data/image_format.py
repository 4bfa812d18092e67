"""pixels of any size, channels and depth → one form, by one rule."""

from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._arguments import check_choice, check_size, clear_arguments
from sightline._checks import check_number
from sightline._value_range import value_range
from sightline.data.image_decoding import decode_image_file
from sightline.errors import ImageError, OptionError, warn
from sightline.types import option

FITS = ("resize", "pad", "crop")
MODES = ("asis", "grey", "rgb")
VALUES = ("asis", "byte", "unit", "signed")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
PLAIN = ("nearest", "bilinear", "bicubic")
SAME_MODES = {"gray": "grey", "grayscale": "grey", "l": "grey", "color": "rgb", "colour": "rgb"}
"""Other spellings that leave no doubt."""
Box = tuple[float, float, float, float]
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as Pillow has them."""


@option
class ImageFormat:
    """The form that images are brought to: channels first, then size, then values.

    Parameters
    ----------
    size : tuple of int, optional
        (height, width) in pixels; the images' own if left out.
    fit : {"resize", "pad", "crop"}
        What becomes of another aspect ratio: the image is stretched; or it is shown whole, with black
        around it; or it fills the size, and what juts out on two sides is cut off.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}
        Pillow's filters.
    antialias : bool
        Whether an image that shrinks is averaged over all its pixels. ``tf.image.resize``, and so
        ``keras.utils.image_dataset_from_directory``, does not: with False images come as a network
        trained on those had them (nearest, bilinear and bicubic only).
    mode : {"asis", "grey", "rgb"}
        (H, W) or (H, W, 3) as in the file; grey by ITU-R BT.601; or grey repeated to three channels.
    values : {"asis", "byte", "unit", "signed"}
        Numbers as in the file; or uint8 0 to 255, float32 0 to 1, float32 −1 to 1 from black to white.
        Black and white are 0 and 255 of uint8, 0 and 65535 of uint16, never the darkest and brightest pixel
        of one image; float images have to span 0 to 1. Where 16 bits hold no number of more than 8, 10, 12
        or 14, white is the greatest of those, and a warning says so.
    frame : int, optional
        Which image of files that hold several; left out, such files are refused.
    white : float, optional
        The number that is white, as 4095 is in images of 12 bits: for all images alike.

    Raises
    ------
    OptionError
        If an option does not exist or cannot be used.

    Examples
    --------
    >>> form = ImageFormat(size=(2, 4), mode="rgb", values="unit")
    >>> image = form(np.full((8, 8), 255, np.uint8))
    >>> image.shape, image.dtype.name, float(image.max())
    ((2, 4, 3), 'float32', 1.0)
    """

    size: tuple[int, int] | None = None
    fit: str = "resize"
    interpolation: str = "bilinear"
    antialias: bool = True
    mode: str = "asis"
    values: str = "asis"
    frame: int | None = None
    white: float | None = None

    def __post_init__(self) -> None:
        known = {"fit": FITS, "interpolation": INTERPOLATIONS, "mode": MODES, "values": VALUES}
        mode = self.mode.lower()
        object.__setattr__(self, "mode", SAME_MODES.get(mode, mode))
        for name, names in known.items():
            check_choice(name, getattr(self, name), names, "option-value")
        if not (self.antialias or self.interpolation in PLAIN):
            raise OptionError(
                f"without antialias, interpolation must be one of {', '.join(PLAIN)}, but "
                f"{self.interpolation!r} was given.",
                slug="option-value",
            )
        if self.size is not None:
            object.__setattr__(self, "size", check_size("size", self.size))
        if self.white is not None:
            check_number("white", self.white, above=0)

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """An image in this form; never the same memory changed.

        Parameters
        ----------
        image : array, shape (H, W) or (H, W, 3)

        Raises
        ------
        ImageError
            If `values` needs to know what black and white are, and the image does not tell.
        """
        return self._formed(image, self.white)

    def _formed(self, image: Shaped[np.ndarray, "..."], white: float | None) -> Shaped[np.ndarray, "..."]:
        """The image in this form; `white` is the number that is white, if that is known."""
        kept = self.values == "asis" or (self.values == "byte" and image.dtype == np.uint8 and white is None)
        # Before it is resized, which evens out the brightest pixels.
        white = None if kept else white or _white_level(image)
        coloured = _to_mode(image, self.mode)
        sized = coloured if self.size is None else self._fit_to_size(coloured, self.size)
        return sized if white is None else _to_value_range(sized, self.values, white)

    @clear_arguments
    def read(self, path: str | PathLike[str]) -> Shaped[np.ndarray, "..."]:
        """The image of a file in this form.

        Raises
        ------
        ImageError, MissingExtra
            As for `read_image_file`.
        """
        try:
            image, white = decode_image_file(path, frame=self.frame)
            return self._formed(image, self.white or white)
        except ImageError as error:
            if error.slug != "image-range":
                raise
            told = str(error).removesuffix(" [image-range]")
            raise ImageError(f"{path}: {told}", slug="image-range") from None

    def _fit_to_size(
        self, image: Shaped[np.ndarray, "..."], size: tuple[int, int]
    ) -> Shaped[np.ndarray, "..."]:
        have, want = np.array(image.shape[:2]), np.array(size)
        if self.fit == "resize" or np.array_equal(have, want):
            return self._resize_box(image, size, (0.0, 0.0, float(have[1]), float(have[0])))
        if self.fit == "crop":
            kept = want / (want / have).max()
            top, left = (have - kept) / 2
            right, lower = min(left + kept[1], have[1]), min(top + kept[0], have[0])
            return self._resize_box(image, size, (float(left), float(top), float(right), float(lower)))
        inner = np.clip(np.rint(have * (want / have).min()).astype(int), 1, want)
        down, across = (want - inner) // 2
        framed = np.zeros((*size, *image.shape[2:]), image.dtype)
        small = self._resize_box(
            image, (int(inner[0]), int(inner[1])), (0.0, 0.0, float(have[1]), float(have[0]))
        )
        framed[down : down + inner[0], across : across + inner[1]] = small
        return framed

    def _resize_box(
        self, image: Shaped[np.ndarray, "..."], size: tuple[int, int], box: Box
    ) -> Shaped[np.ndarray, "..."]:
        """Pillow's resizing of a box (left, top, right, bottom), in the image's own depth."""
        from PIL import Image

        # What Pillow does without averaging rounds 8 bits down: floats do not.
        if image.dtype == np.uint8 and self.antialias:
            return self._resize_plane(Image.fromarray(np.ascontiguousarray(image)), size, box)
        floats = np.atleast_3d(image).astype(np.float32)
        planes = [np.ascontiguousarray(floats[..., channel]) for channel in range(floats.shape[2])]
        made = [self._resize_plane(Image.fromarray(plane), size, box) for plane in planes]
        whole = np.stack(made, axis=2).reshape(*size, *image.shape[2:])
        return _cast_clipped(whole.clip(floats.min(), floats.max()), image.dtype)  # some filters overshoot

    def _resize_plane(self, image: Any, size: tuple[int, int], box: Box) -> Shaped[np.ndarray, "..."]:
        from PIL import Image

        (height, width), (left, top, right, lower) = size, box
        rule = Image.Resampling[self.interpolation.upper()]
        if self.antialias:
            return np.asarray(image.resize((width, height), rule, box=box))
        steps = ((right - left) / width, 0, left, 0, (lower - top) / height, top)
        return np.asarray(image.transform((width, height), Image.Transform.AFFINE, steps, rule))


def _to_mode(image: Shaped[np.ndarray, "..."], mode: str) -> Shaped[np.ndarray, "..."]:
    if mode == "rgb" and image.ndim == 2:
        return np.repeat(image[..., np.newaxis], 3, axis=2)
    if mode == "grey" and image.ndim == 3:
        return _luma(image)
    return image


def _luma(image: Shaped[np.ndarray, "H W 3"]) -> Shaped[np.ndarray, "H W"]:
    from PIL import Image

    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).convert("L"))
    return _cast_clipped(image.astype(np.float64) @ np.array(LUMA), image.dtype)


def _cast_clipped(values: Shaped[np.ndarray, "..."], dtype: np.dtype[Any]) -> Shaped[np.ndarray, "..."]:
    """Numbers rounded and kept within a dtype: some filters overshoot."""
    if dtype.kind == "f":
        return np.asarray(values, dtype=dtype)
    ends = np.iinfo(dtype)
    return np.asarray(np.clip(np.rint(values), ends.min, ends.max), dtype=dtype)


def _to_value_range(image: Shaped[np.ndarray, "..."], values: str, white: float) -> Shaped[np.ndarray, "..."]:
    unit = (image.astype(np.float32) / np.float32(white)).clip(0, 1)
    if values == "byte":
        return np.asarray(np.rint(unit * 255), dtype=np.uint8)
    return unit if values == "unit" else unit * 2 - 1


def _white_level(image: Shaped[np.ndarray, "..."]) -> float:
    black, white = value_range(image)
    if image.dtype == np.uint8 or (image.dtype.kind == "f" and (black, white) == (0, 1)):
        return white
    if image.dtype == np.uint16:
        if white < np.iinfo(np.uint16).max:
            warn(
                f"the image has 16 bits, but no number in it is greater than {white:g}, which is taken for "
                "white. Where images of one set differ in that, or 65535 is white, say what is: "
                f"ImageFormat(white={white:g}).",
                slug="image-depth",
            )
        return white
    raise ImageError(
        f"the image is {image.dtype} from {image.min():g} to {image.max():g}, and nothing says what is black "
        'and white in it. Keep its numbers with values="asis", say which number is white, as in '
        "ImageFormat(white=255), or store it as float from 0 to 1 or as 8 or 16 bits.",
        slug="image-range",
    )
