"""a study's manifest → the commands that repeat what a report shows."""

import ast
import dataclasses
import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline._language import translate as tr
from sightline._limits import read_text
from sightline._printing import printable_text
from sightline._region_names import DRAWN_REGIONS, RUN_REGIONS
from sightline._spec import to_spec
from sightline._trust import without_secrets
from sightline.adapters.open_model import split_model_text
from sightline.data import ImageFormat
from sightline.engine.model_query import Top
from sightline.engine.plan import NAMES, Plan
from sightline.regions.margins import DEFAULT_MARGIN
from sightline.repair.selection import METHODS
from sightline.reports.saved_results import DRAWN_BLAME, UNREADABLE, StudyFindings
from sightline.reports.summary import Repair
from sightline.study.manifest import CLASS_NAMES, Manifest
from sightline.types import Contrast, Target

AUDIT = "audit.json"
"""What an audit keeps in its folder, in which the study's lies."""
AUDIT_USUAL = {"output": "auto", "seed": "0", "minutes": "10"}
"""What the command takes anyway."""
SAFE = (".onnx", ".skops", ".keras")
"""Ends of models' files that hold no code."""
FILES_WITH_CODE = (".pt", ".pt2", ".pth", ".h5", ".joblib", ".pkl", ".pickle", ".ts")
OF_PYTHON = re.compile(r"a \w+$|<")
"""What an audit keeps of a value that no text names."""
SPECS = ("attribute", "segment", "fill")
"""Fields of a plan that are options with parameters."""


def question_commands(run: str) -> dict[str, str]:
    """What to type to ask each question of a study.

    Parameters
    ----------
    run : str
        The study's folder, as a command takes it.
    """
    found = f"sightline concepts {run} -o concepts.toml"
    return {
        "blame": f"sightline blame {run}",
        "drawn": " ".join(["sightline", "blame", run, *drawn_blame_options(run)]),
        "concepts": f"{found} && sightline blame {run} --regions concepts.toml",
        "causes": f"sightline causes {run}",
        "slices": f"sightline slices {run} --table TABLE.csv",
    }


def repeat_commands(
    manifest: Manifest, run: str, found: StudyFindings, repair: Repair | None, folder: Path
) -> tuple[str, ...]:
    """What to type to get all of it again, each line safe to paste into a shell.

    Parameters
    ----------
    manifest : Manifest
    run : str
        The study's folder, quoted.
    found : StudyFindings
    repair : Repair or None
    folder : Path
        The study's, which may keep the regions that blame looked at, and lie in that of an audit.
    """
    audited = _command_of_audit(folder)
    if audited:
        return (printable_text(audited),)
    trust = " --trust" if _needs_trust(manifest.model_text) else ""
    made = [_study_command(manifest, run, _names_text(folder, run))]
    if found.causes is not None:
        made.append(f"sightline causes {run}{trust}")
    if found.blame is not None:
        drawn = found.blame.areas is not None and found.blame.areas.among > 0
        among = f" --regions {run}/{DRAWN_REGIONS}" if drawn else ""
        given = (
            ""
            if among or (folder / RUN_REGIONS).is_file()
            else f"  # {tr('--regions: those that were given from Python')}"
        )
        grouped = "" if found.blame.groups is None else f"  # {tr('--groups: as it was given')}"
        made.append(f"sightline blame {run}{among}{trust}{given}{grouped}")
    asked = question_commands(run)
    if found.drawn is not None:
        made.append(f"{asked['drawn']}{trust}")
    if found.concepts is not None:
        made += [f"{one}{trust}" for one in asked["concepts"].split(" && ")]
    if found.slices is not None:
        made.append(asked["slices"])
    home = "" if repair is None or not repair.folder else shlex.quote(repair.folder)
    if repair is not None and home:
        made.append(_repair_command(run, home, repair, trust))
        if repair.verdict:
            made.append(f"sightline proof {run} {home}{trust or _trust_of_repair(repair)}")
    made.append(f"sightline report {' '.join(filter(None, (run, home)))} -o report.html")
    return tuple(map(printable_text, made))


