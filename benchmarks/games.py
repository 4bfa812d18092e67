"""Accuracy on complete games: every one of the 2^S scores is known, so the exact answers are too.

Prints, by number of model calls, the mean relative squared error of Shapley values and LIME weights
beside shap, shapiq and lime's own masks; the coverage of 95 % intervals; what budget="auto" spends.
"""

import argparse
import contextlib
import functools
import io
import os
import warnings
from pathlib import Path

import numpy as np
from shapiq_games import load

from sightline.engine import convergence
from sightline.engine.attribute import Banzhaf, Lime, Shapley
from sightline.engine.sampling import Bernoulli, Exhaustive
from sightline.types import Scores

BUDGETS = (128, 512, 2048)


def scores(table, bits, keep, calls):
    return Scores(table[keep @ bits][:, None], table[-1:], table[:1], (0,), table[-1:], calls)


def exact(method, count, table, bits):
    masks = Exhaustive()(count, 2**count, np.random.default_rng(0))
    return method(masks, scores(table, bits, masks.keep, len(table))).values[0]


def ours(method, sampler=None):
    def run(count, table, bits, budget, seed):
        if 2**count <= budget:
            sample = Exhaustive()
            rows = 2**count
        else:
            sample, rows = sampler or method.sample, budget - 2
        masks = sample(count, rows, np.random.default_rng(seed))
        made = method(masks, scores(table, bits, masks.keep, budget))
        return made.values[0], made.error[0]

    return run


def lime_sampling(count, table, bits, budget, seed):
    """lime's own: the image itself and independent coin flips."""
    masks = Bernoulli()(count, budget, np.random.default_rng(seed))
    masks.keep[0] = True
    made = Lime()(masks, scores(table, bits, masks.keep, budget))
    return made.values[0], made.error[0]


def shap_kernel(**options):
    def run(count, table, bits, budget, seed):
        import shap

        np.random.seed(seed)
        explainer = shap.KernelExplainer(lambda x: table[(x > 0.5) @ bits], np.zeros((1, count)))
        with contextlib.redirect_stderr(io.StringIO()):
            values = explainer.shap_values(np.ones((1, count)), nsamples=budget - 2, silent=True, **options)
        return np.asarray(values).reshape(-1), None

    return run


def shapiq_one(name, **options):
    def run(count, table, bits, budget, seed):
        import shapiq.approximator

        made = getattr(shapiq.approximator, name)(n=count, random_state=seed, **options)
        play = lambda keep: np.atleast_1d(table[np.asarray(keep, bool) @ bits] - table[0])  # noqa: E731
        found = made.approximate(budget, play)
        return np.array([found[(i,)] for i in range(count)]), None

    return run


SHAPLEY = {
    "sightline": ours(Shapley()),
    "shap KernelExplainer": shap_kernel(),
    "shap KernelExplainer, l1_reg=False": shap_kernel(l1_reg=False),
    "shapiq KernelSHAP, paired": shapiq_one("KernelSHAP", pairing_trick=True),
    "shapiq PermutationSamplingSV": shapiq_one("PermutationSamplingSV"),
    "shapiq SVARM": shapiq_one("SVARM"),
    "shapiq UnbiasedKernelSHAP": shapiq_one("UnbiasedKernelSHAP", pairing_trick=True),
    "shapiq StratifiedSamplingSV": shapiq_one("StratifiedSamplingSV"),
    "shapiq OwenSamplingSV": shapiq_one("OwenSamplingSV", n_anchor_points=8),
}
LIME = {"sightline": ours(Lime()), "lime's coin flips": lime_sampling}


def table_of_errors(title, tools, method, games, seeds):
    print(f"\n{title}: mean relative squared error, {len(games)} games × {seeds} seeds")
    print(f"{'':38s}" + "".join(f"{b:>10d}" for b in BUDGETS))
    truths = [exact(method, *game) for game in games]
    for name, run in tools.items():
        cells = []
        for budget in BUDGETS:
            found = [
                np.sum((run(*game, budget, seed)[0] - truth) ** 2) / np.sum(truth**2)
                for game, truth in zip(games, truths, strict=True)
                for seed in range(seeds)
            ]
            cells.append(f"{np.mean(found):10.4f}")
        print(f"{name:38s}" + "".join(cells), flush=True)


def coverage(games, seeds):
    print("\ncoverage of 95 % intervals")
    print(f"{'':38s}" + "".join(f"{b:>10d}" for b in BUDGETS))
    for name, method in (("Shapley", Shapley()), ("Lime", Lime()), ("Banzhaf", Banzhaf())):
        cells = []
        for budget in BUDGETS:
            inside = []
            for game in games:
                if 2 ** game[0] <= budget:
                    continue
                truth = exact(method, *game)
                for seed in range(seeds):
                    values, error = ours(method)(*game, budget, seed)
                    inside.append((np.abs(values - truth) <= convergence.SURE * error).mean())
            cells.append(f"{np.mean(inside):10.3f}" if inside else f"{'exact':>10s}")
        print(f"{name:38s}" + "".join(cells), flush=True)


def played(table, bits, images):
    """The game as a model of one-row images whose pixels are its players."""
    return table[(images[:, 0] > 0.5) @ bits][:, None]


def auto(games, seeds):
    """What the open budget spends, through the engine itself: the game played by an image."""
    from sightline.engine.fills import Colour
    from sightline.engine.pipeline import run_plan
    from sightline.engine.plan import Plan
    from sightline.engine.segmentation import Given

    print('\nbudget="auto": calls spent (median, quartiles), error reached, right five leading segments')
    for name, method in (("Shapley", Shapley()), ("Lime", Lime()), ("Banzhaf", Banzhaf())):
        calls, errors, right = [], [], []
        for count, table, bits in games:
            truth = exact(method, count, table, bits)
            image = np.ones((1, count))
            for seed in range(seeds):
                plan = Plan(
                    segment=Given(np.arange(count)[None]),
                    fill=Colour(0.0),
                    attribute=method,
                    budget="auto",
                    seed=seed,
                )
                *_, made = run_plan(image, functools.partial(played, table, bits), plan)
                calls.append(made.calls)
                errors.append(np.sum((made.values[0] - truth) ** 2) / np.sum(truth**2))
                lead = [set(np.argsort(-np.abs(v))[: convergence.LEADING]) for v in (made.values[0], truth)]
                right.append(lead[0] == lead[1])
        low, middle, high = np.percentile(calls, [25, 50, 75])
        print(
            f"{name:10s} {middle:6.0f} ({low:.0f} to {high:.0f}) calls   error {np.mean(errors):.4f}   "
            f"right five {np.mean(right):.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(os.environ["SIGHTLINE_DATA"]) / "games"
    for kind in ("resnet18", "vit16", "vit9"):
        games = [load(path) for path in sorted(folder.glob(f"{kind}-*.npz"))]
        print(f"\n=== {kind}: {len(games)} games of {games[0][0]} segments")
        keep = 1 if asked.without_peers else None
        table_of_errors("Shapley values", dict(list(SHAPLEY.items())[:keep]), Shapley(), games, asked.seeds)
        table_of_errors("LIME weights", LIME, Lime(), games, asked.seeds)
        coverage(games, asked.seeds)
        auto(games, asked.seeds)


if __name__ == "__main__":
    main()
