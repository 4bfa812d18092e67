"""a PyTorch module and images → a copy of it that learned from them."""

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.torch.modules import evaluation_mode, scores_in
from sightline.data.datasets import Dataset
from sightline.errors import ModelError
from sightline.repair.result import wrap_like
from sightline.repair.training.config import TrainingConfig
from sightline.repair.training_data import stack_images

if TYPE_CHECKING:
    import torch

Penalty = Callable[["torch.Tensor", "torch.Tensor", bool], "torch.Tensor"]
"""(outputs, inputs, whether a softmax or sigmoid comes last) → what is added to the loss while training."""


def train_torch(
    model: CheckedModel,
    train: Dataset,
    validation: Dataset,
    *,
    config: TrainingConfig,
    fresh: bool,
    seed: int,
    penalty: Penalty | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> CheckedModel:
    """A copy of a model's module, trained on images; its best weights by the loss on validation images.

    Parameters
    ----------
    model : CheckedModel
        Of a PyTorch module. Weights that need no gradient stay as they are.
    train, validation : Dataset
        Labels are the model's classes.
    course : Course
    fresh : bool
        Whether every layer's weights are drawn anew first.
    seed : int
    penalty : callable, optional
        Added to the loss while training.
    tick : callable

    Raises
    ------
    ModelError
        If the loss is no finite number, or layers cannot be drawn anew.
    """
    import torch

    model(stack_images(train, [0]))  # its first answer shows whether a softmax or sigmoid comes last
    ask: Any = model.backend
    with torch.random.fork_rng(devices=[ask.device] if ask.device.type == "cuda" else []):
        torch.manual_seed(seed)
        made = wrap_like(model, copy.deepcopy(ask.module))
        asked: Any = made.backend
        if fresh:
            _reset_weights(asked.module)
        lesson = _ModuleLoss(made, model.outputs_probabilities)
        weights = [one for one in asked.module.parameters() if one.requires_grad]
        if not weights:
            raise ModelError(
                "every weight of the module is frozen (requires_grad is False), so it cannot learn. Set "
                "requires_grad of the layers that may change, or use sl.repair.Guard.",
                slug="repair-closed",
            )
        optimizer = torch.optim.Adam(weights, config.learning_rate)
        rng = np.random.default_rng(seed)
        best, waited, state = np.inf, 0, copy.deepcopy(asked.module.state_dict())
        for _ in range(config.epochs):
            with _training_mode(asked.module):
                for places in minibatches(len(train), config.batch_size, rng):
                    optimizer.zero_grad()
                    loss = lesson.batch_loss(train, places, penalty)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    tick(len(places))
            now = lesson.mean_loss(validation, config.batch_size)
            if now < best:
                best, waited, state = now, 0, copy.deepcopy(asked.module.state_dict())
            else:
                waited += 1
            if waited == config.patience:
                break
        asked.module.load_state_dict(state)
    asked.module.eval()
    return made


def torch_features(
    model: CheckedModel, source: Dataset, batch_size: int = 64
) -> tuple[Float[np.ndarray, "N F"], Any]:
    """What a module's last linear layer is given for each image, and that layer.

    Raises
    ------
    ModelError
        If the module does not end in a linear layer.
    """
    import torch

    ask: Any = model.backend
    layer = last_linear_layer(ask.module)
    kept: list[Any] = []
    seen: list[Any] = []
    hook = layer.register_forward_hook(lambda _, given, out: kept.append((given[0].detach(), out.detach())))
    try:
        for start in range(0, len(source), batch_size):
            kept.clear()
            places = range(start, min(start + batch_size, len(source)))
            inputs = ask.input_tensor(model.apply_preprocess(stack_images(source, places)))
            with evaluation_mode(ask.module), torch.no_grad():
                scores_in(ask.module(inputs))
            if len(kept) != 1 or kept[0][0].ndim != 2:
                raise no_linear_head(type(ask.module).__name__)
            seen.append(kept[0][0].double().cpu().numpy())
    finally:
        hook.remove()
    return np.concatenate(seen), layer


def last_linear_layer(module: Any) -> Any:
    """The linear layer that a module ends in.

    Raises
    ------
    ModelError
        If it does not end in one.
    """
    import torch

    linear = [one for one in module.modules() if isinstance(one, torch.nn.Linear)]
    if not linear:
        raise no_linear_head(type(module).__name__)
    return linear[-1]


def no_linear_head(name: str) -> ModelError:
    """What to say of a model that has no last layer that can be refitted alone."""
    return ModelError(
        f"{name} does not end in one linear layer, so it has no last layer to refit alone. Use "
        "sl.repair.Counterexamples, or sl.repair.Guard, which needs no fitting.",
        slug="repair-last",
    )


def minibatches(count: int, size: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "B"]]:
    """Places in random order, batch by batch; a last batch of one joins the one before it."""
    order = rng.permutation(count)
    ends = list(range(size, count, size))
    if ends and count - ends[-1] == 1:
        ends.pop()
    yield from np.split(order, ends)


