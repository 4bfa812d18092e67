"""Show where an image classifier looks, when it is right and when it is wrong.

>>> import sightline as sl
>>> sl.Plan(attribute="shapley", budget="auto").budget
'auto'
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sightline import data as data
    from sightline import figures as figures
    from sightline import quality as quality
    from sightline import render as render
    from sightline import repair as repair
    from sightline.adapters import as_model as as_model
    from sightline.adapters import each as each
    from sightline.comparison import compare as compare
    from sightline.door import explain as explain
    from sightline.door import read_image as read_image
    from sightline.engine.attribute import Banzhaf as Banzhaf
    from sightline.engine.attribute import Lime as Lime
    from sightline.engine.attribute import Occlusion as Occlusion
    from sightline.engine.attribute import Rise as Rise
    from sightline.engine.attribute import Shapley as Shapley
    from sightline.engine.cam import GradCam as GradCam
    from sightline.engine.cam import Tokens as Tokens
    from sightline.engine.fill import Blur as Blur
    from sightline.engine.fill import Colour as Colour
    from sightline.engine.fill import Donors as Donors
    from sightline.engine.fill import Inpaint as Inpaint
    from sightline.engine.fill import Noise as Noise
    from sightline.engine.fill import SegmentMean as SegmentMean
    from sightline.engine.gradients import IntegratedGradients as IntegratedGradients
    from sightline.engine.plan import Plan as Plan
    from sightline.engine.score import Classes as Classes
    from sightline.engine.score import Top as Top
    from sightline.engine.segment import Felzenszwalb as Felzenszwalb
    from sightline.engine.segment import Given as Given
    from sightline.engine.segment import Grid as Grid
    from sightline.engine.segment import Quickshift as Quickshift
    from sightline.engine.segment import Slic as Slic
    from sightline.engine.segment import Watershed as Watershed
    from sightline.errors import SightlineError as SightlineError
    from sightline.errors import SightlineWarning as SightlineWarning
    from sightline.evaluation import evaluate as evaluate
    from sightline.explanation import Explanation as Explanation
    from sightline.findings import regions as regions
    from sightline.findings.atlas import atlas as atlas
    from sightline.findings.blame import blame as blame
    from sightline.repair.proof import prove as prove
    from sightline.study.study import Study as Study
    from sightline.types import Contrast as Contrast
    from sightline.types import Segments as Segments

_MODULES = {
    "data": "data",
    "figures": "figures",
    "quality": "quality",
    "regions": "findings.regions",
    "render": "render",
    "repair": "repair",
}
_HOMES = {
    "adapters": ("as_model", "each"),
    "comparison": ("compare",),
    "door": ("explain", "read_image"),
    "engine.attribute": ("Banzhaf", "Lime", "Occlusion", "Rise", "Shapley"),
    "engine.cam": ("GradCam", "Tokens"),
    "engine.fill": ("Blur", "Colour", "Donors", "Inpaint", "Noise", "SegmentMean"),
    "engine.gradients": ("IntegratedGradients",),
    "engine.plan": ("Plan",),
    "engine.score": ("Classes", "Top"),
    "engine.segment": ("Felzenszwalb", "Given", "Grid", "Quickshift", "Slic", "Watershed"),
    "errors": ("SightlineError", "SightlineWarning"),
    "evaluation": ("evaluate",),
    "explanation": ("Explanation",),
    "findings.atlas": ("atlas",),
    "findings.blame": ("blame",),
    "repair.proof": ("prove",),
    "study.study": ("Study",),
    "types": ("Contrast", "Segments"),
}
_PLACES = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_PLACES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"sightline.{_MODULES[name]}")
    if name in _PLACES:
        value = getattr(importlib.import_module(f"sightline.{_PLACES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'sightline' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
