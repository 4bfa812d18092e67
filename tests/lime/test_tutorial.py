"""The tutorial's own code runs on the drop-in with its two imports changed and nothing else."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.errors import OptionError
from sightline.lime.wrappers.scikit_image import SegmentationAlgorithm
from support.scripts import unmeasured


@pytest.mark.slow
def test_the_olivetti_half_runs_on_the_real_faces_and_saves_its_figure(
    shared_data: Path, tmp_path: Path
) -> None:
    script = shared_data / "tutorial" / "olivetti.py"
    done = subprocess.run(
        [sys.executable, str(script), "--ours"],
        cwd=tmp_path,
        env=unmeasured(SCIKIT_LEARN_DATA=str(shared_data / "sklearn"), MPLBACKEND="Agg"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    figure = np.asarray(Image.open(tmp_path / "olivetti.png").convert("RGB")).astype(int)
    assert figure.shape == (800, 800, 3)
    red, green, blue = figure[..., 0], figure[..., 1], figure[..., 2]
    assert ((red > green + 30) & (red > blue + 30)).sum() > 1000, "regions for the person, overlaid in red"
    assert ((green > red + 60) & (green > blue + 60)).sum() > 1000, "the same painted green"


def test_the_chest_x_ray_halfs_misspelt_keyword_is_an_error_that_names_the_right_one(
    shared_data: Path,
) -> None:
    script = (shared_data / "tutorial" / "chest_xray.py").read_text()
    assert '"compactnes": 1' in script
    with pytest.raises(OptionError, match=r"slic has no parameter 'compactnes'\. Did you mean 'compactness'"):
        SegmentationAlgorithm("slic", n_segments=100, sigma=1, compactnes=1)
