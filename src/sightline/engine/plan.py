"""Plan: all that decides the numbers, as one value; and the names that stand for options."""

import dataclasses
import operator
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from sightline._arguments import check_choice, describe_value
from sightline._checks import check_seed, is_number, is_whole
from sightline._scales import SCALES, Scale
from sightline._spec import from_spec, normalized
from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.cam import Cam, EigenCam, GradCam, GradCamPlusPlus, HiResCam, LayerCam, ScoreCam
from sightline.engine.fills import Blur, Colour, Donors, Inpaint, Noise, SegmentMean, Surroundings
from sightline.engine.gradients import GradientXInput, IntegratedGradients, SmoothGrad
from sightline.engine.model_query import Classes, Top
from sightline.engine.sampling import Balanced, Bernoulli, Exhaustive, FoldOver, LeaveOneOut
from sightline.engine.segmentation import Felzenszwalb, Given, Grid, Quickshift, Slic, Watershed
from sightline.errors import BudgetError, OptionError
from sightline.types import (
    Attribute,
    Contrast,
    Fill,
    Sampler,
    Segmenter,
    Target,
    WhiteBoxMethod,
    option,
)

EstimatorName: TypeAlias = Literal["auto", "regression", "gaussian-process"]
ESTIMATORS: tuple[EstimatorName, ...] = ("auto", "regression", "gaussian-process")
EARLIER: Mapping[str, EstimatorName] = {"estimator": "regression"}
"""What fields stand for in a plan on disk that does not have them yet, where that is not the default."""
NAMES: Mapping[str, Mapping[str, Any]] = {
    "segment": {
        "slic": Slic,
        "quickshift": Quickshift,
        "felzenszwalb": Felzenszwalb,
        "watershed": Watershed,
        "grid": Grid,
        "given": Given,
    },
    "fill": {
        "segment-mean": SegmentMean,
        "colour": Colour,
        "blur": Blur,
        "noise": Noise,
        "inpaint": Inpaint,
        "surroundings": Surroundings,
        "donors": Donors,
    },
    "sample": {
        "fold-over": FoldOver,
        "balanced": Balanced,
        "bernoulli": Bernoulli,
        "leave-one-out": LeaveOneOut,
        "exhaustive": Exhaustive,
    },
    "attribute": {
        "lime": Lime,
        "shapley": Shapley,
        "banzhaf": Banzhaf,
        "rise": Rise,
        "occlusion": Occlusion,
        "cam": Cam,
        "grad-cam": GradCam,
        "grad-cam++": GradCamPlusPlus,
        "hires-cam": HiResCam,
        "layer-cam": LayerCam,
        "score-cam": ScoreCam,
        "eigen-cam": EigenCam,
        "gradient-x-input": GradientXInput,
        "integrated-gradients": IntegratedGradients,
        "smoothgrad": SmoothGrad,
    },
}
"""What a name stands for, by the Plan's field."""


SAME_NAMES = {
    "color": "colour",
    "black": "colour",
    "mean": "segment-mean",
    "gradcam": "grad-cam",
    "gradcam++": "grad-cam++",
    "grad-cam-plus-plus": "grad-cam++",
    "hirescam": "hires-cam",
    "layercam": "layer-cam",
    "scorecam": "score-cam",
    "eigencam": "eigen-cam",
    "smooth-grad": "smoothgrad",
    "shap": "shapley",
    "kernel-shap": "shapley",
    "kernelshap": "shapley",
}
"""Other spellings that leave no doubt."""


def _given_segments(value: object) -> Given | None:
    """Segments that are given as their ids: an array, or rows of whole numbers."""
    array = hasattr(value, "__array__") and getattr(value, "ndim", 0) == 2
    rows = isinstance(value, list) and bool(value) and isinstance(value[0], list)
    return Given(value) if array or rows else None  # type: ignore[arg-type]


def _given_fill(value: object) -> Colour | Donors | None:
    """A colour that is given as numbers, or other images as arrays."""
    if is_number(value):
        return Colour(float(value))  # type: ignore[arg-type]
    if isinstance(value, tuple | list) and value and all(map(is_number, value)):
        return Colour(tuple(value))
    array = hasattr(value, "__array__") and getattr(value, "ndim", 0) >= 2
    return Donors(value) if array else None  # type: ignore[arg-type]


FROM_ARRAYS: Mapping[str, Any] = {"segment": _given_segments, "fill": _given_fill}
"""What an option is made of where it is given as numbers."""


