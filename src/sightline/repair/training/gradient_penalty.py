"""outputs, inputs and a region → what a network pays for going by the region: right for the right reasons."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int

from sightline._optional import require
from sightline._resize import resize_smooth
from sightline.errors import ModelError, OptionError
from sightline.repair.training.trainer import RegionPenalty

if TYPE_CHECKING:
    import keras
    import torch

MIN_PROBABILITY = 1e-7
"""Below this, probabilities are not told apart in a logarithm."""
MIN_PENALTY = 1e-12
PenaltyStep = Callable[[Any], dict[str, Any]]
"""(images, (labels, where)) → {"loss": …}, with the weights changed: `train_step` of a Keras model. Where is
ones in the region and zeros elsewhere, in the axes of what the network is given."""
Indices = Iterable[int] | Int[np.ndarray, "n"]


def penalty(
    outputs: "torch.Tensor",
    inputs: "torch.Tensor",
    mask: object,
    *,
    from_probabilities: bool = False,
) -> "torch.Tensor":
    """What to add to a PyTorch loss so that a network does not go by a region: right for the right reasons.

    Ross, Hughes & Doshi-Velez 2017: the squared gradient, within the region, of the sum of the classes'
    log-probabilities with respect to the input, summed over pixels and averaged over images.

    Parameters
    ----------
    outputs : tensor, shape (B, L), (B, 1) or (B,)
        Logits; a single column is that of class 1.
    inputs : tensor, shape (B, C, H, W)
        What the network was given, with ``requires_grad``.
    mask : bool array or tensor, shape (H, W) or (B, H, W)
        The region: `Regions.masks` gives it.
    from_probabilities : bool
        Whether the outputs are probabilities already.

    Returns
    -------
    tensor, of no dimension
        Of the network's weights, to be minimised with the loss.

    Raises
    ------
    OptionError
        If the inputs need no gradient, or the mask is not of their size.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    >>> images, mask = torch.rand(3, 1, 4, 4, requires_grad=True), np.eye(4, dtype=bool)
    >>> loss = torch.nn.functional.cross_entropy(net(images), torch.tensor([0, 1, 0]))
    >>> loss = loss + 10 * penalty(net(images), images, mask)
    >>> loss.backward()
    """
    torch = require("torch", extra="torch")
    if not inputs.requires_grad:
        raise OptionError(
            "the inputs need a gradient for the penalty: call images.requires_grad_() before the network "
            "sees them.",
            slug="penalty-gradient",
        )
    where = mask if isinstance(mask, torch.Tensor) else torch.from_numpy(np.array(mask))
    if where.shape[-2:] != inputs.shape[-2:] or where.ndim not in (2, 3):
        raise OptionError(
            f"the mask must have the inputs' height and width, {tuple(inputs.shape[-2:])}, but its shape is "
            f"{tuple(where.shape)}.",
            slug="penalty-mask",
        )
    where = where[None, None] if where.ndim == 2 else where[:, None]
    return _squared_gradient(log_probabilities(outputs, from_probabilities), inputs, where)


def log_probabilities(outputs: "torch.Tensor", from_probabilities: bool) -> "torch.Tensor":
    """Log-probability of each class, shape (B, L), of logits or of probabilities."""
    import torch

    single = outputs.ndim == 1 or outputs.shape[1] == 1
    column = outputs.reshape(len(outputs), -1)
    if from_probabilities:
        both = torch.cat([1 - column, column], dim=1) if single else column
        return torch.log(both.clamp_min(MIN_PROBABILITY))
    if single:
        return torch.nn.functional.logsigmoid(torch.cat([-column, column], dim=1))
    return torch.log_softmax(column, dim=1)


def _squared_gradient(logs: "torch.Tensor", inputs: "torch.Tensor", where: "torch.Tensor") -> "torch.Tensor":
    import torch

    (gradient,) = torch.autograd.grad(logs.sum(), inputs, create_graph=True)
    return ((gradient * where.to(gradient)) ** 2).sum() / len(inputs)


def scaled_torch_penalty(
    paid: RegionPenalty, from_probabilities: bool
) -> Callable[["torch.Tensor", "torch.Tensor", Indices], "torch.Tensor"]:
    """(outputs, inputs, images' indices) → the penalty, in multiples of what it was at the first call."""
    first: list[float] = []

    def scaled(outputs: "torch.Tensor", inputs: "torch.Tensor", indices: Indices) -> "torch.Tensor":
        where = penalty_masks(paid, indices, inputs.shape[-2:])
        added = penalty(outputs, inputs, where, from_probabilities=from_probabilities)
        if not first:
            first.append(max(float(added.detach()), MIN_PENALTY))
        return paid.weight * added / first[0]

    return scaled


def penalty_masks(paid: RegionPenalty, indices: Indices, shape: Sequence[int]) -> Bool[np.ndarray, "B h w"]:
    """Where the gradients of some images cost, at the size that they came to."""
    return np.stack([resize_mask(paid.mask_of(int(index)), shape) for index in indices])


def resize_mask(mask: Bool[np.ndarray, "H W"], shape: Sequence[int]) -> Bool[np.ndarray, "h w"]:
    """A mask at the size that a preprocessing brought the images to: any pixel that it touches."""
    return np.asarray(resize_smooth(mask, shape, antialias=False) > 0)


def keras_penalty_step(
    network: "keras.Model", weight: float, from_probabilities: bool, column: int | None = None
) -> PenaltyStep:
    """What a Keras model does with one batch while it is fitted, with the penalty in its loss.

    Parameters
    ----------
    network : keras.Model
        Compiled.
    weight : float
    from_probabilities : bool
    column : int, optional
        Of several labels the one that is penalised; all columns' losses are learned from.

    Raises
    ------
    ModelError
        If its backend has no gradients of gradients.
    """
    backend = require("keras", extra="keras").backend.backend()
    steps: dict[str, Callable[..., PenaltyStep]] = {"tensorflow": _tensorflow_step, "torch": _torch_step}
    if backend not in steps:
        raise ModelError(
            "right reasons need gradients of gradients, which are not taken from Keras on "
            f"{backend} here. Set KERAS_BACKEND to tensorflow or torch, or use sl.repair.Counterexamples.",
            slug="repair-closed",
        )
    return steps[backend](network, weight, from_probabilities, column)


def _tensorflow_step(
    network: "keras.Model", weight: float, from_probabilities: bool, column: int | None
) -> PenaltyStep:
    tf = importlib.import_module("tensorflow")
    first = tf.Variable(0.0, trainable=False)

    def step(batch: tuple[Any, Any]) -> dict[str, Any]:
        given, (labels, where) = batch
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(given)
                outputs = _only(network(given, training=True))
                one = outputs if column is None else outputs[:, column : column + 1]
                logs = _tensorflow_logs(tf, one, from_probabilities)
                total = tf.reduce_sum(logs)
            gradient = _only(inner.gradient(total, given))
            added = tf.reduce_sum((gradient * where) ** 2) / tf.cast(tf.shape(gradient)[0], gradient.dtype)
            first.assign(tf.where(first > 0, first, tf.maximum(added, MIN_PENALTY)))
            if column is None:
                learned = -tf.reduce_mean(tf.gather(logs, labels, axis=1, batch_dims=1))
            else:
                learned = network.compute_loss(y=labels, y_pred=outputs)
            loss = learned + weight * added / tf.stop_gradient(first)
        weights = network.trainable_variables
        gradients = outer.gradient(
            loss, [one.value for one in weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        network.optimizer.apply(gradients, weights)
        return {"loss": loss}

    return step


def _tensorflow_logs(tf: Any, outputs: Any, from_probabilities: bool) -> Any:
    single = outputs.shape[1] == 1
    if from_probabilities:
        both = tf.concat([1 - outputs, outputs], axis=1) if single else outputs
        return tf.math.log(tf.maximum(both, MIN_PROBABILITY))
    if single:
        return tf.math.log_sigmoid(tf.concat([-outputs, outputs], axis=1))
    return tf.nn.log_softmax(outputs, axis=1)


def _torch_step(
    network: "keras.Model", weight: float, from_probabilities: bool, column: int | None
) -> PenaltyStep:
    import torch

    ops = require("keras", extra="keras").ops
    first: list[float] = []

    def step(batch: Sequence[Any]) -> dict[str, Any]:
        given = require("keras", extra="keras").tree.map_structure(
            lambda array: ops.convert_to_tensor(array).requires_grad_(), batch[0]
        )
        labels, where = map(torch.as_tensor, batch[1])
        network.zero_grad()
        inputs = _only(given)
        outputs = _only(network(given, training=True))
        one = outputs if column is None else outputs[:, column : column + 1]
        logs = log_probabilities(one, from_probabilities)
        added = _squared_gradient(logs, inputs, where.to(inputs))
        if not first:
            first.append(max(float(added.detach()), MIN_PENALTY))
        if column is None:
            learned = -logs[torch.arange(len(labels)), labels.to(logs.device)].mean()
        else:
            learned = network.compute_loss(y=labels.to(logs.device), y_pred=outputs)
        loss = learned + weight * added / first[0]
        loss.backward()  # type: ignore[no-untyped-call]
        weights = network.trainable_weights
        gradients = [
            torch.zeros_like(one.value) if one.value.grad is None else one.value.grad for one in weights
        ]
        with torch.no_grad():
            network.optimizer.apply(gradients, weights)
        return {"loss": loss.detach()}

    return step


def _only(nested: object) -> Any:
    """The one tensor of what a Keras model is given or returns."""
    (tensor,) = require("keras", extra="keras").tree.flatten(nested)
    return tensor
