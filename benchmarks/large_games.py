"""Shapley values of 50, 100 and 200 segments on real networks: squared error by number of calls.

EfficientNet-lite0 with ImageNet weights on photographs, and a small CNN on healthy chest X-rays; blur. Each
image with its segments becomes an ONNX file, masks in, the score of the predicted class out, so that
estimators of another Python ask the same. The truth is that of a Gaussian process which learned 1024 masks of
another seed, plus a regression of what it leaves of many fresh masks: unbiased whatever the process is worth,
and its standard error is told. Errors have the truth's own taken off.

    python benchmarks/large_games.py [--second PYTHON3.12] [--folder KEPT] [--calls 4000]
    python3.12 benchmarks/large_games.py --peers FOLDER        # needs NumPy, ONNX Runtime and shapiq alone
"""

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np

BUDGETS = (128, 256, 512, 1024)
COUNTS = (50, 100, 200)
BATCH = 32
LEARNED = 1024
"""Calls of the process that the truth begins with."""


def game(path):
    """A function of masks (M, S) that asks the network, and counts."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def play(keep):
        keep = np.atleast_2d(np.asarray(keep, dtype=np.float32))
        parts = [keep[first : first + BATCH] for first in range(0, len(keep), BATCH)]
        return np.concatenate([session.run(None, {"keep": part})[0][:, 0] for part in parts]).astype(float)

    return play


def exported(network, image, hidden, labels, target, path):
    """The network as a game of segments."""
    import torch

    class Game(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.register_buffer("owner", torch.from_numpy(labels.astype(np.int64)))
            pair = (torch.from_numpy(one.astype(np.float32)).permute(2, 0, 1) for one in (image, hidden))
            for name, one in zip(("shown", "fill"), pair, strict=True):
                self.register_buffer(name, one.contiguous())

        def forward(self, keep):
            seen = keep[:, self.owner][:, None]
            answer = self.network(seen * self.shown + (1 - seen) * self.fill)
            return answer[:, target : target + 1]

    dynamic = {"keep": {0: "batch"}, "score": {0: "batch"}}
    names = {"input_names": ["keep"], "output_names": ["score"], "dynamic_axes": dynamic, "dynamo": False}
    torch.onnx.export(Game().eval(), torch.ones(2, int(labels.max()) + 1), path, **names)


def networks(which, side):
    """Name, network, and the images that it is asked about."""
    import pretrained

    if "lite0" in which:
        yield "lite0", pretrained.lite0(), list(pretrained.photographs(side))[:2]
    if "xray" in which:
        # Of the healthy: a blurred X-ray looks ill to such a network.
        images, labels = pretrained.xrays("test", 40)
        some = [(f"xray{number}", images[number]) for number in np.flatnonzero(labels == 0)[:2]]
        yield "xray", pretrained.xray_cnn(), some


def make_games(folder, counts, which, side):
    """An ONNX file of each network, image and number of segments."""
    import torch

    import sightline as sl
    from sightline.engine.fills import draw_fill

    for name, network, images in networks(which, side):
        for of_image, image in images:
            with torch.inference_mode():
                target = int(network(torch.from_numpy(image).permute(2, 0, 1)[None])[0].argmax())
            for count in counts:
                segments = divided(image, count)
                (hidden,) = draw_fill(image, segments, sl.Blur())
                path = folder / f"{name}-{of_image}-{count}.onnx"
                exported(network, image, hidden, segments.labels, target, path)
                path.with_suffix(".json").write_text(json.dumps({"count": segments.count, "target": target}))


def divided(image, count):
    """Segments by slic, as near to so many as a few tries come."""
    import sightline as sl
    from sightline.engine.segmentation import segment_image

    tries = (int(count * share) for share in (0.8, 0.9, 1.0, 1.1, 1.25, 1.4))
    made = (segment_image(image, sl.Slic(n_segments=one, compactness=10.0)) for one in tries)
    return min(made, key=lambda segments: abs(segments.count - count))


def truth(play, count, calls, learned=LEARNED, virtual=60_000):
    """Shapley values and their standard errors."""
    from sightline.engine.attribute import Shapley
    from sightline.engine.gaussian_process import signs_of
    from sightline.engine.process_estimator import ProcessEstimator
    from sightline.engine.sampling import Balanced
    from sightline.types import Scores

    full, empty = play(np.ones(count)), play(np.zeros(count))
    estimator = ProcessEstimator(Shapley(), count, 1, "probability", 77)
    keep, said = np.zeros((0, count), bool), np.zeros(0)
    while len(keep) + 2 < learned:
        new = estimator.next_masks(min(estimator.block, learned - 2 - len(keep)))
        keep, said = np.concatenate([keep, new]), np.concatenate([said, play(new)])
        estimator.record(keep, said[:, None], full, empty)
    posterior, link = estimator.posteriors[0], estimator.links[0]

    def expected(masks):
        parts = (masks[first : first + 2048] for first in range(0, len(masks), 2048))
        return np.concatenate([link.score(posterior.mean(signs_of(part))) for part in parts])

    def regression(masks, values, ends):
        scores = Scores(values[:, None], ends[1], ends[0], (0,), ends[1], len(values))
        made = Shapley()(masks, scores)
        return made.values[0], made.error[0]

    ends = empty, full
    guessed = [expected(np.full((1, count), shown)) for shown in (False, True)]
    plain, rough = regression(
        masks := Balanced()(count, virtual, np.random.default_rng(5)), expected(masks.keep), guessed
    )
    fresh = Balanced()(count, calls, np.random.default_rng(6))
    left = play(fresh.keep) - expected(fresh.keep)
    rest, error = regression(fresh, left, [end - guess for end, guess in zip(ends, guessed, strict=True)])
    return plain + rest, np.hypot(rough, error)


def ours(play, count, estimator, budget, seed):
    """What the product says of an image whose pixels are the segments."""
    from sightline.engine.attribute import Shapley
    from sightline.engine.fills import Colour
    from sightline.engine.pipeline import run_plan
    from sightline.engine.plan import Plan
    from sightline.engine.segmentation import Given

    plan = Plan(
        segment=Given(np.arange(count)[None]),
        fill=Colour(0.0),
        attribute=Shapley(),
        budget=budget,
        seed=seed,
        estimator=estimator,
    )
    image = np.ones((1, count))
    *_, made = run_plan(image, lambda images: play(images[:, 0] > 0.5)[:, None], plan, batch_size=BATCH)
    return made.values[0], made.error[0]


def peers(folder, seeds, budgets, only):
    """shapiq's estimators on the games of a folder, a line of JSON each; its own file keeps them."""
    import shapiq.approximator
    from shapiq_games import SHAPLEY

    for path in sorted(folder.glob("*.onnx")):
        count = json.loads(path.with_suffix(".json").read_text())["count"]
        play = game(path)
        nothing = play(np.zeros(count))[0]
        for name in only:
            kind, options = SHAPLEY[name]
            for budget in budgets:
                for seed in range(seeds):
                    try:
                        made = getattr(shapiq.approximator, kind)(n=count, random_state=seed, **options)
                        found = made.approximate(budget, lambda keep: play(keep) - nothing)  # noqa: B023
                        values = [float(found[(segment,)]) for segment in range(count)]
                    except Exception as error:  # an estimator that needs more masks
                        values = f"{type(error).__name__}: {error}"[:60]
                    row = {"game": path.stem, "tool": name, "budget": budget, "seed": seed}
                    print(json.dumps({**row, "values": values}), flush=True)


