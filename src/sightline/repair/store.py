"""a repair ⇄ its folder: the repaired model, where and how, and which images it has seen."""

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sightline._arguments import clear_arguments
from sightline._digests import file_digest
from sightline._files import held_by_one, remove_abandoned, write_arrays, write_text, written_aside
from sightline._limits import read_arrays, read_text
from sightline._optional import require
from sightline._printing import printable_text
from sightline._progress_file import progress_kept_in
from sightline._serialise import UNREADABLE, decode, encode, without_none
from sightline._trust import split_secret
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.open_model import FILES, join_model_text, load_model, split_model_text
from sightline.data.looks import NO_LOOKS
from sightline.errors import FileError, OptionError
from sightline.regions.region_file import load as read_regions
from sightline.repair.guard import Guard
from sightline.repair.kept_trials import BEGUN, HELD, begin_folder, is_free_folder, remove_trials
from sightline.repair.method import Provenance, RepairResult, repair_key
from sightline.repair.model_writer import Image, save_model
from sightline.repair.repair_region import RepairProperty, RepairRegion, resolve_region
from sightline.repair.selection import Choice
from sightline.types import record

LAYOUT = 2
LAYOUT_1_NAMES = {"way": "method", "grow": "margin", "told": "notes", "before": "original"}
"""What the first layout called its entries → what they are called now."""
NAME, REGION, SEEN, LOOKS, FILL = "repair.toml", "region.toml", "seen.txt", "seen.npz", "fill.npz"
WEIGHTS = "state_dict.pt"
PROGRESS = "progress.json"
"""Where a process that makes a repair says how far it is."""


def save_repair(
    folder: Path,
    result: RepairResult,
    original: str,
    example: Image,
    choice: Choice | None = None,
    *,
    train: str = "",
) -> list[Path]:
    """Write a repair into a folder of its own.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    result : RepairResult
    original : str
        The text that the model was opened with which was repaired.
    example : array
        An image, as the model is given them.
    choice : Choice, optional
        How the method was chosen.
    train : str
        The images that it learned from, as a command was given them; empty where those of the study were.

    Returns
    -------
    list of Path

    Raises
    ------
    FileError
        If it cannot be written, or the model cannot be put into a file.
    """
    writer = require("tomli_w", extra="study")
    made = result.provenance
    ensure_free_folder(folder)
    try:
        begin_folder(folder)
        _remove_unfinished(folder)
        text: dict[str, Any] = {
            "layout": LAYOUT,
            "method": made.method,
            "margin": made.region.margin,
            "notes": list(result.notes),
            "original": split_secret(original)[0],
        }
        if train:
            text["train"] = split_secret(train)[0]
        if isinstance(made.region, RepairProperty):
            text["property"] = made.region.name
        files = [made.region.regions.save(folder / REGION)]
        files.append(folder / SEEN)
        write_text(files[-1], "\n".join(sorted(made.image_digests)))
        if len(made.looks):
            files.append(folder / LOOKS)
            write_arrays(files[-1], {"looks": made.looks})
        fill = getattr(result.model.backend, "fill", None)
        if made.method.startswith("Guard(") and fill is not None:
            arrays: dict[str, Any] = {}
            text["fill"] = without_none(encode(fill, "fill", arrays))
            write_arrays(folder / FILL, arrays)
            files.append(folder / FILL)
        else:
            model = _save_repaired_model(folder, result, original, example)
            text["model"] = {"file": model.name, "digest": file_digest(model)}
            files.append(model)
            files += _save_weights(folder / WEIGHTS, result)
        view = result.model.view
        if view.label is not None or view.threshold != 0.5:
            text["view"] = _view_table(result.model)
        if choice is not None:
            text["chosen"] = repr(choice)
        # Last, since it says that the rest is there.
        write_text(folder / NAME, writer.dumps(text))
        remove_trials(folder)
        for name in (PROGRESS, BEGUN):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise FileError(
            f"the repair cannot be kept in {folder}: {error.strerror or error}. Name a folder that can be "
            "written to.",
            slug="repair-write",
        ) from error
    return [*files, folder / NAME]


