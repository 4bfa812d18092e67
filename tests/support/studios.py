"""A study whose images and model are files, so that a studio can open them, and a studio that serves it."""

import contextlib
import json
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import sightline as sl
from sightline.data import Shortcut, drawn_faces
from sightline.regions import face
from sightline.studio.opened_study import OpenedStudy
from sightline.studio.server import StudioServer
from support.summaries import PLAN, SIZE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from support.browser import OpenPage

EVIL = "<img src=x onerror=alert(1)>"
FAMILIES = ("=Kim", "Lee", EVIL)
"""Class names, two of which mean harm: to a spreadsheet, and to a page."""
HELD_OUT = 0.4


def _marked_faces(count: int, often: float, else_: float) -> Any:
    """Drawn faces of three families, of which the first often has a large mark at the jaw."""
    mark = Shortcut(region="jaw", classes=(0, 3), size=0.3, p_in_class=often, p_elsewhere=else_)
    return drawn_faces(count, people=6, size=SIZE, variety=0.5, shortcut=mark)


def save_faces(root: Path, images: Any, labels: Any) -> None:
    """Faces as files, in a folder for each family; some of their names mean harm, too."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        mean = (EVIL, "=1+1", '"; x=')[number % 3] if number < 12 else ""
        name = f"{mean}{number:03d}.png"
        path = root / FAMILIES[label] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(np.asarray(image) * 255).astype(np.uint8)).save(path)


def make_place(root: Path, count: int = 140) -> Path:
    """A folder with ``train`` and ``test`` images, ``model.skops``, and ``run``, a study of it all.

    The model goes by a mark at the jaw, which marks one family in training and anyone in the test; blame and
    causes are found, and some images are held out.
    """
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    learn, test = _marked_faces(160, 0.95, 0.0), _marked_faces(160 + count, 0.5, 0.5)[160:]
    save_faces(root / "train", learn.images, learn.labels % 3)
    save_faces(root / "test", test.images, test.labels % 3)
    rows = np.stack([np.rint(np.asarray(one) * 255) for one in learn.images]).reshape(len(learn.images), -1)
    model = make_pipeline(MaxAbsScaler(), LogisticRegression(C=0.3, max_iter=400))
    skops.io.dump(model.fit(rows, learn.labels % 3), root / "model.skops")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        study = sl.Study(root / "run", PLAN).run(
            str(root / "test"),
            str(root / "model.skops"),
            class_names=FAMILIES,
            held_out=HELD_OUT,
            progress=False,
        )
        for name, found in (
            ("blame", sl.blame(study, face(), progress=False)),
            ("causes", sl.image_causes(study, progress=False)),
        ):
            (study.path / f"{name}.json").write_text(json.dumps(found.to_dict()), encoding="utf-8")
    return root


def make_other(root: Path) -> Path:
    """``other``, a study of the same images of such a folder by another method."""
    plan = sl.Plan(segment=PLAN.segment, attribute="occlusion", budget=40, fill=PLAN.fill)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        sl.Study(root / "other", plan).run(
            str(root / "test"),
            str(root / "model.skops"),
            class_names=FAMILIES,
            held_out=HELD_OUT,
            progress=False,
            check_range=False,
        )
    return root / "other"


def make_repair(root: Path, explained: int = 24) -> Path:
    """``repair``, of the model of such a folder at the jaw, with held-out images explained on both sides."""
    from sightline.proof.explained_pair import explain_held_out
    from sightline.repair import Counterexamples
    from sightline.repair.store import repaired_model_path, save_repair
    from sightline.study.provenance import OpenedData, resolve_images

    study, folder = sl.Study(root / "run").attach(trust=True), root / "repair"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        learn = resolve_images(str(root / "train"), None).source
        made = Counterexamples(region=face()["jaw"], margin=0.1)(
            study.model, learn, study=study, progress=False
        )
        save_repair(folder, made, str(root / "model.skops"), learn[0][0])
        manifest = study.manifest
        rule = manifest.split.complement() if manifest.split else None
        data = OpenedData(study.source, manifest.data_text, manifest.image_format, rule)
        after = repaired_model_path(folder) or made.model
        explain_held_out(study, folder, made, after, data, explained, trust=True, progress=False)
    return folder


@dataclass(frozen=True)
class RunningStudio:
    """A studio that is served meanwhile: its link, which works once, where it is, and what it shows."""

    link: str
    origin: str
    opened: OpenedStudy

    def client(self) -> Any:
        """What asks it as a browser does that was let in; not for a browser's link then, which works once."""
        import httpx

        made = httpx.Client(base_url=self.origin, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)
        assert made.get(self.link).status_code == 303
        return made


@contextlib.contextmanager
def running_studio(run: Path, **how: Any) -> Iterator[RunningStudio]:
    """The real server, in a thread, at a port that is free."""
    opened = OpenedStudy(run, **how)
    server = StudioServer(opened)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield RunningStudio(server.link, server.origin, opened)
    finally:
        server.stop()
        thread.join(10)


def ready(page: "Page", state: str = "all") -> None:
    """Wait until a page of images has read so much of the answers."""
    page.wait_for_selector(f"html[data-ready={state}]")


@contextlib.contextmanager
def held_still(run: Path, number: int) -> Iterator[None]:
    """A job's processes do nothing meanwhile, so that a page and a test can keep up with them."""
    pid = json.loads((run / "jobs" / f"{number}.run").read_text())["pid"]
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(pid, signal.SIGCONT)


@contextlib.contextmanager
def studio_page(
    browser: "Browser",
    run: Path,
    *,
    size: tuple[int, int] = (1280, 900),
    dark: bool = False,
    downloads: bool = True,
    **how: Any,
) -> Iterator[tuple["OpenPage", RunningStudio]]:
    """A browser's page that was let in, at the first page; and the studio that it shows."""
    from support.browser import PATIENCE, OpenPage

    with running_studio(run, **how) as studio:
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=downloads,
        )
        try:
            context.set_default_timeout(1000 * PATIENCE)
            opened = OpenPage(context.new_page())
            opened.page.goto(studio.link)
            opened.page.wait_for_selector("#verdict")  # once the study is read
            yield opened, studio
        finally:
            context.close()
