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
    from sightline import regions as regions
    from sightline import render as render
    from sightline import repair as repair
    from sightline.adapters import as_model as as_model
    from sightline.adapters import per_image as per_image
    from sightline.engine.attribute import Banzhaf as Banzhaf
    from sightline.engine.attribute import Lime as Lime
    from sightline.engine.attribute import Occlusion as Occlusion
    from sightline.engine.attribute import Rise as Rise
    from sightline.engine.attribute import Shapley as Shapley
    from sightline.engine.cam import GradCam as GradCam
    from sightline.engine.cam import Tokens as Tokens
    from sightline.engine.fills import Blur as Blur
    from sightline.engine.fills import Colour as Colour
    from sightline.engine.fills import Donors as Donors
    from sightline.engine.fills import Inpaint as Inpaint
    from sightline.engine.fills import Noise as Noise
    from sightline.engine.fills import SegmentMean as SegmentMean
    from sightline.engine.gradients import IntegratedGradients as IntegratedGradients
    from sightline.engine.model_query import Classes as Classes
    from sightline.engine.model_query import Top as Top
    from sightline.engine.plan import Plan as Plan
    from sightline.engine.segmentation import Felzenszwalb as Felzenszwalb
    from sightline.engine.segmentation import Given as Given
    from sightline.engine.segmentation import Grid as Grid
    from sightline.engine.segmentation import Quickshift as Quickshift
    from sightline.engine.segmentation import Slic as Slic
    from sightline.engine.segmentation import Watershed as Watershed
    from sightline.errors import SightlineError as SightlineError
    from sightline.errors import SightlineWarning as SightlineWarning
    from sightline.evaluation import faithfulness as faithfulness
    from sightline.evaluation.classification import evaluate as evaluate
    from sightline.evaluation.comparison import compare as compare
    from sightline.explain_image import explain as explain
    from sightline.explain_image import read_image as read_image
    from sightline.explanation import Explanation as Explanation
    from sightline.findings.atlas_analysis import atlas as atlas
    from sightline.findings.blame_analysis import blame as blame
    from sightline.proof.analysis import prove as prove
    from sightline.study.study import Study as Study
    from sightline.types import Contrast as Contrast
    from sightline.types import Segments as Segments

_MODULES = {
    "data": "data",
    "figures": "figures",
    "faithfulness": "evaluation.faithfulness",
    "regions": "regions",
    "render": "render",
    "repair": "repair",
}
_HOMES = {
    "adapters": ("as_model", "per_image"),
    "engine.attribute": ("Banzhaf", "Lime", "Occlusion", "Rise", "Shapley"),
    "engine.cam": ("GradCam", "Tokens"),
    "engine.fills": ("Blur", "Colour", "Donors", "Inpaint", "Noise", "SegmentMean"),
    "engine.gradients": ("IntegratedGradients",),
    "engine.model_query": ("Classes", "Top"),
    "engine.plan": ("Plan",),
    "engine.segmentation": ("Felzenszwalb", "Given", "Grid", "Quickshift", "Slic", "Watershed"),
    "errors": ("SightlineError", "SightlineWarning"),
    "evaluation.classification": ("evaluate",),
    "evaluation.comparison": ("compare",),
    "explain_image": ("explain", "read_image"),
    "explanation": ("Explanation",),
    "findings.atlas_analysis": ("atlas",),
    "findings.blame_analysis": ("blame",),
    "proof.analysis": ("prove",),
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