PEERS = (
    *("KernelSHAP, paired", "LeverageSHAP", "OddSHAP", "OddSHAP, factor 5"),
    *("RegressionMSR, linear", "RegressionMSR, xgboost", "RegressionMSR, lightgbm"),
    *("ProxySHAP, xgboost, adjusted", "ProxySHAP, lightgbm, adjusted"),
)


def measured(folder, asked):
    """Every estimator's errors on every game, by number of segments and network."""
    rows = {}
    for path in sorted(folder.glob("*.onnx")):
        count, play = json.loads(path.with_suffix(".json").read_text())["count"], game(path)
        kept = path.with_suffix(".npz")
        if not kept.exists():
            values, error = truth(play, count, asked.calls)
            np.savez(kept, values=values, error=error)
        with np.load(kept) as file:
            values, error = file["values"], file["error"]
        size = (values**2).sum()
        print(
            f"{path.stem}: {count} segments, score {play(np.ones(count))[0]:.3f} "
            f"({play(np.zeros(count))[0]:.3f} hidden); truth's own error {(error**2).sum() / size:.5f}",
            flush=True,
        )
        for estimator in ("regression", "gaussian-process"):
            for budget in asked.budgets:
                for seed in range(asked.seeds):
                    found, told = ours(play, count, estimator, budget, seed)
                    inside = float((np.abs(found - values) <= 1.96 * np.hypot(told, error)).mean())
                    row = {"values": found.tolist(), "inside": inside}
                    rows.setdefault((path.stem, estimator, budget), []).append(row)
    return rows


