"""a study, its repair and held-out images → studies of both models on some of these, in its folder."""

import dataclasses
from pathlib import Path

from sightline.data.holdout import HoldoutRule
from sightline.repair.method import RepairResult
from sightline.repair.repair_region import RepairProperty
from sightline.study import Study
from sightline.study.provenance import OpenedData


def some_images(data: OpenedData, count: int, most: int) -> OpenedData:
    """About `most` of the images, always the same ones."""
    if count <= most:
        return data
    share = most / count
    if data.split is None:
        return dataclasses.replace(data, split=HoldoutRule(share, held_out=True))
    return dataclasses.replace(data, split=dataclasses.replace(data.split, share=data.split.share * share))


def explain_held_out(
    study: Study,
    folder: Path,
    result: RepairResult,
    after: object,
    data: OpenedData,
    explained: int,
    *,
    trust: bool = False,
    progress: bool | None = None,
) -> dict[str, Study]:
    """Studies of the model before and after its repair, as `sightline.prove` takes them.

    Parameters
    ----------
    study : Study
        Of the model that was repaired.
    folder : Path
        Of the repair, where they are kept and go on where they were.
    result : RepairResult
    after : object
        The repaired model, or the text that opens it.
    data : OpenedData
        Images that nothing has used.
    explained : int
        About how many of them; 0 for none.
    trust : bool
        Whether code of a file may run that is named.
    progress : bool, optional

    Returns
    -------
    dict of str to Study
        ``"before"`` and ``"after"``; nothing where none is explained, or a property of whole images was
        repaired, which no area shows.
    """
    if not explained or isinstance(result.provenance.region, RepairProperty):
        return {}
    part = some_images(data, len(data.selected_places()), explained)
    studies = {}
    for name, home, model in (("before", folder / "before", study.opened_model), ("after", folder, after)):
        made = Study(home, study.plan)
        studies[name] = made.run(part, model, trust=trust, progress=progress, **study.manifest.run_options)
    return studies
