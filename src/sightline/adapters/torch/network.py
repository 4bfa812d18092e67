"""a PyTorch module → its inside: activations and gradients, channels last, in NumPy."""

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sightline.adapters.torch.modules import evaluation_mode, scores_in
from sightline.errors import ModelError
from sightline.types import NO_LAYER_NEEDED, Activations, Inputs, Weights, did_you_mean

if TYPE_CHECKING:
    import torch


class TorchNetwork:
    """The inside of a PyTorch module; `sightline.types.Network` says what each call gives.

    Layers have the names of `named_modules()`. Activations (B, C, h, w) are given channels last; others,
    such as tokens (B, T, C), as they are.

    Parameters
    ----------
    module : torch.nn.Module
    prepare : callable
        Images, preprocessed or as given → the tensor that the module is given.
    predict : callable
        Such tensors → its answers, in as many calls as the memory allows.
    device, dtype
        Of that tensor.
    """

    def __init__(
        self,
        module: "torch.nn.Module",
        prepare: "Callable[[object], torch.Tensor]",
        predict: "Callable[[torch.Tensor], torch.Tensor]",
        device: "torch.device",
        dtype: "torch.dtype",
    ) -> None:
        self.module = module
        self.prepare = prepare
        self.predict = predict
        self.device = device
        self.dtype = dtype

    def prepare_inputs(self, images: object) -> Inputs:
        """What the module is given for images."""
        return _channels_last_array(self.prepare(images))

    def raw_outputs(self, inputs: Inputs) -> Float[np.ndarray, "B R"]:
        """Raw outputs of the module."""
        outputs: np.ndarray = self.predict(self._input_tensor(inputs)).numpy()
        return outputs.reshape(len(inputs), -1)

    def layer_shapes(self, inputs: Inputs) -> dict[str, tuple[int, ...]]:
        """Every submodule that returns a tensor, in the order in which they finished."""
        import torch

        seen: dict[str, tuple[int, ...]] = {}

        def note(name: str) -> "Callable[[torch.Tensor], None]":
            def heard(output: "torch.Tensor") -> None:
                seen.pop(name, None)
                seen[name] = _channels_last_shape(tuple(output.shape[1:]))

            return heard

        with contextlib.ExitStack() as hooks:
            for name, part in self.module.named_modules():
                if name:
                    hooks.enter_context(_watch_output(part, note(name)))
            with evaluation_mode(self.module), torch.inference_mode():
                self.module(self._input_tensor(inputs[:1]))
        return seen

    def last_conv_layer(self, inputs: Inputs) -> str:
        """The convolution that is run last, of those whose output has an extent."""
        shapes = self.layer_shapes(inputs)
        parts = dict(self.module.named_modules())
        for name, shape in reversed(shapes.items()):
            if type(parts[name]).__name__.startswith("Conv") and len(shape) == 3 and shape[0] * shape[1] > 1:
                return name
        raise ModelError(
            f"{type(self.module).__name__} has no convolutional layer. Name another with layer= (for a "
            f"vision transformer with reshape= too), or use another method: {NO_LAYER_NEEDED}.",
            slug="inside-layers",
        )

    def input_gradients(self, inputs: Inputs, weights: Weights) -> Inputs:
        """Gradients with respect to the inputs."""
        given = self._input_tensor(inputs).requires_grad_()
        return _channels_last_array(self._output_gradient(given, weights, lambda: given))

    def activations_and_gradients(
        self, inputs: Inputs, layer: str, weights: Weights
    ) -> tuple[Activations, Activations]:
        """Activations of a layer and the gradients with respect to them."""
        part = self._named_layer(layer)
        found: list[torch.Tensor] = []
        with _watch_output(part, found.append):
            gradient = self._output_gradient(
                self._input_tensor(inputs).requires_grad_(), weights, lambda: found[-1]
            )
        return _channels_last_array(found[-1]), _channels_last_array(gradient)

    def classifier_head(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        """Kernel and offsets of the last `torch.nn.Linear`."""
        import torch

        for part in reversed(list(self.module.modules())):
            if isinstance(part, torch.nn.Linear):
                offsets = torch.zeros(part.out_features) if part.bias is None else part.bias
                return part.weight.detach().cpu().float().numpy().T, offsets.detach().cpu().float().numpy()
        raise ModelError(
            f"{type(self.module).__name__} has no fully connected layer, which cam needs: use grad-cam.",
            slug="inside-layers",
        )

    def _input_tensor(self, inputs: Inputs) -> "torch.Tensor":
        import torch

        # A copy: a module may work in place, and turning the axes of grey images copies nothing.
        given = torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy())
        return given.to(self.device, self.dtype)

    def _named_layer(self, layer: str) -> "torch.nn.Module":
        parts: dict[str, torch.nn.Module] = dict(self.module.named_modules())
        parts.pop("", None)
        if layer not in parts:
            raise ModelError(
                f"{type(self.module).__name__} has no layer {layer!r}. {did_you_mean(layer, parts)}",
                slug="inside-layers",
            )
        return parts[layer]

    def _output_gradient(
        self, given: "torch.Tensor", weights: Weights, of: Callable[[], "torch.Tensor"]
    ) -> "torch.Tensor":
        """Gradient of the chosen scalar with respect to what `of` returns after the forward pass."""
        import torch

        with evaluation_mode(self.module), torch.enable_grad():
            # A copy, since the module may change what it is given, which a leaf does not allow.
            outputs = scores_in(self.module(given.clone())).reshape(len(given), -1)
            chosen = torch.from_numpy(weights).to(outputs.device, outputs.dtype)
            try:
                (gradient,) = torch.autograd.grad((outputs @ chosen).sum(), of())
            except (RuntimeError, IndexError) as error:
                raise ModelError(
                    "no gradient comes from the scores back to the layer: is it run at all, on the way to "
                    f"the scores, outside of torch.no_grad()? ({str(error).splitlines()[0]})",
                    slug="inside-layers",
                ) from error
        return gradient


def randomised_module(module: "torch.nn.Module", seed: int) -> "torch.nn.Module":
    """A copy of a module, each part initialised anew; parameters of its own are shuffled."""
    import torch

    made = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for part in made.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
            else:
                for own in part.parameters(recurse=False):
                    own.copy_(own.flatten()[torch.randperm(own.numel())].reshape(own.shape))
    return made


@contextlib.contextmanager
def _watch_output(part: "torch.nn.Module", listener: "Callable[[torch.Tensor], None]") -> Iterator[None]:
    """Tell the listener what a submodule returns to this thread."""
    import torch

    me = threading.get_ident()

    def heard(_: object, __: object, output: object) -> object:
        whole, tensor = output, output[0] if isinstance(output, tuple) and output else output
        if threading.get_ident() != me or not isinstance(tensor, torch.Tensor):
            return None
        listener(tensor)
        # A copy goes on, so that an activation in place does not overwrite what was heard.
        passed = tensor.clone()
        return (passed, *whole[1:]) if isinstance(whole, tuple) else passed

    hook = part.register_forward_hook(heard)
    try:
        yield
    finally:
        hook.remove()


def _channels_last_array(tensor: "torch.Tensor") -> Float[np.ndarray, "..."]:
    """A tensor in NumPy, float32, channels last where it has four axes."""
    there = tensor.detach().cpu().float()
    return (there.permute(0, 2, 3, 1) if there.ndim == 4 else there).numpy()


def _channels_last_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[1], shape[2], shape[0]) if len(shape) == 3 else shape
