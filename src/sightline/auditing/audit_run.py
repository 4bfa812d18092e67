"""a model and labelled images → checks, study, blame, repair, proof and report, in one call that resumes."""

from os import PathLike
from pathlib import Path

from sightline._arguments import clear_arguments
from sightline._checks import check_number, check_seed
from sightline._class_names import ClassNames
from sightline._language import use_language
from sightline._progress import is_progress_shown
from sightline.adapters.one_label import LabelView
from sightline.auditing.audit_choices import read_record
from sightline.auditing.audit_setup import AuditRequest, contents_given, refuse_untrusted
from sightline.auditing.audit_steps import Audit, AuditSteps
from sightline.data import ImageFormat
from sightline.regions.region_set import Regions


@clear_arguments
def audit(
    model: object,
    data: object,
    *,
    train: object = None,
    out: str | PathLike[str] = "audit",
    size: tuple[int, int] | None = None,
    mode: str | None = None,
    values: str | None = None,
    preprocess: object = None,
    output: str | None = None,
    class_names: ClassNames | None = None,
    label: int | str | None = None,
    threshold: float | None = None,
    fill: str | None = None,
    aligned: bool | None = None,
    regions: str | Regions | None = None,
    held_out: float | None = None,
    table: object = None,
    key: str | None = None,
    groups: str | None = None,
    shortcut: str | None = None,
    minutes: float = 10.0,
    seed: int = 0,
    lang: str | None = None,
    trust: bool = False,
    progress: bool | None = None,
) -> Audit:
    """What is wrong with a model, how sure that is, and whether it can be mended: all in one call.

    Nothing is asked that can be found out: the channels, size and range of values that the model takes, the
    order of its classes, what hidden has to look like, whether the images are aligned. What was found out is
    told with its numbers, kept in the audit's folder, and overruled by an option each. Then what applies is
    run: a study of the images, the atlas, causes in whole images, blame of regions and of concepts, slices
    where there is a table; and where training images are given and something misleads, a repair, and a proof
    on images that were set aside at the start. Each step is kept in the folder: an audit that was stopped
    goes on where it was when it is asked for again.

    Parameters
    ----------
    model : anything `as_model` takes, or str
        A text is a file, a URL or ``file.py:function``, as for `Study.run`.
    data : labelled images, (images, labels) or str
        As for `Study.run`: images that the model has not learned from.
    train : labelled images or str, optional
        Those that it has learned from, or more of their kind: for a repair.
    out : path
        The audit's folder.
    size, mode, values : optional
        As for `ImageFormat`, of images that are named by a text; ``values="asis"`` keeps the range as it is.
    preprocess, output, class_names, label, threshold : optional
        As for `Study.run`.
    fill : str, optional
        What hidden looks like, such as ``"blur"``.
    aligned : bool, optional
        Whether the same place shows the same thing in all images: then regions are blamed before concepts.
    regions : str or Regions, optional
        Regions to blame, as for `sightline.regions.named`.
    held_out : float, optional
        Share of the images that is set aside for a proof; 0 for none.
    table, key, groups : optional
        Metadata, its column that names the images, and the one that says what each image belongs to, as for
        `sightline.slices` and `column_of_groups`.
    shortcut : str, optional
        A region, concept or property that the audit has named, which you know to be no sign of the class: it
        is repaired whatever was confirmed. Right answers may rest on a shortcut as much as wrong ones; then
        the audit says that the model goes by it, and a person has to say what it is.
    minutes : float
        About how long it may take: fewer images are explained, and with fewer calls, by a slow model; and
        what takes longer is not tried for a repair.
    seed : int
    lang : str, optional
        Language of the steps, the verdict and the report, such as ``"ko"``.
    trust : bool
        Whether code out of files may run: of pickles, PyTorch's files, ``file.py:function``.
    progress : bool, optional
        Whether each step and what was found out is written to the error output; by default on a terminal and
        in a notebook.

    Returns
    -------
    Audit
        Prints as a verdict of three sentences and the path of the report.

    Raises
    ------
    FileError
        If code would have to run without `trust`, before anything is opened; or the folder is no audit's.
    OptionError
        If the folder holds an audit of something else, or the training images have changed.
    ModelError
        If the model takes the images in no usual form.

    Examples
    --------
    >>> audit("model.onnx", "images", train="training", out="audit")  # doctest: +SKIP
    """
    check_seed("seed", seed)
    check_number("minutes", minutes, above=0)
    if held_out:
        check_number("held_out", held_out, above=0, below=1)
    refuse_untrusted(model, preprocess, trust=trust)
    form = ImageFormat(size=size, mode=mode or "asis", values=values or "asis")
    view = LabelView(label, 0.5 if threshold is None else threshold)
    asked = AuditRequest(
        model=model,
        data=data,
        train=train,
        form=form,
        preprocess=preprocess,
        output=output,
        class_names=class_names,
        view=view,
        fill=fill,
        aligned=aligned,
        regions=regions,
        held_out=held_out,
        table=table,
        key=key,
        groups=groups,
        minutes=float(minutes),
        seed=seed,
        lang=lang,
        trust=trust,
        values_told=values is not None,
        shortcut=shortcut,
    )
    with use_language(lang):
        return _run_steps(asked, Path(out).expanduser(), progress=is_progress_shown(progress))


def _run_steps(asked: AuditRequest, folder: Path, *, progress: bool) -> Audit:
    """Every step; those of before are taken from the folder."""
    steps = AuditSteps(asked, folder, progress=progress)
    given = asked.texts | contents_given(asked)
    steps.look(read_record(folder, given), given)
    study = steps.explain()
    steps.draw_atlas(study)
    steps.ask_causes(study)
    steps.blame_areas(study)
    steps.measure_slices(study)
    try:
        repaired = steps.repair(study)
        steps.prove(study, repaired)
    except KeyboardInterrupt:  # what was found is not to be lost for it
        steps.note_stopped()
        steps.report(study)
        raise
    return steps.report(study)
