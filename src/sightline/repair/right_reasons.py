"""region → a network that is penalised for looking there."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sightline._checks import check_number
from sightline._optional import require
from sightline._progress import progress_bar
from sightline._resize import resize_smooth
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.torch.model import TorchModel
from sightline.errors import ModelError, OptionError
from sightline.regions.region_set import Regions
from sightline.repair.judge import mean_recall
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import DEFAULT_MARGIN, RepairRegion, resolve_region
from sightline.repair.result import RepairResult, fixed
from sightline.repair.training.config import TrainingConfig
from sightline.repair.training_data import TrainingData, predict_scores, split_training_data
from sightline.study.schema import StudyResults
from sightline.types import option

if TYPE_CHECKING:
    import torch

WEIGHTS = (1.0, 30.0, 1000.0)
"""Weights that are tried where none is given."""


def penalty(
    outputs: "torch.Tensor", inputs: "torch.Tensor", mask: Any, *, from_probabilities: bool = False
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
    from sightline.repair.training.torch import log_probabilities

    if not inputs.requires_grad:
        raise OptionError(
            "the inputs need a gradient for the penalty: call images.requires_grad_() before "
            "the network sees "
            "them.",
            slug="penalty-gradient",
        )
    where = (mask if isinstance(mask, torch.Tensor) else torch.from_numpy(np.array(mask))).to(inputs.device)
    if where.shape[-2:] != inputs.shape[-2:] or where.ndim not in (2, 3):
        raise OptionError(
            f"the mask must have the inputs' height and width, {tuple(inputs.shape[-2:])}, but its shape is "
            f"{tuple(where.shape)}.",
            slug="penalty-mask",
        )
    total = log_probabilities(outputs, from_probabilities).sum()
    (slope,) = torch.autograd.grad(total, inputs, create_graph=True)
    where = where.to(slope.dtype)
    where = where[None, None] if where.ndim == 2 else where[:, None]
    return ((slope * where) ** 2).sum() / len(inputs)  # type: ignore[no-any-return]


@option
class RightReasons:
    """Train a network on with a penalty on its input gradients inside the region.

    Ross, Hughes & Doshi-Velez 2017, "Right for the right reasons". No image is changed: the network learns
    that small changes in the region must not matter. Of a mark of full strength that is no promise, since the
    gradient says little of what a large change does; `Counterexamples` asks for just that.

    Parameters
    ----------
    region : str or Regions
        What misleads the model.
    margin : float
        Margin around it, as a share of the image's shorter side.
    weight : float, optional
        Of the penalty, as a multiple of what makes it one nat at the start; by default 1, 30 and 1000 are
        tried, and chosen on validation images in which the region's content is exchanged.
    training : TrainingConfig
    fresh : bool
        Whether the network begins anew. The penalty is weighed by what it is at the start, which is little
        where nothing has been learned yet.
    seed : int

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    region: str | Regions
    margin: float = DEFAULT_MARGIN
    weight: float | None = None
    training: TrainingConfig = TrainingConfig()
    fresh: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        resolve_region(self.region, self.margin)
        if self.weight is not None:
            check_number("weight", self.weight, above=0)

    def __call__(
        self,
        model: Any,
        train: Any,
        *,
        validation: Any = None,
        study: StudyResults | None = None,
        progress: bool | None = None,
    ) -> RepairResult:
        """Repair a network, which stays as it is.

        Parameters
        ----------
        model : PyTorch module or Keras model
        train, validation, study, progress
            As for `Counterexamples`.

        Returns
        -------
        Fix

        Raises
        ------
        ModelError
            If it is neither, or training fails.
        """
        made = as_model(model, class_names=None if study is None else study.class_names)
        area = resolve_region(self.region, self.margin)
        taught = split_training_data(made, train, validation, seed=self.seed)
        weights = WEIGHTS if self.weight is None else (self.weight,)
        tried = []
        with progress_bar(progress, None) as tick:
            for weight in weights:
                new = _train_penalised(made, taught, area, weight, self, tick)
                tried.append((_swapped_recall(new, taught, area, self.seed), weight, new))
        _, weight, new = max(tried, key=lambda one: one[0])
        told = [f"Penalty of weight {weight:g}."]
        if len(tried) > 1:
            listed = ", ".join(f"{each:g} ({value:.2f})" for value, each, _ in tried)
            told.append(
                f"Chosen by the mean recall of validation images with exchanged content among {listed}."
            )
        return fixed(new, self, area, taught.image_digests(), *told)


def _train_penalised(
    model: CheckedModel,
    data: TrainingData,
    region: RepairRegion,
    weight: float,
    method: RightReasons,
    tick: Any,
) -> CheckedModel:
    shape = data.train[0][0].shape[:2]
    if not region.regions.shared:
        raise OptionError(
            "right reasons need a region that all images share, but here each has its own. Use "
            "sl.repair.Counterexamples.",
            slug="repair-shared",
        )
    mask = region.mask(shape)
    # It stops where the region's content matters least, not where the mark is learned best.
    check = _swapped_validation(data, region, method.seed)
    given: dict[str, Any] = {
        "config": method.training,
        "fresh": method.fresh,
        "seed": method.seed,
        "tick": tick,
    }
    if isinstance(model.backend, TorchModel):
        from sightline.repair.training.torch import train_torch as of_torch

        return of_torch(model, data.train, check, penalty=_ScaledPenalty(mask, weight), **given)
    if isinstance(model.backend, KerasModel):
        from sightline.repair.training.keras import train_keras as of_keras

        return of_keras(model, data.train, check, penalty=(mask, weight), **given)
    raise ModelError(
        "right reasons need the gradients of a PyTorch module or a Keras model, but the "
        f"model is {model.backend!r}. "
        "Use sl.repair.Counterexamples or sl.repair.Guard.",
        slug="repair-closed",
    )


class _ScaledPenalty:
    """The penalty of a network, in multiples of what it is at the first batch."""

    def __init__(self, mask: Any, weight: float) -> None:
        self.mask = mask
        self.weight = weight
        self.first: float | None = None

    def __call__(self, outputs: Any, inputs: Any, squashed: bool) -> Any:
        added = penalty(
            outputs, inputs, resize_mask(self.mask, inputs.shape[-2:]), from_probabilities=squashed
        )
        if self.first is None:
            self.first = max(float(added.detach()), 1e-12)
        return self.weight * added / self.first


def resize_mask(mask: Any, shape: Any) -> Any:
    """A mask at the size that a preprocessing brought the images to: any pixel that it touches."""
    return resize_smooth(mask, shape, antialias=False) > 0


def _swapped_recall(model: CheckedModel, taught: TrainingData, area: RepairRegion, seed: int) -> float:
    """Mean recall of validation images whose region shows another image's content."""
    check = _swapped_validation(taught, area, seed)
    return mean_recall(predict_scores(model, check, range(len(check))), check.labels)


def _swapped_validation(taught: TrainingData, area: RepairRegion, seed: int) -> RegionSwapped:
    return RegionSwapped(taught.validation, taught.validation.labels, area, SwapRegion(), 3, seed + 1)
