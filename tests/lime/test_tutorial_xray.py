"""The tutorial's second half, chest X-rays with a Keras CNN; only its imports of lime changed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import xrays
from support.scripts import unmeasured

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tree(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return xrays.write(shared_data / "pneumoniamnist.npz", tmp_path_factory.mktemp("xrays"), 128, 40)


def run(shared_data: Path, tree: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = shared_data / "tutorial" / "chest_xray.py"
    words = (sys.executable, str(script), str(tree), "--ours", *words)
    quiet = unmeasured(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=quiet)


def test_it_runs_from_the_folders_to_the_figures(shared_data, tree, tmp_path):
    done = run(shared_data, tree, tmp_path, "--fixed")
    assert done.returncode == 0, done.stderr
    assert "Accuracy:" in done.stdout
    # The CNN's only column is class 1: both classes are found in the explanation, and that is said.
    assert "the classifier has one output column, taken as the probability p of label 1" in done.stderr
    for name, least in (("batch.png", (1000, 700)), ("chest_xray.png", (700, 700))):
        with Image.open(tmp_path / name) as figure:
            assert figure.size >= least
            assert len(np.unique(np.asarray(figure.convert("RGB")).reshape(-1, 3), axis=0)) > 100
