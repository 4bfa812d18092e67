"""What a module's outputs are, told by its end: probabilities, logits, or unknown and said so."""

import warnings

import numpy as np
import pytest

import sightline as sl
from sightline.errors import OptionError, SightlineWarning
from sightline.study import Study

torch = pytest.importorskip("torch")
LABELS = np.arange(40) % 2
IMAGES = (np.random.default_rng(0).random((40, 8, 8)) * 0.2 + 0.5 * LABELS[:, None, None]).astype(np.float32)


class Ending(torch.nn.Module):
    """Two linear maps that find bright images, and what is made of them."""

    def __init__(self, end, columns=1):
        super().__init__()
        self.one, self.other = torch.nn.Linear(64, columns), torch.nn.Linear(64, columns)
        self.end = end
        for layer in (self.one, self.other):
            signs = torch.tensor([1.0] if columns == 1 else [-1.0, 1.0])
            layer.weight.data = signs[:, None] * torch.full((columns, 64), 20 / 64)
            layer.bias.data = -7 * signs

    def forward(self, images):
        rows = images.flatten(1)
        return self.end(self.one(rows), self.other(rows))


PROBABLE = {
    "sigmoid": (lambda a, b: a.sigmoid(), 1),
    "clamped": (lambda a, b: a.sigmoid().clamp(1e-6, 1 - 1e-6), 1),
    "mean of two": (lambda a, b: (a.sigmoid() + b.sigmoid()) / 2, 1),
    "both columns": (lambda a, b: torch.cat([1 - a.sigmoid(), a.sigmoid()], 1), 1),
    "softmax": (lambda a, b: a.softmax(1), 2),
    "mean of softmaxes": (lambda a, b: torch.stack([a.softmax(1), b.softmax(1)]).mean(0), 2),
    "exponent": (lambda a, b: a.log_softmax(1).exp(), 2),
    "larger": (lambda a, b: torch.maximum(a.sigmoid(), b.sigmoid()), 1),
}


@pytest.mark.parametrize("end", PROBABLE)
def test_probabilities_are_not_squashed_again(end):
    how, columns = PROBABLE[end]
    net = Ending(how, columns).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error", SightlineWarning)
        made = sl.evaluate(net, (IMAGES, LABELS))
    assert made.accuracy == 1
    with torch.no_grad():
        own = net(torch.from_numpy(IMAGES)).numpy().astype(np.float64)
    assert np.allclose(made.scores[:, 1], own[:, -1], atol=1e-6)


@pytest.mark.parametrize(
    "how", [lambda a, b: a / 20, lambda a, b: (a + b) / 40, lambda a, b: torch.relu(a) / 20]
)
def test_logits_that_lie_within_0_to_1_are_logits(how):
    net, light = Ending(how).eval(), IMAGES[LABELS == 1]
    with torch.no_grad():
        own = net(torch.from_numpy(light)).numpy()
    assert 0 <= own.min() <= own.max() <= 1
    assert np.allclose(sl.as_model(net)(light)[:, 1:], 1 / (1 + np.exp(-own)))


@pytest.mark.parametrize(
    "how",
    [lambda a, b: a.sigmoid().detach(), lambda a, b: a.clamp(0, 1), lambda a, b: (a.tanh() + 1) / 2],
)
def test_where_the_end_cannot_be_seen_both_readings_are_named_once(how):
    model = sl.as_model(Ending(how))
    with pytest.warns(SightlineWarning, match=r'output="probability".*output="sigmoid"') as told:
        first = model(IMAGES)
    assert np.array_equal(model(IMAGES), first)  # without another word
    assert [warning.message.slug for warning in told] == ["model-output"]
    assert (first.argmax(axis=1) == LABELS).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", SightlineWarning)
        sl.as_model(Ending(how), output="probability")(IMAGES)


def test_what_the_outputs_are_is_kept_with_the_study(tmp_path):
    """Of images whose logits are all within 0 to 1, a model opened anew would say something else."""
    bright = np.r_[np.linspace(0, 0.3, 20), np.linspace(0.38, 0.5, 20)]
    images, labels = np.tile(bright[:, None, None], (1, 8, 8)), (bright > 0.35).astype(int)

    def logits(images):
        return 6 * (images.mean((1, 2)) - 0.35)

    plan = sl.Plan(segment="grid:rows=3,columns=4", budget=40, fill="colour:value=0")
    study = Study(tmp_path, plan).run((images, labels), logits, progress=False)
    assert (study.outcomes().accuracy, Study(tmp_path).manifest.output) == (1, "logit")
    again = Study(tmp_path).attach((images, labels), logits)
    assert np.allclose(again.model(images[20:]).sum(axis=1), 0)
    with pytest.raises(OptionError, match="was made with output='logit', but now output='probability'"):
        Study(tmp_path).run((images, labels), logits, output="probability")