def report(folder, rows, budgets):
    """A table for each network and number of segments: error by tool and budget."""
    kinds = sorted({(stem.split("-")[0], int(stem.split("-")[-1])) for stem, *_ in rows})
    for network, count in kinds:
        stems = sorted(
            {stem for stem, *_ in rows if stem.startswith(f"{network}-") and stem.endswith(f"-{count}")}
        )
        print(f"\n{network}, {count} segments, {len(stems)} images: squared error over squared values")
        print(f"{'':32s}" + "".join(f"{budget:>10d}" for budget in budgets))
        for tool in dict.fromkeys(tool for _, tool, _ in rows):
            cells = []
            for budget in budgets:
                errors = [
                    squared(folder, stem, row) for stem in stems for row in rows.get((stem, tool, budget), ())
                ]
                cells.append(
                    f"{np.mean(errors):10.4f}" if errors and np.isfinite(errors).all() else f"{'-':>10s}"
                )
            print(f"{tool:32s}" + "".join(cells), flush=True)
        inside = [
            np.mean([row["inside"] for stem in stems for row in rows[stem, "gaussian-process", budget]])
            for budget in budgets
        ]
        print(
            f"{'coverage of the process, 95 %':32s}" + "".join(f"{one:10.3f}" for one in inside), flush=True
        )


def squared(folder, stem, row):
    """Squared error over squared values, less what the truth's own error adds."""
    if isinstance(row["values"], str):
        return np.nan
    with np.load(folder / f"{stem}.npz") as file:
        away = ((np.array(row["values"]) - file["values"]) ** 2).sum() - (file["error"] ** 2).sum()
        return away / ((file["values"] ** 2).sum() - (file["error"] ** 2).sum())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--second", help="another Python that has shapiq 1.8")
    parser.add_argument("--peers", type=Path, help="only run shapiq on the games of this folder")
    parser.add_argument("--folder", type=Path, help="where games and truths are kept; by default nowhere")
    parser.add_argument("--networks", nargs="+", default=["lite0", "xray"])
    parser.add_argument("--side", type=int, default=224, help="of the photographs")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--tools", nargs="+", default=PEERS, help="shapiq's")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--calls", type=int, default=4000, help="fresh masks of the truth")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.peers:
        peers(asked.peers, asked.seeds, asked.budgets, asked.tools)
        return
    with tempfile.TemporaryDirectory() as gone:
        folder = asked.folder or Path(gone)
        folder.mkdir(parents=True, exist_ok=True)
        if not list(folder.glob("*.onnx")):
            make_games(folder, asked.counts, asked.networks, asked.side)
        rows = measured(folder, asked)
        if asked.second:
            for one in peers_rows(folder, asked):
                rows.setdefault((one["game"], one["tool"], one["budget"]), []).append(one)
        report(folder, rows, asked.budgets)


def peers_rows(folder, asked):
    """What the second Python found, as far as it came; a file of the folder keeps it."""
    kept = folder / "peers.jsonl"
    if not kept.exists():
        words = [asked.second, __file__, "--peers", str(folder), "--seeds", str(asked.seeds)]
        words += ["--budgets", *map(str, asked.budgets), "--tools", *asked.tools]
        with kept.open("w") as file:
            done = subprocess.run(words, stdout=file, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"shapiq failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    lines = kept.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]  # others talk besides


if __name__ == "__main__":
    main()
