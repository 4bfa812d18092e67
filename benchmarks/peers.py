"""The other tools, each as a function: image, model, raw segmenter → heat for class 1, (H, W).

sightline selfcheck benchmarks.peers:lime
"""

import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np

CALLS = 256


def _quiet(function, *args, **options):
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return function(*args, **options)


def lime(image, model, segment):
    """lime 0.2.0.1 with the segmenter as it is."""
    from lime.lime_image import LimeImageExplainer

    explained = _quiet(
        LimeImageExplainer(random_state=0).explain_instance,
        image,
        model,
        labels=(1,),
        top_labels=None,
        num_samples=CALLS,
        segmentation_fn=segment,
    )
    heat = np.zeros(image.shape[:2])
    for one, weight in explained.local_exp[1]:
        heat[explained.segments == one] = weight
    return heat


def lime_drop_in(image, model, segment):
    """sightline.lime with the segmenter as it is."""
    from sightline.lime.lime_image import LimeImageExplainer

    explained = LimeImageExplainer(random_state=0).explain_instance(
        image,
        model,
        labels=(1,),
        top_labels=None,
        num_samples=CALLS,
        segmentation_fn=segment,
        progress_bar=False,
    )
    heat = np.zeros(image.shape[:2])
    for one, weight in explained.local_exp[1]:
        heat[explained.segments == one] = weight
    return heat


def shap_partition(image, model, segment):
    """shap's Partition explainer with blur; it makes its own pieces and ignores the segmenter."""
    import shap

    masker = shap.maskers.Image("blur(16,16)", image.shape)
    explainer = shap.Explainer(model, masker)
    values = _quiet(explainer, image[None], max_evals=CALLS, batch_size=64, silent=True).values
    return values[0, ..., 1].sum(axis=2)


def shap_kernel(image, model, segment):
    """shap's KernelExplainer, over segments numbered as its users do: by the ids that are there."""
    import shap

    labels = np.asarray(segment(image))
    ids = np.unique(labels)
    mean = _segment_mean(image, labels)

    def over_masks(masks):
        shown = [np.isin(labels, ids[mask > 0.5])[..., None] for mask in masks]
        return model(np.stack([np.where(one, image, mean) for one in shown]))

    np.random.seed(0)
    explainer = shap.KernelExplainer(over_masks, np.zeros((1, len(ids))))
    values = _quiet(explainer.shap_values, np.ones((1, len(ids))), nsamples=CALLS, silent=True)
    return np.asarray(values)[0, :, 1][np.searchsorted(ids, labels)]


def _segment_mean(image, labels):
    mean = np.empty_like(image)
    for one in np.unique(labels):
        mean[labels == one] = image[labels == one].mean(axis=0)
    return mean


def _captum(kind, image, model, segment, **options):
    import captum.attr
    import torch

    labels = np.asarray(segment(image))
    groups = torch.from_numpy(labels - labels.min()).long()[None, None]
    baseline = torch.from_numpy(_segment_mean(image, labels)).permute(2, 0, 1)[None].float()
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float()

    def forward(x):
        return torch.from_numpy(model(x.permute(0, 2, 3, 1).numpy()))

    torch.manual_seed(0)
    method = getattr(captum.attr, kind)(forward)
    found = method.attribute(
        batch, baselines=baseline, target=1, feature_mask=groups, n_samples=CALLS, **options
    )
    return found[0].mean(dim=0).numpy()


def captum_lime(image, model, segment):
    """captum's Lime; its feature mask has to begin at 0."""
    return _captum("Lime", image, model, segment, perturbations_per_eval=64)


def captum_kernel_shap(image, model, segment):
    """captum's KernelShap."""
    return _captum("KernelShap", image, model, segment, perturbations_per_eval=64)


def _dianna(method, image, model, **options):
    import dianna

    found = _quiet(
        dianna.explain_image,
        lambda x: np.asarray(model(np.asarray(x))),
        image,
        method,
        labels=[1],
        axis_labels={2: "channels"},
        **options,
    )
    heat = np.asarray(found[0], dtype=float)
    return heat.sum(axis=2) if heat.ndim == 3 else heat


def dianna_lime(image, model, segment):
    """dianna's LIME, which runs lime's quickshift itself and ignores the segmenter."""
    return _dianna("LIME", image, model, num_samples=CALLS, random_state=0, return_masks=False)


def dianna_kernel_shap(image, model, segment):
    """dianna's KernelSHAP, which takes ONNX files only, runs slic itself and ignores the segmenter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "planted.onnx"
        path.write_bytes(_planted_onnx(model).SerializeToString())
        import dianna

        found = _quiet(
            dianna.explain_image,
            str(path),
            image.astype(np.float32),
            "KernelSHAP",
            labels=[0, 1],
            nsamples=CALLS,
            n_segments=20,
            axis_labels={2: "channels"},
        )
    return np.asarray(found[1], dtype=float)


def _planted_onnx(model):
    """`sightline.evaluation.pointing_game.PlantedModel` as an ONNX graph."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    size = int(model.place.sum()) * 3
    weight = np.broadcast_to(model.place[..., None], model.image.shape) / size / -0.02
    constants = {
        "image": model.image[None].astype(np.float32),
        "weight": weight.reshape(-1, 1).astype(np.float32),
        "flat": np.array([-1, model.image.size]),
        "slope": np.array([[-0.9, 0.9]], np.float32),
        "level": np.array([[0.95, 0.05]], np.float32),
    }
    steps = [
        ("Sub", ["x", "image"], "d"),
        ("Abs", ["d"], "a"),
        ("Reshape", ["a", "flat"], "r"),
        ("MatMul", ["r", "weight"], "m"),
        ("Exp", ["m"], "e"),
        ("MatMul", ["e", "slope"], "s"),
        ("Add", ["s", "level"], "y"),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, given, [made]) for kind, given, made in steps],
        "planted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *model.image.shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def dianna_rise(image, model, segment):
    """dianna's RISE, which draws its own smooth masks."""
    return _dianna("RISE", image, model, n_masks=CALLS, p_keep=0.5)


ALL = {
    "lime": lime,
    "shap Partition": shap_partition,
    "shap Kernel": shap_kernel,
    "captum Lime": captum_lime,
    "captum KernelShap": captum_kernel_shap,
    "dianna LIME": dianna_lime,
    "dianna KernelSHAP": dianna_kernel_shap,
    "dianna RISE": dianna_rise,
    "sightline.lime": lime_drop_in,
}
