"""Total time over a network's own time, and peak memory, beside lime, shap, captum and dianna.

Networks of ResNet-50's and ResNet-18's size at 224×224 with random weights, a small CNN on chest X-rays at
64×64, and the tutorial's pipeline on Olivetti faces. Every tool explains the same image with the same number
of calls, in a process of its own, after a run of few calls that loads what it needs; those that take segments
get the same. Only what is spent in the network's forward passes counts as its own time: on a processor,
processor seconds of all threads, which others' work does not lengthen. "Alone" is the same number of images
in batches of 64 (16 at 224×224), no tool around them. Memory is what the process grew by meanwhile.

    python benchmarks/networks.py --calls 1000 --device cpu --network resnet50
"""

import argparse
import contextlib
import io
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
LARGE = ("resnet50", "resnet18")
FEW = 66
"""Calls of the run before the one that counts."""


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


def resnet18(classes=1000):
    """ResNet-18 with random weights: 11.7 million of them, 1.8 GFLOPs at 224×224."""
    import torch
    from torch import nn

    def conv(inside, outside, size, stride=1):
        return nn.Sequential(
            nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside)
        )

    class Block(nn.Module):
        def __init__(self, inside, width, stride):
            super().__init__()
            self.body = nn.Sequential(
                conv(inside, width, 3, stride), nn.ReLU(inplace=True), conv(width, width, 3)
            )
            same = stride == 1 and inside == width
            self.skip = nn.Identity() if same else conv(inside, width, 1, stride)

        def forward(self, x):
            return torch.relu(self.body(x) + self.skip(x))

    torch.manual_seed(0)
    layers = [conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inside, width, stride), Block(width, width, 1)]
        inside = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)]
    return nn.Sequential(*layers).eval()


class Clock:
    """Seconds and images inside the network, whatever asks it."""

    def __init__(self, now):
        self.seconds, self.calls, self.now = 0.0, 0, now

    def around(self, function):
        def timed(*args, **options):
            start = self.now()
            answer = function(*args, **options)
            self.wait()
            self.seconds += self.now() - start
            self.calls += len(answer[0] if isinstance(answer, list) else answer)
            return answer

        return timed

    def wait(self):
        """GPUs answer before they are done."""
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.synchronize()


def photograph(network):
    """What the network is asked about."""
    from skimage import data
    from skimage.transform import resize

    if network == "xray":
        import pretrained

        return pretrained.xrays("test", 2)[0][0]
    side = SIDE if network in LARGE else 64
    return resize(data.astronaut(), (side, side)).astype(np.float32)


def built(network):
    """The network, a module that ends in probabilities, or the pipeline's function."""
    from torch import nn

    if network == "olivetti":
        import speed

        return speed.olivetti()[0]
    if network == "xray":
        import pretrained

        return pretrained.xray_cnn()
    return nn.Sequential({"resnet18": resnet18, "resnet50": resnet50}[network](), nn.Softmax(dim=1)).eval()


