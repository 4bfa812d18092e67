"""a PyTorch module → its inside: activations and gradients, channels last, in NumPy."""

import contextlib
import copy
import dataclasses
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from sightline.adapters.map_layers import (
    GENTLY,
    MapChoice,
    halves_changed,
    no_map_error,
    remembered_layer,
    same_score,
)
from sightline.adapters.torch.modules import evaluation_mode, scores_in, with_gradients, without_gradients
from sightline.adapters.torch.tracing import (
    Made,
    is_learned,
    is_mixed,
    is_scripted,
    listen_to_module,
    node_names,
    place_of,
    places_before,
    run_as_written,
    speaks_by_patches,
)
from sightline.errors import ModelError
from sightline.types import Activations, Inputs, MapLayer, Reshape, Weights, did_you_mean

if TYPE_CHECKING:
    import torch


class TracedPass(NamedTuple):
    """A forward pass of a batch.

    Parameters
    ----------
    given : tensor
        Its inputs.
    made : dict
        Every tensor with gradients that is made of them, by name.
    scores : tensor
        The chosen score of each image.
    path : int
        Stands for the layers and functions that were called, and how they hang together.
    """

    given: "torch.Tensor"
    made: dict[str, Made]
    scores: "torch.Tensor"
    path: int


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
    known_layers : dict
        The map layers that were found for the module before; further ones are kept there.
    """

    def __init__(
        self,
        module: "torch.nn.Module",
        prepare: "Callable[[object], torch.Tensor]",
        predict: "Callable[[torch.Tensor], torch.Tensor]",
        device: "torch.device",
        dtype: "torch.dtype",
        known_layers: dict[Hashable, MapLayer],
    ) -> None:
        self.module = module
        self.known_layers = known_layers
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
        seen: dict[str, tuple[int, ...]] = {}

        def note(name: str) -> "Callable[[torch.Tensor], None]":
            def heard(output: "torch.Tensor") -> None:
                seen.pop(name, None)
                seen[name] = _channels_last_shape(tuple(output.shape[1:]))

            return heard

        with contextlib.ExitStack() as hooks:
            for name, part in self.module.named_modules():
                if name and not is_scripted(part):
                    hooks.enter_context(_watch_output(part, note(name)))
            with evaluation_mode(self.module), without_gradients(), run_as_written(self.module):
                self.module(self._input_tensor(inputs[:1]))
        return seen

    def last_map_layer(self, inputs: Inputs, weights: Weights) -> MapLayer:
        """The last layer, or function that the module calls, with extent and all of the score in it.

        A module is Python code, which may go another way for another image, or after an attribute was set:
        one pass of the image tells the way, and for each way the layer is looked for once.
        """
        parts = tuple((name, type(part)) for name, part in self.module.named_modules())
        path = self._traced_pass(inputs, weights).path
        key = (parts, inputs.shape[1:], weights.tobytes(), path)
        found = remembered_layer(self.known_layers, key, lambda: self._find_map_layer(inputs, weights, path))
        return dataclasses.replace(found, calls=found.calls + len(inputs))

    def _pass_of_halves(self, inputs: Inputs, weights: Weights, path: int) -> "tuple[TracedPass, int]":
        """A pass of the image and its halves changed, all on the image's own way, and its calls."""
        traced, calls = self._traced_pass(halves_changed(inputs), weights), 6
        if traced.path == path:
            return traced, calls
        copies = self._traced_pass(halves_changed(inputs, share=0.0), weights)
        if traced.path == copies.path:  # a batch of six is reckoned otherwise than one image
            return traced, calls + 6
        gently = self._traced_pass(halves_changed(inputs, share=GENTLY), weights)
        return gently if gently.path == copies.path else copies, calls + 12

    def _find_map_layer(self, inputs: Inputs, weights: Weights, path: int) -> MapLayer:
        (given, made, scores, _), calls = self._pass_of_halves(inputs, weights, path)
        start, end = place_of(given), place_of(scores)
        if start is None or end is None:
            raise _no_gradient_error("they have none at all")
        traced = [one.traced(name) for name, one in made.items()]
        choice = MapChoice(traced, places_before, start, end, inputs.shape[1:3], is_learned, is_mixed)
        wanted, elsewhere = float(scores[0].detach()), float(scores[5].detach())

        def activations(name: str) -> Activations:
            nonlocal calls
            if made[name].changed_since:
                calls += len(given)
                made[name] = made[name]._replace(tensor=self._activations(name, given))
            return _channels_last_array(made[name].tensor)

        def hangs_on_patches(name: str, reshape: Reshape) -> bool:
            return speaks_by_patches(scores[0], made[name], reshape)

        def is_whole(name: str) -> bool:
            nonlocal calls
            calls += 1
            activations = made[name].tensor[:1].detach()
            found = self._score_with(name, activations, given[5:].detach(), weights)
            return same_score(found, wanted, elsewhere)

        found = choice.choose(activations, hangs_on_patches, is_whole, turns=True)
        if found is None:
            raise no_map_error(type(self.module).__name__, choice.parts(), choice.reasons)
        return dataclasses.replace(found, calls=calls)

    def input_gradients(self, inputs: Inputs, weights: Weights) -> Inputs:
        """Gradients with respect to the inputs."""
        given = self._input_tensor(inputs).requires_grad_()
        return _channels_last_array(self._output_gradient(given, weights, lambda: given))

    def activations_and_gradients(
        self, inputs: Inputs, layer: str, weights: Weights
    ) -> tuple[Activations, Activations]:
        """Activations of a layer and the gradients with respect to them."""
        found: list[torch.Tensor] = []
        with self._watch_layer(layer, found):
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

    @contextlib.contextmanager
    def _watch_layer(self, layer: str, found: "list[torch.Tensor]") -> Iterator[None]:
        """Append what a layer, or a function that the module calls, returns at each of its calls."""
        if ":" not in layer:
            with _watch_output(self._named_layer(layer), found.append):
                yield
            return
        others: list[str] = []

        def heard(name: str, tensor: "torch.Tensor") -> "torch.Tensor | None":
            others.append(name)
            if name != layer:
                return None
            found.append(tensor)
            return tensor.clone()  # so that nothing in place overwrites what was heard

        with listen_to_module(self.module, heard):
            yield
        if not found:
            raise self._no_layer_error(layer, [name for name in others if ":" in name])

    def _traced_pass(self, batch: Inputs, weights: Weights) -> "TracedPass":
        made: dict[str, Made] = {}
        names: list[str] = []

        def heard(name: str, tensor: "torch.Tensor") -> None:
            place = place_of(tensor)
            names.append(name)
            made.pop(name, None)
            if place is not None:
                made[name] = Made(tensor, place, tensor._version)

        with evaluation_mode(self.module), with_gradients():
            given = self._input_tensor(batch).requires_grad_().clone()
            with listen_to_module(self.module, heard):
                scores = self._chosen_scores(given, weights)
            path = hash((tuple(names), node_names(place_of(scores))))
            return TracedPass(given, made, scores, path)

    def _chosen_scores(self, given: "torch.Tensor", weights: Weights) -> "torch.Tensor":
        """The score of each image that the weights choose."""
        import torch

        outputs = scores_in(self.module(given)).reshape(len(given), -1)
        return outputs @ torch.from_numpy(weights).to(outputs.device, outputs.dtype)

    def _score_with(
        self, layer: str, activations: "torch.Tensor", given: "torch.Tensor", weights: Weights
    ) -> float:
        """The chosen score of an image if a layer gave other activations at its last call."""

        def heard(name: str, tensor: "torch.Tensor") -> "torch.Tensor | None":
            return activations if name == layer and tensor.shape == activations.shape else None

        with evaluation_mode(self.module), without_gradients(), listen_to_module(self.module, heard):
            return float(self._chosen_scores(given, weights)[0])

    def _activations(self, layer: str, given: "torch.Tensor") -> "torch.Tensor":
        """What a layer gives, before anything in place is done to it."""
        found: list[torch.Tensor] = []
        with evaluation_mode(self.module), without_gradients(), self._watch_layer(layer, found):
            self.module(given.detach().clone())
        return found[-1]

    def _no_layer_error(self, layer: str, known: Iterable[str]) -> ModelError:
        return ModelError(
            f"{type(self.module).__name__} has no layer {layer!r}. {did_you_mean(layer, known)}",
            slug="inside-layers",
        )

    def _named_layer(self, layer: str) -> "torch.nn.Module":
        parts: dict[str, torch.nn.Module] = dict(self.module.named_modules())
        parts.pop("", None)
        if layer not in parts:
            raise self._no_layer_error(layer, parts)
        return parts[layer]

    def _output_gradient(
        self, given: "torch.Tensor", weights: Weights, of: Callable[[], "torch.Tensor"]
    ) -> "torch.Tensor":
        """Gradient of the chosen scalar with respect to what `of` returns after the forward pass."""
        import torch

        with evaluation_mode(self.module), with_gradients(), run_as_written(self.module):
            # A copy, since the module may change what it is given, which a leaf does not allow.
            scores = self._chosen_scores(given.clone(), weights)
            try:
                (gradient,) = torch.autograd.grad(scores.sum(), of())
            except (RuntimeError, IndexError) as error:
                raise _no_gradient_error(str(error).splitlines()[0]) from error
        return gradient


def _no_gradient_error(told: str) -> ModelError:
    return ModelError(
        "no gradient comes from the scores back to the layer: is it run at all, on the way to "
        f"the scores, outside of torch.no_grad()? ({told})",
        slug="inside-layers",
    )


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
