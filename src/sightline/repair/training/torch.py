"""a PyTorch module and images → a copy of it that learned from them."""

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sightline._batch_sizes import batch_ranges
from sightline._files import written_aside
from sightline._progress_file import tell_progress
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.torch.model import TorchModel
from sightline.adapters.torch.modules import evaluation_mode, scores_in
from sightline.data.datasets import Dataset
from sightline.errors import ModelError
from sightline.repair.training.gradient_penalty import log_probabilities, scaled_torch_penalty
from sightline.repair.training.trainer import (
    Head,
    RegionPenalty,
    TrainingRun,
    diverged_error,
    label_targets,
    minibatches,
    no_linear_head,
    shaped_head,
    wrap_like,
)
from sightline.repair.training_data import Indices, stack_images

if TYPE_CHECKING:
    import torch

FEATURE_BATCH = 64


class TorchTrainer:
    """How PyTorch modules are trained again; `trainer.Trainer` says what each call does.

    Parameters
    ----------
    model : CheckedModel
        Of a PyTorch module. Weights that need no gradient stay as they are.
    """

    def __init__(self, model: CheckedModel) -> None:
        assert isinstance(model.backend, TorchModel)
        self.model = model
        self.backend = model.backend

    def train(self, run: TrainingRun) -> CheckedModel:
        """A copy, trained until the loss on validation images gets no better; then its best weights."""
        import torch

        train, validation, config = run.train, run.validation, run.config
        self.model(stack_images(train, [0]))  # its first answer shows whether a softmax or sigmoid comes last
        devices = [self.backend.device] if self.backend.device.type == "cuda" else []
        # Whatever the caller has switched off, as for asking the model.
        with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(run.seed)
            module = copy.deepcopy(self.backend.module)
            made = wrap_like(self.model, module)
            if run.fresh:
                _reset_weights(module)
            loss = _ModuleLoss(made, self.model, run.penalty)
            optimizer = torch.optim.Adam(_trainable_weights(module), config.learning_rate)
            rng = np.random.default_rng(run.seed)
            best, waited, state = np.inf, 0, copy.deepcopy(module.state_dict())
            for epoch in range(config.epochs):
                tell_progress(epoch=epoch + 1, epochs=config.epochs)
                with _training_mode(module):
                    for indices in minibatches(len(train), config.batch_size, rng):
                        optimizer.zero_grad()
                        loss.of_batch(train, indices, penalised=True).backward()  # type: ignore[no-untyped-call]
                        optimizer.step()
                        run.tick(len(indices))
                now = loss.mean(validation, config.batch_size)
                if now < best:
                    best, waited, state = now, 0, copy.deepcopy(module.state_dict())
                else:
                    waited += 1
                if waited == config.patience:
                    break
            module.load_state_dict(state)
        module.eval()
        return made

    def has_linear_head(self) -> bool:
        """Whether there is a linear layer; the module's output alone shows whether it is the last."""
        import torch

        return any(isinstance(part, torch.nn.Linear) for part in self.backend.module.modules())

    def head_features(self, dataset: Dataset) -> Float[np.ndarray, "N F"]:
        """What the last linear layer is given for each image."""
        head = self._head_name(dataset)
        seen = [
            self._linear_calls(dataset, indices, head)[0][head][0][0].double().cpu().numpy()
            for indices in batch_ranges(len(dataset), FEATURE_BATCH)
        ]
        return np.concatenate(seen)

    def with_linear_head(self, head: Head, dataset: Dataset) -> CheckedModel:
        """A copy with another last linear layer."""
        import torch

        module = copy.deepcopy(self.backend.module)
        name = self._head_name(dataset)
        layer: Any = module.get_submodule(name)
        if name and (type(layer) is not torch.nn.Linear or layer._forward_pre_hooks):
            layer = _plain_linear(
                layer
            )  # the weights of others, such as normalised ones, are made at each call
            parent, _, last = name.rpartition(".")
            setattr(module.get_submodule(parent), last, layer)
        kernel = layer.weight.detach().cpu().numpy().T
        bias = np.zeros(kernel.shape[1]) if layer.bias is None else layer.bias.detach().cpu().numpy()
        weights, offsets = shaped_head(head, (kernel, bias), self.model, type(module).__name__)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(weights.T))
            if layer.bias is None:
                layer.bias = torch.nn.Parameter(torch.zeros(len(offsets)).to(layer.weight))
            layer.bias.copy_(torch.as_tensor(offsets))
        return wrap_like(self.model, module)

    def write_weights(self, made: CheckedModel, path: Path) -> Path | None:
        """The module's ``state_dict``, which needs no trust to be read."""
        import torch

        state, own = made.backend.module.state_dict(), self.backend.module.state_dict()  # type: ignore[attr-defined]
        if {name: one.shape for name, one in state.items()} != {name: one.shape for name, one in own.items()}:
            return None
        with written_aside(path.with_suffix(".pt")) as aside:
            torch.save(state, aside)
        return path.with_suffix(".pt")

    def read_weights(self, path: Path) -> CheckedModel:
        """A copy of the module with those weights."""
        import torch

        module = copy.deepcopy(self.backend.module)
        module.load_state_dict(torch.load(path, map_location=self.backend.device, weights_only=True))
        return wrap_like(self.model, module.eval())

    def _head_name(self, dataset: Dataset) -> str:
        """The linear layer whose output is the module's, but for a softmax or sigmoid."""
        import torch

        calls, scores = self._linear_calls(dataset, [0])
        endings = (
            lambda values: values,
            torch.sigmoid,
            lambda values: torch.softmax(values, -1),
            lambda values: torch.log_softmax(values, -1),
        )
        for name, [*others, (given, made)] in reversed(calls.items()):
            same = made.numel() == scores.numel() and any(
                torch.allclose(ending(made).reshape(scores.shape), scores) for ending in endings
            )
            if same and not others and given.ndim == 2 and self._is_linear(name, given, made):
                return name
        raise no_linear_head(type(self.backend.module).__name__)

    def _is_linear(self, name: str, given: "torch.Tensor", made: "torch.Tensor") -> bool:
        """Whether a layer does what its weights say, and not something of its own besides."""
        import torch

        layer: Any = self.backend.module.get_submodule(name)
        with torch.no_grad():
            return torch.allclose(
                torch.nn.functional.linear(given, layer.weight, layer.bias), made, atol=1e-5
            )

    def _linear_calls(
        self, dataset: Dataset, indices: Indices, only: str | None = None
    ) -> tuple[dict[str, list[tuple["torch.Tensor", "torch.Tensor"]]], "torch.Tensor"]:
        """What linear layers were given and gave, at each of their calls in their order; and the scores."""
        import torch

        calls: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        module = self.backend.module

        def note(name: str) -> Any:
            def hook(_: object, given: tuple["torch.Tensor", ...], made: "torch.Tensor") -> None:
                calls.setdefault(name, []).append((given[0].detach().clone(), made.detach().clone()))

            return hook

        hooks = [
            part.register_forward_hook(note(name))
            for name, part in module.named_modules()
            if isinstance(part, torch.nn.Linear) and only in (None, name)
        ]
        try:
            inputs = self.backend.input_tensor(self.model.apply_preprocess(stack_images(dataset, indices)))
            with evaluation_mode(module), torch.no_grad():
                scores = scores_in(module(inputs))
        finally:
            for hook in hooks:
                hook.remove()
        return calls, scores


