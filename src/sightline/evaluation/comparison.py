"""one image, several methods → explanations of the same segments, each with its measures."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from sightline._arguments import clear_arguments, describe_value
from sightline._class_names import ClassNames, targets_as_asked
from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline._notebook_html import result_html
from sightline._progress import progress_bar
from sightline._scales import Scale
from sightline._tables import format_table
from sightline.adapters import as_model
from sightline.engine.model_query import Classes
from sightline.engine.plan import EstimatorName, Plan, with_changes
from sightline.engine.segmentation import Given
from sightline.errors import OptionError, warned_once
from sightline.evaluation import faithfulness
from sightline.evaluation.faithfulness import Measure
from sightline.explain_image import explain
from sightline.explanation import Explanation
from sightline.types import Attribute, Fill, Sampler, Segmenter, WhiteBoxMethod, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_THE_IMAGE = ("hiding-little", "scores-flat", "scores-hardly-move", "range-saturated", "segments-few")
"""What would be said of an image and its fill by every method in turn."""


@record
class Comparison:
    """What several methods say of one image, on the same segments, and how true each is.

    Made by `compare`; iterating gives the explanations.

    Parameters
    ----------
    explanations : tuple of Explanation
        One a method, in the order asked for, all of the same target.
    measures : tuple of tuple of Measure
        For each of them deletion, insertion and stability; empty where none was taken.
    """

    explanations: tuple[Explanation, ...]
    measures: tuple[tuple[Measure, ...], ...]

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    def __len__(self) -> int:
        return len(self.explanations)

    def plot(self) -> "Figure":
        """A matplotlib figure of all of them, side by side: `sightline.figures.plot_comparison`."""
        from sightline import figures

        return figures.plot_comparison(self)

    def __repr__(self) -> str:
        return "\n".join([self.heading, *format_table(self.table, numbers=False)])

    @property
    def heading(self) -> str:
        """How many methods, and on what."""
        first = self.explanations[0]
        name = first.name(first.targets[0])
        return tr("Comparison of {n} methods on {name}", n=len(self), name=name)

    @property
    def table(self) -> list[list[str]]:
        """A line for each method below the heads."""
        columns = [measure.name for measure in self.measures[0]] if self.measures else []
        rows = [[tr("method"), tr("calls"), *map(translate_kept, columns)]]
        for made, measured in zip(self.explanations, self.measures or [()] * len(self), strict=True):
            cells = [
                f"{one.value:.3f}" if one.beats_random else tr("{value:.3f} (as random)", value=one.value)
                for one in measured
            ]
            rows.append([type(made.plan.attribute).__name__, str(made.attribution.calls), *cells])
        return rows

    def _repr_html_(self) -> str:
        return result_html(self.heading, figure=self.plot, tables=[self.table])


@clear_arguments
def compare(
    image: object,
    model: object,
    attributes: Sequence[str | Attribute | WhiteBoxMethod] | None = None,
    plan: Plan | None = None,
    *,
    segment: str | Segmenter | None = None,
    fill: str | Fill | None = None,
    sample: str | Sampler | None = None,
    target: object = None,
    budget: int | Literal["auto"] | None = None,
    seed: int | None = None,
    scale: Scale | None = None,
    estimator: EstimatorName | None = None,
    measured: bool = True,
    class_names: ClassNames | None = None,
    preprocess: object = None,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Explain one image by several methods, on the same segments and for the same target.

    Parameters
    ----------
    image, model, plan, segment, fill, sample, target, budget, seed, scale, estimator
        As for `explain`.
    attributes : sequence of str or option
        The methods; those that look inside need a PyTorch module or a Keras model. By default lime and
        shapley, and of such a network grad-cam too.
    measured : bool
        Take deletion, insertion and stability of each too; they cost model calls of their own, most for
        stability: four times the explanation.
    class_names, preprocess, batch_size, progress
        As for `explain`.

    Returns
    -------
    Comparison

    Raises
    ------
    OptionError
        If there is no method, or a part does not exist.
    ModelError
        If a method looks inside and the model is known by its answers alone: before anything is computed.

    Examples
    --------
    >>> import numpy as np
    >>> model = lambda images: images[:, :4].mean(axis=(1, 2))
    >>> made = compare(np.eye(16), model, ["lime", "occlusion"], segment="grid", fill="colour", budget=200)
    >>> [one.attribution.calls for one in made]
    [199, 19]
    """
    adapted = as_model(model, class_names=class_names, preprocess=preprocess)
    if attributes is None:
        attributes = ("lime", "shapley", "grad-cam") if adapted.is_white_box else ("lime", "shapley")
    listed = isinstance(attributes, list | tuple) and len(attributes) > 0
    if not listed or any(one is None for one in attributes):
        raise OptionError(
            'compare needs a list of methods, such as ["lime", "grad-cam"], but '
            f"{describe_value(attributes)} was given.",
            slug="option-value",
        )
    methods = [with_changes(Plan(), attribute=one).attribute for one in attributes]
    if any(isinstance(one, WhiteBoxMethod) for one in methods):
        adapted.network()
    made: dict[int, Explanation] = {}
    # Those that look inside first: they cost little and fail soon.
    order = sorted(range(len(methods)), key=lambda place: not isinstance(methods[place], WhiteBoxMethod))
    with warned_once(OF_THE_IMAGE):
        for place in order:
            one = explain(
                image,
                adapted,
                plan,
                attribute=methods[place],
                segment=segment,
                fill=fill,
                sample=sample,
                target=target,
                budget=budget,
                seed=seed,
                scale=scale,
                estimator=estimator,
                batch_size=batch_size,
                progress=progress,
            )
            segment, target = Given(one.segments.labels), Classes(*targets_as_asked(one.targets, adapted))
            made[place] = one
    explanations = tuple(made[place] for place in range(len(methods)))
    taken = (faithfulness.deletion, faithfulness.insertion, faithfulness.stability) if measured else ()
    measures: list[tuple[Measure, ...]] = []
    with progress_bar(progress, len(explanations), "measuring") as tick:
        for one in explanations:
            measures.append(tuple(take(one, adapted) for take in taken))
            tick(1)
    return Comparison(explanations, tuple(measures))
