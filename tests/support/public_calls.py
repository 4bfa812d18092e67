"""Every public function and method with arguments that fit, and each of them with one that does not.

A script, for a process in which nobody checks the types of calls: ``python -m support.public_calls EVERY
[NAME …]`` prints JSON: the calls made, every so many-th of all; each raw error with an example; the functions
whose fitting arguments do not fit; and which calls were slow.
"""

import contextlib
import inspect
import io
import itertools
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from support.fuzz import LONGEST, Hangs, World, a_model, kind_of, within_seconds

Call = tuple[Callable[..., Any], dict[str, Any]]
ODD: Mapping[str, Any] = {
    "None": None,
    "no text": "",
    "text": "x",
    "minus one": -1,
    "zero": 0,
    "infinity": 1e400,
    "nan": float("nan"),
    "half": 0.5,
    "huge": 10**30,
    "list": [],
    "dict": {},
    "object": object(),
    "no array": np.array([]),
    "array": np.zeros((2, 2)),
    "texts": np.array(["a", "b"]),
    "path": Path("x"),
    "bytes": b"x",
    "function": lambda: 0,
    "class": int,
}
"""What nobody would give, by what it is."""
WAITS = 10
"""Seconds that one call may take."""


class Calls:
    """The public functions by name, and arguments that fit; made once."""

    def __init__(self, world: World) -> None:
        import sightline as sl

        self.world = world
        self.regions = sl.regions.grid(2, 2)
        self.metadata = {"side": [place % 2 for place in range(len(world.study.places))]}
        self.faces = sl.data.drawn_faces(4, people=2, size=32)
        self.method = sl.repair.Counterexamples(region=self.regions["r1c1"], seed=0)
        self.repaired = self.method(world.estimator, world.data)
        self.proof = sl.prove(
            *(world.estimator, world.estimator, world.data),
            region=self.regions["r1c1"],
            explained=1,
            progress=False,
        )
        self.table = {**self._functions(), **self._methods(), **self._data(), **self._drawing()}

    def _functions(self) -> dict[str, Call]:
        import sightline as sl

        world = self.world
        told = {"explanation": world.explanation, "model": a_model}
        return {
            "explain": (sl.explain, {"image": world.image, "model": a_model, "plan": world.plan}),
            "read_image": (sl.read_image, {"source": world.image}),
            "as_model": (sl.as_model, {"model": a_model}),
            "per_image": (sl.per_image, {"function": np.asarray}),
            "evaluate": (sl.evaluate, {"model": world.estimator, "data": world.data}),
            "compare": (
                sl.compare,
                {"image": world.grey, "model": world.estimator, "attributes": ["lime"], "plan": world.plan},
            ),
            "atlas": (sl.atlas, {"study": world.study}),
            "blame": (sl.blame, {"study": world.study, "regions": self.regions}),
            "image_causes": (sl.image_causes, {"study": world.study}),
            "slices": (sl.slices, {"study": world.study, "table": self.metadata, "fewest": 2}),
            "report": (sl.report, {"study": world.study}),
            "export": (sl.export, {"study": world.study}),
            "study_part": (sl.study_part, {"study": world.study, "places": world.study.places[:3]}),
            "prove": (
                sl.prove,
                {
                    "model": world.estimator,
                    "repaired": world.estimator,
                    "held_out": world.data,
                    "region": self.regions["r1c1"],
                    "explained": 0,
                },
            ),
            "choose": (
                sl.repair.choose,
                {
                    "model": world.estimator,
                    "train": world.data,
                    "region": self.regions["r1c1"],
                    "methods": [],
                },
            ),
            **{
                f"faithfulness.{name}": (getattr(sl.faithfulness, name), told)
                for name in (
                    "deletion",
                    "insertion",
                    "held_out_fit",
                    "stability",
                    "randomisation",
                    "check_all",
                )
            },
            **{
                f"option {kind.__name__}": (kind, {})
                for kind in (
                    *(sl.Slic, sl.Quickshift, sl.Felzenszwalb, sl.Watershed, sl.Grid, sl.Top, sl.Plan),
                    *(
                        sl.Colour,
                        sl.Blur,
                        sl.Noise,
                        sl.Inpaint,
                        sl.Surroundings,
                        sl.SegmentMean,
                        sl.IntegratedGradients,
                    ),
                    *(sl.Lime, sl.Shapley, sl.Banzhaf, sl.Rise, sl.Occlusion, sl.GradCam, sl.Tokens),
                )
            },
            "Given": (sl.Given, {"labels": np.zeros((10, 12), int)}),
            "Donors": (sl.Donors, {"images": world.image}),
            "Contrast": (sl.Contrast, {"a": 0, "b": 1}),
            "Segments": (sl.Segments, {"labels": np.zeros((2, 2), int)}),
            "Segments.renumber": (sl.Segments.renumber, {"labels": np.zeros((2, 2), int)}),
        }

    def _methods(self) -> dict[str, Call]:
        import sightline as sl

        world, explanation, study = self.world, self.world.explanation, self.world.study
        outcome = sl.evaluate(world.estimator, world.data)
        found = sl.atlas(study, progress=False)
        blamed = sl.blame(study, self.regions, progress=False)
        exported = sl.export(study, blame=blamed, progress=False)
        return {
            **{
                f"Explanation.{name}": (getattr(explanation, name), given)
                for name, given in {
                    "name": {"target": 1},
                    "index": {},
                    "top": {},
                    "mask": {},
                    "heatmap": {},
                    "plot": {},
                    "save": {"path": world.home / "kept.npz"},
                    "load": {"path": world.home / "one.npz"},
                }.items()
            },
            "Study": (sl.Study, {"path": world.home / "study"}),
            **{
                f"Study.{name}": (getattr(study, name), given)
                for name, given in {
                    "attach": {"data": world.data, "model": world.estimator},
                    "run": {"data": world.data, "model": world.estimator, "progress": False},
                    "row": {"place": 0},
                    "sql": {"query": "select 1"},
                    "image": {"place": 0},
                    "explanation": {"which": 0},
                }.items()
            },
            **{
                f"Export.{name}": (getattr(exported, name), given)
                for name, given in {
                    "to_csv": {"folder": world.home / "tables"},
                    "to_parquet": {"folder": world.home / "tables"},
                    "to_json": {"path": world.home / "findings.json"},
                    "to_model_card": {"path": world.home / "card.md"},
                    "to_fiftyone": {"folder": world.home / "samples"},
                }.items()
            },
            "Evaluation.name": (outcome.name, {"label": 0}),
            "Evaluation.report": (outcome.report, {}),
            "Evaluation.roc": (outcome.roc, {}),
            "Evaluation.choose_threshold": (outcome.choose_threshold, {}),
            "Evaluation.with_threshold": (outcome.with_threshold, {"threshold": 0.5}),
            "Evaluation.calibration": (outcome.calibration, {}),
            "figures.plot_evaluation": (sl.figures.plot_evaluation, {"evaluation": outcome}),
            "Blame.finding": (blamed.finding, {"region": "r1c1"}),
            "Atlas.__getitem__": (found.__getitem__, {"name": found.maps[0].name}),
            "Blame.__getitem__": (blamed.__getitem__, {"region": "r1c1"}),
            "Proof.__getitem__": (self.proof.__getitem__, {"name": self.proof.measures[0].name}),
            "figures.plot_atlas": (sl.figures.plot_atlas, {"atlas": found}),
            "figures.plot_blame": (sl.figures.plot_blame, {"blame": blamed}),
            "RepairResult.save": (self.repaired.save, {"path": world.home / "kept.joblib"}),
            "RepairMethod": (self.method, {"model": world.estimator, "train": world.data, "progress": False}),
            **{
                f"repair.{kind.__name__}": (kind, {"region": self.regions["r1c1"]})
                for kind in (
                    *(sl.repair.Counterexamples, sl.repair.Guard, sl.repair.LastLayer),
                    sl.repair.RightReasons,
                )
            },
            "repair.SwapRegion": (sl.repair.SwapRegion, {}),
            "repair.ShufflePixels": (sl.repair.ShufflePixels, {}),
            "repair.TrainingConfig": (sl.repair.TrainingConfig, {}),
        }

    def _data(self) -> dict[str, Call]:
        import sightline as sl

        world, regions = self.world, self.regions
        square, whole = np.ones((4, 4), bool), sl.data.as_dataset(self.world.data)
        return {
            "data.as_dataset": (sl.data.as_dataset, {"data": world.data}),
            "data.batches": (sl.data.batches, {"source": world.data}),
            "data.open_folder": (sl.data.open_folder, {"path": world.home / "images"}),
            "data.open_splits": (sl.data.open_splits, {"path": world.home / "splits"}),
            "data.open_list": (sl.data.open_list, {"path": world.home / "made.parquet"}),
            "data.multi_label": (
                sl.data.multi_label,
                {"images": np.zeros((2, 4, 4)), "labels": np.array([[1, 0], [1, 1]])},
            ),
            "data.open_multi_label": (
                sl.data.open_multi_label,
                {"path": world.home / "images", "label_delimiter": "+"},
            ),
            "data.read_image_file": (sl.data.read_image_file, {"source": world.home / "images/a/a.png"}),
            "data.drawn_faces": (sl.data.drawn_faces, {"n_images": 2, "people": 2, "size": 32}),
            "DrawnFaces.segments_of": (self.faces.segments_of, {"which": 0}),
            "data.ImageFormat": (sl.data.ImageFormat, {}),
            "ImageFormat.read": (sl.data.ImageFormat().read, {"path": world.home / "images/a/a.png"}),
            "data.Shortcut": (sl.data.Shortcut, {"region": "jaw", "classes": (0,)}),
            "data.plant_mark": (
                sl.data.plant_mark,
                {
                    "images": np.zeros((2, 32, 32, 3), np.float32),
                    "present": np.array([True, False]),
                },
            ),
            "data.ArrayDataset": (
                sl.data.ArrayDataset,
                {"images": world.data[0], "labels": world.data[1], "class_names": None},
            ),
            "data.Subset": (sl.data.Subset, {"dataset": whole, "indices": np.array([0, 1])}),
            "data.ConcatDataset": (sl.data.ConcatDataset, {"datasets": (whole, whole)}),
            "regions.grid": (sl.regions.grid, {"rows": 2, "columns": 2}),
            "regions.polygons": (sl.regions.polygons, {"given": {"a": [(0, 0), (0, 1), (1, 0)]}}),
            "regions.masks": (sl.regions.masks, {"given": {"a": square}}),
            "regions.labels": (sl.regions.labels, {"image": np.zeros((4, 4), int), "names": ["a"]}),
            "regions.per_image": (
                sl.regions.per_image,
                {"source": np.zeros((2, 4, 4), int), "names": ["a"]},
            ),
            "regions.face": (sl.regions.face, {}),
            "regions.chest": (sl.regions.chest, {}),
            "regions.named": (sl.regions.named, {"given": "face"}),
            "regions.load": (sl.regions.load, {"path": world.home / "regions.toml"}),
            **{
                f"Regions.{name}": (getattr(regions, name), given)
                for name, given in {
                    "index": {"name": "r1c1"},
                    "join": {"parts": {"a": ["r1c1"]}},
                    "rename": {"names": {"r1c1": "a"}},
                    "masks": {"shape": (8, 8)},
                    "areas": {"shape": (8, 8)},
                    "save": {"path": world.home / "kept.toml"},
                    "__getitem__": {"names": "r1c1"},
                }.items()
            },
        }

    def _drawing(self) -> dict[str, Call]:
        from sightline import figures, render

        explanation, segments = self.world.explanation, self.world.explanation.segments
        values = explanation.attribution.values[0]
        heat, which = np.linspace(-1, 1, 120).reshape(10, 12), np.array([True, False, True, False])
        rgb = np.zeros((10, 12, 3), np.uint8)
        kinds = ("panel", "overlay", "heat", "contours", "bars", "targets")
        page = figures.plot_overlay(explanation)
        return {
            "figures.plot": (figures.plot, {"explanation": explanation}),
            **{
                f"figures.plot_{kind}": (getattr(figures, f"plot_{kind}"), {"explanation": explanation})
                for kind in (*kinds, "pixels")
            },
            "figures.plot_images": (figures.plot_images, {"images": [rgb], "titles": ["a"]}),
            "figures.plot_right_and_wrong": (
                figures.plot_right_and_wrong,
                {"explanations": [explanation], "labels": [0]},
            ),
            "figures.plot_comparison": (figures.plot_comparison, {"compared": [explanation]}),
            "figures.plot_regions": (figures.plot_regions, {"regions": self.regions, "image": rgb}),
            "figures.plot_proof": (figures.plot_proof, {"proof": self.proof}),
            "figures.stack_figures": (figures.stack_figures, {"heading": "a", "parts": [("b", "c", page)]}),
            "figures.figure_to_png": (figures.figure_to_png, {"figure": page}),
            "render.within_error": (render.within_error, {"values": values, "error": np.abs(values)}),
            "render.scale_limit": (render.scale_limit, {"values": values}),
            "render.format_number": (render.format_number, {"value": 0.5}),
            "render.diverging_colours": (render.diverging_colours, {"values": heat, "limit": 1.0}),
            "render.segment_heatmap": (render.segment_heatmap, {"values": values, "segments": segments}),
            "render.display_image": (render.display_image, {"image": rgb}),
            "render.fit_to_size": (render.fit_to_size, {"image": rgb, "size": 20}),
            "render.fit_with_segments": (
                render.fit_with_segments,
                {"image": rgb, "segments": segments, "size": 20},
            ),
            "render.overlay_heat": (render.overlay_heat, {"image": rgb, "heat": heat, "limit": 1.0}),
            "render.segment_edges": (render.segment_edges, {"segments": segments, "which": which}),
            "render.inner_rims": (render.inner_rims, {"segments": segments, "which": which}),
            "render.draw_contours": (
                render.draw_contours,
                {"image": rgb, "segments": segments, "which": which, "colour": (255, 0, 0)},
            ),
            "render.hatch_area": (render.hatch_area, {"image": rgb, "area": np.zeros((10, 12), bool)}),
            "render.colour_bar": (render.colour_bar, {"limit": 1.0}),
            "render.image_to_png": (render.image_to_png, {"array": rgb}),
        }