class _ModuleLoss:
    """A module's loss about images: cross-entropy, of which a single column is class 1.

    Of several labels of which one is asked for, the mean of all columns' binary cross-entropies, each against
    what `label_targets` says; a penalty is of the one alone.
    """

    def __init__(self, model: CheckedModel, old: CheckedModel, penalty: RegionPenalty | None = None) -> None:
        self.model = model
        self.old = old
        output = old.settled_output
        self.from_logs = output == "log-probability"
        self.from_probabilities = self.from_logs or output == "probability"
        self.penalty = None if penalty is None else scaled_torch_penalty(penalty, self.from_probabilities)

    def of_batch(self, dataset: Dataset, indices: Indices, *, penalised: bool = False) -> "torch.Tensor":
        """Mean loss of some images, with a penalty added."""
        import torch

        backend: Any = self.model.backend
        # A copy, since what a preprocessing returns may not be learned from.
        images = stack_images(dataset, indices)
        targets = None
        if self.model.view.label is not None:
            targets = label_targets(self.old, np.array(images), dataset.labels[list(indices)])
        inputs = backend.input_tensor(self.model.apply_preprocess(images)).clone()
        labels = torch.from_numpy(dataset.labels[list(indices)]).to(inputs.device)
        penalty = self.penalty if penalised else None
        outputs = scores_in(backend.module(inputs if penalty is None else inputs.requires_grad_()))
        outputs = outputs.exp() if self.from_logs else outputs
        if targets is None:
            logs = log_probabilities(outputs, self.from_probabilities)
            loss = -logs[torch.arange(len(labels)), labels].mean()
        else:
            loss = _all_labels_loss(outputs, targets, self.from_probabilities)
            outputs = outputs[:, [self.model.view.column(outputs.shape[1], self.model.column_names)]]
        if penalty is not None:
            loss = loss + penalty(outputs, inputs, indices)
        if not bool(torch.isfinite(loss)):
            raise diverged_error()
        return loss

    def mean(self, dataset: Dataset, batch_size: int) -> float:
        """Mean loss of all images, in evaluation mode."""
        import torch

        total = 0.0
        with evaluation_mode(self.model.backend.module), torch.no_grad():  # type: ignore[attr-defined]
            for indices in batch_ranges(len(dataset), batch_size):
                total += float(self.of_batch(dataset, indices)) * len(indices)
        return total / len(dataset)


