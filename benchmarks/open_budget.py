"""What `budget="auto"` spends on chest X-rays, and how right it is beside some ten times the calls.

A small CNN that has learned PneumoniaMNIST at 64×64; half of the images are ill. What is hidden is exchanged
for one of the other class, for a blurred one looks ill to such a network. Shapley values are held against
a Gaussian process's of 512 calls plus a regression of what it leaves of 3000 more, LIME's weights against a
regression of 8192 masks; what these may be off by is told.

    python benchmarks/open_budget.py [--images 20] [--attributes shapley lime]
"""

import argparse
import time
import warnings

import numpy as np
import pretrained
import torch

import sightline as sl
from sightline.engine.convergence import LEADING

MASKS = 8192


def truth(attribute, image, ask, segments, donor, target):
    """Values, their standard errors, and calls."""

    def play(keep):
        visible = (np.atleast_2d(keep) > 0.5)[:, segments][..., np.newaxis]
        parts = [visible[first : first + 64] for first in range(0, len(visible), 64)]
        answers = [ask(np.where(part, image, donor))[:, target] for part in parts]
        return np.concatenate(answers).astype(float)

    count = segments.max() + 1
    if attribute == "shapley":
        import large_games

        values, error = large_games.truth(play, count, 3000, learned=512, virtual=20_000)
        return values, error, 3512
    options = {"segment": sl.Given(np.arange(count)[None]), "fill": sl.Colour(0.0), "attribute": attribute}
    from sightline.engine.pipeline import run_plan

    plan = sl.Plan(**options, budget=MASKS + 2, estimator="regression")
    *_, made = run_plan(np.ones((1, count)), lambda images: play(images[:, 0])[:, None], plan, batch_size=64)
    return made.values[0], made.error[0], made.calls


def measured(attribute, images, labels):
    network = pretrained.xray_cnn()

    @torch.inference_mode()
    def ask(batch):
        tensor = torch.from_numpy(np.ascontiguousarray(batch, dtype=np.float32))
        return network(tensor.permute(0, 3, 1, 2)).numpy()

    donors = {label: images[labels != label][0] for label in (0, 1)}
    print(f"\n{attribute}: calls, relative error (told / found), right five, coverage of 95 %, doubt, CPU s")
    rows = []
    for image, label in zip(images, labels, strict=True):
        donor = donors[label]
        segment = sl.Slic(n_segments=50, compactness=10.0)
        began = time.process_time()
        made = sl.explain(
            image,
            network,
            segment=segment,
            fill=sl.Donors([donor]),
            attribute=attribute,
            target=int(label),
            budget="auto",
            progress=False,
        )
        took = time.process_time() - began
        values, told = made.attribution.values[0], made.attribution.error[0]
        right, doubt, _ = truth(attribute, image, ask, made.segments.labels, donor, int(label))
        size = np.linalg.norm(right)
        lead = [set(np.argsort(-np.abs(one))[:LEADING]) for one in (values, right)]
        row = (
            *(made.attribution.calls, np.linalg.norm(told) / size, np.linalg.norm(values - right) / size),
            *(len(lead[0] & lead[1]), (np.abs(values - right) <= 1.96 * np.hypot(told, doubt)).mean()),
            *(np.linalg.norm(doubt) / size, took),
        )
        rows.append(row)
        print("  {:5.0f}  {:.3f} / {:.3f}  {} of 5  {:.2f}  {:.3f}  {:.2f}".format(*row), flush=True)
    table = np.array(rows)
    middle, mean = np.median(table, axis=0), np.mean(table, axis=0)
    print(
        f"{attribute}, {len(rows)} images: calls median {middle[0]:.0f}, mean {mean[0]:.0f}, most "
        f"{table[:, 0].max():.0f}; error found median {middle[2]:.3f}, root mean square "
        f"{np.sqrt(np.mean(table[:, 2] ** 2)):.3f}, most {table[:, 2].max():.3f}; told median "
        f"{middle[1]:.3f}; all five leaders {np.mean(table[:, 3] == LEADING):.2f}, at least four "
        f"{np.mean(table[:, 3] >= LEADING - 1):.2f}; coverage {mean[4]:.3f}; the truth's own error median "
        f"{middle[5]:.3f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--attributes", nargs="+", default=["shapley", "lime"])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for attribute in asked.attributes:
        measured(attribute, *pretrained.xrays("test", asked.images))


if __name__ == "__main__":
    main()
