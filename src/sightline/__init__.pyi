"""The public names, and where they come from: for type checkers, and for `__init__.py`, which loads them."""

from sightline import data as data, figures as figures, regions as regions, render as render, repair as repair
from sightline._language import use_language as use_language
from sightline._version import __version__ as __version__
from sightline.adapters import as_model as as_model, per_image as per_image
from sightline.auditing.audit_run import audit as audit
from sightline.engine.attribute import (
    Banzhaf as Banzhaf,
    Lime as Lime,
    Occlusion as Occlusion,
    Rise as Rise,
    Shapley as Shapley,
)
from sightline.engine.cam import GradCam as GradCam, Tokens as Tokens
from sightline.engine.fills import (
    Blur as Blur,
    Colour as Colour,
    Donors as Donors,
    Inpaint as Inpaint,
    Noise as Noise,
    SegmentMean as SegmentMean,
    Surroundings as Surroundings,
)
from sightline.engine.gradients import IntegratedGradients as IntegratedGradients
from sightline.engine.model_query import Classes as Classes, Top as Top
from sightline.engine.plan import Plan as Plan
from sightline.engine.segmentation import (
    Felzenszwalb as Felzenszwalb,
    Given as Given,
    Grid as Grid,
    Quickshift as Quickshift,
    Slic as Slic,
    Watershed as Watershed,
)
from sightline.errors import SightlineError as SightlineError, SightlineWarning as SightlineWarning
from sightline.evaluation import faithfulness as faithfulness
from sightline.evaluation.classification import evaluate as evaluate
from sightline.evaluation.comparison import compare as compare
from sightline.explain_image import explain as explain, read_image as read_image
from sightline.explanation import Explanation as Explanation
from sightline.exports.study_export import export as export
from sightline.findings.atlas_analysis import atlas as atlas
from sightline.findings.blame_analysis import blame as blame
from sightline.findings.cause_analysis import image_causes as image_causes
from sightline.findings.slice_analysis import slices as slices, study_part as study_part
from sightline.proof.analysis import prove as prove
from sightline.reports.report_file import report as report
from sightline.study.study import Study as Study
from sightline.types import Contrast as Contrast, Segments as Segments
