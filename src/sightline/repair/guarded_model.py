"""a model → the same, never shown a region; asked, or written into an ONNX file."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._optional import require
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.inputs import arrange_images
from sightline.adapters.outputs import scores_of
from sightline.engine.fills import Colour, Donors, draw_area
from sightline.engine.image import channels_last
from sightline.errors import FileError
from sightline.repair.region_swap import paste_region
from sightline.repair.repair_region import RepairRegion
from sightline.types import Backend, End, Fill

Image = Shaped[np.ndarray, "..."]


class GuardedModel(Backend):
    """A `Backend` whose images have the region hidden before anything else sees them.

    Parameters
    ----------
    model : CheckedModel
        Its output rule, class names and batch size hold on; its preprocessing comes after the guard.
    region : RepairRegion
    fill : Fill
    """

    def __init__(self, model: CheckedModel, region: RepairRegion, fill: Fill) -> None:
        self.model = model
        self.region = region
        self.fill = fill
        self.class_names = model.column_names
        self.class_labels = model.class_labels
        self.batch_size = model.batch_size
        self.output = model.backend.output

    def __repr__(self) -> str:
        return f"{self.model.backend!r} behind a guard of {self.region.name!r}"

    @property
    def output_end(self) -> End | None:
        """As the model's."""
        return self.model.backend.output_end

    @property
    def is_costly(self) -> bool:
        """As the model."""
        return self.model.is_costly

    def __call__(self, images: Any) -> Any:
        given = np.asarray(images)
        hidden = self.model.backend(self.model.apply_preprocess(self.hide_region(given)))
        if self.model.view.label is None:
            return hidden
        # The other labels see the region, which may be what they are about.
        whole = self.model.backend(self.model.apply_preprocess(given.copy()))
        (answers, _), (guarded, _) = (scores_of(one, given.shape, given.dtype) for one in (whole, hidden))
        column = self.model.view.column(answers.shape[1], self.model.column_names)
        answers[:, column] = guarded[:, column]
        return answers

    def hide_region(self, images: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "B ..."]:
        """The images with the region hidden: a new array."""
        return np.stack([self._hide_in_image(one) for one in images])

    def _hide_in_image(self, image: Image) -> Image:
        mask = self.region.mask(image.shape[:2], None, image)
        return paste_region(image, mask, draw_area(image, mask, self.fill)[0])


def guard_model(model: CheckedModel, region: RepairRegion, fill: Fill) -> CheckedModel:
    """The model behind a guard."""
    return CheckedModel(
        GuardedModel(model, region, fill),
        output=model.settled_output,
        class_names=model.column_names,
        batch_size=model.batch_size,
        view=model.view,
    )


def save_guarded_onnx(guarded: GuardedModel, path: Path, example: Image | None) -> None:
    """Write the graph of a guarded ONNX model, with the hidden pixels put in before its first node.

    Raises
    ------
    FileError
        If the model was not opened by its path, there is no example, or the fill is not always the same.
    """
    if guarded.region.regions.needs_image:
        raise unsavable_error(
            f"{guarded.region.name!r} is found in each image, which a graph cannot do",
            "Keep it with the folder of a repair, or guard a region that all images share.",
        )
    if guarded.model.view.label is not None:
        raise unsavable_error(
            "its guard hides the region from one label of several",
            "Keep the repair's folder, which holds it.",
        )
    onnx = require("onnx", extra="onnx")
    inner: Any = guarded.model.backend
    file = getattr(inner.session, "_model_path", None)
    if not file or example is None:
        raise unsavable_error(
            "the guard of an ONNX model goes into its file",
            "Open the model by its path, and give an image for its size: result.save(path, example=image).",
        )
    if not isinstance(guarded.fill, Colour | Donors):
        raise unsavable_error(
            f"the fill {guarded.fill!r} differs from image to image", "Guard with a Colour or Donors."
        )
    area = guarded.region.mask(example.shape[:2])
    image = draw_area(example, area, guarded.fill)[0].reshape(example.shape)
    mask = np.broadcast_to(area[..., np.newaxis], channels_last(example).shape).reshape(example.shape)
    shown, hidden = (
        np.ascontiguousarray(arrange_images(one[np.newaxis].astype(example.dtype), inner.input))
        for one in (image, mask)
    )
    made = onnx.load(file)
    old = made.graph.input[0].name
    for node in made.graph.node:
        node.input[:] = ["guarded" if name == old else name for name in node.input]
    made.graph.initializer.extend(
        [
            onnx.numpy_helper.from_array(hidden > 0, "guard_mask"),
            onnx.numpy_helper.from_array(shown, "guard_image"),
        ]
    )
    made.graph.node.insert(0, onnx.helper.make_node("Where", ["guard_mask", "guard_image", old], ["guarded"]))
    onnx.checker.check_model(made)
    onnx.save(made, path)


def unsavable_error(why: str, todo: str) -> FileError:
    """What to say of a model that no file can hold."""
    return FileError(f"this model cannot be put into a file: {why}. {todo}", slug="repair-keep")
