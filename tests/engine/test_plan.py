"""Plans, and the names that stand for options."""

import pickle
import re

import numpy as np
import pytest

from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
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
from sightline.engine.fills import Blur, Colour, Donors, Inpaint, Noise, SegmentMean, Surroundings
from sightline.engine.gradients import GradientXInput, IntegratedGradients, SmoothGrad
from sightline.engine.model_query import Classes, Top
from sightline.engine.plan import NAMES, Plan, as_target, parse_option, with_changes
from sightline.engine.sampling import Balanced, Bernoulli, Exhaustive, FoldOver, LeaveOneOut
from sightline.engine.segmentation import Felzenszwalb, Given, Grid, Quickshift, Slic, Watershed
from sightline.errors import BudgetError, OptionError
from sightline.types import Contrast
from support import unchecked

SEGMENTS = (Slic(), Quickshift(), Felzenszwalb(), Watershed(), Grid())
FILLS = (SegmentMean(), Colour(), Blur(), Noise(), Inpaint(), Surroundings())
SAMPLES = (FoldOver(), Balanced(), Bernoulli(), LeaveOneOut(), Exhaustive())
INSIDE = (
    *(Cam(), GradCam(), GradCamPlusPlus(), HiResCam(), LayerCam(), ScoreCam(), EigenCam()),
    *(GradientXInput(), IntegratedGradients(), SmoothGrad()),
)
ATTRIBUTES = (Lime(), Shapley(), Banzhaf(), Rise(), Occlusion(), *INSIDE)
STAGES = {"segment": SEGMENTS, "fill": FILLS, "sample": SAMPLES, "attribute": ATTRIBUTES}

PLANS = [
    Plan(),
    Plan(
        segment=Slic(n_segments=100, compactness=5.5), fill=Blur(sigma=8), attribute=Shapley(), budget="auto"
    ),
    Plan(segment=Quickshift(max_dist=10.0), fill=Colour((1.0, 0.5, 0.0)), attribute=Rise(p=0.3), seed=9),
    Plan(segment=Grid(rows=3, columns=4), fill=Noise(draws=4), sample=Bernoulli(p=0.7), target=Top(k=3)),
    Plan(
        segment=Felzenszwalb(scale=3.0), fill=Inpaint(), sample=FoldOver(), target=Classes(1, Contrast(2, 0))
    ),
    Plan(
        segment=Watershed(compactness=0.1), attribute=Lime(kernel_width=0.5, ridge=0.0), target=Contrast(1, 0)
    ),
    Plan(attribute=Occlusion(), sample=LeaveOneOut(), budget=3),
    Plan(attribute=GradCam(layer="layer4", reshape=Tokens(skip=5))),
    Plan(attribute=IntegratedGradients(steps=7, baseline=-1.0)),
]


@pytest.mark.parametrize(
    ("field", "value"), [(f, v) for f, values in STAGES.items() for v in values], ids=repr
)
def test_a_name_stands_for_the_option_with_its_defaults(field, value):
    name = next(name for name, kind in NAMES[field].items() if kind is type(value))
    assert parse_option(field, name) == value
    assert getattr(Plan(**{field: name}), field) == value


def test_every_option_has_a_name():
    named = {kind for names in NAMES.values() for kind in names.values()}
    assert named == {type(v) for values in STAGES.values() for v in values} | {Given, Donors}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("segment", "slic:n_segments=100", Slic(n_segments=100)),
        ("segment", "slic:n_segments=100,compactness=5", Slic(n_segments=100, compactness=5)),
        ("segment", " Slic : n_segments = 7 ", Slic(n_segments=7)),
        ("segment", "slic:", Slic()),
        ("fill", "segment_mean", SegmentMean()),
        ("fill", "colour:value=(255, 0, 9.5)", Colour((255, 0, 9.5))),
        ("fill", "colour:value=-0.5", Colour(-0.5)),
        ("sample", "Fold-Over", FoldOver()),
        ("attribute", "rise:p=0.25", Rise(p=0.25)),
    ],
)
def test_parameters_follow_a_colon(field, text, value):
    assert parse_option(field, text) == value


