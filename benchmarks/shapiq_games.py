"""Shapley and Banzhaf values of complete games by shapiq's estimators, by number of calls.

Prints mean relative squared error, share of runs with exactly the right five leaders, rank correlation.
It needs NumPy and shapiq alone, so that it may run by another Python than sightline's: shapiq 1.8 wants 3.12.

    python3.12 benchmarks/shapiq_games.py [--seeds 5] [--games 15] [--budgets 64 128 256 512 1024]
"""

import argparse
import importlib.metadata
import math
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np

KINDS = ("resnet18", "vit16", "vit9")
LEADING = 5
XGBOOST, LIGHTGBM = {"proxy_model": "xgboost"}, {"proxy_model": "lightgbm"}
OF_INDEX = {  # these take which values are wanted
    "RegressionMSR, xgboost": ("RegressionMSR", XGBOOST),
    "RegressionMSR, xgboost, 5 folds": ("RegressionMSR", {**XGBOOST, "k_folds": 5}),
    "RegressionMSR, lightgbm": ("RegressionMSR", LIGHTGBM),
    "RegressionMSR, linear": ("RegressionMSR", {"proxy_model": "linear"}),
    "ProxySHAP, xgboost": ("ProxySHAP", {**XGBOOST, "max_order": 1}),
    "ProxySHAP, xgboost, adjusted": ("ProxySHAP", {**XGBOOST, "max_order": 1, "adjustment": True}),
    "ProxySHAP, 5 folds, adjusted": (
        *("ProxySHAP", {**XGBOOST, "max_order": 1, "adjustment": True, "k_folds": 5}),
    ),
    "ProxySHAP, lightgbm, adjusted": ("ProxySHAP", {**LIGHTGBM, "max_order": 1, "adjustment": True}),
}
SHAPLEY = {
    "KernelSHAP, paired": ("KernelSHAP", {"pairing_trick": True}),
    "LeverageSHAP": ("LeverageSHAP", {}),
    "OddSHAP": ("OddSHAP", {}),
    "OddSHAP, factor 5": ("OddSHAP", {"interaction_factor": 5}),
    "PolySHAP, pairs": ("PolySHAP", {"max_order": 2, "pairing_trick": True}),
    "PolySHAP, threes": ("PolySHAP", {"max_order": 3, "pairing_trick": True}),
    **{name: (kind, {**options, "index": "SV"}) for name, (kind, options) in OF_INDEX.items()},
    "SVARM": ("SVARM", {}),
    "PermutationSampling": ("PermutationSamplingSV", {}),
}
BANZHAF = {name: (kind, {**options, "index": "BV"}) for name, (kind, options) in OF_INDEX.items()}


def load(path):
    """How many segments, the scores by mask (the bits of the index say what is shown), and the bits."""
    with np.load(path) as file:
        keep, values = file["coalitions"], file["values"].astype(float)
    bits = 1 << np.arange(keep.shape[1])
    table = np.empty(len(values))
    table[keep @ bits] = values
    return keep.shape[1], table, bits


def exact_values(count, table, banzhaf=False):
    """By the definition: the mean change when a segment is shown, over all orders or all masks."""
    index = np.arange(len(table))
    size = np.array([int(one).bit_count() for one in index])
    weight = np.array([1 / (count * math.comb(count - 1, one)) for one in range(count)])
    if banzhaf:
        weight = np.full(count, 0.5 ** (count - 1))
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


def measures(values, truth):
    """Relative squared error, right leaders, rank correlation."""
    lead = [set(np.argsort(-np.abs(one))[:LEADING]) for one in (values, truth)]
    ranks = [np.argsort(np.argsort(one)) for one in (values, truth)]
    return ((values - truth) ** 2).sum() / (truth**2).sum(), lead[0] == lead[1], np.corrcoef(*ranks)[0, 1]


def report(title, estimators, kind, paths, asked):
    games = [load(path) for path in paths]
    truths = [exact_values(*game[:2], banzhaf=title == "Banzhaf") for game in games]
    budgets = [budget for budget in asked.budgets if budget < 2 ** games[0][0]]
    print(f"\n{title}, {kind}: {len(games)} games of {games[0][0]} segments, {asked.seeds} seeds")
    print(f"{'':32s}" + "".join(f"{budget:>24d}" for budget in budgets) + "   CPU s a fit at the last")
    for name, estimator in estimators.items():
        cells = []
        for budget in budgets:
            began, rows = time.process_time(), []
            try:
                for path, game, truth in zip(paths, games, truths, strict=True):
                    for seed in range(asked.seeds):
                        rows.append(measures(estimated(*estimator, game, budget, seed), truth))
                        note(asked.raw, (title, name.replace(",", ""), path.stem, budget, seed, *rows[-1]))
            except Exception as error:  # an estimator that this version lacks, or that needs more masks
                cells.append(f"{type(error).__name__[:22]:>24s}")
                continue
            squared, right, rank = np.mean(rows, axis=0)
            cells.append(f"{squared:12.5f}{right:6.2f}{rank:6.3f}")
        took = (time.process_time() - began) / max(len(rows), 1)
        print(f"{name:32s}" + "".join(cells) + f"{took:8.3f}", flush=True)


def note(path, row):
    """One line of the file of single figures."""
    if path:
        with path.open("a") as file:
            file.write(",".join(str(one) for one in row) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--games", type=int, default=15, help="of each kind")
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--budgets", type=int, nargs="*", default=(64, 128, 256, 512, 1024))
    parser.add_argument("--raw", type=Path, help="a file that gets every single figure")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    version = importlib.metadata.version("shapiq")
    print(f"shapiq {version}, Python {sys.version.split()[0]}: squared error, right five, rank correlation")
    folder = Path(os.environ["SIGHTLINE_DATA"]) / "games"
    for title, estimators in (("Shapley", SHAPLEY), ("Banzhaf", BANZHAF)):
        for kind in asked.kinds:
            paths = sorted(folder.glob(f"{kind}-*.npz"))[: asked.games]
            report(title, estimators, kind, paths, asked)


if __name__ == "__main__":
    main()
