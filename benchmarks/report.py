"""A report of few and of many images: seconds to make it, to write its page and to open it, and its bytes.

Drawn faces of 96 pixels, a model that costs next to nothing, one grid of 36 segments; a share of the labels
is another one, so that there are errors. The page is opened by Debian's chromium from the file, three times
each: the time is that of its load event. Nothing may be asked of a network, and the console stays empty.

    python benchmarks/report.py [--images 40 1000 10000] [--repeats 3]
"""

import argparse
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

import sightline as sl

SIZE, CLASSES, SWAPPED = 96, 5, 0.15
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def model(images: np.ndarray) -> np.ndarray:
    """Says how light an image is, in steps."""
    light = np.asarray(images, float).reshape(len(images), -1).mean(axis=1)
    return np.eye(CLASSES)[np.clip((light * 10).astype(int) % CLASSES, 0, CLASSES - 1)] * 0.8 + 0.2 / CLASSES


def make_study(folder: Path, count: int) -> sl.Study:
    """A study of so many faces, of which a share has another class's label."""
    images = sl.data.drawn_faces(count, people=CLASSES, size=SIZE).images
    labels, rng = model(images).argmax(axis=1), np.random.default_rng(0)
    swapped = rng.random(count) < SWAPPED
    labels = np.where(swapped, (labels + 1) % CLASSES, labels)
    plan = sl.Plan(segment=sl.Grid(rows=6, columns=6), fill="colour", budget=48)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        return sl.Study(folder, plan).run((images, labels), model, progress=False)


def open_times(browser: Browser, page: Path, repeats: int) -> list[float]:
    """Seconds to the load event, each time in a new window."""
    times = []
    for _ in range(repeats):
        window = browser.new_page()
        asked: list[str] = []
        said: list[str] = []
        window.on("request", lambda one, asked=asked: asked.append(one.url))
        window.on("console", lambda one, said=said: said.append(one.text))
        window.goto(page.as_uri())
        window.wait_for_selector(".tile")
        times.append(window.evaluate(LOADED) / 1000)
        beyond = [one for one in asked[1:] if not one.startswith(("data:", "blob:"))]
        if beyond or said:
            raise SystemExit(f"the page asked for {beyond} and said {said}")
        window.close()
    return times


def measure(browser: Browser, folder: Path, count: int, repeats: int) -> str:
    """A line of the table."""
    study = make_study(folder / f"run{count}", count)
    began = time.perf_counter()
    made = sl.report(study, progress=False)
    summarised = time.perf_counter() - began
    began = time.perf_counter()
    written = made.write(folder / f"{count}.html")
    wrote = time.perf_counter() - began
    opened = ", ".join(f"{one:.2f}" for one in open_times(browser, written.path, repeats))
    cells = (
        f"{count:,}",
        f"{written.images:,}",
        f"{summarised:.1f}",
        f"{wrote:.2f}",
        f"{written.bytes:,}",
        opened,
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[40, 1000, 10000])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("no browser is installed: apt-get install chromium")
    print("| images | shown | made in (s) | written in (s) | bytes | opened in (s) |")
    print("| --- | --- | --- | --- | --- | --- |")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for count in given.images:
            print(measure(browser, Path(folder), count, given.repeats), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