def parameters_of(function: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """Names of all parameters, those that are given first."""
    named = [
        name
        for name, one in inspect.signature(function).parameters.items()
        if name != "self" and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    return [*given, *(name for name in named if name not in given)]


def use(result: object) -> None:
    """What comes out has to be of use: it is printed, and the first of what comes one by one is taken."""
    repr(result)
    if inspect.isgenerator(result):
        next(result, None)


def try_call(function: Callable[..., Any], given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Kind and text of the raw error, if one came out."""
    from sightline.errors import SightlineError

    try:
        with (
            within_seconds(min(WAITS, LONGEST)),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            use(function(**given))
    except SightlineError:
        return None
    except (Exception, Hangs) as error:
        return kind_of(error), str(error)[:150]
    return None


def odd_calls(calls: Calls, only: list[str]) -> Iterator[tuple[str, str, Callable[..., Any], dict[str, Any]]]:
    """Every parameter of every function, with every odd value."""
    for name, (function, given) in calls.table.items():
        if only and not any(word in name for word in only):
            continue
        for parameter in parameters_of(function, given):
            for what, value in ODD.items():
                yield name, f"{parameter} = {what}", function, {**given, parameter: value}


def run(every: int, only: list[str]) -> dict[str, Any]:
    """Make the calls, or every so many-th, in a folder of their own."""
    warnings.simplefilter("ignore")
    raw: dict[str, dict[str, Any]] = {}
    made, fit, slow = 0, {}, {}
    with tempfile.TemporaryDirectory() as root, contextlib.chdir(root):
        home = Path(root, "home")
        home.mkdir()
        calls = Calls(World(home))
        for name, (function, given) in calls.table.items():
            if (found := try_call(function, given)) is not None:
                fit[name] = found
        for name, how, function, given in itertools.islice(odd_calls(calls, only), 0, None, every):
            made += 1
            began = time.perf_counter()
            found = try_call(function, given)
            if time.perf_counter() - began > 1:
                slow[f"{name}: {how}"] = round(time.perf_counter() - began, 1)
            if found:
                kind = raw.setdefault(f"{name}: {found[0]}", {"count": 0, "example": f"{how}: {found[1]}"})
                kind["count"] += 1
    return {"made": made, "raw": raw, "unfit": fit, "slow": slow}


if __name__ == "__main__":
    import logging

    import matplotlib

    matplotlib.use("agg")
    logging.disable(logging.CRITICAL)
    sys.stdout.write(json.dumps(run(int(sys.argv[1]), sys.argv[2:])))
