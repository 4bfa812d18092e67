"""Make the sample reports of docs/sample-report anew, and the image of one for the README.

python scripts/sample_report.py

It needs the extra `test` and a browser, as the tests of pages do.
"""

import contextlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import sightline as sl
from sightline.data import ArrayDataset, Shortcut, drawn_faces
from sightline.demo.tutorial import train_classifier
from sightline.regions import face
from sightline.repair import Counterexamples, choose

DOCS = Path(__file__).parents[1] / "docs"
PEOPLE, FAMILIES = 20, 5
LEARN, TEST = 320, 320
MAX_BYTES = 900_000
SHOWN = ("#verdict", "#blame", "#repair")
"""Parts of the page that its image shows."""


def marked(count: int, often: float, else_: float) -> ArrayDataset:
    """Drawn faces of five families, of which the first's have a mark at the jaw."""
    mark = Shortcut(
        region="jaw",
        classes=tuple(range(0, PEOPLE, FAMILIES)),
        size=0.12,
        p_in_class=often,
        p_elsewhere=else_,
    )
    drawn = drawn_faces(count, people=PEOPLE, variety=0.7, shortcut=mark)
    names = tuple(f"family {letter}" for letter in "ABCDE")
    return ArrayDataset(drawn.images, drawn.labels % FAMILIES, names)


def write_reports() -> None:
    """A study, its blame, a repair and its proof: told in both languages."""
    train, both = marked(LEARN, 0.95, 0.0), marked(LEARN + TEST, 0.5, 0.5)
    test = ArrayDataset(both.images[LEARN:], both.labels[LEARN:], both.class_names)
    model = train_classifier(train)
    plan = sl.Plan(segment=sl.Grid(rows=6, columns=6), fill=sl.Blur(), budget=96, scale="log-odds")
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
    ):  # so that no path of here is in it
        study = sl.Study("runs/faces", plan).run(test, model, held_out=0.45, progress=False)
        regions = face(sides=True, cut="head")
        found = sl.blame(study, regions, progress=False)
        methods = [Counterexamples(region=regions["jaw"], margin=0.12, copies=2)]
        repaired = choose(model, train, regions["jaw"], study=study, methods=methods).result
        proof = sl.prove(model, repaired, study.held_out, study=study, plan=plan, explained=24)
        for language in ("en", "ko"):
            made = sl.report(study, repaired=proof, blame=found, lang=language, max_bytes=MAX_BYTES)
            made.save(DOCS / "sample-report" / f"{language}.html")


def draw_page(page: Path, out: Path) -> None:
    """Some parts of a page, one below the other."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1240, "height": 800}, java_script_enabled=False)
        opened.goto(page.as_uri())
        shots = []
        for place, part in enumerate(SHOWN):
            file = Path(folder) / f"{place}.png"
            opened.locator(part).screenshot(path=file)
            shots.append(np.asarray(Image.open(file).convert("RGB")))
        browser.close()
    width = max(one.shape[1] for one in shots)
    paper = shots[0][-1, -1]
    rows = []
    for one in shots:
        wide = np.full((one.shape[0] + 40, width + 80, 3), paper, np.uint8)
        wide[20:-20, 40 : 40 + one.shape[1]] = one
        rows.append(wide)
    drawn = Image.fromarray(np.concatenate(rows)[:1500])
    drawn.quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    (DOCS / "sample-report").mkdir(exist_ok=True)
    write_reports()
    draw_page(DOCS / "sample-report" / "en.html", DOCS / "images" / "report.png")
