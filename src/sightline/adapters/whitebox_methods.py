"""The inside of networks: the methods that look at it, and activations and gradients in NumPy.

One file a framework, loaded when it is met.
"""

from sightline.engine.cam import (
    Cam,
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    HiResCam,
    LayerCam,
    ScoreCam,
    Tokens,
)
from sightline.engine.gradients import GradientXInput, IntegratedGradients, SmoothGrad

__all__ = [
    "Cam",
    "GradCam",
    "GradCamPlusPlus",
    "HiResCam",
    "LayerCam",
    "ScoreCam",
    "EigenCam",
    "GradientXInput",
    "IntegratedGradients",
    "SmoothGrad",
    "Tokens",
]
