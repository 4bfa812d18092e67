"""A network of ResNet-50's size at 224×224: total time over the network's own time, and peak memory.

Every tool explains the same image with the same segments and number of calls, in a process of its own, in
which the network's own time is taken inside: only the forward passes count, not what brings images to it.
Memory is what the process grew by beyond the network and one batch through it.

    python benchmarks/networks.py --calls 1000 --device cpu
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

SIDE, BATCH = 224, 16


def resnet50(classes=1000):
    """ResNet-50 (He et al. 2016) with random weights: 25.6 million of them, 4.1 GFLOPs at 224×224."""
    import torch
    from torch import nn

    def conv(inside, outside, size, stride=1):
        return nn.Sequential(
            nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside)
        )

    class Bottleneck(nn.Module):
        def __init__(self, inside, width, stride):
            super().__init__()
            self.body = nn.Sequential(
                conv(inside, width, 1),
                nn.ReLU(inplace=True),
                conv(width, width, 3, stride),
                nn.ReLU(inplace=True),
                conv(width, 4 * width, 1),
            )
            same = stride == 1 and inside == 4 * width
            self.skip = nn.Identity() if same else conv(inside, 4 * width, 1, stride)

        def forward(self, x):
            return torch.relu(self.body(x) + self.skip(x))

    torch.manual_seed(0)
    layers = [conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            layers.append(Bottleneck(inside, width, stride if number == 0 else 1))
            inside = 4 * width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, classes)]
    return nn.Sequential(*layers).eval()


class Clock:
    """Seconds and images inside the network, whatever asks it."""

    def __init__(self):
        self.seconds, self.calls = 0.0, 0

    def around(self, function):
        def timed(*args, **options):
            start = time.perf_counter()
            answer = function(*args, **options)
            self.wait()
            self.seconds += time.perf_counter() - start
            self.calls += len(answer[0] if isinstance(answer, list) else answer)
            return answer

        return timed

    def wait(self):
        """GPUs answer before they are done."""
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.synchronize()


def photograph():
    from skimage import data
    from skimage.transform import resize

    return resize(data.astronaut(), (SIDE, SIDE)).astype(np.float32)


def segmenter():
    from sightline import Slic

    return Slic(n_segments=100, compactness=10.0)


def run(tool, calls, device):
    """Time and memory of one tool in this process."""
    import torch

    import sightline as sl

    warnings.simplefilter("ignore")
    image, clock, segment = photograph(), Clock(), segmenter()
    labels = segment(image).labels
    runtime = "onnx" if tool.endswith("onnx") else "torch"
    if runtime == "onnx":
        import onnxruntime

        model = onnxruntime.InferenceSession(exported(), providers=["CPUExecutionProvider"])
        ask = lambda x: model.run(None, {"image": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0]  # noqa: E731
    else:
        model = resnet50().to(device)

        @torch.inference_mode()
        def ask(x):
            return model(torch.from_numpy(x).permute(0, 3, 1, 2).to(device)).cpu().numpy()

    ask(np.stack([image] * BATCH))
    ask(np.stack([image] * BATCH))
    if runtime == "onnx":
        model.run = clock.around(model.run)
    else:
        model.forward = clock.around(model.forward)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = _cuda_memory(device)
    start = time.perf_counter()
    _explain(tool, image, labels, model, ask, calls, sl)
    total = time.perf_counter() - start
    return {
        "tool": tool,
        "total": total,
        "network": clock.seconds,
        "calls": clock.calls,
        "mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "gpu_mib": _cuda_memory(device) - peak,
        "largest": peak,
    }


def _cuda_memory(device):
    if device == "cpu":
        return 0.0
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def _explain(tool, image, labels, model, ask, calls, sl):
    options = {"segment": sl.Given(labels), "target": 1, "budget": calls, "progress": False}
    mean = np.stack([image[labels == one].mean(axis=0) for one in range(labels.max() + 1)])[labels]
    if tool.startswith("sightline"):
        size = None if tool == "sightline grad-cam" else BATCH
        sl.explain(
            image, model, attribute=tool.split()[1], batch_size=size, estimator="regression", **options
        )
    elif tool == "lime":
        from lime.lime_image import LimeImageExplainer

        soft = lambda x: _softmax(ask(x.astype(np.float32)))  # noqa: E731
        LimeImageExplainer(random_state=0).explain_instance(
            image,
            soft,
            labels=(1,),
            top_labels=None,
            num_samples=calls,
            batch_size=BATCH,
            segmentation_fn=lambda _: labels,
        )
    elif tool == "shap kernel":
        import shap

        def over_masks(masks):
            parts = [masks[at : at + BATCH] for at in range(0, len(masks), BATCH)]
            return np.concatenate(
                [
                    _softmax(
                        ask(np.where((part > 0.5)[:, labels][..., None], image, mean).astype(np.float32))
                    )
                    for part in parts
                ]
            )[:, 1]

        count = labels.max() + 1
        explainer = shap.KernelExplainer(over_masks, np.zeros((1, count)))
        explainer.shap_values(np.ones((1, count)), nsamples=calls, silent=True)
    else:
        import captum.attr
        import torch

        device = next(model.parameters()).device
        batch = torch.from_numpy(image).permute(2, 0, 1)[None].to(device)
        blank = torch.from_numpy(mean.astype(np.float32)).permute(2, 0, 1)[None].to(device)
        if tool == "captum grad-cam":
            last = [part for part in model.modules() if isinstance(part, torch.nn.Conv2d)][-1]
            captum.attr.LayerGradCam(model, last).attribute(batch, target=1)
            return
        groups = torch.from_numpy(labels).long()[None, None].to(device)
        method = {"captum lime": captum.attr.Lime, "captum kernel": captum.attr.KernelShap}[tool](model)
        with torch.no_grad():
            method.attribute(
                batch,
                baselines=blank,
                target=1,
                feature_mask=groups,
                n_samples=calls,
                perturbations_per_eval=BATCH,
            )


def _softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def exported():
    """The same network as an ONNX file, written once."""
    path = Path(tempfile.gettempdir()) / "sightline-benchmark-resnet50.onnx"
    if not path.exists():
        import torch

        axes = {"image": {0: "batch"}, "scores": {0: "batch"}}
        torch.onnx.export(
            resnet50(),
            torch.zeros(2, 3, SIDE, SIDE),
            path,
            input_names=["image"],
            output_names=["scores"],
            dynamic_axes=axes,
            dynamo=False,
        )
    return str(path)


TOOLS = (
    "sightline lime",
    "sightline shapley",
    "lime",
    "shap kernel",
    "captum lime",
    "captum kernel",
    "sightline grad-cam",
    "captum grad-cam",
    "sightline lime onnx",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tools", nargs="*", default=TOOLS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(run(asked.one, asked.calls, asked.device)))
        return
    print(f"ResNet-50 size at {SIDE}x{SIDE}, {asked.calls} calls, batches of {BATCH}, on {asked.device}")
    print(f"{'':22s}{'total / network':>16s}{'total s':>10s}{'network s':>11s}{'calls':>7s}{'MiB':>7s}")
    for tool in asked.tools:
        words = [
            sys.executable,
            __file__,
            "--one",
            tool,
            "--calls",
            str(asked.calls),
            "--device",
            asked.device,
        ]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            print(f"{tool:22s} failed: {done.stderr.strip().splitlines()[-1]}")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        ratio = found["total"] / found["network"]
        print(
            f"{tool:22s}{ratio:16.3f}{found['total']:10.1f}{found['network']:11.1f}{found['calls']:7d}"
            f"{found['mib'] + found['gpu_mib']:7.0f}"
        )


if __name__ == "__main__":
    main()
