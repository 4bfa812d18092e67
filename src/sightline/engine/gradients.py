"""gradients of the score with respect to the inputs → heat."""

from typing import ClassVar

import numpy as np

from sightline._checks import MOST_REPEATS, check_number, check_whole
from sightline.errors import OptionError, warn
from sightline.types import Heatmap, Inputs, Network, Weights, option

BATCH = 16
INCOMPLETE = 0.05


@option
class GradientXInput:
    """Gradient × input, summed over channels: each pixel's share of the score, to first order.

    References
    ----------
    Shrikumar et al., Not Just a Black Box, arXiv:1605.01713, 2016.
    """

    looks_inside: ClassVar[bool] = True

    def __call__(self, network: Network, inputs: Inputs, weights: Weights, seed: int) -> Heatmap:
        """The map for the score that the weights choose."""
        heat = (network.input_gradients(inputs, weights) * inputs).sum(axis=-1)
        return Heatmap((heat[0],), None, sums=True)


@option
class IntegratedGradients:
    """Integrated gradients: each pixel's share of the score's rise from a blank image to this one.

    The values of all segments add up to that rise, but for the error of the sum over the steps
    (Gauss–Legendre); more than 5 % of it is warned of.

    Parameters
    ----------
    steps : int
        Images on the way, at least 1.
    baseline : float
        Every number of the blank image, as the network is given it, after any preprocessing.

    References
    ----------
    Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, ICML 2017.

    Examples
    --------
    >>> IntegratedGradients(steps=32).steps
    32
    """

    steps: int = 50
    baseline: float = 0.0
    looks_inside: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_whole("steps of IntegratedGradients", self.steps, most=MOST_REPEATS)
        if not np.isfinite(self.baseline):
            raise OptionError(
                f"IntegratedGradients needs a finite baseline, but {self.baseline} was given.",
                slug="option-value",
            )

    def __call__(self, network: Network, inputs: Inputs, weights: Weights, seed: int) -> Heatmap:
        """The map for the score that the weights choose."""
        blank = np.full_like(inputs, self.baseline)
        points, shares = np.polynomial.legendre.leggauss(self.steps)
        total = np.zeros(inputs.shape[1:])
        for at in range(0, self.steps, BATCH):
            along = ((points[at : at + BATCH] + 1) / 2).astype(np.float32)[:, None, None, None]
            slopes = network.input_gradients(blank + along * (inputs - blank), weights)
            total += np.tensordot(shares[at : at + BATCH] / 2, slopes, axes=1)
        heat = (total * (inputs - blank)[0]).sum(axis=-1)
        full, empty = (float(network.raw_outputs(image)[0] @ weights) for image in (inputs, blank))
        self._check_sum(float(heat.sum()), full - empty)
        return Heatmap((heat,), None, sums=True)

    def _check_sum(self, total: float, rise: float) -> None:
        if abs(total - rise) > INCOMPLETE * abs(rise) + 1e-6:
            warn(
                f"the integrated gradients add up to {total:.4g}, but the score rises by {rise:.4g}: "
                f"raise steps above {self.steps}.",
                slug="inside-incomplete",
            )


@option
class SmoothGrad:
    """SmoothGrad: the size of the gradient, averaged over noisy copies of the image.

    Says where the score is sensitive, not whether it speaks for or against: never negative.

    Parameters
    ----------
    samples : int
        Noisy copies, at least 2.
    noise : float
        Standard deviation of the noise, as a share of the range of the inputs.

    References
    ----------
    Smilkov et al., SmoothGrad, arXiv:1706.03825, 2017.
    """

    samples: int = 50
    noise: float = 0.15
    looks_inside: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_whole("samples of SmoothGrad", self.samples, 2, most=MOST_REPEATS)
        check_number("noise of SmoothGrad", self.noise, above=0)

    def __call__(self, network: Network, inputs: Inputs, weights: Weights, seed: int) -> Heatmap:
        """The map for the score that the weights choose."""
        rng = np.random.default_rng(seed)
        spread = self.noise * float(np.ptp(inputs))
        maps: list[np.ndarray] = []
        for at in range(0, self.samples, BATCH):
            shape = (min(BATCH, self.samples - at), *inputs.shape[1:])
            noisy = (inputs + rng.normal(0, spread, shape)).astype(np.float32)
            maps.extend(np.abs(network.input_gradients(noisy, weights)).sum(axis=-1))
        return Heatmap(tuple(maps), None, sums=True)