def _all_labels_loss(
    outputs: "torch.Tensor", targets: Float[np.ndarray, "B R"], from_probabilities: bool
) -> "torch.Tensor":
    """Mean binary cross-entropy of all columns."""
    import torch

    wanted = torch.as_tensor(targets).to(outputs)
    if from_probabilities:
        return torch.nn.functional.binary_cross_entropy(outputs.clamp(0, 1), wanted)
    return torch.nn.functional.binary_cross_entropy_with_logits(outputs, wanted)


def _plain_linear(layer: "torch.nn.Linear") -> "torch.nn.Linear":
    """A linear layer of the same size whose weights are no more than numbers."""
    import torch

    made = torch.nn.Linear(layer.in_features, layer.out_features)
    return made.to(layer.weight.device, layer.weight.dtype).train(layer.training)


def _trainable_weights(module: "torch.nn.Module") -> list["torch.nn.Parameter"]:
    weights = [one for one in module.parameters() if one.requires_grad]
    if not weights:
        raise ModelError(
            "every weight of the module is frozen (requires_grad is False), so it cannot learn. Set "
            "requires_grad of the layers that may change, or use sl.repair.Guard.",
            slug="repair-closed",
        )
    return weights


@contextlib.contextmanager
def _training_mode(module: "torch.nn.Module") -> Iterator[None]:
    """Training mode for a while, for those parts that are not frozen."""
    module.train()
    for part in module.modules():
        if _is_frozen(part):  # a frozen normalisation keeps its statistics too
            part.eval()
    yield
    module.eval()


def _is_frozen(part: "torch.nn.Module") -> bool:
    own = list(part.parameters(recurse=False))
    return bool(own) and not any(one.requires_grad for one in own)


def _reset_weights(module: "torch.nn.Module") -> None:
    """Draw the weights of all layers anew that are not frozen."""
    import torch

    kept = [(one, one.detach().clone()) for one in module.parameters() if not one.requires_grad]
    for name, part in module.named_modules():
        if _is_frozen(part):
            continue
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        elif next(part.parameters(recurse=False), None) is not None:
            raise ModelError(
                f"the weights of {name or type(part).__name__} cannot be drawn anew: it has no "
                "reset_parameters(). Train on from where the network is (fresh=False), or give "
                "your own fit=.",
                slug="repair-fresh",
            )
    with torch.no_grad():
        for one, value in kept:
            one.copy_(value)