def _remove_unfinished(folder: Path) -> None:
    """Delete what a process wrote of a repair that was killed before it was whole."""
    for name in (SEEN, LOOKS, FILL, WEIGHTS, *(f"model{ending}" for ending in FILES)):
        (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Refuse a folder that another process makes a repair in; how far this one is stands in it meanwhile.

    Raises
    ------
    FileError
        If there is another, the folder holds a repair or a study, or it cannot be written to.
    """
    ensure_free_folder(folder)
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            mine = stack.enter_context(held_by_one(folder / HELD))
            if mine:
                begin_folder(folder)
                remove_abandoned(folder)
        except OSError as error:
            raise FileError(
                f"the repair cannot be kept in {folder}: {error.strerror or error}. Name a folder that can "
                "be written to.",
                slug="repair-write",
            ) from error
        if not mine:
            raise FileError(
                f"another process makes a repair in {folder} now. Wait until it has ended, or name another "
                "folder.",
                slug="repair-busy",
            )
        try:
            with progress_kept_in(folder / PROGRESS):
                yield
        except Exception:  # where somebody stops it, where it stood stays to be seen
            _remove_empty(folder)
            raise
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    """Delete how far it was, and the folder, too, where nothing was made."""
    for name in (PROGRESS, HELD):
        (folder / name).unlink(missing_ok=True)
    if [one.name for one in folder.iterdir()] == [BEGUN]:
        (folder / BEGUN).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _view_table(model: CheckedModel) -> dict[str, Any]:
    """Which label of several was repaired, and what the columns are: a model's file does not tell."""
    names, view = model.column_names, model.view
    table: dict[str, Any] = {
        "output": model.settled_output,
        "threshold": view.threshold,
        "names": list(names or ()),
    }
    return table if view.label is None else {**table, "label": str(view.label)}


def _with_view(model: CheckedModel, text: Mapping[str, Any]) -> CheckedModel:
    """A model of a file, asked for the label that was repaired."""
    table = text.get("view")
    if table is None or model.view.label is not None:
        return model
    return as_model(
        model,
        output=str(table["output"]),
        class_names=tuple(map(str, table["names"])) or None,
        label=None if table.get("label") is None else str(table["label"]),
        threshold=float(table["threshold"]),
    )


def _save_repaired_model(folder: Path, result: RepairResult, original: str, example: Image) -> Path:
    """The repaired model in its file, without the preprocessing that the old model's text asks for."""
    # In the format that the old model was read from, if that can be chosen: it may need no trust.
    own, given = split_model_text(original)
    path, model = folder / ("model.skops" if own.endswith(".skops") else "model"), result.model
    if given and model.preprocess is not None:
        example = model.apply_preprocess(example[np.newaxis])[0]
        model = CheckedModel(
            model.backend, output=model.output, class_names=model.column_names, view=model.view
        )
    return save_model(model, path, example)


def _save_weights(path: Path, result: RepairResult) -> list[Path]:
    """The weights of a PyTorch module alone, which need no trust to be read; nothing of other models."""
    if not hasattr(result.raw, "state_dict"):
        return []
    with written_aside(path) as aside:
        require("torch", extra="torch").save(result.raw.state_dict(), aside)
    return [path]


def ensure_free_folder(folder: Path) -> None:
    """Refuse a folder that another repair or study is kept in, or that holds files of anybody else.

    Raises
    ------
    FileError
    """
    if (folder / NAME).exists() or (folder / "plan.toml").exists():
        raise FileError(
            f"{folder} holds a repair or a study already. Name a folder of its own for this one.",
            slug="repair-folder",
        )
    if not is_free_folder(folder):
        raise FileError(
            f"{folder} has files in it, and no repair was begun there that could be gone on with: they might "
            "be written over. Name a folder that is empty or not there yet.",
            slug="repair-folder",
        )


@contextlib.contextmanager
def _damage_told(folder: Path) -> Iterator[None]:
    """What cannot be read of a repair's folder, as an error of our own.

    Raises
    ------
    FileError
        If there is no repair, or it is damaged.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise FileError(
            f"there is no repair in {folder}. Make one first: sightline repair RUN --region jaw -o {folder}",
            slug="repair-missing",
        ) from None
    except (FileError, OptionError):
        raise
    except UNREADABLE as error:
        raise FileError(
            f"{folder / NAME} does not describe a repair ({type(error).__name__}: {error}). Make it again: "
            "sightline repair.",
            slug="repair-damaged",
        ) from error


@clear_arguments
def load_repair(
    folder: Path, *, trust: bool = False, known: Mapping[str, CheckedModel] | None = None
) -> RepairResult:
    """The repair that a folder holds.

    Parameters
    ----------
    folder : Path
    trust : bool
        Whether code in the model's file may run; and, of a guard, whether the module may be imported or
        the server asked that the folder names.
    known : mapping of str to CheckedModel, optional
        Models that are open already, by the texts that they were opened with.

    Raises
    ------
    FileError
        If there is none, it is damaged, or loading it needs trust.
    """
    with _damage_told(folder):
        text = _read_entries(folder)
        if int(text["layout"]) > LAYOUT:
            raise FileError(
                f"{folder} has layout {text['layout']}, but this sightline reads up to {LAYOUT}: upgrade "
                "sightline.",
                slug="file-layout",
            )
        if "property" in text:  # of the whole image
            region = resolve_region(str(text["property"]))
        else:
            region = RepairRegion(read_regions(folder / REGION), float(text["margin"]))
        seen = frozenset(read_text(folder / SEEN).split())
        notes, method = tuple(map(printable_text, text["notes"])), printable_text(text["method"])
        # Repairs of earlier versions have none.
        looks = read_arrays(folder / LOOKS)["looks"] if (folder / LOOKS).exists() else NO_LOOKS
        model = _load_repaired_model(folder, text, region, trust, known or {})
    return RepairResult(model, notes, Provenance(method, region, seen, looks))


@record
class RepairNotes:
    """What a repair's folder says without its model.

    Parameters
    ----------
    method, region : str
    notes : tuple of str
    original : str
        The text that the model was opened with which was repaired.
    margin : float
    chosen : bool
        Whether the method was chosen of several.
    train : str
        The images that it learned from, as a command was given them; empty where those of the study were.
    key : str
        What a proof knows it by; empty where that is lost.
    """

    method: str
    region: str
    notes: tuple[str, ...]
    original: str
    margin: float
    chosen: bool
    train: str
    key: str


def read_repair_notes(folder: Path) -> RepairNotes:
    """What a repair's folder says of it; its model is not opened, so this needs no trust.

    Raises
    ------
    FileError
        If there is none, or it is damaged.
    """
    with _damage_told(folder):
        text = _read_entries(folder)
        name = str(text.get("property") or read_regions(folder / REGION).names[0])
        notes = tuple(map(printable_text, text["notes"]))
        method, margin = str(text["method"]), float(text["margin"])
        key = ""
        if (folder / SEEN).is_file():
            key = repair_key(method, name, margin, read_text(folder / SEEN).split())
        return RepairNotes(
            method=printable_text(method),
            region=printable_text(name),
            notes=notes,
            original=str(text.get("original", "")),
            margin=margin,
            chosen="chosen" in text,
            train=printable_text(text.get("train", "")),
            key=key,
        )


def model_file(folder: Path) -> Path | None:
    """The file of a repair's model as it stands; None of a guard, which is put around the old model again.

    Raises
    ------
    FileError
        If it was changed since, or the folder is damaged.
    """
    with _damage_told(folder):
        text = _read_entries(folder)
        if "model" not in text:
            return None
        file = _model_path(folder, text)
        if file_digest(file) != text["model"]["digest"]:
            raise _changed_error(file)
        return file


def _changed_error(file: Path) -> FileError:
    return FileError(
        f"{file} is not the model that the repair made: it was changed since. Make the repair again: "
        "sightline repair.",
        slug="repair-damaged",
    )


def repaired_model_path(folder: Path) -> str | None:
    """The file of a repair's model; None of a guard, which is put around the old model again."""
    with _damage_told(folder):
        text = _read_entries(folder)
        return _prepared_as_before(_model_path(folder, text), text) if "model" in text else None


def _read_entries(folder: Path) -> dict[str, Any]:
    text = tomllib.loads(read_text(folder / NAME))
    return {LAYOUT_1_NAMES.get(name, name): value for name, value in text.items()}


def _load_repaired_model(
    folder: Path, text: dict[str, Any], region: RepairRegion, trust: bool, known: Mapping[str, CheckedModel]
) -> CheckedModel:
    if "fill" in text:
        fill = decode(text["fill"], read_arrays(folder / FILL))
        original = str(text["original"])
        inner = known.get(original) or load_model(original, trust=trust, recorded=str(folder / NAME))
        inner = _with_view(inner, text)
        return Guard(region=region.regions, margin=region.margin, fill=fill)(inner, None).model
    file = _model_path(folder, text)
    if file_digest(file) != text["model"]["digest"]:
        raise _changed_error(file)
    made = load_model(_prepared_as_before(file, text), trust=trust, recorded=str(folder / NAME))
    return _with_view(made, text)


def _prepared_as_before(file: Path, text: Mapping[str, Any]) -> str:
    """The repaired model's text: its images are prepared as those of the old one."""
    return join_model_text(str(file), split_model_text(str(text.get("original", "")))[1])


def _model_path(folder: Path, text: dict[str, Any]) -> Path:
    """The file of the model: one in the folder, and nothing else that a text could name."""
    name = str(text["model"]["file"])
    if Path(name).name != name or not (folder / name).is_file() or (folder / name).suffix not in FILES:
        raise FileError(
            f"{folder / NAME} names {name!r} as the repaired model, but there is no such file of a model in "
            "the folder. Make the repair again: sightline repair.",
            slug="repair-damaged",
        )
    return folder / name
