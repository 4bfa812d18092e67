"""Inputs that nobody would write, at every door: only sightline's own errors may come out, and soon.

A script, for a process in which nobody checks the types of calls: ``python -m support.fuzz SECONDS INPUTS
[DOOR …]`` prints JSON: inputs tried by door, each kind of raw error with an example, and whether the files
beside its own folder are as they were.
"""

import collections
import contextlib
import datetime
import decimal
import fractions
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisException, StopTest
from hypothesis.extra import numpy as arrays

LONGEST = 30
"""Seconds after which an input is said to hang."""
ROUND = 40
"""Inputs of a door before the next one has its turn."""


class Hangs(BaseException):
    """An input that takes too long."""


def listed(words: str) -> list[str]:
    return words.split()


# --- what is drawn ------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([10**4, 10**9, 2**31, 2**63, 2**64, 10**30, -(2**63), 10**400]),
    st.floats(-2, 300, width=32),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e308, 1e-308, -0.0, 0.5, 1 / 3]),
    st.sampled_from([decimal.Decimal("0.5"), fractions.Fraction(1, 3), 1j, np.float32(0.25), np.int8(3)]),
    st.booleans(),
)
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["", " ", "\0", "auto", "slic", "None", "nan", "a:b", "0:1", "1.5", "x" * 5000, "😀", "\udc80"]
    ),
    st.sampled_from(
        ["slic:n_segments=4", "colour:value=1", "lime:", "top", "jaw", "face", "grid:rows=2,columns=2"]
    ),
)
ARRAYS = st.one_of(
    arrays.arrays(
        st.sampled_from(["f4", "f8", "u1", "i8", "?", "O", "U3", "c8", "M8[s]"]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
)


class Strange:
    """Whose every question fails."""

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("no items")

    def __repr__(self) -> str:
        return "Strange()"


ODDITIES = st.sampled_from(
    [
        None,
        ...,
        NotImplemented,
        int,
        str,
        object(),
        len,
        lambda: 0,
        lambda *given: None,
        Strange(),
        Strange,
        b"x",
        Path("x"),
        Path(),
        range(3),
        datetime.date(2020, 1, 1),
        np.dtype("u1"),
        np.ma.masked,
        slice(2),
        b"\xff" * 9,
    ]
)
LEAVES = st.one_of(NUMBERS, TEXTS, ODDITIES, ARRAYS)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(0, 3)), inner, max_size=3),
        st.builds(iter, st.lists(inner, max_size=2)),
        st.frozensets(st.one_of(st.integers(-1, 3), st.text(max_size=2)), max_size=3),
    ),
    max_leaves=4,
)


