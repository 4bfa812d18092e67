"""A folder is data: whatever its files name, nothing runs, is asked, read or written without trust."""

import base64
import contextlib
import json
import os
import shutil
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
import tomli_w
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from typer.testing import CliRunner

import sightline as sl
from sightline import repair
from sightline._digests import file_digest
from sightline.cli import app
from sightline.errors import FileError, OptionError, SightlineError
from sightline.repair.store import load_repair
from sightline.study import Study, runner
from sightline.study.tasks import pickled_job
from support.problems import PLAN, grey

EVIL = "import pathlib\npathlib.Path({!r}).touch()\nfrom support.problems import grey as go\n"
GRID = sl.regions.grid(2, 2)


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return (os.mkdir, (str(self.canary),))


class Scene:
    """Another's folder with a study and a repair in it, and what would show that something had run."""

    def __init__(self, place: Path, url: str) -> None:
        self.place, self.url = place, url
        self.canary = place / "canary"
        self.run, self.repair = place / "run", place / "fix"
        (place / "evil.py").write_text(EVIL.format(str(self.canary)))
        for kind in ("joblib", "pkl", "pt2", "h5", "pth"):
            joblib.dump(Trap(self.canary), place / f"trap.{kind}")

    def rename(self, table: str, name: str, file: str = "plan.toml") -> None:
        self.edit(lambda text: text[table].update(name=name), file)

    def edit(self, change, file: str = "plan.toml", folder: str = "run") -> None:
        path = self.place / folder / file
        text = tomllib.loads(path.read_text())
        change(text)
        path.write_text(tomli_w.dumps(text))

    def command(self, *words: object) -> str:
        with contextlib.chdir(self.place):
            done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A study of small images, all labelled wrongly, that its folder names, and a guard."""
    root = tmp_path_factory.mktemp("template")
    rng = np.random.default_rng(0)
    for which in range(48):
        kind = root / "data" / ("dark", "light")[which % 2]
        kind.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (8, 8, 3)) + 120 * (1 - which % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(kind / f"{which}.png")
    study = Study(root / "run", PLAN).run(str(root / "data"), grey, held_out=0.4)
    made = repair.Guard(region=GRID["r1c1"])(grey, study.studied, study=study)
    repair.store.save_repair(root / "fix", made, "support.problems:grey", study.image(int(study.places[0])))
    return root


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


@pytest.fixture
def scene(template, tmp_path, monkeypatch, asked) -> Scene:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    made = Scene(tmp_path, asked[0])
    made.edit(lambda text: text["data"].update(name=str(template / "data")))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    asked[1].clear()
    return made


def open_model(scene: Scene) -> object:
    return Study(scene.run).model


def by_model(name: str, how=open_model):
    def attempt(scene: Scene) -> None:
        scene.rename(
            "model", name.format(place=scene.place, url=scene.url, URL=scene.url.replace("http", "HTTP"))
        )
        how(scene)

    return attempt


def by_data(name: str):
    def attempt(scene: Scene) -> None:
        home = scene.place / "home"
        home.mkdir()
        joblib.dump(Trap(scene.canary), home / "olivetti_py3.pkz")
        scene.rename("data", name.format(place=scene.place, url=scene.url))
        _ = Study(scene.run).source

    return attempt


def by_repair(change, how=lambda scene: load_repair(scene.repair)):
    def attempt(scene: Scene) -> None:
        scene.edit(lambda text: change(text, scene), "repair.toml", "fix")
        how(scene)

    return attempt


def as_model_file(name: str):
    def change(text: dict, scene: Scene) -> None:
        text.pop("fill")
        shutil.copy(scene.place / "trap.joblib", scene.repair / "trap.joblib")
        name_in = name.format(place=scene.place)
        text["model"] = {"file": name_in, "digest": file_digest(scene.place / "trap.joblib")}

    return change


def learn(scene: Scene) -> None:
    repair.Guard(region=GRID["r1c1"])(Study(scene.run).model, Study(scene.run).studied)


def attach_images(scene: Scene) -> None:
    study = Study(scene.run)
    study.attach(study.source)
    study.run()


def blame_it(scene: Scene) -> None:
    sl.blame(Study(scene.run), GRID, n_suspects=1)


def plan_function(scene: Scene) -> None:
    scene.edit(lambda text: text["plan"].update(fill={"function": "evil:go"}, target={"function": "evil:go"}))
    study = Study(scene.run)
    study.explanation(int(study.places[0])).plan.fill(None)


def plan_option(kind: str):
    def attempt(scene: Scene) -> None:
        scene.edit(lambda text: text["plan"].update(fill={"option": kind, "with": {}}))
        Study(scene.run)

    return attempt


DONORS = {"option": "Donors", "with": {"images": {"array": "x"}}}


def plan_arrays(scene: Scene) -> None:
    scene.edit(
        lambda text: text["plan"].update(fill={"option": "Donors", "with": {"images": {"array": "x"}}})
    )
    np.savez(scene.run / "plan.npz", x=np.array([Trap(scene.canary)], dtype=object))
    Study(scene.run)


def saved_explanation(about: dict):
    def attempt(scene: Scene) -> None:
        study = Study(scene.run)
        file = study.explanation(int(study.places[0])).save(scene.place / "e.npz")
        with np.load(file) as kept:
            arrays = dict(kept)
        told = json.loads(str(arrays["about"]))
        told["plan"] |= about
        arrays["about"] = np.array(json.dumps(told))
        arrays["image"] = np.array([Trap(scene.canary)], dtype=object) if not about else arrays["image"]
        np.savez(file, **arrays)
        sl.Explanation.load(file).plan.fill(None)

    return attempt


def region_masks(scene: Scene) -> None:
    np.savez(scene.place / "m.npz", masks=np.array([Trap(scene.canary)], dtype=object))
    (scene.place / "r.toml").write_text('[masks]\nfile = "m.npz"\nnames = ["a"]\n')
    sl.regions.load(scene.place / "r.toml")


def postscript(scene: Scene) -> None:
    (scene.place / "bin").mkdir()
    program = scene.place / "bin" / "gs"
    program.write_text(f"#!/bin/sh\ntouch {scene.canary}\n")
    program.chmod(0o755)
    file = scene.place / "drawing.png"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")
    sl.data.read_image_file(file)


def preprocessed(scene: Scene) -> None:
    """A file that needs no trust, and a function before it that does."""
    skops.io.dump(fitted(), scene.place / "m.skops")
    by_model("{place}/m.skops:preprocess=evil:go")(scene)


def command(*words: str, model: str = "evil:go"):
    return by_model(model, lambda scene: scene.command(*words))


TRIES = {
    "model: a module": by_model("evil:go"),
    "model: a built-in": by_model("builtins:exec"),
    "model: a module that is called like a file": by_model("evil.onnx:go"),
    "model: an attribute": by_model("evil:go.__call__"),
    "model: a script": by_model("evil.py:go"),
    "model: run": by_model("evil:go", lambda scene: Study(scene.run).run()),
    "model: run by workers": by_model("evil:go", lambda scene: Study(scene.run).run(workers=2)),
    "model: attach": by_model("evil:go", attach_images),
    "model: blame": by_model("evil:go", blame_it),
    "model: repair": by_model("evil:go", learn),
    "model: preprocessing": preprocessed,
    "model: joblib": by_model("{place}/trap.joblib"),
    "model: pickle": by_model("{place}/trap.pkl"),
    "model: PyTorch": by_model("{place}/trap.pt2"),
    "model: PyTorch's weights": by_model("{place}/trap.pth"),
    "model: Keras": by_model("{place}/trap.h5"),
    "model: a server": by_model("{url}/v1/models/m"),
    "model: a server that tells of itself": by_model("{url}/v2/models/m"),
    "model: a server in capitals": by_model("{URL}/v1/models/m"),
    "model: a server with a password": by_model("http://***@127.0.0.1/v1/models/m"),
    "data: a server": by_data("{url}/list.csv"),
    "data: another machine's drive": by_data("//127.0.0.1/share"),
    "data: a pickle in a cache": by_data("olivetti:data_home={place}/home"),
    "data: a pickle in a cache, spelt otherwise": by_data("Olivetti: data_home={place}/home"),
    "command: study": command("study", "-o", "run"),
    "command: study by workers": command("study", "-o", "run", "--workers", "2"),
    "command: blame": command("blame", "run", "--regions", "grid:rows=2,columns=2"),
    "command: repair": command("repair", "run", "--region", "jaw", "-o", "new"),
    "command: proof": command("proof", "run", "fix"),
    "command: a server": command("study", "-o", "run", model="{url}/v1/models/m"),
    "command: atlas": command("atlas", "run"),
    "repair: a module": by_repair(lambda text, scene: text.update(original="evil:go")),
    "repair: a server": by_repair(lambda text, scene: text.update(original=f"{scene.url}/v2/models/m")),
    "repair: a pickle": by_repair(as_model_file("trap.joblib")),
    "repair: a pickle elsewhere": by_repair(as_model_file("../trap.joblib")),
    "repair: a pickle by its path": by_repair(as_model_file("{place}/trap.joblib")),
    "repair: a module as a file": by_repair(as_model_file("evil:go")),
    "plan: a function": plan_function,
    "plan: an option of another module": plan_option("os.system"),
    "plan: a class": plan_option("Study"),
    "plan: a pickle among its arrays": plan_arrays,
    "explanation: a function": saved_explanation({"fill": {"function": "evil:go"}}),
    "explanation: an option": saved_explanation({"fill": {"option": "evil.go", "with": {}}}),
    "explanation: a pickle": saved_explanation({}),
    "regions: a pickle": region_masks,
    "image: PostScript": postscript,
}


@pytest.mark.parametrize("attempt", TRIES.values(), ids=TRIES.keys())
def test_nothing_that_a_folder_names_runs_or_is_asked_without_trust(attempt, scene, asked):
    with contextlib.suppress(SightlineError):
        attempt(scene)
    assert not scene.canary.exists()
    assert asked[1] == []


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("evil:go", "import the module 'evil' and run 'go'"),
        ("http://me:secret@127.0.0.1:9/v1/models/m", "send images to that server"),
    ],
)
def test_a_refusal_says_what_would_be_done_and_how_to_allow_it(name, action, scene):
    scene.rename("model", name)
    with pytest.raises(FileError) as caught:
        _ = Study(scene.run).model
    told = str(caught.value)
    assert f"to open it is to {action}" in told
    assert "trust=True (--trust)" in told
    assert "study.attach(model=…)" in told
    assert "secret" not in told


@pytest.mark.slow
@pytest.mark.parametrize("how", ["attach", "run", "given", "command", "command given", "workers"])
def test_what_is_trusted_now_or_given_in_the_call_is_done(how, scene):
    scene.rename("model", "evil:go")
    if how == "attach":
        assert Study(scene.run).attach(trust=True).model(np.zeros((1, 8, 8, 3), np.uint8)).shape == (1, 2)
    elif how == "run":
        Study(scene.run).run(trust=True)
    elif how == "given":
        _ = Study(scene.run).attach(model="evil:go").model
    elif how == "command":
        assert "explained" in scene.command("study", "-o", "run", "--trust")
    elif how == "command given":
        assert "Blame" in scene.command(
            "blame", "run", "--regions", "grid:rows=2,columns=2", "--model", "evil:go"
        )
    else:
        shutil.rmtree(scene.run / "parts")
        get_reusable_executor().shutdown(wait=True)  # workers of earlier tests look for modules elsewhere
        assert len(Study(scene.run).run(workers=2, trust=True)) == Study(scene.run).count
    assert scene.canary.exists()


def test_a_repair_that_is_trusted_is_opened(scene):
    scene.edit(lambda text: text.update(original="evil:go"), "repair.toml", "fix")
    assert load_repair(scene.repair, trust=True).model(np.zeros((1, 8, 8, 3), np.uint8)).shape == (1, 2)
    assert scene.canary.exists()


def test_a_guard_is_put_around_a_model_that_is_open_already(scene):
    opened = load_repair(scene.repair, known={"support.problems:grey": sl.as_model(grey)}).model
    image = np.full((1, 8, 8, 3), 200, np.uint8)
    assert opened(image).shape == (1, 2)


LINKS = {
    "atlas": ("run/atlas.png", lambda scene: scene.command("atlas", "run")),
    "claims": ("run/claims/000000000", lambda scene: Study(scene.run).run(model=grey)),
    "explanation": (
        "e.npz",
        lambda scene: (
            s := Study(scene.run),
            s.explanation(int(s.places[0])).save(scene.place / "e.npz"),
        ),
    ),
    "regions": ("r.toml", lambda scene: GRID.save(scene.place / "r.toml")),
    "model": (
        "m.joblib",
        lambda scene: repair.model_writer.save_model(sl.as_model(fitted()), scene.place / "m.joblib"),
    ),
    "blame": (
        "run/blame.json",
        lambda scene: scene.command(
            "blame", "run", "--regions", "grid:rows=2,columns=2", "--no-whole-images", "--trust"
        ),
    ),
}


def fitted() -> object:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize(("link", "write"), LINKS.values(), ids=LINKS.keys())
def test_what_is_written_follows_no_link_that_was_laid(link, write, scene):
    victim = scene.place / "victim"
    victim.write_text("mine")
    path = scene.place / link
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(victim)
    shutil.rmtree(scene.run / "parts") if link.startswith("run/claims") else None
    write(scene)
    assert victim.read_text() == "mine"
    assert not path.is_symlink()


QUERIES = [
    "select * from read_text('{secret}')",
    "select * from read_csv('{secret}')",
    "select * from '{secret}'",
    "select * from glob('/*')",
    "copy rows to '{new}'",
    "copy (select 1) to '{new}'",
    "explain analyze copy rows to '{new}'",
    "attach '{new}'",
    "export database '{new}'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "pragma database_list",
    "create table t as select 1",
    "select 1; copy rows to '{new}'",
    "select * from SECRET",
    "",
]
SECRET = 5


@pytest.mark.parametrize("query", QUERIES)
def test_sql_reads_the_study_s_table_and_nothing_else(query, scene):
    (scene.place / "secret.csv").write_text("word\nhush\n")
    text = query.format(secret=scene.place / "secret.csv", new=scene.place / "new.csv")
    with pytest.raises(OptionError, match="study-query"):
        Study(scene.run).sql(text)
    assert not (scene.place / "new.csv").exists()


@pytest.mark.parametrize(
    "query", ["describe rows", "summarize rows", "from rows", "explain select 1", "pivot rows on label"]
)
def test_sql_answers_every_kind_of_question(query, scene):
    assert Study(scene.run).sql(query).fetchall()


def test_folder_names_are_no_patterns_to_sql(scene):
    count = "select count(*) from rows where rank = 0"
    for name, gone in (("run1", 0), ("run[1]", 3), ("run*", 5), ("a'b", 1)):
        shutil.copytree(scene.run, scene.place / name)
        study = Study(scene.place / name)
        (part, *_) = study.store.parts()
        table = study.store.read_part(part)
        study.store.write_part(part.start, part.stop, [table.slice(gone)])
        assert study.sql("select count(*) from rows").fetchall() == [
            (sum(one.num_rows for one in study.store.tables()),)
        ]
    assert (
        Study(scene.place / "run1").sql(count).fetchall() != Study(scene.place / "run*").sql(count).fetchall()
    )


@pytest.fixture
def locked() -> Iterator[str]:
    """A TensorFlow Serving server that asks for a password; the address has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = self.headers.get("Authorization")
            images = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            right = given == "Basic " + base64.b64encode(b"ann:s3/cret").decode()
            answer = {"predictions": grey(np.array(images) / 255).tolist()} if right else {"error": "who?"}
            body = json.dumps(answer).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://ann:s3%2Fcret@127.0.0.1:{server.server_port}/v1/models/grey"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*classes-swapped")  # the server knows other images