def drawn_blame_options(run: str) -> list[str]:
    """How blame is asked about regions that a person drew: nothing that it found of others is replaced."""
    file, figure = f"{run}/{DRAWN_REGIONS}", f"{run}/{DRAWN_BLAME}".replace(".json", ".png")
    return ["--regions", file, "--no-whole-images", "--margin", "0", "--out", figure]


def _command_of_audit(path: Path) -> str:
    """The command that made the study in a folder and all the rest, where an audit did; else empty."""
    try:
        given = json.loads(read_text(path.parent / AUDIT))["given"]
        texts = {str(name): str(text) for name, text in given.items()}
        return audit_command(texts, path.parent) if path.name == "study" else ""
    except UNREADABLE:
        return ""


def audit_command(given: Mapping[str, str], out: Path, *, trust: bool | None = None) -> str:
    """What to type for an audit, safe to paste into a shell; empty where a value of Python's was given to it.

    Parameters
    ----------
    given : mapping of str to str
        What it was asked with, as it is kept in its folder. What no option says is told in a remark.
    out : Path
        The audit's folder.
    trust : bool, optional
        By default where the model's file may hold code.

    Examples
    --------
    >>> given = {"model": "m.onnx", "data": "my images", "size": "(32, 48)", "class_names": "('a', 'b')"}
    >>> audit_command(given | {"aligned": "False"}, Path("audit"))
    "sightline audit m.onnx 'my images' --size 48x32 --not-aligned -o audit  # class_names: ('a', 'b')"
    """
    told = {name: without_secrets(text) for name, text in given.items() if text != AUDIT_USUAL.get(name, "")}
    model, data = told.pop("model", ""), told.pop("data", "")
    if not model or not data or any(OF_PYTHON.match(one) for one in (model, data, *told.values())):
        return ""
    options, remark = [], ""
    for name, text in told.items():
        if name == "aligned":
            options.append("--aligned" if text == "True" else "--not-aligned")
        elif name == "size":
            height, width = re.findall(r"\d+", text)
            options += ["--size", f"{width}x{height}"]
        elif name == "class_names":
            kept = out / "study" / CLASS_NAMES
            options += ["--names", str(kept)] if kept.is_file() else []
            remark = "" if kept.is_file() else f"  # {name}: {text}"
        elif not name.startswith("contents of "):
            options += [f"--{name.replace('_', '-')}", text]
    options += ["-o", str(out), *(["--trust"] if trust or (trust is None and _needs_trust(model)) else [])]
    return shlex.join(["sightline", "audit", model, data, *options]) + remark


def _needs_trust(text: str) -> bool:
    """Whether a command that opens a model by a text that is kept has to be trusted."""
    own, before = split_model_text(text)
    return bool(own) and (Path(own).suffix.lower() not in SAFE or "preprocess" in before)


def _trust_of_repair(repair: Repair) -> str:
    """Of a repair whose file may hold code."""
    kinds = {one.suffix for one in Path(repair.folder).glob("model*")}
    return " --trust" if kinds & set(FILES_WITH_CODE) else ""


def _repair_command(run: str, folder: str, repair: Repair, trust: str) -> str:
    region = ",".join(repair.region.split(" + "))
    told = f"sightline repair {run} --region {shlex.quote(region)} -o {folder}"
    if repair.train:
        told += f" --train {shlex.quote(repair.train)}"
    note = ""
    if not repair.chosen:
        spec = _method_spec(repair.method)
        told += f" --method {shlex.quote(spec)}" if spec else ""
        note = "" if spec else f"  # {repair.method}"
        if math.isfinite(repair.margin) and repair.margin != DEFAULT_MARGIN and repair.margin:
            told += f" --margin {repair.margin:g}"
    return f"{told}{trust}{note}"


