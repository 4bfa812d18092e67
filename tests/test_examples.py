"""The example notebooks run as they stand, and their kept outputs are what they give."""

import itertools
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from support.scripts import unmeasured

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))

LITTLE = {f"budget={much}": "budget=150" for much in (1000, 600, 500, 400)} | {"budget=120": "budget=60"}
LITTLE |= {"explained=40": "explained=10", "limit=600": "limit=300", "epochs=12": "epochs=3"}
LITTLE |= {"MLPClassifier((400, 40)": "MLPClassifier((100, 40)"}
LITTLE |= {"// 6][:6], done.wrong[:6]": "// 2][:2], done.wrong[:2]"}
"""Fewer calls and images and smaller models in the same cells: what is shown is held to be of the same kinds,
not the same numbers."""


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each code cell put out: kinds of images and texts."""
    cells = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    told = [[one for one in outputs if not is_progress(one)] for outputs in cells]
    every = [[kind for one in outputs for kind in sorted(one.get("data", ["text"]))] for outputs in told]
    # Printed lines come in as many pieces as they happen to be sent in.
    return [[kind for kind, _ in itertools.groupby(cell)] for cell in every]


def is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether it tells how far work is, by lines or by one that is empty in the end: how often depends."""
    return output.get("name") == "stderr" or output.get("data", {}).get("text/plain") == ""


def test_all_notebooks_of_the_tutorial_are_there():
    assert NOTEBOOKS == ["chest_xray.ipynb", "olivetti.ipynb", "tutorial.ko.ipynb"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_with_its_outputs_and_without_errors(name):
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbformat.validate(notebook)
    assert any("image/png" in cell for cell in kinds(notebook))
    assert "error" not in {one.output_type for cell in notebook.cells for one in cell.get("outputs", [])}
    assert str(Path.home()) not in (EXAMPLES / name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_gives_what_it_shows(name, shared_data, tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    fresh = nbformat.read(EXAMPLES / name, as_version=4)
    for cell in fresh.cells:
        for much, little in LITTLE.items():
            cell.source = cell.source.replace(much, little)
    place = {"metadata": {"path": str(tmp_path / "examples")}}
    quiet = unmeasured(TF_CPP_MIN_LOG_LEVEL="3", SIGHTLINE_DATA=str(shared_data))
    NotebookClient(fresh, timeout=600, kernel_name="python3", resources=place).execute(env=quiet)
    assert kinds(fresh) == kinds(nbformat.read(EXAMPLES / name, as_version=4))