def test_a_password_is_used_and_reaches_no_file_log_or_print(locked, scene, caplog, monkeypatch):
    caplog.set_level("DEBUG")
    written = []
    monkeypatch.setattr(runner, "pickled_job", lambda job: written.append(pickled_job(job)) or written[-1])
    data = str(scene.place / "data")
    study = Study(scene.place / "new", PLAN).run(data, locked, workers=2)
    assert len(study) == 48
    kept = [path.read_bytes() for path in (scene.place / "new").rglob("*") if path.is_file()] + written
    shown = repr(study.model) + repr(study.opened_model) + caplog.text
    assert not any(b"s3" in one and b"cret" in one for one in kept)
    assert "cret" not in shown
    again = Study(scene.place / "new")
    assert again.manifest.model_text == locked.replace("ann:s3%2Fcret@", "***@")
    with pytest.raises(FileError, match=r"whose password is kept in no file.*attach\(model="):
        _ = again.attach(trust=True).model
    assert again.attach(model=locked).model(again.image(0)[np.newaxis]).shape == (1, 2)
    with pytest.raises(SightlineError) as caught:
        again.attach(model=locked.replace("s3", "s4"))
    assert "s4" not in str(caught.value)


@pytest.mark.slow
def test_workers_import_nothing_of_the_working_directory(scene, monkeypatch):
    """They are started with -m, by which Python would look there before anywhere else."""
    strange = scene.place / "strange"
    strange.mkdir()
    for name in ("joblib", "json", "select", "numpy", "tempfile"):
        (strange / f"{name}.py").write_text(f"import pathlib\npathlib.Path({str(scene.canary)!r}).touch()\n")
    monkeypatch.chdir(strange)
    get_reusable_executor().shutdown(wait=True)
    data = str(scene.place / "data")
    assert len(Study(scene.place / "new", PLAN).run(data, grey, workers=2)) == 48
    get_reusable_executor().shutdown(wait=True)
    assert not scene.canary.exists()


