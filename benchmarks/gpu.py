"""Five minutes on one card: total time over the network's own, memory, half precision, a study; and tests.

The network has ResNet-50's size and random weights (`networks.py`), images are 224×224. "On the device"
gives the module itself: masks are sent to the card, and the images are made there. "On the host" gives a
function that sends images. The network's own time is that of as many forward passes in batches of the same
size, of a tensor that lies on the card already.

    python benchmarks/gpu.py                            # on a card
    python benchmarks/gpu.py --device cpu --quick       # only to see that it runs
"""

import argparse
import dataclasses
import importlib.util
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from networks import resnet50

import sightline as sl

TESTS = Path(__file__).resolve().parents[1] / "tests" / "adapters" / "test_cuda.py"


def wait(device):
    """Cards answer before they are done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(device, work):
    wait(device)
    began = time.perf_counter()
    answer = work()
    wait(device)
    return time.perf_counter() - began, answer


@torch.inference_mode()
def forward_passes(network, shape, calls, batch):
    """As many images as a tool asks about, in its batches."""
    first = next(network.parameters())
    images = torch.rand((batch, shape[2], *shape[:2]), device=first.device, dtype=first.dtype)
    for start in range(0, calls, batch):
        network(images[: min(batch, calls - start)])


def sent(network):
    """The network as a function of images in the host's memory."""
    first = next(network.parameters())

    @torch.inference_mode()
    def ask(images):
        tensor = torch.from_numpy(images).to(first.device, first.dtype).permute(0, 3, 1, 2).contiguous()
        return torch.softmax(network(tensor).float(), dim=1).cpu().numpy()

    return ask


def peak(device):
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else float("nan")


def explained(name, network, model, device, image, plan, repeats):
    """A line of the table: medians over runs that take turns with the network alone."""
    rows = []
    sl.explain(image, model, plan, progress=False)  # libraries' own memory and choices come first
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        total, made = seconds(device, lambda: sl.explain(image, model, plan, progress=False))
        calls, batch = made.attribution.calls, made.attribution.batch_size
        memory = peak(device)
        alone, _ = seconds(device, lambda: forward_passes(network, image.shape, calls, batch))  # noqa: B023
        rows.append((total / alone, total, alone, calls, batch, memory))
    ratio, total, alone, calls, batch, memory = np.median(rows, axis=0)
    print(f"{name:42s}{ratio:8.3f}{total:9.3f}{alone:9.3f}{calls:7.0f}{batch:7.0f}{memory:8.2f}", flush=True)


def studied(network, device, count, side, budget):
    """Images a second of a study, beside the network alone."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    plan = sl.Plan(segment=sl.Grid(rows=5, columns=5), fill="colour", budget=budget, estimator="regression")
    preprocess = Unit()
    model = sl.as_model(network, preprocess=preprocess)
    with tempfile.TemporaryDirectory() as folder:
        study = sl.Study(folder, plan)
        total, _ = seconds(device, lambda: study.run((images, np.zeros(count, dtype=int)), model))
        failed = len(study.failures())
    batch = model.suggested_batch_size(images[0]) or 32
    alone, _ = seconds(device, lambda: forward_passes(network, images.shape[1:], count * budget, batch))
    print(
        f"\nstudy of {count} images, {budget} calls each: {count / total:.1f} a second, {total:.1f} s, "
        f"{total / alone:.2f} × the network in batches of {batch}; {failed} failed",
        flush=True,
    )


class Unit(torch.nn.Module):
    """Bytes to 0 to 1, on the device."""

    def forward(self, images):
        return images.float() / 255


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="small images and few of them")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    device = torch.device(asked.device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor, NOT a card"
    print(f"PyTorch {torch.__version__} on {card}")
    side, calls, repeats = (32, 24, 1) if asked.quick else (224, 1000, 3)
    image = np.random.default_rng(0).random((side, side, 3)).astype(np.float32)
    plan = sl.Plan(
        segment=sl.Grid(rows=8, columns=8), fill="blur", target=1, budget=calls, estimator="regression"
    )
    single, half = resnet50().to(device), resnet50().to(device).half()
    print(f"{'':42s}{'ratio':>8s}{'total s':>9s}{'alone s':>9s}{'calls':>7s}{'batch':>7s}{'GiB':>8s}")
    explained("float32, images made on the device", single, single, device, image, plan, repeats)
    explained("float32, images made on the host", single, sent(single), device, image, plan, repeats)
    if device.type == "cuda" or not asked.quick:  # processors are slow at it
        explained("float16, images made on the device", half, half, device, image, plan, repeats)
        explained("float16, images made on the host", half, sent(half), device, image, plan, repeats)
    options = {"attribute": "shapley", "budget": min(calls, 512), "estimator": "gaussian-process"}
    fitted = dataclasses.replace(plan, **options)
    explained("float32, Gaussian process fitted", single, single, device, image, fitted, repeats)
    print("the fit itself runs on the processor")
    studied(single, device, 2 if asked.quick else 1000, side, 8 if asked.quick else 64)
    if device.type == "cuda" and TESTS.is_file() and importlib.util.find_spec("pytest"):
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS)]
        sys.exit(subprocess.run(tests, cwd=TESTS.parents[2], check=False).returncode)
    print(
        "tests of a card: not run, there is none" if device.type != "cuda" else "tests of a card: not found"
    )


if __name__ == "__main__":
    main()