@pytest.mark.parametrize(
    ("field", "text", "said", "slug"),
    [
        ("segment", "slik", r"there is no segment named 'slik'. Did you mean 'slic'\?", "option-unknown"),
        ("fill", "blurr", r"there is no fill named 'blurr'. Did you mean 'blur'\?", "option-unknown"),
        ("attribute", "Shaply", r"no attribute named 'Shaply'. Did you mean 'shapley'\?", "option-unknown"),
        ("sample", "", "there is no sample named ''. Valid: fold-over, balanced", "option-unknown"),
        (
            "segment",
            "slic:n_segment=5",
            r"no option 'n_segment'. Did you mean 'n_segments'\?",
            "option-unknown",
        ),
        ("sample", "balanced:n=5", "Balanced has no option 'n'. It takes none.", "option-unknown"),
        ("segment", "slic:n_segments=", "'slic:n_segments=' cannot be read: write name:", "option-syntax"),
        ("segment", "slic:100", "cannot be read", "option-syntax"),
        ("segment", "slic:n_segments=many", "cannot be read", "option-syntax"),
        ("segment", "slic:n_segments=__import__('os')", "cannot be read", "option-syntax"),
        ("segment", "slic:n_segments={[1]}", "cannot be read", "option-syntax"),
        ("segment", "slic:n_segments=" + "-" * 100_000 + "1", "cannot be read", "option-syntax"),
        ("segment", "slic:)+f(", "cannot be read", "option-syntax"),
        ("segment", "slic:n_segments=1)(", "cannot be read", "option-syntax"),
        ("segment", "given", r"needs an array: build Given\(array\) in Python", "option-value"),
        ("segment", "Given", r"needs an array: build Given\(array\) in Python", "option-value"),
        ("fill", "donors:images=3", r"needs an array: build Donors\(array\)", "option-value"),
    ],
)
def test_a_name_that_cannot_be_read_says_what_to_write(field, text, said, slug):
    with pytest.raises(OptionError, match=said) as caught:
        parse_option(field, text)
    assert caught.value.slug == slug


@pytest.mark.parametrize(
    ("given", "targets"),
    [
        (3, (3,)),
        (np.int64(3), (3,)),
        (np.array(3), (3,)),
        (Contrast(3, 5), (Contrast(3, 5),)),
        ([3, 5], (3, 5)),
        ((3, np.uint8(5)), (3, 5)),
        (np.array([3, 5]), (3, 5)),
        ([3, Contrast(1, 0)], (3, Contrast(1, 0))),
    ],
)
def test_targets_may_be_numbers_and_contrasts_alone_or_several(given, targets):
    made = as_target(given)
    assert made == Classes(*targets)
    assert all(type(target) in (int, Contrast) for target in made.targets)
    assert Plan(target=given).target == made


@pytest.mark.parametrize("given", [True, np.True_, 1.5, None, [1, True], [1.0], {1}, [[1]], Top])
def test_what_is_no_target_is_refused(given):
    with pytest.raises(OptionError, match=r"target must be a class number, Contrast\(a, b\)") as caught:
        as_target(given)
    assert caught.value.slug == "option-value"


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: repr(plan)[:60])
def test_a_plan_s_repr_rebuilds_it(plan):
    again = eval(repr(plan))
    assert again == plan
    assert hash(again) == hash(plan)
    assert repr(again) == repr(plan)


def test_plans_that_differ_are_different_keys():
    assert len({repr(plan) for plan in PLANS}) == len(set(PLANS)) == len(PLANS)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: repr(plan)[:60])
def test_a_plan_goes_to_another_process(plan):
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_plans_with_arrays_are_compared_by_their_numbers():
    labels, images = np.arange(12).reshape(3, 4), np.ones((2, 3, 4, 1))

    def plan(shift: int = 0, dtype: str = "int64") -> Plan:
        return Plan(segment=Given((labels + shift).astype(dtype)), fill=Donors(images + shift))

    assert plan() == plan() == plan(dtype="int32") != plan(1)
    assert hash(plan()) == hash(plan()) == hash(plan(dtype="int32"))
    assert pickle.loads(pickle.dumps(plan())) == plan()


@pytest.mark.parametrize(
    "option", [Given(np.zeros((2, 2), int)), Donors(np.zeros((2, 2)))], ids=["given", "donors"]
)
def test_an_option_s_array_is_its_own(option):
    (array,) = vars(option).values()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize("kind", [Given, Donors])
