"""The studio on many rows: seconds to its pages, milliseconds of a filter, frames of scrolling, memory.

``python benchmarks/studio.py [ROWS] [SCROLLED]`` makes up a real store of so many answers (100,000) about
images that are there, opens it in a real browser, and scrolls through so many images (10,000).
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import sightline as sl
from sightline.adapters.one_label import LabelView
from sightline.studio.opened_study import OpenedStudy
from sightline.studio.server import StudioServer
from sightline.study.schema import _pack_segments, table_schema
from sightline.types import Segments

CLASSES, SEGMENTS, SIDE, DIFFERENT = 5, 16, 64, 2000
PLAN = sl.Plan(segment=sl.Grid(rows=4, columns=4), budget=40, fill="colour")
SLOW = 32
"""Milliseconds from which on a frame was seen to stutter."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def bright_model(images: Any) -> Any:
    """Scores of five classes; only the study's beginning asks it."""
    flat = np.asarray(images, float).reshape(len(images), -1)
    means = np.stack([flat[:, one::CLASSES].mean(axis=1) for one in range(CLASSES)], axis=1)
    shares = np.exp(means - means.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def make_images(folder: Path, count: int) -> Path:
    """Grey images, of which many are the same file under several names, and the list of them."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    base = rng.integers(60, 180, (SIDE, SIDE))
    for number in range(count):
        path = folder / "images" / f"{number:06d}.png"
        if number < DIFFERENT:
            noise = np.kron(rng.integers(-50, 50, (8, 8)), np.ones((8, 8), int))
            Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8)).save(path, compress_level=1)
        else:
            os.link(folder / "images" / f"{number % DIFFERENT:06d}.png", path)
    lines = "\n".join(f"images/{number:06d}.png,class {number % CLASSES}" for number in range(count))
    (folder / "list.csv").write_text(f"path,label\n{lines}\n", encoding="utf-8")
    return folder / "list.csv"


def make_study(folder: Path, count: int) -> Path:
    """A study of so many made-up answers, a fifth of them wrong, in parts as a run writes them."""
    study = sl.Study(folder / "run", PLAN)
    how = {"image_format": None, "preprocess": None, "output": None, "trust": True}
    study._begin_study(
        str(make_images(folder, count)), bright_model, None, None, False, LabelView(None, 0.5), **how
    )
    size = 64 * study.manifest.part_size
    for start in range(0, count, size):
        stop = min(start + size, count)
        study.store.write_part(start, stop, [made_up_lines(start, stop)])
    return study.path


def made_up_lines(start: int, stop: int) -> Any:
    """The table of some answers: heat on the segments that a class goes by, and noise."""
    rng, count = np.random.default_rng(start), stop - start
    places = np.arange(start, stop)
    labels = places % CLASSES
    predicted = np.where(rng.random(count) < 0.2, rng.integers(0, CLASSES, count), labels)
    scores = rng.random((count, CLASSES)) * 0.3
    scores[np.arange(count), predicted] = 0.4 + 0.6 * rng.random(count)
    scores /= scores.sum(axis=1, keepdims=True)
    values = rng.normal(0, 0.02, (count, SEGMENTS))
    values[np.arange(count), 2 * predicted] += 0.3
    cut = np.kron(np.arange(SEGMENTS).reshape(4, 4), np.ones((SIDE // 4, SIDE // 4), int))
    columns = {
        "place": places,
        "id": [f"images/{place:06d}.png" for place in places.tolist()],
        "content": [""] * count,
        "label": labels,
        "predicted": predicted,
        "rank": np.zeros(count, int),
        "target": predicted,
        "classes": list(np.tile(np.arange(CLASSES), (count, 1))),
        "scores": list(scores),
        "score": scores[np.arange(count), predicted],
        "hidden": np.full(count, 0.2),
        "attribution": list(values),
        "error": list(np.full((count, SEGMENTS), 0.01)),
        "base": np.full(count, 0.2),
        "fit": np.full(count, 0.9),
        "settled": np.ones(count, bool),
        "calls": np.full(count, 40),
        "seconds": np.full(count, 0.01),
        "height": np.full(count, SIDE),
        "width": np.full(count, SIDE),
        "segments": [_pack_segments(Segments(cut))] * count,
        "warnings": [[]] * count,
    }
    schema = table_schema()
    arrays = [
        pyarrow.array(columns.get(name, [None] * count), schema.field(name).type) for name in schema.names
    ]
    return pyarrow.Table.from_arrays(arrays, schema=schema)


def until(page: Page, selector: str) -> float:
    """Seconds until it is there, from the page's own beginning."""
    page.wait_for_selector(selector, timeout=600_000)
    return float(page.evaluate("performance.now()")) / 1000


FILTERS = """async () => {
const { choose, readAnswers, USUAL_SELECTION } = await import("/static/answers.mjs");
const answers = await readAnswers("study"), told = {};
const asked = { wrong: { outcome: "wrong" }, pair: { label: "1", predicted: "2" },
  score: { low: "0.5", high: "0.7" }, name: { find: "0042" }, misled: { outcome: "wrong", sort: "misled" },
  "all by score": { sort: "unsure" } };
for (const [name, some] of Object.entries(asked)) {
  const begun = performance.now(), found = choose(answers, { ...USUAL_SELECTION, ...some });
  told[name] = [Math.round(10 * (performance.now() - begun)) / 10, found.length]; }
return told; }"""
SCROLL = """async (far) => { const frames = []; let last = performance.now(), y = 0;
for (;;) { await new Promise(requestAnimationFrame);
  const now = performance.now(); frames.push(now - last); last = now; y += 60; scrollTo(0, y);
  if (y >= far || scrollY + innerHeight >= document.documentElement.scrollHeight) break; }
return frames; }"""


def measure_opening(browser: Any, run: Path, forgotten: str, title: str) -> None:
    """Print how long it takes to the verdict, and to all that rests on maps, by another server."""
    for file in run.glob(forgotten) if forgotten else ():
        file.unlink()
    server = StudioServer(OpenedStudy(run))
    thread = threading.Thread(target=server.run)
    thread.start()
    page = browser.new_context().new_page()
    begun, spent = time.perf_counter(), time.process_time()
    page.goto(server.link)
    page.wait_for_selector(".claims li", timeout=600_000)
    verdict = time.perf_counter() - begun
    page.wait_for_selector("#limits", timeout=600_000)
    print(
        f"{title}: verdict {verdict:.2f} s, maps and groups {time.perf_counter() - begun:.1f} s "
        f"({time.process_time() - spent:.1f} s of processor time)"
    )
    page.close()
    server.stop()
    thread.join()


def measure(rows: int, scrolled: int) -> None:
    """Print the table."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        begun = time.perf_counter()
        run = make_study(Path(folder), rows)
        print(f"store of {rows:,} answers made up in {time.perf_counter() - begun:.0f} s")
        before = process.memory_info().rss
        begun = time.perf_counter()
        server = StudioServer(OpenedStudy(run))
        thread = threading.Thread(target=server.run)
        thread.start()
        print(f"studio started: {time.perf_counter() - begun:.2f} s")
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        begun = time.perf_counter()
        page.goto(server.link)
        page.wait_for_selector("h1")
        print(f"first page: {time.perf_counter() - begun:.2f} s")
        page.wait_for_selector(".claims li", timeout=600_000)
        print(f"its verdict: {time.perf_counter() - begun:.2f} s")
        page.goto(f"{server.origin}/images")
        tiles, painted = until(page, ".tile"), until(page, ".tile.painted")
        print(f"all images, first tiles: {tiles:.2f} s, painted {painted:.2f} s")
        for name, (took, found) in page.evaluate(FILTERS).items():
            print(f"filter {name}: {took} ms, {found:,} found")
        each = page.evaluate("document.querySelector('#tiles li').offsetHeight + 6")
        across = page.evaluate(
            "new Set([...document.querySelectorAll('#tiles li')].map(one => one.offsetLeft "
            "+ new DOMMatrix(getComputedStyle(one).transform).e)).size"
        )
        frames = np.array(page.evaluate(SCROLL, scrolled / across * each))
        print(
            f"scrolled {scrolled:,} images: {len(frames)} frames, median {np.median(frames):.1f} ms, "
            f"95 % {np.quantile(frames, 0.95):.1f} ms, over {SLOW} ms: {(frames > SLOW).sum()}"
        )
        heap = page.evaluate("performance.memory ? performance.memory.usedJSHeapSize : 0") / 1e6
        more = (process.memory_info().rss - before) / 1e6
        print(f"memory: server {more:.0f} MB more, page {heap:.0f} MB")
        server.opened.summary()
        print(f"memory with all means: server {(process.memory_info().rss - before) / 1e6:.0f} MB more")
        for name, title in (("", "second opening, kept"), ("*.kept", "first opening, quiet")):
            measure_opening(browser, run, name, title)
        browser.close()
        server.stop()
        thread.join()


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    measure(given[0] if given else 100_000, given[1] if len(given) > 1 else 10_000)
