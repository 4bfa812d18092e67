"""a PyTorch module → Backend: images become tensors on its device, and to a GPU only masks are sent."""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline._class_names import ordered_names
from sightline.adapters.inputs import channel_advice, looks_channels_first
from sightline.adapters.torch.modules import (
    device_and_dtype,
    evaluation_mode,
    may_be_probabilities,
    module_end,
    scores_in,
    without_gradients,
)
from sightline.adapters.torch.network import TorchNetwork, randomised_module
from sightline.errors import ModelError, OptionError, warn
from sightline.types import ANSWERS_ONLY, Backend, End, MapLayer, Segments

if TYPE_CHECKING:
    import torch

LARGEST = 512
SPARE = 0.5
"""Share of a GPU's free memory that a batch may take."""


class TorchModel(Backend):
    """A PyTorch module, asked in evaluation mode without gradients; its own mode is put back after.

    Arrays (B, H, W) and (B, H, W, C) become contiguous tensors (B, C, H, W) in the dtype and on the device
    of the module's first parameter; values are cast, never scaled. Tensors, as a preprocessing returns
    them, are only cast and moved. After an out-of-memory error the batch is halved, and what was answered
    is kept.

    Parameters
    ----------
    module : torch.nn.Module
    device : str or torch.device, optional
        Moves the module there, for good; by default it stays where it is.
    preprocess : torch.nn.Module, optional
        Applied to tensors (B, C, H, W) in the images' own dtype, on the module's device.

    Raises
    ------
    OptionError
        If there is no such device.
    """

    output_end: End | None = None
    """What it ends in; None as long as the answers themselves leave no doubt."""
    output = "network"
    is_costly = True

    def __init__(
        self,
        module: "torch.nn.Module",
        *,
        device: "str | torch.device | None" = None,
        preprocess: "torch.nn.Module | None" = None,
    ) -> None:
        if device is not None:
            _move_module(module, device)
        self.module = module
        self.preprocess = preprocess
        self.class_names = _config_names(module)
        self.device, self.dtype = device_and_dtype(module)
        if preprocess is not None:
            preprocess.to(self.device)
        self._most: int | None = None
        self._map_layers: dict[Hashable, MapLayer] = {}
        self._warned = False
        self._traced = False

    def to(self, device: "str | torch.device | None", preprocess: "torch.nn.Module | None") -> "TorchModel":
        """The same module, moved, or with a preprocessing of tensors in front."""
        if device is None and preprocess is None:
            return self
        return TorchModel(self.module, device=device, preprocess=preprocess or self.preprocess)

    def __repr__(self) -> str:
        kind = str(self.dtype).removeprefix("torch.")
        before = "" if self.preprocess is None else f" after {type(self.preprocess).__name__}"
        return f"{type(self.module).__name__} on {self.device}, images given as (B, C, H, W) {kind}{before}"

    def __call__(self, images: object) -> "torch.Tensor":
        return self.in_parts(self.input_tensor(images))

    def input_tensor(self, images: object) -> "torch.Tensor":
        """What the module is given for images, shape (B, C, H, W)."""
        return self._prepare_tensor(self._to_tensor(images))

    def score_masks(
        self,
        image: Shaped[np.ndarray, "H W C"],
        hidden: Shaped[np.ndarray, "H W C"],
        segments: Segments,
        keep: Bool[np.ndarray, "M S"],
        batch_size: int,
    ) -> "Iterator[torch.Tensor]":
        """Answers about masks of one image, whose images are made on the module's device."""
        import torch

        shown, filled = (self._to_tensor(pixels[np.newaxis])[0] for pixels in (image, hidden))
        labels = torch.from_numpy(segments.labels.astype(np.int64)).to(self.device)
        for start in range(0, len(keep), batch_size):
            rows = torch.from_numpy(keep[start : start + batch_size]).to(self.device)
            images = torch.where(rows[:, labels].unsqueeze(1), shown, filled)
            yield self.in_parts(self._prepare_tensor(images))

    @property
    def off_host(self) -> bool:
        """Whether the module is on another device than the images, so that `score_masks` saves their way."""
        return bool(self.device.type != "cpu")

    def suggested_batch_size(self, image: Shaped[np.ndarray, "..."]) -> int | None:
        """Images in a batch that a GPU's free memory allows, from the need of a batch of two blank ones."""
        import torch

        if self.device.type != "cuda":
            return None
        blank = np.zeros((2, *image.shape), image.dtype)
        self(blank)  # the libraries' own memory comes with the first call
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        self(blank)
        need = max(1, (torch.cuda.max_memory_allocated(self.device) - before) // 2)
        free, _ = torch.cuda.mem_get_info(self.device)
        return int(np.clip(SPARE * free // need, 1, LARGEST))

    @property
    def is_white_box(self) -> bool:
        """Whether the module lets its layers be seen: all but TorchScript's do."""
        return not any(base.__name__ == "ScriptModule" for base in type(self.module).__mro__)

    @property
    def preprocess_name(self) -> str:
        """The preprocessing of tensors in front."""
        return "" if self.preprocess is None else type(self.preprocess).__name__

    def network(self, preprocess: Callable[[Any], Any] | None = None) -> TorchNetwork:
        """The module's inside; of a compiled one, that of the module it was made from.

        Raises
        ------
        ModelError
            If it is a TorchScript module, whose parts tell nothing.
        """
        if not self.is_white_box:
            raise ModelError(
                "a TorchScript module does not let its layers be seen. Give the module that it was made "
                f"from, or use a method that needs answers only: {ANSWERS_ONLY}.",
                slug="inside-closed",
            )
        before = preprocess or (lambda images: images)
        return TorchNetwork(
            getattr(self.module, "_orig_mod", self.module),
            lambda images: self.input_tensor(before(images)),
            self.in_parts,
            self.device,
            self.dtype,
            self._map_layers,
        )

    def randomised_copy(self, seed: int) -> "TorchModel":
        """A copy of the module with every weight drawn anew, after the same preprocessing of tensors."""
        return TorchModel(randomised_module(self.network().module, seed), preprocess=self.preprocess)

    def _to_tensor(self, images: object) -> "torch.Tensor":
        """Images as a contiguous tensor (B, C, H, W) on the device, in their own dtype."""
        import torch

        if not isinstance(images, np.ndarray):
            return _stack_tensors(images).to(self.device)
        batch = images[..., np.newaxis] if images.ndim == 3 else images
        if batch.ndim != 4:
            raise ModelError(
                f"a PyTorch module takes images, but a batch of shape {images.shape} was given.",
                slug="model-input",
            )
        native = np.require(batch, batch.dtype.newbyteorder("="), ["C", "W"])
        self._warn_of_bytes(native)
        given = torch.from_numpy(native).to(self.device)
        return given if looks_channels_first(native.shape) else given.permute(0, 3, 1, 2)

    def _prepare_tensor(self, images: "torch.Tensor") -> "torch.Tensor":
        import torch

        if self.preprocess is not None:
            with evaluation_mode(self.preprocess), without_gradients():
                images = self.preprocess(images.contiguous())
        # The only copy where nothing was preprocessed: modules may call view(), which needs it.
        return images.to(self.device, self.dtype, memory_format=torch.contiguous_format)

    def in_parts(self, inputs: "torch.Tensor") -> "torch.Tensor":
        """Answers about prepared tensors, in smaller batches after the memory ran out."""
        import torch

        answers: list[torch.Tensor] = []
        start = 0
        while start < len(inputs):
            part = inputs[start : start + (self._most or len(inputs))]
            try:
                answers.append(self.forward(part))
                start += len(part)
            except (RuntimeError, MemoryError) as error:
                _check_channels(error)
                if not _out_of_memory(error) or len(part) == 1:
                    raise
                self._most = len(part) // 2
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
        return torch.cat(answers) if len(answers) > 1 else answers[0]

    def forward(self, inputs: "torch.Tensor") -> "torch.Tensor":
        """Answers about prepared tensors, float32, on the processor."""
        with evaluation_mode(self.module):
            with without_gradients():
                scores = scores_in(self.module(inputs)).cpu()
            if not scores.is_floating_point():
                return scores  # classes, not scores: refused where answers are checked
            scores = scores.float()
            if not self._traced and may_be_probabilities(scores):
                # Logits may lie within 0 to 1, or below 0, by chance: only the way they were made tells.
                self.output_end = module_end(self.module, inputs[:1].clone())
                self._traced = True
        return scores

    def _warn_of_bytes(self, images: Shaped[np.ndarray, "B H W C"]) -> None:
        if self._warned or self.preprocess is not None or images.dtype != np.uint8:
            return
        self._warned = True
        warn(
            f"{type(self.module).__name__} is given the values 0 to 255 as they are. If it was trained "
            "on 0 to 1, give image / 255, or preprocess=; if it does want 0 to 255, give "
            'image.astype("float32").',
            slug="model-bytes",
        )


def _stack_tensors(images: object) -> "torch.Tensor":
    """A tensor (B, C, H, W) from what preprocessings return: tensors, lists of them, or their batch dicts."""
    import torch

    if isinstance(images, Mapping) and "pixel_values" in images:
        images = images["pixel_values"]
    if isinstance(images, list | tuple):
        images = torch.stack([torch.as_tensor(one) for one in images])
    if not isinstance(images, torch.Tensor):
        raise ModelError(
            f"preprocess= returned a {type(images).__name__} for a PyTorch module; it has to return a tensor "
            "of shape (B, C, H, W) or an array of shape (B, H, W, C).",
            slug="preprocess",
        )
    return images


def _move_module(module: "torch.nn.Module", device: "str | torch.device") -> None:
    try:
        module.to(device)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts that it was built for CUDA
        raise OptionError(
            f"the module cannot be moved to device={str(device)!r}: {str(error).splitlines()[0]}",
            slug="option-value",
        ) from error


def _config_names(module: "torch.nn.Module") -> tuple[str, ...] | None:
    """Class names where a module keeps them as Hugging Face's do, or torchvision's folders."""
    config = getattr(module, "config", None)
    for owner, kept in ((config, "id2label"), (module, "id2label"), (module, "class_to_idx")):
        names = getattr(owner, kept, None)
        if isinstance(names, Mapping) and len(names) > 1:
            try:
                found = ordered_names(names)
            except OptionError:
                continue
            # What a model is given that nobody named the classes of.
            blank = all(re.fullmatch(rf"LABEL_{place}", name) for place, name in enumerate(found))
            return None if blank else found
    return None


def _check_channels(error: BaseException) -> None:
    """PyTorch's words on the wrong number of channels, with what to do about it."""
    told = re.search(r"to have (\d+) channels, but got (\d+) channels", str(error))
    if told is not None:
        want, have = map(int, told.groups())
        raise ModelError(
            f"the module takes images of {want} channels, but this image has {have}. "
            f"{channel_advice(have, want)}",
            slug="model-input",
        ) from error


def _out_of_memory(error: BaseException) -> bool:
    import torch

    told = ("DefaultCPUAllocator: ", "out of memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in told)
