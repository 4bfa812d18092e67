"""region and pictures → a model that learned from pictures in which the region tells nothing."""

from typing import Any

from sightline.adapters import as_model
from sightline.door import ticking
from sightline.engine.plan import replaced as with_names
from sightline.errors import OptionError
from sightline.findings.region_set import Regions
from sightline.repair.area import GROW, area_of
from sightline.repair.course import Course
from sightline.repair.exchange import Exchange, Replaced, Shuffle
from sightline.repair.fix import Fix, fixed
from sightline.repair.joined import Joined
from sightline.repair.lessons import lessons
from sightline.repair.refit import Fit, refitted
from sightline.types import Fill, option

OWN = {"exchange": Exchange, "shuffle": Shuffle}


@option
class Counterexamples:
    """Fit the model anew on pictures in which what the region shows is replaced, each with its own label.

    After CAIPI (Teso & Kersting 2019, "Explanatory interactive machine learning"), which adds such copies
    to the pictures that are there. Here they take their place: as long as a part of the pictures still
    shows the region as it was, going by it still pays, and on chest X-rays with a token networks went on
    going by it. The region is replaced by that of another picture, of any class, so that what it shows is
    independent of the label; noise makes the region tell nothing too, but no picture looks like that
    otherwise; blur and means often leave a bright mark to be seen.

    A margin around the region is replaced with it (`grow`): of a mark that reaches beyond the region by one
    row of pixels, that row is enough to go by.

    Parameters
    ----------
    region : str or Regions
        What misleads the model; a name is looked up in `regions.face` and `regions.chest`.
    grow : float
        Width of the margin, as a share of the picture's shorter side; 0 to 0.5.
    copies : int
        Times that each picture is taken, each time with another's region.
    replacement : str, Exchange, Shuffle or Fill
        ``"exchange"``, ``"shuffle"``, or a fill such as ``"noise"`` or ``Blur(sigma=8)``.
    originals : bool
        Add the pictures as they are, as CAIPI does.
    fit : callable, optional
        Your own ``fit(model, images, labels) -> model``; by default estimators of scikit-learn are cloned
        and fitted, networks of PyTorch and Keras trained on.
    fresh : bool
        Whether networks begin anew, with new weights, rather than from where they are.
    course : Course
        How networks are trained.
    seed : int
        Which donors, and which order.

    Raises
    ------
    OptionError
        If a number is out of range, or there is no such region or replacement.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sightline.findings.regions import grid
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 2
    >>> images = rng.random((60, 4, 4)) * 0.5 + 0.3 * labels[:, None, None]
    >>> images[:, 0, 0] = labels  # a mark in the corner gives the class away
    >>> model = LogisticRegression().fit(images.reshape(60, -1), labels)
    >>> fix = Counterexamples(region=grid(4, 4)["r1c1"], grow=0)(model, (images, labels))
    >>> abs(fix.raw.coef_[0, 0]) < abs(model.coef_[0, 0]) / 3
    np.True_
    """

    region: str | Regions
    grow: float = GROW
    copies: int = 3
    replacement: str | Fill | Exchange | Shuffle = "exchange"
    originals: bool = False
    fit: Fit | None = None
    fresh: bool = False
    course: Course = Course()
    seed: int = 0

    def __post_init__(self) -> None:
        area_of(self.region, self.grow)
        if not hasattr(self.copies, "__index__") or isinstance(self.copies, bool) or self.copies < 1:
            raise OptionError(
                f"copies must be a whole number from 1 up, but {self.copies!r} was given.",
                slug="option-value",
            )
        _replacement(self.replacement)

    def __call__(
        self,
        model: Any,
        train: Any,
        *,
        validation: Any = None,
        study: Any = None,
        progress: bool | None = None,
    ) -> Fix:
        """Repair a model, which stays as it is.

        Parameters
        ----------
        model : anything `as_model` takes
            An estimator, a PyTorch or Keras network; with `fit`, any.
        train : labelled data
            What `sightline.data.source.pictures` takes: the pictures that it learned from, best of all.
        validation : labelled data, optional
            By which networks stop in time; by default a fifth of `train`, which is not learned from.
        study : Study, optional
            Tells the class names.
        progress : bool, optional
            Show a progress bar; by default on a terminal.

        Returns
        -------
        Fix

        Raises
        ------
        ImageError
            If there are too few pictures, or they differ in size.
        ModelError
            If the model cannot be fitted, or fitting fails.
        """
        made = as_model(model, class_names=None if study is None else study.class_names)
        area = area_of(self.region, self.grow)
        taught = lessons(made, train, validation, seed=self.seed)
        how = _replacement(self.replacement)
        parts = [Replaced(taught.learn, taught.learn.labels, area, how, self.copies, self.seed)]
        # Not the learners' seed, or donors of a picture would be drawn alike.
        check = Replaced(taught.validate, taught.validate.labels, area, how, 1, self.seed + 1)
        learn = Joined((taught.learn, *parts)) if self.originals else parts[0]
        with ticking(progress, None) as tick:
            new = refitted(
                made,
                learn,
                check,
                fit=self.fit,
                course=self.course,
                fresh=self.fresh,
                seed=self.seed,
                tick=tick,
            )
        told = f"Learned from {len(learn):,} pictures, made of {len(taught.learn):,}."
        return fixed(new, self, area, taught.digests(), told)


def _replacement(given: Any) -> Any:
    """The value that a name stands for.

    Raises
    ------
    OptionError
    """
    if isinstance(given, str) and given in OWN:
        return OWN[given]()
    if isinstance(given, Exchange | Shuffle):
        return given
    from sightline.engine.plan import Plan

    return with_names(Plan(), fill=given).fill
