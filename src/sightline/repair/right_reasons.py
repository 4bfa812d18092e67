"""region → a network that is penalised for looking there."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sightline._optional import require
from sightline.adapters import as_model
from sightline.adapters.keras import KerasModel
from sightline.adapters.model import CheckedModel
from sightline.adapters.torch import TorchModel
from sightline.door import ticking
from sightline.errors import ModelError, OptionError
from sightline.findings.region_set import Regions
from sightline.repair.area import GROW, Area, area_of
from sightline.repair.course import Course
from sightline.repair.exchange import Exchange, Replaced
from sightline.repair.fix import Fix, fixed
from sightline.repair.judge import mean_recall
from sightline.repair.lessons import Lessons, asked, lessons
from sightline.types import option

if TYPE_CHECKING:
    import torch

WEIGHTS = (1.0, 30.0, 1000.0)
"""Weights that are tried where none is given."""


def penalty(
    outputs: "torch.Tensor", inputs: "torch.Tensor", mask: Any, *, squashed: bool = False
) -> "torch.Tensor":
    """What to add to a PyTorch loss so that a network does not go by a region: right for the right reasons.

    Ross, Hughes & Doshi-Velez 2017: the squared gradient, within the region, of the sum of the classes'
    log-probabilities with respect to the input, summed over pixels and averaged over pictures.

    Parameters
    ----------
    outputs : tensor, shape (B, L), (B, 1) or (B,)
        Logits; a single column is that of class 1.
    inputs : tensor, shape (B, C, H, W)
        What the network was given, with ``requires_grad``.
    mask : bool array or tensor, shape (H, W) or (B, H, W)
        The region: `Regions.masks` gives it.
    squashed : bool
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
    from sightline.repair.torch import log_probabilities

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
    total = log_probabilities(outputs, squashed).sum()
    (slope,) = torch.autograd.grad(total, inputs, create_graph=True)
    where = where.to(slope.dtype)
    where = where[None, None] if where.ndim == 2 else where[:, None]
    return ((slope * where) ** 2).sum() / len(inputs)  # type: ignore[no-any-return]


@option
class RightReasons:
    """Train a network on with a penalty on its input gradients inside the region.

    Ross, Hughes & Doshi-Velez 2017, "Right for the right reasons". No picture is changed: the network learns
    that small changes in the region must not matter. Of a mark of full strength that is no promise, since the
    gradient says little of what a large change does; `Counterexamples` asks for just that.

    Parameters
    ----------
    region : str or Regions
        What misleads the model.
    grow : float
        Margin around it, as a share of the picture's shorter side.
    weight : float, optional
        Of the penalty, as a multiple of what makes it one nat at the start; by default 1, 30 and 1000 are
        tried, and chosen on validation pictures in which the region's content is exchanged.
    course : Course
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
    grow: float = GROW
    weight: float | None = None
    course: Course = Course()
    fresh: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        area_of(self.region, self.grow)
        number = isinstance(self.weight, int | float) and not isinstance(self.weight, bool)
        if self.weight is not None and not (number and self.weight > 0):
            raise OptionError(f"weight must be above 0, but {self.weight!r} was given.", slug="option-value")

    def __call__(
        self,
        model: Any,
        train: Any,
        *,
        validation: Any = None,
        study: Any = None,
        progress: bool | None = None,
    ) -> Fix:
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
        area = area_of(self.region, self.grow)
        taught = lessons(made, train, validation, seed=self.seed)
        weights = WEIGHTS if self.weight is None else (self.weight,)
        tried = []
        with ticking(progress, None) as tick:
            for weight in weights:
                new = _trained(made, taught, area, weight, self, tick)
                tried.append((_score(new, taught, area, self.seed), weight, new))
        _, weight, new = max(tried, key=lambda one: one[0])
        told = [f"Penalty of weight {weight:g}."]
        if len(tried) > 1:
            listed = ", ".join(f"{each:g} ({value:.2f})" for value, each, _ in tried)
            told.append(
                f"Chosen by the mean recall of validation pictures with exchanged content among {listed}."
            )
        return fixed(new, self, area, taught.digests(), *told)


def _trained(
    model: CheckedModel, taught: Lessons, area: Area, weight: float, way: RightReasons, tick: Any
) -> CheckedModel:
    shape = taught.learn[0][0].shape[:2]
    if not area.region.shared:
        raise OptionError(
            "right reasons need a region that all images share, but here each has its own. Use "
            "sl.repair.Counterexamples.",
            slug="repair-shared",
        )
    mask = area.mask(shape)
    # It stops where the region's content matters least, not where the mark is learned best.
    check = _check(taught, area, way.seed)
    given: dict[str, Any] = {"course": way.course, "fresh": way.fresh, "seed": way.seed, "tick": tick}
    if isinstance(model.ask, TorchModel):
        from sightline.repair.torch import trained as of_torch

        return of_torch(model, taught.learn, check, penalty=_Scaled(mask, weight), **given)
    if isinstance(model.ask, KerasModel):
        from sightline.repair.keras import trained as of_keras

        return of_keras(model, taught.learn, check, penalty=(mask, weight), **given)
    raise ModelError(
        "right reasons need the gradients of a PyTorch module or a Keras model, but the "
        f"model is {model.ask!r}. "
        "Use sl.repair.Counterexamples or sl.repair.Guard.",
        slug="repair-closed",
    )


class _Scaled:
    """The penalty of a network, in multiples of what it is at the first batch."""

    def __init__(self, mask: Any, weight: float) -> None:
        self.mask = mask
        self.weight = weight
        self.first: float | None = None

    def __call__(self, outputs: Any, inputs: Any, squashed: bool) -> Any:
        added = penalty(outputs, inputs, fitted(self.mask, inputs.shape[-2:]), squashed=squashed)
        if self.first is None:
            self.first = max(float(added.detach()), 1e-12)
        return self.weight * added / self.first


def fitted(mask: Any, shape: Any) -> Any:
    """A mask at the size that a preprocessing brought the pictures to: any pixel that it touches."""
    if mask.shape == tuple(shape):
        return mask
    from skimage.transform import resize

    return resize(mask.astype(float), tuple(shape), order=1, anti_aliasing=False) > 0


def _score(model: CheckedModel, taught: Lessons, area: Area, seed: int) -> float:
    """Mean recall of validation pictures whose region shows another picture's content."""
    check = _check(taught, area, seed)
    return mean_recall(asked(model, check, range(len(check))), check.labels)


def _check(taught: Lessons, area: Area, seed: int) -> Replaced:
    return Replaced(taught.validate, taught.validate.labels, area, Exchange(), 3, seed + 1)
