"""Summary → sections of a model card: evaluation, examination, repair and proof, limitations.

The headings are those of Hugging Face's model card, which follows Mitchell et al. 2019: so the sections can
stand in a card that is there.
"""

from collections.abc import Iterator

from sightline._language import translate as tr
from sightline.reports.claims import is_on_new_images
from sightline.reports.markdown import (
    escape_markdown,
    limit_lines,
    measure_lines,
    repair_table,
    section_lines,
    verdict_lines,
)
from sightline.reports.options_in_words import option_words
from sightline.reports.summary import Repair, Summary


def card_markdown(summary: Summary) -> str:
    """The sections, in the current language.

    Parameters
    ----------
    summary : Summary
    """
    parts = [
        *_evaluation_part(summary),
        *_examination_part(summary),
        *_repair_part(summary.repair),
        *_limits_part(summary),
        _made_by(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _evaluation_part(summary: Summary) -> Iterator[str]:
    about = summary.examined
    yield _heading(2, tr("Evaluation"))
    yield _heading(3, tr("Testing Data, Factors & Metrics"))
    yield _heading(4, tr("Testing Data"))
    yield escape_markdown(
        tr(
            "{explained:,} labelled images of {data} were answered by the model and explained, of {wanted:,} "
            "that were to be; {failed:,} could not be, and {held_out:,} more were held out.",
            explained=about.explained,
            data=about.data or tr("the data given"),
            wanted=about.wanted,
            failed=about.failed,
            held_out=about.held_out,
        )
    )
    yield _heading(4, tr("Factors"))
    yield escape_markdown(
        tr("By class ({n:,} of them).", n=about.classes)
        + " "
        + (
            summary.slices.verdict
            if summary.slices.asked
            else tr("By no other slice of the data: nobody asked.")
        )
    )
    yield _heading(4, tr("Metrics"))
    yield tr(
        "Accuracy, and the recall of each class, the lowest first: a model may fail one class and hardly "
        "lose accuracy. Intervals are Wilson's, at 95 %."
    )
    yield _heading(3, tr("Results"))
    yield from measure_lines(summary) or [tr("Nothing is measured yet.")]
    yield _heading(4, tr("Summary"))
    yield from verdict_lines(summary)


def _examination_part(summary: Summary) -> Iterator[str]:
    """Why the model errs, as far as it was asked."""
    yield _heading(2, tr("Model Examination"))
    settings = "; ".join(f"{name} {value}" for name, value in summary.examined.settings)
    yield escape_markdown(
        tr(
            "Each answer was explained ({settings}; seed {seed}, {calls:,} model calls).",
            settings=settings,
            seed=summary.examined.seed,
            calls=summary.examined.calls,
        )
    )
    yield from section_lines(summary)
    asked = (summary.blame, summary.concepts, summary.causes)  # what nobody drew cannot be asked about
    lacking = [one.title for one in asked if not one.asked]
    if lacking:
        yield escape_markdown(tr("Nobody asked: {names}.", names="; ".join(lacking)))


def _repair_part(mended: Repair | None) -> Iterator[str]:
    yield _heading(3, tr("What was repaired"))
    if mended is None:
        yield tr("Nothing: the model is as it was examined.")
        return
    said = [
        tr(
            "{region} by {method}.",
            region=mended.region,
            method=option_words(mended.method) or tr("a method that is not known"),
        )
    ]
    said += [tr("It learned from {train}.", train=mended.train)] if mended.train else []
    said += [*mended.notes, *mended.detections]
    yield escape_markdown(" ".join(said))
    if mended.leaves:
        yield escape_markdown(
            tr("Confirmed to drive errors, and not repaired: {names}.", names=", ".join(mended.leaves))
        )
    yield _heading(3, tr("How it was proved"))
    if not mended.verdict:
        worse = tr("A model may be worse after a repair.")
        yield escape_markdown(f"{mended.headline} {worse}")
        return
    yield escape_markdown(" ".join(mended.sentences))
    yield escape_markdown(tr("It rests on {evidence}.", evidence=mended.evidence))
    yield from repair_table(mended)


def _is_shown(mended: Repair) -> bool:
    """Whether its proof is of this model, on new images, and leaves nothing that was confirmed."""
    return mended.of_study and is_on_new_images(mended) and not mended.leaves


def _limits_part(summary: Summary) -> Iterator[str]:
    yield _heading(2, tr("Bias, Risks, and Limitations"))
    yield from limit_lines(summary)[1:] or [tr("None are known that this examination could tell of.")]
    yield _heading(3, tr("Recommendations"))
    mended = summary.repair
    if mended is not None and mended.how:
        yield escape_markdown(tr("Prove the repair before the model is used: {how}", how=mended.how))
    elif mended is not None and mended.verdict == "repaired" and _is_shown(mended):
        yield tr(
            "Use the repaired model in place of the one that was examined, for images like those that it was "
            "proved on."
        )
    elif mended is not None and mended.verdict:
        yield tr(
            "The repair is not proved to have removed what was found: read the verdict above before either "
            "model is used."
        )
    else:
        yield tr("Look at the errors above before the model is used for images like them.")


def _heading(level: int, text: str) -> str:
    return f"{'#' * level} {text}"


def _made_by(summary: Summary) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in summary.examined.versions)
    made = summary.examined.made
    return escape_markdown(
        tr("Made by {versions} on {day}; nothing here was written by hand.", versions=versions, day=made)
        if made
        else tr("Made by {versions}; nothing here was written by hand.", versions=versions)
    )