@pytest.mark.parametrize(
    "file", ["run/plan.toml", "fix/repair.toml", "fix/seen.txt", "fix/region.toml", "m.npz"]
)
def test_a_pipe_in_a_file_s_place_is_not_waited_for(file, scene):
    (scene.place / "r.toml").write_text('[masks]\nfile = "m.npz"\nnames = ["a"]\n')
    (scene.place / file).unlink(missing_ok=True)
    os.mkfifo(scene.place / file)
    read = {"run": lambda: Study(scene.run), "fix": lambda: load_repair(scene.repair)}
    with pytest.raises(FileError, match="a pipe or a device"):
        read.get(file[:3], lambda: sl.regions.load(scene.place / "r.toml"))()


def test_a_pipe_among_the_parts_is_not_waited_for(scene):
    study = Study(scene.run)
    (part, *_) = study.store.parts()
    part.path.unlink()
    os.mkfifo(part.path)
    with pytest.raises(FileError, match="a pipe or a device"):
        list(study.rows())


def test_a_form_of_a_plan_is_no_trap_for_the_memory(scene):
    scene.edit(lambda text: text["data"].update(form={"size": [10**6, 10**6]}))
    with pytest.raises(FileError, match="does not describe a study"):
        Study(scene.run)


@pytest.mark.parametrize(
    "name",
    ["grpc://ann:hush@host/model", "https://ann:hush@host:x/v1/models/m", "https://h/v1/models/m?key=hush"],
)
def test_no_refusal_shows_a_password(name, scene):
    with pytest.raises(SightlineError) as caught:
        Study(scene.run).attach(model=name)
    assert "hush" not in str(caught.value)
    with pytest.raises(SightlineError) as caught:
        Study(scene.place / "new", PLAN).run(name, grey)
    assert "hush" not in str(caught.value)
