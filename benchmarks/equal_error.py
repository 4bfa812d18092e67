"""What the same error costs: calls and processor time of each tool, to values of a known truth.

Two quantities that have one definition whoever estimates them: Shapley values, and the weights of LIME's
regression after infinitely many samples, of the same segments and hidden colours. The truth is a regression
of many masks, and its own error is told. Each tool is asked with several budgets and seeds; calls to 10 % and
5 % of the values' length are read off by a straight line in logarithms, and the time of so many likewise.
captum's Lime has another kernel and penalty by default; here it is given lime's. dianna's tools and shap's
Partition cut images themselves: they estimate other quantities and are left out.

    python benchmarks/equal_error.py [--networks olivetti xray] [--images 3] [--seeds 1]
"""

import argparse
import contextlib
import dataclasses
import io
import time
import warnings
from collections import defaultdict
from collections.abc import Callable

import numpy as np

import sightline as sl

BUDGETS = (64, 128, 256, 512, 1024, 2048)
BATCH = 64
WANTED = (0.1, 0.05)
"""Relative errors: the length of what is wrong over the length of the values."""


@dataclasses.dataclass
class Problem:
    """An image, a model that clocks itself, segments, the class to explain."""

    image: np.ndarray
    model: Callable
    labels: np.ndarray
    target: int
    calls: int = 0
    seconds: float = 0.0

    def __post_init__(self):
        count = self.labels.max() + 1
        self.mean = np.stack([self.image[self.labels == one].mean(axis=0) for one in range(count)])[
            self.labels
        ]
        self.mean = self.mean.astype(np.float32)
        self.count = count

    def ask(self, images):
        began = time.process_time()
        answer = self.model(images)
        self.seconds += time.process_time() - began
        self.calls += len(images)
        return answer

    def shown(self, masks):
        """Images of masks, which show or hide segments."""
        visible = (np.asarray(masks) > 0.5)[:, self.labels][..., np.newaxis]
        return np.where(visible, self.image, self.mean)


def ours(attribute, estimator):
    def values(problem, budget, seed):
        explained = sl.explain(
            problem.image,
            problem.ask,
            segment=sl.Given(problem.labels),
            fill="segment-mean",
            attribute=attribute,
            target=problem.target,
            budget=budget,
            seed=seed,
            estimator=estimator,
            progress=False,
        )
        return explained.attribution.values[0]

    return values


def lime(problem, budget, seed):
    from lime.lime_image import LimeImageExplainer

    with contextlib.redirect_stderr(io.StringIO()):
        explained = LimeImageExplainer(random_state=seed).explain_instance(
            problem.image.astype(np.float64),
            lambda images: problem.ask(images.astype(np.float32)),
            labels=(problem.target,),
            top_labels=None,
            num_samples=budget,
            batch_size=BATCH,
            segmentation_fn=lambda _: problem.labels,
        )
    values = np.zeros(problem.count)
    for segment, weight in explained.local_exp[problem.target]:
        values[segment] = weight
    return values


def shap_kernel(**options):
    def values(problem, budget, seed):
        import shap

        def over_masks(masks):
            parts = (masks[first : first + BATCH] for first in range(0, len(masks), BATCH))
            return np.concatenate([problem.ask(problem.shown(part))[:, problem.target] for part in parts])

        np.random.seed(seed)
        explainer = shap.KernelExplainer(over_masks, np.zeros((1, problem.count)))
        with contextlib.redirect_stderr(io.StringIO()):
            found = explainer.shap_values(
                np.ones((1, problem.count)), nsamples=budget - 2, silent=True, **options
            )
        return np.asarray(found).reshape(-1)

    return values


def lime_kernel(_, __, shown, **___):
    """lime's weight of a mask, for captum."""
    import torch

    distance = 1 - shown.double().mean().sqrt()
    return torch.exp(-(distance**2) / 0.25**2).sqrt()


def captum(kind):
    def values(problem, budget, seed):
        import captum.attr
        import torch
        from captum._utils.models.linear_model import SkLearnRidge

        def forward(images):
            return torch.from_numpy(problem.ask(images.permute(0, 2, 3, 1).contiguous().numpy()))

        own = {"interpretable_model": SkLearnRidge(alpha=1.0), "similarity_func": lime_kernel}
        torch.manual_seed(seed)
        method = getattr(captum.attr, kind)(forward, **(own if kind == "Lime" else {}))
        tensors = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in (problem.image, problem.mean))
        image, mean = tensors
        found = method.attribute(
            image,
            baselines=mean,
            target=problem.target,
            feature_mask=torch.from_numpy(problem.labels.astype(np.int64))[None, None],
            n_samples=budget,
            perturbations_per_eval=BATCH,
            return_input_shape=False,
        )
        return found.reshape(-1).double().numpy()

    return values


TOOLS = {
    "LIME": {
        "sightline, by default (regression)": ours("lime", "regression"),
        "sightline, Gaussian process": ours("lime", "gaussian-process"),
        "lime 0.2": lime,
        "captum Lime, lime's kernel": captum("Lime"),
    },
    "Shapley": {
        "sightline, by default (regression)": ours("shapley", "regression"),
        "sightline, Gaussian process": ours("shapley", "gaussian-process"),
        "shap Kernel": shap_kernel(),
        "shap Kernel, l1_reg=False": shap_kernel(l1_reg=False),
        "captum KernelShap": captum("KernelShap"),
    },
}