def _method_spec(text: str) -> str:
    """A method as the command line has it; empty where it has options that no text can give.

    Examples
    --------
    >>> _method_spec("Counterexamples(region='jaw', margin=0.1, copies=2)")
    'counterexamples:copies=2'
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return ""
        name = {kind.__name__: name for name, kind in METHODS.items()}[call.func.id]
        given = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    except (SyntaxError, ValueError, KeyError):
        return ""
    return to_spec(name, {key: value for key, value in given.items() if key not in ("region", "margin")})


def _names_text(folder: Path, run: str) -> str:
    """The option for the names that were given for the model's classes, if the study's folder keeps them."""
    return f" --names {run}/{CLASS_NAMES}" if (folder / CLASS_NAMES).is_file() else ""


def _study_command(manifest: Manifest, run: str, names: str) -> str:
    asked = target_text(manifest.plan.target)
    target = tr("given from Python: Plan(target=...), {asked}", asked=asked) if asked else ""
    options = names + _options_text(manifest)
    lacking = [
        name for name, text in (("model", manifest.model_text), ("images", manifest.data_text)) if not text
    ]
    if lacking:
        told = tr("given from Python, as study.run(data, model): no command opens them")
        beside = "; ".join(filter(None, (f"{' + '.join(lacking)}: {told}", target)))
        return f"sightline study MODEL DATA -o {run}{options}  # {beside}"
    own, before = split_model_text(manifest.model_text)
    opened = f"{shlex.quote(without_secrets(own))} {shlex.quote(without_secrets(manifest.data_text))}"
    first = "".join(f" --{name} {shlex.quote(text.strip('()'))}" for name, text in before.items())
    code = Path(own).suffix.lower() in FILES_WITH_CODE or "preprocess" in before
    trust = " --trust" if code else ""
    told = f"  # {target}" if target else ""
    return f"sightline study {opened} -o {run}{first}{options}{trust}{told}"


def _options_text(manifest: Manifest) -> str:
    listed = [*_plan_options(manifest.plan), *format_options(manifest.image_format)]
    if manifest.split is not None:
        listed.append(("held-out", f"{manifest.split.share:g}"))
    if manifest.output != "auto":
        listed.append(("output", manifest.output))
    if manifest.label:
        listed.append(("label", manifest.label))
    if manifest.threshold != 0.5:
        listed.append(("threshold", f"{manifest.threshold:g}"))
    return "".join(f" --{name} {shlex.quote(text)}" for name, text in listed)


def _plan_options(plan: Plan) -> Iterator[tuple[str, str]]:
    usual = Plan()
    for name in SPECS:
        value = getattr(plan, name)
        if option_text(name, value) != option_text(name, getattr(usual, name)):
            yield name, option_text(name, value)
    for name in ("budget", "seed", "scale"):
        if getattr(plan, name) != getattr(usual, name):
            yield name, str(getattr(plan, name))
    if plan.estimator not in ("auto", "regression"):
        yield "estimator", plan.estimator


def option_text(field: str, value: Any) -> str:
    """An option as the command line has it: its name, and the parameters that are not the usual ones.

    Examples
    --------
    >>> from sightline import Slic
    >>> option_text("segment", Slic(n_segments=100))
    'slic:n_segments=100'
    """
    name = next((name for name, kind in NAMES[field].items() if type(value) is kind), "")
    if not name or not dataclasses.is_dataclass(value):
        return name or repr(value)
    given = {
        one.name: getattr(value, one.name)
        for one in dataclasses.fields(value)
        if one.init and repr(getattr(value, one.name)) != repr(one.default)
    }
    return to_spec(name, given)


def target_text(target: Target) -> str:
    """What is explained beside the predicted class and the label, in words; empty where nothing is.

    Examples
    --------
    >>> from sightline import Classes, Contrast, Top
    >>> target_text(Classes("cat", Contrast(0, 1))), target_text(Top(k=3)), target_text(Top())
    ('cat, 0:1', 'the 3 highest classes', '')
    """
    if isinstance(target, Top):
        return "" if target.k == 1 else tr("the {n} highest classes", n=target.k)
    asked = getattr(target, "targets", None)
    if not isinstance(asked, tuple):
        return repr(target)
    return ", ".join(f"{one.a}:{one.b}" if isinstance(one, Contrast) else str(one) for one in asked)


def format_options(given: ImageFormat | None) -> Iterator[tuple[str, str]]:
    """What images are brought to, as options of a command."""
    if given is None:
        return
    for name in ("values", "mode"):
        if getattr(given, name) != "asis":
            yield name, getattr(given, name)
    if given.size is not None:
        yield "size", f"{given.size[1]}x{given.size[0]}"
