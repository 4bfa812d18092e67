"""A PyTorch module on a card: masks are sent, images are made there, and the numbers are the processor's."""

import copy

import numpy as np
import pytest

import sightline as sl
from sightline.adapters import as_model
from sightline.engine.perturbation import perturbed_batches

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")


@pytest.fixture
def module():
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, torch.nn.Linear(32, 4)).eval()


@pytest.fixture
def image(rng):
    return rng.random((32, 24, 3)).astype(np.float32)


def on_card(module):
    return copy.deepcopy(module).to("cuda")


@pytest.mark.parametrize("attribute", ["lime", "shapley", "grad-cam", "integrated-gradients"])
def test_values_are_those_of_the_processor(module, image, attribute):
    plan = sl.Plan(segment=sl.Grid(rows=4, columns=4), fill="blur", target=1, budget=200, attribute=attribute)
    here, there = (sl.explain(image, one, plan).attribution for one in (module, on_card(module)))
    assert there.values == pytest.approx(here.values, abs=1e-4 * np.abs(here.values).max())
    assert there.calls == here.calls


def test_images_made_on_the_card_are_the_host_s(module, image, rng):
    model, segments = as_model(on_card(module)), sl.Grid(rows=3, columns=3)(image)
    assert model.off_host
    keep, hidden = rng.random((11, 9)) < 0.5, image[::-1].copy()
    there = np.concatenate(list(model.score_masks(image, hidden, segments, keep, 4)))
    here = [model(batch.copy()) for batch in perturbed_batches(image, hidden, segments, keep, 4)]
    assert there == pytest.approx(np.concatenate(here), abs=1e-5)


def test_half_precision_says_nearly_the_same(module, image):
    plan = sl.Plan(segment=sl.Grid(rows=4, columns=4), fill="blur", target=1, budget=200)
    here, there = (sl.explain(image, one, plan) for one in (module, on_card(module).half()))
    assert there.scores.full == pytest.approx(here.scores.full, abs=2e-3)


def test_a_batch_is_as_large_as_the_card_has_room_for(module, image):
    model = as_model(on_card(module))
    size = model.suggested_batch_size(image)
    assert len(model(np.repeat(image[np.newaxis], size, axis=0))) == size <= 512


def test_a_preprocessing_of_tensors_runs_on_the_card(module, image):
    class Scaled(torch.nn.Module):
        def forward(self, images):
            assert images.device.type == "cuda"
            return images.float() / 255

    pixels = (image * 255).astype(np.uint8)
    made = sl.explain(pixels, on_card(module), preprocess=Scaled(), segment="grid", budget=60, target=0)
    told = sl.explain(pixels / np.float32(255), module, segment="grid", budget=60, target=0)
    assert made.scores.full == pytest.approx(told.scores.full, abs=1e-4)


def test_a_study_on_a_card_probes_its_memory_once(module, image, tmp_path, monkeypatch):
    model, asked = as_model(on_card(module)), []
    suggested = type(model.backend).suggested_batch_size
    monkeypatch.setattr(
        type(model.backend), "suggested_batch_size", lambda *given: asked.append(1) or suggested(*given)
    )
    images = np.stack([image] * 6)
    plan = sl.Plan(segment=sl.Grid(rows=3, columns=3), fill="colour", budget=40)
    study = sl.Study(tmp_path / "run", plan).run((images, np.zeros(6, dtype=int)), model)
    assert len(study) == 6
    assert len(asked) <= 2
