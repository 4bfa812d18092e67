"""In a notebook, run by a real kernel: each figure once, in loops too, and progress that leaves nothing."""

import nbformat
import pytest
from nbclient import NotebookClient

from sightline.errors import OptionError
from support.drawn_figures import example

SETUP = """
import time
import numpy as np
import sightline as sl
model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
options = dict(segment="grid", fill="colour:value=1", budget=100)
image = np.linspace(0, 0.5, 256).reshape(16, 16)
e = sl.explain(image, model, **options)
"""
# What is run, and how many images it puts out.
CELLS = [
    (SETUP, 0),
    ("e.plot('overlay')", 1),
    ("for _ in range(2): e.plot('overlay')", 2),
    ("figure = e.plot('overlay')", 1),
    ("figure", 1),
    ("from IPython.display import display\nfor _ in range(2): display(e.plot('overlay'))", 2),
    ("for _ in range(2): e.plot('overlay').show()", 2),
    ("e", 1),
    ("for _ in range(2): e.plot('overlay').savefig('one.png')", 0),
    ("import matplotlib.pyplot as plt\nfor _ in range(2): e.plot('overlay')\nplt.show()", 2),
    ("e.plot('overlay')", 1),
    ("f, axes = plt.subplots(1, 2)\nfor ax in axes: e.plot(ax=ax)", 1),
    ("from sightline.figures import cell_figure\ncell_figure.MOST_UNSEEN = 1", 0),
    ("for _ in range(3): e.plot('overlay')\nprint(len(cell_figure._UNSEEN))", 3),
    ("e.plot('overlay'); 1 / 0", 1),
    ("print(len(cell_figure._UNSEEN), plt.get_fignums())", 0),
]
SLOW = """
def slow(images):
    time.sleep(0.4)
    return model(images)
for _ in range(2): sl.explain(image, slow, batch_size=25, **options)
"""


@pytest.mark.slow
def test_a_notebook_shows_each_figure_once_and_progress_in_one_place(tmp_path):
    cells = [nbformat.v4.new_code_cell(code) for code, _ in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell(SLOW)])
    place = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=100, kernel_name="python3", resources=place, allow_errors=True)
    lines = []
    client.process_message = _noting_lines(client.process_message, lines)
    client.execute()
    images = [sum("image/png" in one.get("data", {}) for one in cell.outputs) for cell in notebook.cells[:-1]]
    assert images == [count for _, count in CELLS]
    assert notebook.cells[-2].outputs[0].text == "0 []\n"
    (left,) = notebook.cells[-1].outputs  # both ran in one place, which is empty in the end
    assert left.data["text/plain"] == ""
    assert any("asking the model: " in line and " of 100, " in line for line in lines)


def _noting_lines(process, lines):
    def noting(message, cell, cell_index):
        lines.append(str(message["content"].get("data", {}).get("text/plain", "")))
        return process(message, cell, cell_index)

    return noting


def test_outside_of_a_notebook_a_figure_says_how_it_is_seen():
    figure = example([0.4, -0.3]).plot("overlay")
    assert figure._repr_mimebundle_() == {}
    with pytest.raises(OptionError, match="savefig"):
        figure.show()
