"""models that methods have fitted ⇄ a folder, so that a choice that was cut short goes on.

Each is kept as soon as it is there, as weights, which no code has to run for. It is taken for what would be
fitted now only where all that decides it is known to be the same: the model, the images, the method with
its region, this version. Numbers are never taken from a file: what is read is judged as if it had been fitted
now. A guard fits nothing, and what failed may do better: both are tried again.
"""

import dataclasses
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sightline._digests import combined_digest, file_digest, image_digest
from sightline._files import ASIDE, write_text
from sightline._limits import read_text
from sightline._optional import require
from sightline._printing import printable_text
from sightline._serialise import UNREADABLE
from sightline._version import __version__
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import SightlineError
from sightline.repair.method import Provenance, RepairMethod, RepairResult, describe_method
from sightline.repair.repair_region import RepairProperty, RepairRegion, resolve_region
from sightline.repair.training.fine_tune import trainer_of
from sightline.repair.training_data import TrainingData, predict_scores
from sightline.repair.whole_state import model_digest, state_digest

FOLDER = "trials"
"""Where a repair's folder keeps them until the repair is done."""
BEGUN = ".repair-begun"
"""Says in a repair's folder that what lies there is an unfinished repair's, and nobody else's."""
HELD = ".held"
"""What the process holds that writes a repair."""
DIGEST = re.compile("[0-9a-f]{16}")
"""What their folders are called, and before its ending each file."""
ENDINGS = (".toml", ".npz", ".pt", ".skops")
ASKED = 8
"""Images that a model is asked about as soon as it was written or read."""
CLOSE = 1e-4
"""How near the answers of a model that was read are to those of the one that was written."""


class KeptTrials:
    """What was fitted before of one choice, and what is fitted now.

    Parameters
    ----------
    folder : Path
        The repair's own folder.
    model : CheckedModel
        What is repaired.
    data : TrainingData
    """

    def __init__(self, folder: Path, model: CheckedModel, data: TrainingData) -> None:
        self.model, self.data = model, data
        question = _question_digest(model, data)
        self.repair = folder
        self.folder = None if question is None else folder / FOLDER / question
        self._seen: Any = None

    def read(self, method: object) -> tuple[float, RepairResult] | None:
        """The seconds that a fit took, and what it came to; None where none is surely the same."""
        name = _method_digest(method, self.data)
        if name is None or self.folder is None:
            return None
        try:
            text = tomllib.loads(read_text(self.folder / f"{name}.toml"))
            seconds, notes, ending = text["seconds"], text["notes"], text["file"]["ending"]
            if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
                raise ValueError("no time")
            if not isinstance(notes, list) or not all(isinstance(one, str) for one in notes):
                raise ValueError("no notes")
            if ending not in ENDINGS:
                raise ValueError("no weights")
            made = self._read_model(self.folder / f"{name}{ending}", str(text["file"]["digest"]))
            self._some_scores(made)
        except Exception:  # none; or damaged, for which each framework has errors of its own
            return None
        digests, looks = self._seen_images()
        known = Provenance(describe_method(method), _region_of(method), digests, looks)
        return float(seconds), RepairResult(made, tuple(map(printable_text, notes)), known)

    def keep(self, method: object, seconds: float, result: RepairResult) -> None:
        """Keep what a method came to, if it can be kept; the text comes last and says that the rest is there.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        name = _method_digest(method, self.data)
        if name is None or self.folder is None:
            return
        if is_free_folder(self.repair):
            begin_folder(self.repair)
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self._write_model(self.folder / name, result)
        if written is None:
            return
        digest = file_digest(written)
        if not self._answers_alike(written, digest, result):
            return
        text = {
            "method": describe_method(method),
            "notes": list(result.notes),
            "seconds": float(seconds),
            "file": {"ending": written.suffix, "digest": digest},
        }
        write_text(self.folder / f"{name}.toml", require("tomli_w", extra="study").dumps(text))

    def _write_model(self, path: Path, result: RepairResult) -> Path | None:
        """The file of the model's weights; None where they cannot be kept."""
        trainer = trainer_of(self.model)
        if trainer is None or type(result.model.backend) is not type(self.model.backend):
            return None
        try:
            return trainer.write_weights(result.model, path)
        except (SightlineError, AttributeError, TypeError, ValueError):
            return None

    def _read_model(self, file: Path, digest: str) -> CheckedModel:
        if not file.is_file() or file_digest(file) != digest:
            raise ValueError(f"{file} is not what was written")
        trainer = trainer_of(self.model)
        assert trainer is not None
        return trainer.read_weights(file)

    def _answers_alike(self, written: Path, digest: str, result: RepairResult) -> bool:
        """Whether the model that is read back says what the one says that was written."""
        try:
            back, there = map(self._some_scores, (self._read_model(written, digest), result.model))
        except (SightlineError, *UNREADABLE):
            return False
        return bool(np.allclose(back, there, atol=CLOSE))

    def _some_scores(self, made: CheckedModel) -> Any:
        """What a model says of some images.

        Raises
        ------
        ValueError
            If it has not the columns of the model that is repaired.
        """
        some = range(min(ASKED, len(self.data.validation)))
        scores = predict_scores(made, self.data.validation, some)
        if scores.shape != predict_scores(self.model, self.data.validation, some).shape:
            raise ValueError("other columns")
        return scores

    def _seen_images(self) -> Any:
        if self._seen is None:
            self._seen = self.data.seen_images()
        return self._seen


