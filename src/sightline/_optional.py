"""Optional packages: import one, or say which extra brings it."""

import importlib
from typing import Any

from sightline.errors import MissingExtra

DISTRIBUTION = "sightline-xai"
"""What is installed: on PyPI, `sightline` is another project."""


def require(package: str, *, extra: str) -> Any:
    """Import an optional package.

    Parameters
    ----------
    package : str
        Importable name, such as ``"onnxruntime"``.
    extra : str
        The extra of sightline that installs it, such as ``"onnx"``.

    Returns
    -------
    module

    Raises
    ------
    MissingExtra
        If the package is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.split(".", maxsplit=1)[0]:
            raise
        raise MissingExtra(
            f"this needs {package}, which is not installed: pip install '{DISTRIBUTION}[{extra}]'",
            slug="missing-extra",
        ) from None