def mutated_bytes(draw: Any, whole: bytes) -> bytes:
    """The bytes, some flipped, cut out, doubled or put in."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.integers(0, 5)):
            case 0 if content:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del content[at:]
            case 2:
                del content[at : at + draw(st.integers(1, 40))]
            case 3:
                content[at:at] = draw(st.binary(min_size=1, max_size=6))
            case 4:
                content[at:at] = content[at : at + draw(st.integers(1, 60))]
            case 5 if content:
                content[at] = draw(st.integers(0, 255))
    return bytes(content)


def mutated_tree(draw: Any, tree: Any) -> Any:
    """A tree of TOML or JSON with one place changed, left out or added."""
    places = list(_places(tree, ()))
    path = places[draw(st.integers(0, len(places) - 1))]
    tags = st.sampled_from(["array", "option", "tuple", "contrast", "classes", "function"])
    words = st.one_of(
        NUMBERS.filter(lambda n: type(n) in (int, float, bool) and abs(n) < 2**63),
        st.text(max_size=5),
        st.lists(st.integers(-2, 3), max_size=3),
        st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
        tags.map(lambda tag: {tag: "x"}),
        tags.map(lambda tag: {tag: [0, 1, {"with": 3}]}),
    )
    return _changed(tree, path, draw(st.sampled_from(["set", "drop", "add"])), draw(words))


def _places(tree: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, below in pairs:
        yield from _places(below, (*path, key))


def _changed(tree: Any, path: tuple[Any, ...], how: str, word: Any) -> Any:
    if not path:
        return {**tree, "extra": word} if isinstance(tree, dict) else word
    copy = tree.copy()
    if len(path) == 1 and how == "drop":
        del copy[path[0]]
    elif len(path) == 1 and how == "set":
        copy[path[0]] = word
    else:
        copy[path[0]] = _changed(copy[path[0]], path[1:], how, word)
    return copy


# --- the doors ----------------------------------------------------------------------------------------------


def a_model(images: Any) -> Any:
    """Bright or dark, of images in any range."""
    bright = np.clip(np.asarray(images, dtype=np.float64).reshape(len(images), -1).mean(axis=1) / 255, 0, 1)
    return np.stack([1 - bright, bright], axis=1)


class World:
    """A folder with one good thing of each kind, made once."""

    def __init__(self, home: Path) -> None:
        import tomli_w
        from PIL import Image
        from sklearn.linear_model import LogisticRegression

        import sightline as sl
        from sightline.repair import store

        self.home = home
        self.tomli_w = tomli_w
        rng = np.random.default_rng(0)
        self.image = rng.integers(0, 255, (10, 12, 3), dtype=np.uint8)
        self.grey = rng.random((8, 8))
        pixels = rng.random((24, 8, 8))
        labels = (pixels[:, :4].mean(axis=(1, 2)) > 0.5).astype(int)
        self.data = (pixels, labels)
        self.estimator = LogisticRegression(max_iter=50).fit(pixels.reshape(24, -1), labels)
        self.plan = sl.Plan(segment="grid:rows=2,columns=2", budget=16, fill="colour")
        self.study = sl.Study(home / "study", self.plan).run(self.data, self.estimator, progress=False)
        self.explanation = sl.explain(self.image, a_model, self.plan, progress=False)
        self.saved = self.explanation.save(home / "one.npz").read_bytes()
        self.regions = sl.regions.grid(2, 2).save(home / "regions.toml").read_bytes()
        masks = np.zeros((2, 4, 4), bool)
        masks[0, :2] = masks[1, 2:] = True
        sl.regions.masks({"up": masks[0], "down": masks[1]}).save(home / "masks.toml")
        repaired = sl.repair.Counterexamples(region=sl.regions.grid(2, 2)["r1c1"], seed=0)
        import skops.io

        skops.io.dump(self.estimator, home / "old.skops")
        store.save_repair(
            home / "repair", repaired(self.estimator, self.data), str(home / "old.skops"), self.grey
        )
        (home / "images" / "a").mkdir(parents=True)
        (home / "images" / "b").mkdir()
        self.encoded: dict[str, bytes] = {}
        for kind in ("png", "jpg", "tif", "bmp", "gif", "webp"):
            held = io.BytesIO()
            Image.fromarray(self.image).save(held, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper()))
            self.encoded[kind] = held.getvalue()
        self.encoded["dcm"] = _dicom_bytes(home)
        for folder in "ab":
            (home / "images" / folder / f"{folder}.png").write_bytes(self.encoded["png"])
        for split in ("train", "test"):
            shutil.copytree(home / "images", home / "splits" / split)
        self.lists = self._lists()
        self.calls: Any = None

    def _lists(self) -> dict[str, bytes]:
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.table({"path": ["images/a/a.png", "images/b/b.png"], "label": ["a", "b"]})
        pyarrow.parquet.write_table(table, self.home / "made.parquet")
        text = "path,label\nimages/a/a.png,a\nimages/b/b.png,b\n"
        return {
            "csv": text.encode(),
            "tsv": text.replace(",", "\t").encode(),
            "parquet": (self.home / "made.parquet").read_bytes(),
        }

    def copy(self, name: str) -> Path:
        """A copy of a folder, to be spoiled."""
        to = self.home / "spoiled"
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.home / name, to)
        return to


def _dicom_bytes(home: Path) -> bytes:
    from support.bad_files import dicom

    return dicom(home / "good.dcm").read_bytes()


def some_of(draw: Any, names: dict[str, Any], most: int = 2) -> dict[str, Any]:
    """A few keywords with anything as their values, or with something that fits."""
    chosen = draw(st.lists(st.sampled_from(sorted(names)), max_size=most, unique=True))
    return {name: draw(st.one_of(ANYTHING, st.sampled_from(names[name]))) for name in chosen}


def options(draw: Any, world: World) -> None:
    """Options and plans made of anything, then explained with."""
    import dataclasses

    import sightline as sl
    from sightline.engine.plan import NAMES

    field = draw(st.sampled_from(sorted(NAMES)))
    kind = NAMES[field][draw(st.sampled_from(sorted(NAMES[field])))]
    fields = {one.name: [one.default] for one in dataclasses.fields(kind)}
    if not fields:
        fields = {"none": [1]}
    made = kind(**some_of(draw, fields))
    repr(made), hash(made), made == kind
    plan: dict[str, Any] = {"segment": "grid:rows=2,columns=2", "budget": 16, field: made}
    plan |= some_of(
        draw, {"target": [0, 1, "1"], "budget": [3, 40, "auto"], "seed": [1], "sample": [None]}, 1
    )
    sl.explain(draw(st.sampled_from([world.image, world.grey])), a_model, sl.Plan(**plan), progress=False)


def texts(draw: Any, world: World) -> None:
    """Options, regions, repair methods and data as texts."""
    import sightline as sl
    from sightline.data.data_spec import open_data
    from sightline.engine.plan import NAMES
    from sightline.repair.selection import METHODS, parse_method

    names = [
        *(name for kinds in NAMES.values() for name in kinds),
        *METHODS,
        "grid",
        "face",
        "chest",
        "drawn-faces",
    ]
    words = listed(
        "n_segments value rows columns sigma count draws p seed sides size people cut layer "
        "steps draws ridge kernel shortcut path_column margin "
    )
    values = st.one_of(
        st.sampled_from(
            [
                "1",
                "0",
                "-1",
                "1e2",
                "007",
                "(1,2)",
                "[1,2]",
                "None",
                "True",
                "'a,b'",
                "nan",
                "1e999",
                "[",
                "9" * 30,
                "{}",
                "1_0",
                "0x10",
                "jaw",
                "b'x'",
                "1j",
                "...",
                "-inf",
            ]
        ),
        st.text(max_size=4),
        st.integers(0, 9).map(str),
    )
    name = draw(st.one_of(st.sampled_from(names), st.text(max_size=4)))
    given_ = draw(st.lists(st.tuples(st.sampled_from(words), values), max_size=2))
    text = name + ":" * bool(given_) + ",".join(f"{word}={value}" for word, value in given_)
    if draw(st.booleans()):
        text = mutated_bytes(draw, text.encode()).decode("utf-8", "replace")
    match draw(st.integers(0, 3)):
        case 0:
            field = draw(st.sampled_from(sorted(NAMES)))
            plan = {"segment": "grid:rows=2,columns=2", "budget": 16, field: text}
            sl.explain(world.image, a_model, sl.Plan(**plan), progress=False)
        case 1:
            sl.regions.named(text).masks((8, 8))
        case 2:
            parse_method(text, region=sl.regions.face()["jaw"])
        case 3:
            if "count=9" not in text and "size=9" not in text:
                data, _ = open_data(text)
                len(data), data[0]


def calls(draw: Any, world: World) -> None:
    """Public functions with anything as their arguments."""
    import sightline as sl

    good = [
        world.image,
        world.grey,
        a_model,
        world.estimator,
        world.data,
        world.study,
        world.explanation,
        world.plan,
    ]
    some = st.one_of(st.sampled_from(good), ANYTHING)
    keywords = {
        "target": [0, "1"],
        "budget": [16],
        "class_names": [["a", "b"]],
        "batch_size": [2],
        "seed": [0],
        "segment": ["grid:rows=2,columns=2"],
        "fill": ["blur"],
        "attribute": ["rise"],
        "sample": [None],
        "preprocess": [None],
        "expect": [[0.5, 0.5]],
        "output": ["logit"],
        "plan": [world.plan],
        "trust": [False],
        "regions": ["face"],
        "by": ["pair"],
        "held_out": [0.2],
        "num_samples": [4],
        "workers": [1],
        "device": [None],
    }
    functions: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "explain": (sl.explain, (world.image, a_model)),
        "as_model": (sl.as_model, (a_model,)),
        "evaluate": (sl.evaluate, (world.estimator, world.data)),
        "compare": (sl.compare, (world.grey, world.estimator, ["lime"])),
        "atlas": (sl.atlas, (world.study,)),
        "blame": (sl.blame, (world.study, sl.regions.grid(2, 2))),
        "study": (sl.Study(world.home / "study").run, (world.data, world.estimator)),
        "read_image": (sl.read_image, (world.image,)),
        "plot": (world.explanation.plot, ()),
        "top": (world.explanation.top, ()),
        "row": (world.study.row, (0,)),
        "sql": (world.study.sql, ("select count(*) from rows",)),
        "grid": (sl.regions.grid, (2, 2)),
        "polygons": (sl.regions.polygons, ({"a": [(0, 0), (0, 1), (1, 0)]},)),
        "masks": (sl.regions.masks, ({"a": np.ones((4, 4), bool)},)),
        "labels": (sl.regions.labels, (np.zeros((4, 4), int), ["a"])),
        "in": (sl.regions.grid(2, 2).masks, ((8, 8),)),
        "dataset": (sl.data.as_dataset, (world.data,)),
        "drawn": (sl.data.drawn_faces, (1,)),
        "mask": (world.explanation.mask, ()),
        "Study": (sl.Study, (world.home / "study",)),
        "named": (sl.regions.named, ("face",)),
    }
    name = draw(st.sampled_from(sorted(functions)))
    function, usual = functions[name]
    words = list(usual)
    for place in range(len(words)):
        if draw(st.integers(0, 2)) == 0:
            words[place] = draw(some)
    named_ = some_of(draw, keywords, 2)
    if name in ("explain", "compare"):
        named_ = {"segment": "grid:rows=2,columns=2", "budget": 16, "progress": False} | named_
    if name == "drawn" and any(isinstance(one, int) and abs(one) > 20 for one in words):
        return
    function(*words, **named_)


def read_study(folder: Path, world: World) -> None:
    """All that a study in a folder is asked."""
    import sightline as sl

    study = sl.Study(folder)
    repr(study), study.count, study.class_names, study.plan
    list(study.rows())
    study.outcomes(), study.failures()
    study.row(3)
    study.sql("select predicted, count(*), sum(score) from rows group by 1").fetchall()
    sl.atlas(study, regions=sl.regions.grid(2, 2))
    study.attach(world.data, world.estimator)
    study.run(progress=False)


def plans(draw: Any, world: World) -> None:
    """plan.toml changed, byte by byte or entry by entry."""
    import tomllib

    folder = world.copy("study")
    file = folder / "plan.toml"
    if draw(st.booleans()):
        file.write_bytes(mutated_bytes(draw, file.read_bytes()))
    else:
        tree = mutated_tree(draw, tomllib.loads(file.read_text("utf-8")))
        file.write_bytes(_toml_bytes(world, tree))
    read_study(folder, world)


def _toml_bytes(world: World, tree: Any) -> bytes:
    try:
        return world.tomli_w.dumps(tree).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError, ValueError):
        return b"x = 1"


def stores(draw: Any, world: World) -> None:
    """Parts of a store with bytes flipped, cut or put in."""
    folder = world.copy("study")
    parts = sorted((folder / "parts").glob("*.parquet"))
    part = parts[draw(st.integers(0, len(parts) - 1))]
    part.write_bytes(mutated_bytes(draw, part.read_bytes()))
    if draw(st.integers(0, 5)) == 0:
        part.rename(
            part.with_name(
                draw(st.sampled_from(["000000005-000000002.parquet", "000000000-000000900.parquet"]))
            )
        )
    read_study(folder, world)


def region_files(draw: Any, world: World) -> None:
    """Files of regions."""
    import tomllib

    import sightline as sl

    name = draw(st.sampled_from(["regions.toml", "masks.toml"]))
    whole = (world.home / name).read_bytes()
    folder = world.home / "spoiled"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(world.home / "masks.npz", folder / "masks.npz")
    match draw(st.integers(0, 2)):
        case 0:
            (folder / name).write_bytes(mutated_bytes(draw, whole))
        case 1:
            (folder / name).write_bytes(_toml_bytes(world, mutated_tree(draw, tomllib.loads(whole.decode()))))
        case 2:
            (folder / name).write_bytes(whole)
            (folder / "masks.npz").write_bytes(mutated_bytes(draw, (world.home / "masks.npz").read_bytes()))
    found = sl.regions.load(folder / name)
    found.masks((8, 8)), repr(found)


def lists(draw: Any, world: World) -> None:
    """Lists of paths and labels."""
    from sightline.data.data_spec import open_data

    kind = draw(st.sampled_from(sorted(world.lists)))
    file = world.home / f"spoiled.{kind}"
    content = world.lists[kind]
    if kind != "parquet" and draw(st.booleans()):
        rows = draw(st.lists(st.lists(TEXTS, max_size=3), max_size=3))
        content = "\n".join([content.decode(), *(",".join(row) for row in rows)]).encode("utf-8", "replace")
    file.write_bytes(mutated_bytes(draw, content) if draw(st.integers(0, 3)) else content)
    column = draw(st.sampled_from(["", "", ":label_column=path", ":root=.", ":path_column=label", ":root=("]))
    data, _ = open_data(f"{file}{column}")
    len(data), data.labels, data.class_names, data.fingerprint(), data.image_id(0)
    data[0]


def images(draw: Any, world: World) -> None:
    """Files of images."""
    import sightline as sl

    kind = draw(st.sampled_from(sorted(world.encoded)))
    file = world.home / f"spoiled.{draw(st.sampled_from([kind, kind, kind, 'png', 'dcm']))}"
    file.write_bytes(mutated_bytes(draw, world.encoded[kind]))
    wanted = sl.data.ImageFormat(
        values=draw(st.sampled_from(["asis", "unit", "byte"])),
        mode=draw(st.sampled_from(["asis", "grey", "rgb"])),
    )
    wanted.read(file)


def repairs(draw: Any, world: World) -> None:
    """Folders of repairs."""
    import tomllib

    from sightline.repair import store

    folder = world.copy("repair")
    file = folder / draw(
        st.sampled_from(["repair.toml", "repair.toml", "region.toml", "seen.txt", "model.skops"])
    )
    if file.suffix == ".toml" and draw(st.booleans()):
        file.write_bytes(_toml_bytes(world, mutated_tree(draw, tomllib.loads(file.read_text("utf-8")))))
    else:
        file.write_bytes(mutated_bytes(draw, file.read_bytes()))
    repr(store.load_repair(folder)), store.repaired_model_path(folder)


def explanations(draw: Any, world: World) -> None:
    """Saved explanations."""
    import sightline as sl

    file = world.home / "spoiled.npz"
    match draw(st.integers(0, 2)):
        case 0:
            file.write_bytes(mutated_bytes(draw, world.saved))
        case 1:
            with np.load(world.home / "one.npz") as kept:
                held = dict(kept)
            about = mutated_tree(draw, json.loads(str(held["about"])))
            np.savez(file, **held | {"about": np.array(json.dumps(about))})
        case 2:
            with np.load(world.home / "one.npz") as kept:
                held = dict(kept)
            name = draw(st.sampled_from(sorted(held)))
            plain = ARRAYS.filter(lambda array: not array.dtype.hasobject)
            np.savez(file, **{key: value for key, value in held.items() if key != name} | {name: draw(plain)})
    found = sl.Explanation.load(file)
    repr(found), found.top(2), found.segments.count, found.mask()
    found.plot()


def answers(draw: Any, world: World) -> None:
    """What models answer."""
    import sightline as sl

    def strange(images_: Any) -> Any:
        match draw(kinds):
            case 0:
                return draw(ANYTHING)
            case 1:
                shape = (len(images_), *draw(st.lists(st.integers(0, 3), max_size=2)))
                return draw(arrays.arrays(st.sampled_from(["f4", "f8", "i8", "?", "O", "c8"]), shape))
            case 2:
                return {draw(st.sampled_from(["logits", "scores", "x"])): draw(ANYTHING)}
            case 3:
                row = st.lists(st.fixed_dictionaries({"label": TEXTS, "score": NUMBERS}), max_size=3)
                return [draw(row) for _ in images_]
            case 4:
                raise draw(
                    st.sampled_from(
                        [KeyError("x"), ValueError(), RuntimeError("out of memory"), StopIteration()]
                    )
                )
            case _:
                return a_model(images_)

    kinds = st.integers(0, 5)
    named_ = some_of(draw, {"output": ["auto", "softmax", "logit"], "class_names": [["a", "b"]]}, 1)
    asked = sl.as_model(strange, **named_)
    if draw(st.booleans()):
        sl.evaluate(asked, world.data)
    else:
        sl.explain(world.image, asked, world.plan, progress=False)


def commands(draw: Any, world: World) -> None:
    """Words after the name of the command."""
    from sightline.cli import app

    study, image, out = world.home / "study", world.home / "images" / "a" / "a.png", world.home / "out"
    verbs = [
        "explain",
        "compare",
        "study",
        "atlas",
        "blame",
        "sql",
        "repair",
        "proof",
        "gallery",
        "evaluate",
        "grid",
        "x",
    ]
    flags = listed(
        "--target --top --budget --seed --values --mode --size --names --kind --out -o "
        "--segment --fill --attribute --regions --region --by --format --held-out --workers "
        "--margin --method --explained --trust --retry --batch-size --what --json "
    )
    safe = TEXTS.filter(
        lambda text: "/" not in text and "\0" not in text and ".." not in text and "~" not in text
    )
    words = st.one_of(
        st.sampled_from(
            [
                str(study),
                str(image),
                str(world.home / "old.skops"),
                str(world.home / "regions.toml"),
                str(world.home / "images"),
                str(world.home / "made.parquet"),
                str(world.home),
                str(world.home / "repair"),
                "select * from rows",
                "1",
                "0",
                "-1",
                "8x8",
                "auto",
                "jaw",
                "grid:rows=2,columns=2",
                "0:1",
                "json",
            ]
        ),
        safe,
    )
    verb = draw(st.sampled_from(verbs))
    line = [verb, *draw(st.lists(st.one_of(words, st.sampled_from(flags)), max_size=6))]
    usual = {
        "explain": [str(world.home / "old.skops"), str(image)],
        "study": [],
        "sql": [str(study), "select 1"],
        "atlas": [str(study)],
        "blame": [str(study), "--regions", "grid:rows=2,columns=2"],
        "compare": [],
        "repair": [str(study), "--region", "jaw"],
        "proof": [str(study), str(world.home / "repair")],
        "evaluate": [str(world.home / "old.skops"), str(world.home / "images")],
    }
    if draw(st.integers(0, 2)) == 0:
        line[1:1] = usual.get(verb, [])
    shutil.rmtree(out, ignore_errors=True)
    if verb in ("explain", "compare", "repair") and "--out" not in line and "-o" not in line:
        line += ["--out", str(out)]
    if verb == "study" and "-o" not in line and "--out" not in line:
        line += ["-o", str(out)]
    try:
        app(line, standalone_mode=False)
    except SystemExit:
        pass
    except Exception as error:
        if type(error).__module__.split(".")[0] not in (
            "click",
            "typer",
        ):  # typer's own words about its arguments
            raise


def functions(draw: Any, world: World) -> None:
    """A user's own functions as options: they fail, take other arguments, return anything."""
    import sightline as sl
    from sightline.types import Attribution, Masks

    class Own:
        sample = sl.Plan(sample="fold-over").sample

        def __call__(self, *given: Any) -> Any:
            return answer(*given)

    def answer(*given: Any) -> Any:
        match draw(st.integers(0, 4)):
            case 0:
                raise draw(st.sampled_from([KeyError("x"), ValueError(), StopIteration(), MemoryError()]))
            case 1:
                return Masks(draw(some), draw(some))
            case 2:
                return Attribution(draw(some), draw(some), draw(some), draw(some))
            case 3:
                return draw(st.sampled_from([np.ones((10, 12), int), np.zeros((10, 12, 3)), (0, 1), 1]))
            case _:
                return draw(some)

    some = st.one_of(
        ANYTHING, st.sampled_from([np.ones((1, 4)), np.zeros(1), np.ones((3, 4), bool), np.ones(3)])
    )
    option = draw(st.sampled_from(["segment", "fill", "sample", "target", "attribute"]))
    function = Own() if option == "attribute" else draw(st.sampled_from([answer, lambda: 0, len, int]))
    plan = {"segment": "grid:rows=2,columns=2", "budget": 12, option: function}
    sl.explain(world.image, a_model, progress=False, **plan)