def is_free_folder(folder: Path) -> bool:
    """Whether a repair may be made in a folder: there is none, it is empty, or one was begun there."""
    try:
        there = {one.name for one in folder.iterdir()}
    except OSError:  # none; or a file, or what cannot be looked into: writing to it says why it cannot be
        return True
    return BEGUN in there or there <= {HELD}


def begin_folder(folder: Path) -> None:
    """Make the folder of a repair, and say in it that it is one.

    Raises
    ------
    OSError
        If it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / BEGUN, "A repair is being made here. The files in this folder may be written over.\n")


def count_trials(folder: Path) -> int:
    """How many methods a repair's folder keeps that were tried."""
    return sum(1 for _ in (folder / FOLDER).glob("*/*.toml"))


def remove_trials(folder: Path) -> None:
    """Delete what a repair's folder keeps of methods that were tried, and nothing else of it."""
    top = folder / FOLDER
    if top.is_symlink() or not top.is_dir():
        return
    for below in top.iterdir():
        if below.is_symlink() or not below.is_dir() or not DIGEST.fullmatch(below.name):
            continue
        for file in below.iterdir():
            ours = DIGEST.fullmatch(file.stem) and file.suffix in ENDINGS
            if (ours or ASIDE.fullmatch(file.name)) and not file.is_dir():
                file.unlink(missing_ok=True)
        _remove_if_empty(below)
    _remove_if_empty(top)


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _region_of(method: Any) -> RepairRegion:
    return resolve_region(method.region, method.margin)


def _question_digest(model: CheckedModel, data: TrainingData) -> str | None:
    """Digest of the model wholly, of all images with their labels, and of this version; None if it has none.

    A model that is known by its answers alone may be another one and answer alike.
    """
    # Code of a network of one's own may go by what is in no file: then it answers otherwise.
    answers = predict_scores(model, data.validation)
    known = model_digest(model)
    if known is None:
        return None
    parts = [__version__, known, image_digest(np.round(answers, 6) + 0.0)]
    for part in (data.train, data.validation):
        parts += ["images", repr(part.class_names), *(image_digest(image) for image, _ in part)]
        parts.append(image_digest(np.asarray(part.labels, dtype="<i8")))
    return combined_digest(["\n".join(parts)], size=8)


def _method_digest(method: object, data: TrainingData) -> str | None:
    """Digest of a method with all its options, its region as all images have it; None where it has no such.

    A method of one's own may do anything, and so may a function: these are tried again.
    """
    if not isinstance(method, RepairMethod) or not type(method).__module__.startswith("sightline."):
        return None
    options = {one.name: getattr(method, one.name) for one in dataclasses.fields(method)}
    try:
        region = _region_of(method)
        parts = [type(method).__name__, region.name, *_outlines(region, data)]
        options.pop("region")
        return combined_digest(["\n".join(parts), state_digest(options)], size=8)
    except Exception:  # what a region of one's own raises, or a value that cannot be digested
        return None


def _outlines(region: RepairRegion, data: TrainingData) -> Iterator[str]:
    """What the region covers, of every image; of what is found by its looks, what finds it."""
    if isinstance(region, RepairProperty):
        return
    if region.regions.needs_image:
        yield state_digest(region.regions)
        return
    for part in (data.train, data.validation):
        known = set()
        for index in range(len(part)):
            image = part[index][0]
            if region.regions.shared and image.shape in known:
                continue
            known.add(image.shape)
            yield image_digest(region.mask(image.shape[:2], part.root_index(index), image))