def test_plans_with_large_arrays_have_one_line_each_and_not_the_same(kind):
    array = np.zeros((80, 90), dtype=int)
    other = array.copy()
    other[40, 45] = 1  # where an abbreviated print leaves numbers out
    texts = {
        repr(Plan(**{"segment" if kind is Given else "fill": kind(one)})) for one in (array, other, array.T)
    }
    assert len(texts) == 3
    assert all("\n" not in text and len(text) < 250 for text in texts)
    assert repr(kind(array)) == repr(kind(array.copy()))


def test_an_array_given_to_an_option_may_change_afterwards():
    labels = np.array([[0, 1]])
    made = Given(labels)
    labels[:] = 5
    assert made.labels.tolist() == [[0, 1]]


@pytest.mark.parametrize("field", ["segment", "fill", "sample", "attribute"])
@pytest.mark.parametrize("value", [True, Slic, ["slic"]])
def test_a_stage_that_cannot_be_called_is_refused_by_name(field, value):
    with pytest.raises(
        OptionError, match=re.escape(f"{field} must be one of {', '.join(NAMES[field])}")
    ) as caught:
        Plan(**{field: value})
    assert caught.value.slug == "option-value"


def test_only_the_sampler_may_be_left_to_the_attribution():
    assert Plan(sample=None).sample is None
    with pytest.raises(OptionError, match="fill must be one of"):
        Plan(fill=None)


@pytest.mark.parametrize("budget", ["all", 10.0, None, True, "1000"])
def test_a_budget_is_a_whole_number_or_auto(budget):
    with pytest.raises(TypeError):
        Plan(budget=budget)


AS_USERS_DO = """
from sightline.engine.plan import Plan
from sightline.errors import OptionError

for field, values, said in (
    ("budget", ("all", 10.0, None, True, "1000", [5]), 'budget must be a number of model calls or "auto"'),
    ("seed", (1.5, None, True, "1"), "seed must be a whole number from 0 up"),
):
    for value in values:
        try:
            Plan(**{field: value})
        except OptionError as error:
            assert f"but {value!r} was given. [option-value]" in str(error), error
            assert said in str(error) or str(error).startswith("seed of Plan must be a whole number"), error
        else:
            raise SystemExit(f"{field}={value!r} was taken")
"""


@pytest.mark.slow
def test_where_nobody_checks_types_a_budget_and_a_seed_are_refused_in_words():
    unchecked.run(AS_USERS_DO)


@pytest.mark.parametrize("budget", [2, 0, -5])
def test_a_budget_below_three_can_ask_nothing(budget):
    with pytest.raises(BudgetError, match=f"a budget of {budget} model calls is too small") as caught:
        Plan(budget=budget)
    assert caught.value.slug == "budget-small"


@pytest.mark.parametrize("seed", [-1, -100])
def test_a_seed_is_not_negative(seed):
    with pytest.raises(OptionError, match=f"seed must be a whole number from 0 up, but {seed} was given"):
        Plan(seed=seed)


def test_a_misspelt_field_names_the_nearest():
    with pytest.raises(OptionError, match=r"Plan has no option 'segments'. Did you mean 'segment'\?"):
        Plan(segments="slic")


def test_replaced_changes_what_is_given_and_leaves_the_rest():
    plan = Plan(seed=4, budget=50)
    assert with_changes(plan) is plan
    assert with_changes(plan, seed=None) is plan
    assert with_changes(plan, seed=0, fill="blur") == Plan(seed=0, budget=50, fill=Blur())
    assert plan == Plan(seed=4, budget=50)


def test_a_plan_of_before_there_was_a_choice_of_estimators_keeps_its_key():
    earlier = Plan(seed=3, estimator="regression")
    assert "estimator" not in repr(earlier)
    assert repr(Plan(seed=3)) == repr(earlier)[:-1] + ", estimator='auto')"
    assert repr(Plan(estimator="gaussian-process")).endswith(", estimator='gaussian-process')")


@pytest.mark.parametrize("written", ["Gaussian_Process", " gaussian-process "])
def test_an_estimator_may_be_written_as_other_names_are(written):
    assert Plan(estimator=written).estimator == "gaussian-process"


def test_an_estimator_that_does_not_exist_names_those_that_do():
    with pytest.raises(OptionError, match=r"no estimator 'gausian'. Did you mean 'gaussian-process'\?"):
        Plan(estimator="gausian")