def public(draw: Any, world: World) -> None:
    """Every public function and method, with anything for a parameter or two."""
    from support.public_calls import Calls, parameters_of, use

    if world.calls is None:
        world.calls = Calls(world)
    name = draw(st.sampled_from(sorted(world.calls.table)))
    function, given_ = world.calls.table[name]
    wanted = draw(st.lists(st.sampled_from(parameters_of(function, given_) or ["x"]), min_size=1, max_size=2))
    use(function(**given_ | {word: draw(ANYTHING) for word in wanted}))


DOORS: dict[str, Callable[[Any, World], None]] = {
    one.__name__: one
    for one in (
        options,
        texts,
        calls,
        plans,
        stores,
        region_files,
        lists,
        images,
        repairs,
        explanations,
        answers,
        functions,
        public,
        commands,
    )
}


# --- the run ------------------------------------------------------------------------------------------------


def kind_of(error: BaseException) -> str:
    """Where in sightline an error came from, and its type: one fault, one kind."""
    place = "outside"
    for frame in traceback.extract_tb(error.__traceback__):
        if "/sightline/" in frame.filename:
            place = f"{frame.filename.rpartition('/sightline/')[2]}:{frame.lineno} {frame.name}"
    return f"{type(error).__name__} at {place}"


@contextlib.contextmanager
def within_seconds(most: int) -> Iterator[None]:
    """Raise `Hangs` where it takes longer."""

    def stop(*_: Any) -> None:
        raise Hangs(f"still running after {most} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(most)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def try_input(door: Callable[[Any, World], None], draw: Any, world: World) -> tuple[str, str] | None:
    """Kind and text of the raw error, if one came out."""
    from sightline.errors import SightlineError

    drawn: list[Any] = []

    def noted(strategy: Any) -> Any:
        value = draw(strategy)
        drawn.append(value)
        return value

    try:
        with (
            within_seconds(LONGEST),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            door(noted, world)
    except (SightlineError, StopTest, HypothesisException) as error:
        if not isinstance(error, SightlineError):
            raise
    except (Exception, Hangs) as error:
        shown = " | ".join(_short(value) for value in drawn[-6:])
        return kind_of(error), f"{str(error)[:150]!r} from {shown}"
    return None


def _short(value: Any) -> str:
    try:
        return repr(value)[:70]
    except Exception:
        return f"<{type(value).__name__}>"


def digest_of(folder: Path) -> str:
    """Of all files below it."""
    names = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(p).encode() + p.read_bytes() for p in names)).hexdigest()


