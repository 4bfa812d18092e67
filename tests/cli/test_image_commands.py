"""The command line, run as a user runs it."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import sightline as sl
from sightline.cli import app, image_commands, main
from sightline.errors import OptionError
from sightline.evaluation.pointing_game import METHODS

MODEL = '''
import numpy as np

def bright_left(images):
    """Class 1 when the left upper quarter is bright."""
    images = np.asarray(images, dtype=float)
    images = images / (255 if images.max() > 1 else 1)
    grey = images.mean(axis=-1) if images.ndim == 4 else images
    score = grey[:, : grey.shape[1] // 2, : grey.shape[2] // 2].mean(axis=(1, 2))
    return np.stack([1 - score, score], axis=1)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    (tmp_path / "brightness.py").write_text(MODEL)
    grey = (rng.random((32, 32)) * 120 + 60).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(tmp_path / "colour.png")
    (tmp_path / "broken.png").write_bytes(b"not an image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sightline(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.slow
def test_explain_writes_a_figure_and_an_explanation_of_each_image(folder):
    done = sightline(
        "explain",
        "brightness:bright_left",
        "grey.png",
        "colour.png",
        "--segment",
        "grid:rows=4,columns=4",
        "--fill",
        "colour",
        "--target",
        1,
        "--budget",
        200,
    )
    assert done.exit_code == 0, done.output
    for name in ("grey", "colour"):
        assert f"wrote sightline-out/{name}.png" in done.output.replace("\\", "/")
        made = sl.Explanation.load(Path("sightline-out") / f"{name}.npz")
        assert {leader.segment for leader in made.top(4)} == {0, 1, 4, 5}
        assert made.attribution.calls <= 200
        with Image.open(Path("sightline-out") / f"{name}.png") as figure:
            assert min(figure.size) > 300


@pytest.mark.slow
def test_a_broken_image_is_reported_and_the_others_are_done(folder):
    done = sightline("explain", "brightness:bright_left", "broken.png", "grey.png", "--budget", "100")
    assert done.exit_code == 1
    assert "broken.png cannot be read as an image" in done.output
    assert "1 of 2 images failed" in done.output
    assert (folder / "sightline-out" / "grey.npz").exists()


@pytest.mark.slow
def test_the_form_that_the_model_wants_is_made(folder):
    words = ["explain", "brightness:bright_left", "colour.png", "--budget", "100"]
    done = sightline(*words, "--values", "signed", "--mode", "grey", "--size", "20x16", "--out", "s")
    assert done.exit_code == 0, done.output
    image = sl.Explanation.load("s/colour.npz").image
    assert image.shape == (16, 20)
    assert image.dtype == np.float32
    assert -1 <= image.min() < 0 < image.max() <= 1


def test_contrasts_names_and_the_open_budget_are_taken(folder):
    (folder / "names.txt").write_text("dark\nbright\n")
    words = ["explain", "brightness:bright_left", "grey.png", "--names", "names.txt", "--budget", "auto"]
    done = sightline(*words, "--target", "bright", "--target", "bright:dark", "--kind", "targets")
    assert done.exit_code == 0, done.output
    made = sl.Explanation.load("sightline-out/grey.npz")
    assert made.targets == (1, sl.Contrast(1, 0))
    assert made.name(made.targets[1]) == "bright rather than dark"


@pytest.mark.slow
def test_an_estimator_and_pairs_are_asked_for(folder):
    words = ["explain", "brightness:bright_left", "grey.png", "--budget", "60", "--kind", "pairs"]
    done = sightline(
        *words, "--segment", "grid:rows=3,columns=4", "--estimator", "gaussian-process", "--pairs", 2
    )
    assert done.exit_code == 0, done.output
    assert "by a Gaussian process (as asked for), errors" in done.output
    assert done.output.count("together") == 2
    made = sl.Explanation.load("sightline-out/grey.npz")
    assert made.plan.estimator == made.estimator == "gaussian-process"


@pytest.mark.slow
def test_pairs_of_every_target_are_told_under_its_name(folder):
    words = ["explain", "brightness:bright_left", "grey.png", "--budget", "60", "--top", "2", "--pairs", "1"]
    done = sightline(*words, "--segment", "grid:rows=3,columns=4")
    assert done.exit_code == 0, done.output
    assert done.output.count("  pairs of ") == done.output.count("together") == 2


@pytest.mark.parametrize("words", [["--pairs", "2"], ["--kind", "pairs"]])
def test_pairs_of_a_method_that_knows_none_are_refused_before_the_model_is_asked(folder, words):
    done = sightline("explain", "brightness:bright_left", "grey.png", "--attribute", "occlusion", *words)
    assert "knows nothing of pairs of segments" in str(done.exception)
    assert not Path("sightline-out/grey.npz").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--attribute", "lima"], "no attribute named 'lima'. Did you mean 'lime'"),
        (["--segment", "slic:n_segmnts=3"], "Did you mean 'n_segments'"),
        (["--segment", "slic:3"], "write name:parameter=value"),
        (["--budget", "many"], "--budget must be a number of model calls or auto"),
        (["--budget", "2"], "a budget of 2 model calls is too small"),
        (["--values", "bytes"], "Did you mean 'byte'"),
        (["--size", "big"], "--size must be WIDTHxHEIGHT"),
        (["--names", "missing.txt"], "missing.txt cannot be read"),
        (["--kind", "pannel"], "Did you mean 'panel'"),
        (["--out", "grey.png"], "--out grey.png cannot be a folder"),
        (["--estimator", "gausian"], "no estimator 'gausian'. Did you mean 'gaussian-process'"),
        (["--output", "logits"], "there is no output 'logits'. Did you mean 'logit'"),
        (["sub/grey.jpg"], "grey.png and sub/grey.jpg would both be written to sightline-out/grey.png"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(folder, words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sightline", "explain", "brightness:bright_left", "grey.png", *words])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back what the command puts there
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("target", ["cat", "1:cat"])
def test_a_class_that_the_model_does_not_name_is_told_of_each_image(folder, target, monkeypatch, capsys):
    words = ["sightline", "explain", "brightness:bright_left", "grey.png", "--target", target]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "grey.png: the class 'cat' is named, but the model has no class names" in capsys.readouterr().err


@pytest.mark.slow
def test_a_mistake_shows_no_traceback_in_a_process_of_its_own(folder):
    command = [
        sys.executable,
        "-m",
        "sightline",
        "explain",
        "brightness:bright_left",
        "grey.png",
        "--budget",
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: a budget of 2 model calls is too small")
    assert "Traceback" not in done.stderr


def test_a_class_that_the_model_lacks_is_reported_for_the_image(folder):
    done = sightline("explain", "brightness:bright_left", "grey.png", "--target", "7")
    assert done.exit_code == 1
    assert "the model has classes 0 to 1, but class 7 was asked for" in done.output


@pytest.mark.slow
def test_selfcheck_exits_with_1_when_segments_are_missed(folder):
    (folder / "blind.py").write_text("import numpy as np\ndef look(i, m, s): return np.zeros(i.shape[:2])\n")
    assert sightline("selfcheck", "occlusion").exit_code == 0
    done = sightline("selfcheck", "blind:look")
    assert done.exit_code == 1
    assert "blind:look" in done.output
    assert "missed 0, 1" in done.output


def test_version_and_help():
    assert sl.__version__ in sightline("--version").output
    listed = sightline("--help").output
    assert all(name in listed for name in ("explain", "demo", "selfcheck"))


def test_bench_writes_machine_versions_and_what_was_left_out(folder, monkeypatch):
    monkeypatch.delenv("SIGHTLINE_DATA", raising=False)
    done = sightline("bench", "shapiq", "speed", "--quick", "--out", "made.md")
    assert done.exit_code == 0, done.output
    told = Path("made.md").read_text()
    assert re.search(r"^- date: \d{4}-\d\d-\d\d", told, re.M)
    assert re.search(r"^- machine: .+, \d+ cores, ", told, re.M)
    assert f"numpy {np.__version__}" in told
    assert "## shapiq's estimators, by the second Python\n\nleft out: it needs another Python" in told
    assert "## Time over the model's own\n\nleft out: SIGHTLINE_DATA names no folder" in told


@pytest.mark.slow
def test_bench_runs_a_script_and_keeps_its_table(folder):
    done = sightline("bench", "memory", "--quick", "--out", "made.md")
    assert done.exit_code == 0, done.output
    assert re.search(
        r"`benchmarks/memory.py --budgets 250`.+```\npeak memory.+batches\n```",
        Path("made.md").read_text(),
        re.S,
    )


def test_bench_says_that_it_runs_in_a_checkout_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(image_commands, "__file__", str(tmp_path / "a" / "b" / "c" / "image_commands.py"))
    done = sightline("bench")
    assert isinstance(done.exception, OptionError)
    assert done.exception.slug == "bench-checkout"
    assert "no part of the installed package" in str(done.exception)


def test_bench_refuses_a_table_that_there_is_not(folder):
    assert sightline("bench", "gmaes", "--out", "made.md").exit_code == 2
    assert not Path("made.md").exists()


@pytest.mark.slow
def test_the_script_for_a_card_runs_without_one(folder):
    pytest.importorskip("torch")
    done = sightline("bench", "gpu", "--quick", "--out", "made.md")
    assert done.exit_code == 0, done.output
    assert re.search(r"images made on the device +\d", Path("made.md").read_text())


def test_main_is_the_installed_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sightline", "selfcheck", "nobody"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "there is no explainer 'nobody'" in capsys.readouterr().err


@pytest.mark.slow
def test_compare_puts_methods_side_by_side(folder):
    pytest.importorskip("torch")
    (folder / "network.py").write_text(
        "import torch\n"
        "torch.manual_seed(0)\n"
        "net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), "
        "torch.nn.Linear(3600, 2))\n"
    )
    words = ["--attribute", "lime", "--attribute", "hires-cam", "--segment", "grid", "--values", "unit"]
    done = sightline("compare", "network:net", "grey.png", *words, "--budget", 100, "--target", 1)
    assert done.exit_code == 0, done.output
    assert "Comparison of 2 methods on class 1" in done.output
    assert "\nHiResCam " in done.output
    with Image.open("sightline-out/grey-compared.png") as figure:
        assert min(figure.size) > 500


def test_compare_refuses_to_look_into_a_function(folder):
    done = sightline("compare", "brightness:bright_left", "grey.png", "--attribute", "grad-cam")
    assert done.exit_code == 1
    assert "known by its answers alone" in str(done.exception)


@pytest.mark.slow
def test_selfcheck_of_all_methods_finds_every_segment(folder):
    done = sightline("selfcheck")
    assert done.exit_code == 0, done.output
    assert {line.split()[0] for line in done.output.splitlines()} == set(METHODS)
    assert "missed" not in done.output