def truth(quantity, problem, calls):
    """Values by many masks, and the squared error that they may have, over their square."""
    from sightline.engine.attribute import Lime, Shapley
    from sightline.engine.sampling import Balanced, FoldOver
    from sightline.types import Scores

    method, sample = (Lime(), FoldOver()) if quantity == "LIME" else (Shapley(), Balanced())
    masks = sample(problem.count, calls, np.random.default_rng(99))
    keep = np.concatenate([masks.keep, np.ones((1, problem.count), bool), np.zeros((1, problem.count), bool)])
    parts = (keep[first : first + 256] for first in range(0, len(keep), 256))
    said = np.concatenate([problem.ask(problem.shown(part))[:, [problem.target]] for part in parts])
    said = np.asarray(said, dtype=float)
    made = method(masks, Scores(said[:-2], said[-2], said[-1], (0,), said[-2], len(keep)))
    return made.values[0], (made.error[0] ** 2).sum() / (made.values[0] ** 2).sum()


def problems(network, images):
    """Some images of a kind, each with some 50 segments."""
    import torch

    if network == "olivetti":
        import speed

        model, faces = speed.olivetti(images)
        some = [face.astype(np.float32) for face in faces]
    else:
        import pretrained

        module = pretrained.xray_cnn()

        @torch.inference_mode()
        def model(batch):
            return module(torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2)).numpy()

        pixels, labels = pretrained.xrays("test", 60)
        some = list(pixels[labels == 0][:images])  # healthy: the others stay ill, whatever is hidden
    for image in some:
        labels = sl.Slic(n_segments=60, compactness=10.0, sigma=1.0)(image).labels
        yield Problem(image, model, labels, int(model(image[np.newaxis])[0].argmax()))


def calls_to(wanted, rows):
    """Calls and seconds where the median relative error falls to `wanted`; nan where it does not."""
    budgets = sorted(rows)
    error, calls, seconds = (
        np.log([np.median([row[part] for row in rows[budget]]) for budget in budgets]) for part in range(3)
    )
    for one in range(len(budgets) - 1):
        if error[one] >= np.log(wanted) > error[one + 1]:
            along = (error[one] - np.log(wanted)) / (error[one] - error[one + 1])
            return tuple(np.exp(each[one] + along * (each[one + 1] - each[one])) for each in (calls, seconds))
    if error[0] < np.log(wanted):
        return np.exp(calls[0]), np.exp(seconds[0])
    return np.nan, np.nan


def measured(network, quantity, asked):
    tools = TOOLS[quantity]
    rows, own, alone = {name: defaultdict(list) for name in tools}, [], []
    segments = []
    for problem in problems(network, asked.images):
        if not segments:  # imports and the like are nobody's time
            for tool in tools.values():
                tool(problem, BUDGETS[0], 0)
        segments.append(problem.count)
        values, doubt = truth(quantity, problem, asked.calls)
        own.append(np.sqrt(doubt))
        began, batch = time.process_time(), np.repeat(problem.image[np.newaxis], 128, axis=0)
        for _ in range(4):
            problem.model(batch)
        alone.append((time.process_time() - began) / 512)
        for seed in range(asked.seeds):
            for budget in BUDGETS:
                for name, tool in tools.items():  # in turn, so that others' work is shared by all
                    before, began = problem.calls, time.process_time()
                    found = tool(problem, budget, seed)
                    took = time.process_time() - began
                    error = np.linalg.norm(found - values) / np.linalg.norm(values)
                    rows[name][budget].append((error, problem.calls - before, took))
    print(
        f"\n{network}, {quantity}: {asked.images} images of {min(segments)} to {max(segments)} segments, "
        f"{asked.seeds} seeds; truth's own relative error {np.mean(own):.3f}; "
        f"the model alone takes {1000 * np.mean(alone):.2f} ms an image of a processor"
    )
    print("median relative error by calls asked for")
    print(f"{'':36s}" + "".join(f"{budget:>8d}" for budget in BUDGETS))
    for name, table in rows.items():
        cells = (np.median([row[0] for row in table[budget]]) for budget in BUDGETS)
        print(f"{name:36s}" + "".join(f"{cell:8.3f}" for cell in cells))
    print(
        f"{'':36s}" + "".join(f"{f'to {100 * one:.0f} %':>8s}{'CPU s':>8s}{'× alone':>9s}" for one in WANTED)
    )
    for name, table in rows.items():
        cells = ""
        for wanted in WANTED:
            calls, seconds = calls_to(wanted, table)
            ratio = seconds / (calls * np.mean(alone))
            cells += f"{calls:8.0f}{seconds:8.3f}{ratio:9.2f}"
        print(f"{name:36s}{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=["olivetti", "xray"])
    parser.add_argument("--quantities", nargs="+", default=list(TOOLS))
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--calls", type=int, default=20_000, help="of the truth")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for network in asked.networks:
        for quantity in asked.quantities:
            measured(network, quantity, asked)


if __name__ == "__main__":
    main()