@option
class Plan:
    """What decides the numbers of an explanation; its repr is its key.

    Batch size, progress and the like are arguments of the call: they must not change the numbers.

    Parameters
    ----------
    segment : Segmenter
        How the image is divided.
    sample : Sampler, optional
        Which masks are asked; by default the attribution's own choice.
    fill : Fill
        What hidden looks like.
    target : Target
        Which classes are explained.
    attribute : Attribute or WhiteBoxMethod
        What is read off the scores, or off the network's inside.
    budget : int or "auto"
        Most model calls, never exceeded; ``"auto"`` stops when the values are known to a twentieth of
        their size, or the leading segments are settled.
    seed : int
        Which masks; same seed, same answer.
    scale : {"probability", "log-odds"}
        What the values are shares of: the score as the model says it, usually a probability, or the log-odds
        of that probability, log p − log(1 − p), which have no walls at 0 and 1.
    estimator : {"auto", "regression", "gaussian-process"}
        How the values are learned from the answers: by the attribution's own regression on masks that are
        drawn beforehand, or by a Gaussian process, which chooses the next masks by what it has learned and
        needs a fraction of the calls for the same error. By default the process where calls are dear: for
        networks, servers and ``budget="auto"``; in a study for ``budget="auto"`` alone.

    Examples
    --------
    >>> Plan(segment=Grid(rows=2, columns=2), budget=16).budget
    16
    """

    segment: Segmenter = Slic()
    sample: Sampler | None = None
    fill: Fill = SegmentMean()
    target: Target = Top()
    attribute: Attribute | WhiteBoxMethod = Lime()
    budget: int | Literal["auto"] = 1000
    seed: int = 0
    scale: Scale = "probability"
    estimator: EstimatorName = "auto"

    def __post_init__(self) -> None:
        for field, names in NAMES.items():
            value = getattr(self, field)
            if isinstance(value, str):
                object.__setattr__(self, field, parse_option(field, value))
            elif field in FROM_ARRAYS and (found := FROM_ARRAYS[field](value)):
                object.__setattr__(self, field, found)
            elif isinstance(value, type) or not (callable(value) or (field == "sample" and value is None)):
                raise OptionError(
                    f"{field} must be one of {', '.join(names)}, an option such as "
                    f"{next(iter(names.values())).__name__}(), or a function, but {describe_value(value)} "
                    "was given.",
                    slug="option-value",
                )
        if not callable(self.target) or isinstance(self.target, type):
            object.__setattr__(self, "target", as_target(self.target))
        object.__setattr__(self, "seed", check_seed("seed", self.seed))
        object.__setattr__(self, "scale", check_choice("scale", self.scale, SCALES, "option-value"))
        object.__setattr__(self, "estimator", _known_estimator(self.estimator))
        if self.budget != "auto" and not is_whole(self.budget):
            raise OptionError(
                f'budget must be a number of model calls or "auto", but {self.budget!r} was given.',
                slug="option-value",
            )
        if self.budget != "auto":
            object.__setattr__(self, "budget", operator.index(self.budget))
        if self.budget != "auto" and self.budget < 3:
            raise BudgetError(
                f"a budget of {self.budget} model calls is too small: the image, the empty mask and at "
                "least one more image have to be asked.",
                slug="budget-small",
            )

    def __repr__(self) -> str:
        """All fields, but for what a plan from before there was a choice stands for: it keeps its key."""
        shown = [field.name for field in dataclasses.fields(self)]
        for name, earlier in {"scale": "probability", **EARLIER}.items():
            if getattr(self, name) == earlier:
                shown.remove(name)
        return f"Plan({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _known_estimator(given: object) -> str:
    """One of `ESTIMATORS`, by its name."""
    name = normalized(given) if isinstance(given, str) else given
    return check_choice("estimator", name, ESTIMATORS, "option-value")


def as_target(given: object) -> Target:
    """`Classes` from a class's number or name, a `Contrast`, or several of them."""
    several = given.tolist() if hasattr(given, "tolist") else given
    several = several if isinstance(several, list | tuple) else [several]
    if all(isinstance(one, Contrast | str) or is_whole(one) for one in several):
        return Classes(*(one if isinstance(one, Contrast | str) else operator.index(one) for one in several))
    raise OptionError(
        f"target must be a class number, Contrast(a, b), Classes(...), Top(k), a name or several of these, "
        f"but {given!r} was given.",
        slug="option-value",
    )


def parse_option(field: str, text: str) -> Any:
    """An option from words such as ``"slic"`` or ``"slic:n_segments=100,compactness=5"``.

    Raises
    ------
    OptionError
        If the name or a parameter does not exist; the message names the nearest valid one.
    """
    name = normalized(text.partition(":")[0])
    if name in SAME_NAMES and SAME_NAMES[name] in NAMES[field]:
        return parse_option(field, ":".join([SAME_NAMES[name], *text.split(":", 1)[1:]]))
    if name in ("given", "donors") and name in NAMES[field]:
        raise OptionError(
            f"{field}={name!r} needs an array: build {NAMES[field][name].__name__}(array) in Python.",
            slug="option-value",
        )
    return from_spec(text, NAMES[field], field, slug="option-syntax")


def with_changes(plan: Plan, **changes: Any) -> Plan:
    """The plan with those of the changes that are not None."""
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(plan, **given) if given else plan


def plan_of_many(plan: Plan) -> Plan:
    """The plan for the explanations of many images, with the estimator that it leaves open.

    A process saves calls only where they are its to save: of a fixed budget all are spent, and its fits come
    on top of each image, half a second for 500 calls and more, whatever the model takes. So the regression
    answers, unless the budget is open or the plan says otherwise.

    Examples
    --------
    >>> plan_of_many(Plan(budget=200)).estimator, plan_of_many(Plan(budget="auto")).estimator
    ('regression', 'auto')
    """
    fixed = plan.estimator == "auto" and plan.budget != "auto"
    return dataclasses.replace(plan, estimator="regression") if fixed else plan
