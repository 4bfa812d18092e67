"""Shapley values of complete games by shapiq's estimators: mean relative squared error by number of calls.

It needs NumPy and shapiq alone, so that it may run by another Python than sightline's: shapiq 1.8 wants 3.12.

    python3.12 benchmarks/shapiq_games.py [--seeds 3] [--games 6] [--budgets 64 128 256 512 1024]
"""

import argparse
import importlib.metadata
import math
import os
import sys
import warnings
from pathlib import Path

import numpy as np

SHAPLEY = {"index": "SV"}
ESTIMATORS = {
    "KernelSHAP, paired": ("KernelSHAP", {"pairing_trick": True}),
    "LeverageSHAP": ("LeverageSHAP", {}),
    "OddSHAP": ("OddSHAP", {}),
    "PolySHAP, threes": ("PolySHAP", {"max_order": 3}),
    "RegressionMSR, xgboost": ("RegressionMSR", {**SHAPLEY, "proxy_model": "xgboost"}),
    "RegressionMSR, lightgbm": ("RegressionMSR", {**SHAPLEY, "proxy_model": "lightgbm"}),
    "RegressionMSR, linear": ("RegressionMSR", {**SHAPLEY, "proxy_model": "linear"}),
    "ProxySHAP, adjusted": ("ProxySHAP", {**SHAPLEY, "max_order": 1, "adjustment": True}),
    "SVARM": ("SVARM", {}),
    "PermutationSampling": ("PermutationSamplingSV", {}),
}


def load(path):
    """How many segments, the scores by mask (the bits of the index say what is shown), and the bits."""
    with np.load(path) as file:
        keep, values = file["coalitions"], file["values"].astype(float)
    bits = 1 << np.arange(keep.shape[1])
    table = np.empty(len(values))
    table[keep @ bits] = values
    return keep.shape[1], table, bits


def exact_shapley(count, table):
    """By the definition: the mean change of the score when a segment is shown, over all orders."""
    index = np.arange(len(table))
    size = np.array([int(one).bit_count() for one in index])
    weight = np.array([1 / (count * math.comb(count - 1, one)) for one in range(count)])
    values = []
    for segment in range(count):
        without = index[(index >> segment) & 1 == 0]
        values.append((weight[size[without]] * (table[without | 1 << segment] - table[without])).sum())
    return np.array(values)


def estimated(kind, options, game, budget, seed):
    import shapiq.approximator

    count, table, bits = game
    made = getattr(shapiq.approximator, kind)(n=count, random_state=seed, **options)
    play = lambda keep: np.atleast_1d(table[np.asarray(keep, bool) @ bits] - table[0])  # noqa: E731
    found = made.approximate(budget, play)
    return np.array([found[(segment,)] for segment in range(count)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--games", type=int, default=6, help="of each kind")
    parser.add_argument("--budgets", type=int, nargs="*", default=(64, 128, 256, 512, 1024))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    version = importlib.metadata.version("shapiq")
    print(f"shapiq {version}, Python {sys.version.split()[0]}: mean relative squared error of Shapley values")
    folder = Path(os.environ["SIGHTLINE_DATA"]) / "games"
    for kind in ("resnet18", "vit16", "vit9"):
        games = [load(path) for path in sorted(folder.glob(f"{kind}-*.npz"))[: asked.games]]
        truths = [exact_shapley(count, table) for count, table, _ in games]
        budgets = [budget for budget in asked.budgets if budget < 2 ** games[0][0]]
        print(f"\n{kind}: {len(games)} games of {games[0][0]} segments, {asked.seeds} seeds")
        print(f"{'':24s}" + "".join(f"{budget:>10d}" for budget in budgets))
        for name, (estimator, options) in ESTIMATORS.items():
            cells = []
            for budget in budgets:
                try:
                    errors = [
                        ((estimated(estimator, options, game, budget, seed) - truth) ** 2).sum()
                        / (truth**2).sum()
                        for game, truth in zip(games, truths, strict=True)
                        for seed in range(asked.seeds)
                    ]
                except Exception as error:  # an estimator that this version lacks, or that needs more masks
                    cells.append(f"{type(error).__name__[:9]:>10s}")
                    continue
                cells.append(f"{np.mean(errors):10.5f}")
            print(f"{name:24s}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