class Asked:
    """A network as each tool wants it: a module or session, a function of images, a function of tensors."""

    def __init__(self, network, onnx, device, clock):
        import torch

        self.batch = BATCH if network in LARGE else 64
        self.onnx = onnx
        if onnx:
            import onnxruntime

            self.model = onnxruntime.InferenceSession(exported(network), providers=["CPUExecutionProvider"])

            def inner(x):
                return self.model.run(None, {"image": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0]

        elif network == "olivetti":
            self.model = built(network)

            def inner(x):
                return self.model(x.astype(np.float32, copy=False))

        else:
            self.model = built(network).to(device)

            @torch.inference_mode()
            def inner(x):
                tensor = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
                return self.model(tensor.permute(0, 3, 1, 2).to(device)).cpu().numpy()

        self.inner, self.clock = inner, clock

    def watch(self):
        """Count its time from now on, at the innermost place."""
        if self.onnx:
            self.model.run = self.clock.around(self.model.run)
        elif hasattr(self.model, "forward"):
            self.model.forward = self.clock.around(self.model.forward)
        else:
            self.model = self.clock.around(self.model)

    def images(self, x):
        return self.inner(np.asarray(x))

    def tensors(self, x):
        """For captum: the module itself where it is one."""
        import torch

        if hasattr(self.model, "forward"):
            return self.model(x)
        return torch.from_numpy(self.images(x.permute(0, 2, 3, 1).contiguous().numpy()))


def peak_memory():
    """The most that this process held, in MiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def fresh_peak():
    """The same, counted anew from here on where the system can: what came before was not the tool's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def run(tool, calls, device, network):
    """Time and memory of one tool in this process."""
    import sightline as sl

    warnings.simplefilter("ignore")
    now = time.process_time if device == "cpu" else time.perf_counter
    clock = Clock(now)
    image = photograph(network)
    labels = sl.Slic(n_segments=100, compactness=10.0)(image).labels
    asked = Asked(network, tool.endswith("onnx"), device, clock)
    some = np.stack([image] * asked.batch)
    asked.images(some)
    start, many = now(), max(1, min(calls, 512) // asked.batch)
    for _ in range(many):
        asked.images(some)
    alone = (now() - start) / (many * asked.batch)
    asked.watch()
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        _explain(tool, image, labels, asked, FEW, sl)
    clock.seconds, clock.calls = 0.0, 0
    before = fresh_peak()
    peak = _cuda_memory(device)
    start = now()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        _explain(tool, image, labels, asked, calls, sl)
    total = now() - start
    return {
        "tool": tool,
        "total": total,
        "network": clock.seconds,
        "alone": alone * clock.calls,
        "calls": clock.calls,
        "mib": peak_memory() - before,
        "gpu_mib": _cuda_memory(device) - peak,
        "largest": peak,
    }


def _cuda_memory(device):
    if device == "cpu":
        return 0.0
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def _explain(tool, image, labels, asked, calls, sl):
    mean = np.stack([image[labels == one].mean(axis=0) for one in range(labels.max() + 1)])[labels]
    mean = mean.astype(np.float32)
    if tool.startswith("sightline"):
        process = tool.endswith("process")
        sl.explain(
            image,
            asked.model,
            attribute=tool.split()[1],
            estimator="gaussian-process" if process else "regression",
            segment=sl.Given(labels),
            target=1,
            budget=calls,
            progress=False,
        )
    elif tool == "lime":
        from lime.lime_image import LimeImageExplainer

        LimeImageExplainer(random_state=0).explain_instance(
            image,
            lambda x: asked.images(x.astype(np.float32)),
            labels=(1,),
            top_labels=None,
            num_samples=calls,
            batch_size=asked.batch,
            segmentation_fn=lambda _: labels,
        )
    elif tool == "shap partition":
        import shap

        masker = shap.maskers.Image("blur(16,16)", image.shape)
        explainer = shap.Explainer(lambda x: asked.images(x)[:, :2], masker)
        explainer(image[None], max_evals=calls, batch_size=asked.batch, silent=True)
    elif tool == "shap kernel":
        import shap

        def over_masks(masks):
            parts = [masks[at : at + asked.batch] for at in range(0, len(masks), asked.batch)]
            shown = ((part > 0.5)[:, labels][..., None] for part in parts)
            return np.concatenate([asked.images(np.where(one, image, mean)) for one in shown])[:, 1]

        count = labels.max() + 1
        explainer = shap.KernelExplainer(over_masks, np.zeros((1, count)))
        explainer.shap_values(np.ones((1, count)), nsamples=calls, silent=True)
    elif tool.startswith("dianna"):
        _explain_by_dianna(tool, image, asked, calls)
    else:
        _explain_by_captum(tool, image, labels, mean, asked, calls)


def _explain_by_dianna(tool, image, asked, calls):
    """It makes its own segments or masks."""
    import dianna

    options = {"n_masks": calls, "p_keep": 0.5, "batch_size": asked.batch}
    if tool == "dianna lime":
        options = {"num_samples": calls, "random_state": 0}
    method = {"dianna lime": "LIME", "dianna rise": "RISE"}[tool]
    model = lambda x: asked.images(np.asarray(x, dtype=np.float32))  # noqa: E731
    dianna.explain_image(model, image, method, labels=[1], axis_labels={2: "channels"}, **options)


def _explain_by_captum(tool, image, labels, mean, asked, calls):
    import captum.attr
    import torch

    device = next(asked.model.parameters()).device if hasattr(asked.model, "parameters") else "cpu"
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].to(device)
    blank = torch.from_numpy(mean).permute(2, 0, 1)[None].to(device)
    if tool == "captum grad-cam":
        last = [part for part in asked.model.modules() if isinstance(part, torch.nn.Conv2d)][-1]
        captum.attr.LayerGradCam(asked.model, last).attribute(batch, target=1)
        return
    groups = torch.from_numpy(labels.astype(np.int64))[None, None].to(device)
    kinds = {"captum lime": captum.attr.Lime, "captum kernel": captum.attr.KernelShap}
    with torch.no_grad():
        kinds[tool](asked.tensors).attribute(
            batch,
            baselines=blank,
            target=1,
            feature_mask=groups,
            n_samples=calls,
            perturbations_per_eval=asked.batch,
        )


def exported(network):
    """The same network as an ONNX file, written once."""
    path = Path(tempfile.gettempdir()) / f"sightline-benchmark-{network}-chances.onnx"
    if not path.exists():
        import torch

        axes = {"image": {0: "batch"}, "scores": {0: "batch"}}
        torch.onnx.export(
            built(network),
            torch.zeros(2, 3, *photograph(network).shape[:2]),
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
    "sightline shapley process",
    "lime",
    "shap kernel",
    "shap partition",
    "captum lime",
    "captum kernel",
    "dianna lime",
    "dianna rise",
    "sightline lime onnx",
    "sightline grad-cam",
    "captum grad-cam",
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", nargs="+", default=["resnet50"], help="resnet18, xray, olivetti too")
    parser.add_argument("--tools", nargs="*", default=TOOLS)
    parser.add_argument("--one", help="measure this tool here and print JSON")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(run(asked.one, asked.calls, asked.device, asked.network[0])))
        return
    for network in asked.network:
        table(network, asked)


def table(network, asked):
    kind = "processor seconds" if asked.device == "cpu" else "seconds"
    print(f"\n{network}, {asked.calls} calls asked for; {kind}, and MiB")
    head = ("total/network's", "total/alone", "total", "network's", "calls", "MiB")
    print(f"{'':26s}" + "".join(f"{one:>16s}" for one in head))
    for tool in asked.tools:
        if network == "olivetti" and (tool.endswith("onnx") or "cam" in tool):
            continue
        words = ["--one", tool, "--calls", str(asked.calls), "--device", asked.device, "--network", network]
        done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word"])[-1]
            print(f"{tool:26s} failed: {last[:100]}", flush=True)
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        memory = found["mib"] + found["gpu_mib"]
        cells = (found["total"] / found["network"], found["total"] / found["alone"])
        cells += (found["total"], found["network"], found["calls"], memory)
        form = ("16.3f", "16.3f", "16.2f", "16.2f", "16d", "16.0f")
        print(f"{tool:26s}" + "".join(f"{c:{f}}" for c, f in zip(cells, form, strict=True)), flush=True)


if __name__ == "__main__":
    main()
