"""array or file → a short text that no other one has: how things are known again.

Arrays are digested with BLAKE2b, fast on many small ones; files with SHA-256, which other programs print too.
"""

import hashlib
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Shaped


def combined_digest(parts: Iterable[str | bytes | Shaped[np.ndarray, "..."]], size: int = 16) -> str:
    """One digest of several parts in their order.

    Parameters
    ----------
    parts : iterable of str, bytes or array
        Of an array the values alone count; where its shape and dtype matter, they are parts of their own.
    size : int
        Bytes of the digest; the text has twice as many letters.

    Examples
    --------
    >>> combined_digest(["jaw", np.zeros((2, 2))], size=4) == combined_digest([b"jaw", bytes(32)], size=4)
    True
    """
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        else:
            digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def image_digest(image: Shaped[np.ndarray, "..."]) -> str:
    """Digest of an image's shape, dtype and pixels: the same for the same image, whatever it is called.

    Examples
    --------
    >>> image_digest(np.zeros((2, 3)))
    'c31606f85120db19'
    """
    return combined_digest([f"{image.shape} {image.dtype.str}", image], size=8)


def array_digest(array: Shaped[np.ndarray, "..."]) -> str:
    """An array in one line that no other array has: shape, dtype and a digest of its values.

    Examples
    --------
    >>> array_digest(np.zeros((2, 3)))
    '<2×3 float64 8b00a97e>'
    """
    return f"<{'×'.join(map(str, array.shape))} {array.dtype} {combined_digest([array], size=4)}>"


def file_digest(path: str | PathLike[str]) -> str:
    """SHA-256 of a file, read piece by piece."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
