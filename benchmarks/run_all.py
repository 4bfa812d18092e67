"""All tables of measurements, one after the other, into one file with the machine, the versions and the date.

`sightline bench` runs this from a checkout. Each table is a script of this folder in a process of its own;
what fails or cannot be run is said in its place. Other tools are measured where they are installed.

    python benchmarks/run_all.py [TABLE ...] [--quick] [--second PYTHON3.12] [--out bench.md]
"""

import argparse
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = (
    *("sightline-xai", "numpy", "scipy", "scikit-learn", "scikit-image", "torch", "keras", "tensorflow"),
    *("onnxruntime", "lime", "shap", "shapiq", "captum", "dianna"),
)
FASHION = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
"""Of Debian's package dataset-fashion-mnist."""
# Title, script, words of the whole table, words of the quick one, files that it needs in SIGHTLINE_DATA (or
# anywhere, by a whole path).
TABLES = {
    "games": ("Accuracy on complete games", "games", "--seeds 2", "--seeds 1 --without-peers", "games"),
    "estimators": (
        *("The Gaussian process beside the regression", "estimators", ""),
        *("--seeds 1 --every 15 --kinds vit9 --methods Shapley", "games"),
    ),
    "shapiq": (
        *("shapiq's estimators, by the second Python", "shapiq_games", ""),
        *("--seeds 1 --games 1 --budgets 64 128", "games"),
    ),
    "hits": ("Does it point at the right segment?", "hits", "", "--only lime", ""),
    "speed": ("Time over the model's own", "speed", "", "--repeats 1", "sklearn"),
    "memory": ("Peak memory", "memory", "", "--budgets 250", ""),
    "networks": (
        *("Beside other tools: time over the network's own, memory", "networks"),
        *("--network olivetti xray resnet18 resnet50", "--network xray --calls 100"),
        "pneumoniamnist.npz",
    ),
    "error": (
        *("What the same error costs, beside other tools", "equal_error", ""),
        *("--networks xray --quantities LIME --images 1 --calls 2000", "pneumoniamnist.npz"),
    ),
    "open": ('What budget="auto" spends', "open_budget", "", "--images 2", "pneumoniamnist.npz"),
    "large": (
        *("50, 100 and 200 segments on real networks", "large_games", ""),
        *("--networks xray --counts 50 --budgets 128 --calls 500", "pneumoniamnist.npz"),
    ),
    "gpu": ("One card", "gpu", "", "--quick", ""),
    "studies": ("A study, and its store", "studies", "", "--faces 8 --rounds 1 --rows 1000", "sklearn"),
    "report": ("A report's page, written and opened", "report", "", "--images 40 --repeats 1", ""),
    "layers": ("Class activation maps without a layer's name", "layers", "", "--images 2", ""),
    "blame": ("Does blame find what drives the errors?", "blame", "", "--quick", "pneumoniamnist.npz"),
    "repair": ("Do repairs work?", "repair", "", "--seeds 0 1", "pneumoniamnist.npz"),
    "decoys": (
        *("Decoy-Fashion-MNIST and marked Olivetti faces, beside BNNR", "decoys", "--seeds 0 5"),
        *("--problems fashion --seeds 0 1 --learn 400 --study 150 --held-out 150 --rounds 3", FASHION),
    ),
    "watermarks": (
        *("A published network on photographs with a watermark", "watermarks", "--seeds 0 10"),
        *("--seeds 0 1 --learn 10 --study 12 --held-out 10", ""),
    ),
}
"""Those that a few minutes are enough for come first; blame and those after it take hours."""


def machine():
    """What it was measured on, line by line."""
    yield f"- date: {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield f"- machine: {processor()}, {cores} cores, {memory()}"
    yield f"- system: {platform.platform()}, Python {platform.python_version()}"
    if hasattr(os, "getloadavg"):
        yield f"- load before: {os.getloadavg()[0]:.1f} (others' work makes times longer, ratios less)"
    if commit := told(["git", "-C", str(HERE), "describe", "--always", "--dirty"]):
        yield f"- commit: {commit}"
    yield f"- versions: {', '.join(versions())}"


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory():
    try:
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB of memory"
    except (AttributeError, ValueError, OSError):
        return "memory not known"


def versions():
    for name in VERSIONS:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} {own_version()}" if name == VERSIONS[0] else f"{name} not installed"


def own_version():
    """Of a checkout that is on the path, or installed in place under another name."""
    from sightline._version import __version__

    return f"{__version__} of this checkout"


def told(words):
    """What a program prints; empty if it cannot."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def why_not(name, needs, second):
    """Why a table is left out; empty if it can be run."""
    if name == "shapiq" and not second:
        return "left out: it needs another Python that has shapiq 1.8, --second /path/to/python3.12"
    if needs == FASHION and not Path(FASHION).exists():
        return f"left out: there is no {FASHION}; install Debian's package dataset-fashion-mnist"
    if needs and not (Path(os.environ.get("SIGHTLINE_DATA", "")) / needs).exists():
        return f"left out: SIGHTLINE_DATA names no folder in which there is {needs}"
    return ""


def measured(name, quick, second):
    """A table's section, and whether all went well."""
    title, script, whole, short, needs = TABLES[name]
    words = (short if quick else whole).split()
    if second and (name == "large" or (name == "decoys" and told([second, "-c", "import bnnr; print(1)"]))):
        words += ["--second", second]
    section = [f"## {title}", ""]
    if reason := why_not(name, needs, second):
        return [*section, reason], True
    python = second if name == "shapiq" else sys.executable
    print(f"{name}: {script}.py {' '.join(words)}".rstrip(), flush=True)
    began = time.perf_counter()
    done = subprocess.run(
        [python, str(HERE / f"{script}.py"), *words], capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - began
    command = " ".join([f"benchmarks/{script}.py", *words])
    section += [f"`{command}`, {took / 60:.1f} minutes", "", "```", done.stdout.rstrip(), "```"]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        section += ["", f"**failed** (code {done.returncode}): {last}"]
    return section, done.returncode == 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)}; by default all")
    parser.add_argument("--quick", action="store_true", help="few seeds and images, to see that it runs")
    parser.add_argument("--second", help="another Python, that has shapiq 1.8 or BNNR 0.8")
    parser.add_argument("--out", type=Path, default=Path("bench.md"))
    asked = parser.parse_args()
    if unknown := [name for name in asked.tables if name not in TABLES]:
        parser.error(f"there is no table {unknown[0]!r}: {', '.join(TABLES)}")
    parts, good = [["# Measurements" + " (quick: few seeds)" * asked.quick, "", *machine()]], True
    for name in asked.tables or TABLES:
        section, went_well = measured(name, asked.quick, asked.second)
        good &= went_well
        parts.append(section)
        # Written after each, so that what was measured is there if the rest is interrupted.
        asked.out.write_text("\n\n".join("\n".join(part) for part in parts) + "\n", encoding="utf-8")
    print(asked.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