class _ModuleLoss:
    """A module's loss about images."""

    def __init__(self, model: CheckedModel, squashed: bool) -> None:
        self.model = model
        self.squashed = squashed

    def batch_loss(self, source: Dataset, places: Any, penalty: Penalty | None = None) -> "torch.Tensor":
        """Mean loss of some images, with a penalty added."""
        import torch

        ask: Any = self.model.backend
        inputs = ask.input_tensor(self.model.apply_preprocess(stack_images(source, places)))
        labels = torch.from_numpy(source.labels[list(places)]).to(inputs.device)
        if penalty is not None:
            inputs = inputs.clone().requires_grad_()
        outputs = scores_in(ask.module(inputs))
        loss = cross_entropy(outputs, labels, self.squashed)
        if penalty is not None:
            loss = loss + penalty(outputs, inputs, self.squashed)
        if not bool(torch.isfinite(loss)):
            raise ModelError(
                "the loss is not a finite number any more: training has diverged. Give a smaller rate: "
                "course=Course(rate=1e-4).",
                slug="repair-diverged",
            )
        return loss

    def mean_loss(self, source: Dataset, size: int) -> float:
        """Mean loss of all images, in evaluation mode."""
        import torch

        ask: Any = self.model.backend
        total = 0.0
        with evaluation_mode(ask.module), torch.no_grad():
            for start in range(0, len(source), size):
                places = range(start, min(start + size, len(source)))
                total += float(self.batch_loss(source, places)) * len(places)
        return total / len(source)


def cross_entropy(outputs: "torch.Tensor", labels: "torch.Tensor", squashed: bool) -> "torch.Tensor":
    """Mean cross-entropy; a single column is class 1."""
    import torch

    return -log_probabilities(outputs, squashed)[torch.arange(len(labels)), labels].mean()


def log_probabilities(outputs: "torch.Tensor", squashed: bool) -> "torch.Tensor":
    """Log-probability of each class, shape (B, L), of logits or of probabilities."""
    import torch

    single = outputs.ndim == 1 or outputs.shape[1] == 1
    column = outputs.reshape(len(outputs), -1)
    if squashed:
        both = torch.cat([1 - column, column], dim=1) if single else column
        return torch.log(both.clamp_min(1e-7))
    if single:
        return torch.cat(
            [torch.nn.functional.logsigmoid(-column), torch.nn.functional.logsigmoid(column)], dim=1
        )
    return torch.log_softmax(column, dim=1)


class _training_mode:
    """Training mode for a while, for those parts that are not frozen."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __enter__(self) -> None:
        self.module.train()
        for part in self.module.modules():
            own = list(part.parameters(recurse=False))
            # A frozen normalisation keeps its statistics too.
            if own and not any(one.requires_grad for one in own):
                part.eval()

    def __exit__(self, *error: Any) -> None:
        self.module.eval()


def _reset_weights(module: Any) -> None:
    for name, part in module.named_modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        elif next(part.parameters(recurse=False), None) is not None:
            raise ModelError(
                f"the weights of {name or type(part).__name__} cannot be drawn anew: it has no "
                "reset_parameters(). Train on from where the network is (fresh=False), or give "
                "your own fit=.",
                slug="repair-fresh",
            )