def run(seconds: float, inputs: int, only: list[str], start: int = 0) -> dict[str, Any]:
    """Try every door in turn until the time or the number of inputs is used up."""
    warnings.simplefilter("ignore")
    tried: collections.Counter[str] = collections.Counter()
    raw: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as root:
        neighbour = Path(root, "neighbour")
        neighbour.mkdir()
        (neighbour / "precious.txt").write_text("mine")
        home = Path(root, "home")
        home.mkdir()
        before = digest_of(neighbour)
        here = Path.cwd()
        os.chdir(home)
        try:
            world = World(home)
            turn, end = start, time.monotonic() + seconds  # from here on: the world is made in other time
            while time.monotonic() < end and tried.total() < inputs:
                for name in only or list(DOORS):
                    _try_round(name, world, turn, end, tried, raw)
                turn += 1
        finally:
            os.chdir(here)
        untouched = digest_of(neighbour) == before
    return {"tried": dict(tried), "raw": raw, "untouched": untouched}


def _try_round(
    name: str,
    world: World,
    turn: int,
    end: float,
    tried: "collections.Counter[str]",
    raw: dict[str, dict[str, Any]],
) -> None:
    door = DOORS[name]

    @seed(turn)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def inputs_of(data: Any) -> None:
        if time.monotonic() > end:
            return
        tried[name] += 1
        found = try_input(door, data.draw, world)
        if found:
            kind = raw.setdefault(f"{name}: {found[0]}", {"count": 0, "example": found[1]})
            kind["count"] += 1

    # What a model was asked may depend on what came before: then a round ends early.
    with contextlib.suppress(Flaky):
        inputs_of()


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    import logging

    logging.disable(logging.CRITICAL)
    found = run(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:], int(os.environ.get("FUZZ_START", "0")))
    sys.stdout.write(json.dumps(found))
