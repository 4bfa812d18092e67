"""The Gaussian process beside the regression, on complete games: every one of the 2^S scores is known.

Prints, for each attribution and kind of game: relative squared error, right five leading segments and rank
correlation by number of calls, with how the process compares with the regression game by game; calls to
a relative error of 5 % on the median game; coverage of 95 % intervals and the worst game; what an open budget
spends; processor seconds of the process, by calls and number of segments.
"""

import argparse
import os
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from games import exact, load, ours
from scipy.stats import spearmanr

from sightline.engine.attribute import Banzhaf, Lime, Rise, Shapley
from sightline.engine.convergence import LEADING, SURE, why_close
from sightline.engine.process_estimator import ProcessEstimator

BUDGETS = (64, 128, 256, 512, 1024)
MOST_OPEN = 2048
METHODS = {"Shapley": Shapley(), "Lime": Lime(), "Banzhaf": Banzhaf(), "Rise": Rise()}


def measures(values, truth):
    """Relative squared error, right leaders, rank correlation."""
    lead = [set(np.argsort(-np.abs(one))[:LEADING]) for one in (values, truth)]
    return np.sum((values - truth) ** 2) / np.sum(truth**2), lead[0] == lead[1], spearmanr(values, truth)[0]


def follow_process(method, game, seed, truth):
    """What the process says at each budget."""
    count, table, bits = game
    estimator = ProcessEstimator(method, count, 1, "probability", seed)
    seconds, found, keep = 0.0, {}, np.zeros((0, count), dtype=bool)
    while len(keep) + 2 < min(BUDGETS[-1], 2**count):
        start = time.process_time()
        keep = ask_block(estimator, keep, estimator.block, table, bits)
        seconds += time.process_time() - start
        spent = len(keep) + 2
        made = estimator.attribution()
        error, right, rank = measures(made.values[0], truth)
        inside = (np.abs(made.values[0] - truth) <= SURE * made.error[0] + 1e-12).mean()
        if spent in BUDGETS:
            found[spent] = error, right, rank, inside, seconds, bool(estimator.why_not())
    return found


def follow_open_budget(method, game, seed, truth):
    """Where an open budget stops, and how right it is there."""
    count, table, bits = game
    estimator = ProcessEstimator(method, count, 1, "probability", seed)
    keep, reason, look = np.zeros((0, count), dtype=bool), "", 0
    while not reason and len(keep) + 2 < min(MOST_OPEN, 2**count):
        keep = ask_block(estimator, keep, estimator.block_towards(), table, bits)
        made = estimator.attribution()
        look += 1
        reason = why_close(made, look)
    error, right, _ = measures(made.values[0], truth)
    return len(keep) + 2, error, right, reason[:22] or "all spent"


def ask_block(estimator, keep, count, table, bits):
    """The masks asked so far and so many more, told to the estimator."""
    keep = np.concatenate([keep, estimator.next_masks(count)])
    estimator.record(keep, table[keep @ bits][:, None], table[-1:], table[:1])
    return keep


def calls_to(errors, share=0.05):
    """Calls to a relative error of `share`, by a straight line in logarithms; nan where not reached."""
    budgets, squared = np.log2(sorted(errors)), np.log2([max(errors[b], 1e-12) for b in sorted(errors)])
    wanted = np.log2(share**2)
    for i in range(len(budgets) - 1):
        if squared[i] >= wanted > squared[i + 1]:
            along = (squared[i] - wanted) / (squared[i] - squared[i + 1])
            return 2 ** (budgets[i] + along * (budgets[i + 1] - budgets[i]))
    return float("nan") if squared[-1] > wanted else 2 ** budgets[0]


def line(name, cells, form="{:10.5f}"):
    print(f"{name:34s}" + "".join(form.format(one) for one in cells), flush=True)


def report(name, method, kind, games, seeds):
    process, usual, stops = defaultdict(list), defaultdict(list), []
    for stem, *game in games:
        truth = exact(method, *game)
        for seed in range(seeds):
            stops.append(follow_open_budget(method, game, seed, truth))
            for budget, one in follow_process(method, game, seed, truth).items():
                process[budget].append((stem, *one))
                usual[budget].append(measures(ours(method)(*game, budget, seed)[0], truth))
    budgets = sorted(process)
    by = {b: list(zip(*process[b], strict=True)) for b in budgets}
    before = {b: list(zip(*usual[b], strict=True)) for b in budgets}
    print(f"\n{name}, {kind}: {len(games)} games × {seeds} seeds")
    line("", budgets, "{:10d}")
    for row, title in enumerate(("relative squared error", "right five leaders", "rank correlation")):
        line(f"{title}: regression", [np.mean(before[b][row]) for b in budgets])
        line(f"{title}: process", [np.mean(by[b][row + 1]) for b in budgets])
    line("ratio of mean errors", [np.mean(by[b][1]) / np.mean(before[b][0]) for b in budgets])
    for title, table, row in (("process", by, 1), ("regression", before, 0)):
        median = {b: np.median(table[b][row]) for b in budgets}
        line(f"calls to 5 %, median game: {title}", [calls_to(median)], "{:10.0f}")
    worst = []
    for b in budgets:
        ratios = defaultdict(list)
        for (stem, error, *_), (other, *_) in zip(process[b], usual[b], strict=True):
            ratios[stem].append((error, other))
        ratio = {stem: np.mean(pairs, axis=0) for stem, pairs in ratios.items()}
        worst += [(b, stem, one / max(other, 1e-15)) for stem, (one, other) in ratio.items()]
    print(f"games more than 5 % worse: {[w for w in worst if w[2] > 1.05]}")
    line("coverage of 95 % intervals", [np.mean(by[b][4]) for b in budgets], "{:10.3f}")
    held = defaultdict(list)
    for b in budgets:
        for stem, *one in process[b]:
            held[stem].append(one[3])
    least = min(held, key=lambda stem: np.mean(held[stem]))
    print(f"worst game over all budgets: {least}, {np.mean(held[least]):.3f}")
    line("processor seconds so far", [np.mean(by[b][5]) for b in budgets], "{:10.3f}")
    print(f"left to the regression: {sum(sum(by[b][6]) for b in budgets)}")
    calls, errors, right, reasons = zip(*stops, strict=True)
    print(
        f"open budget: {np.mean(calls):.0f} calls (median {np.median(calls):.0f}), root mean square error "
        f"{np.sqrt(np.mean(errors)):.3f}, right five {np.mean(right):.2f}, "
        f"{ {reason: reasons.count(reason) for reason in sorted(set(reasons))} }",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th game")
    parser.add_argument("--first", type=int, default=0, help="the first game taken")
    parser.add_argument("--kinds", nargs="+", default=["resnet18", "vit16", "vit9"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(os.environ["SIGHTLINE_DATA"]) / "games"
    for name in asked.methods:
        for kind in asked.kinds:
            paths = sorted(folder.glob(f"{kind}-*.npz"))[asked.first :: asked.every]
            games = [(path.stem, *load(path)) for path in paths]
            report(name, METHODS[name], kind, games, asked.seeds)


if __name__ == "__main__":
    main()
