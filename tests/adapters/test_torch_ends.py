"""What a module's outputs are, told by its end: probabilities, logits, or unknown and said so."""

import warnings

import numpy as np
import pytest

import sightline as sl
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.torch.exported import ExportedModel
from sightline.errors import ModelError, OptionError, SightlineWarning
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


@pytest.mark.slow
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


LOGARITHMS = {
    "logsigmoid": (lambda a, b: torch.nn.functional.logsigmoid(a), 1),
    "module": (lambda a, b: torch.nn.LogSigmoid()(a).squeeze(1), 1),
    "log of a sigmoid": (lambda a, b: (a.sigmoid() + 1e-8).log(), 1),
    "softplus": (lambda a, b: -torch.nn.functional.softplus(-a), 1),
    "one of log_softmax": (lambda a, b: torch.log_softmax(torch.cat([-a, a], 1), 1)[:, 1:], 1),
    "independent": (lambda a, b: torch.nn.functional.logsigmoid(a), 2),
    "log_softmax": (lambda a, b: a.log_softmax(1), 2),
}


@pytest.mark.parametrize("end", LOGARITHMS)
@pytest.mark.parametrize("exported", [False, True])
def test_logarithms_of_probabilities_become_probabilities(end, exported, tmp_path):
    """The sigmoid of a logarithm is at most a half: of images of class 1 none was found."""
    how, columns = LOGARITHMS[end]
    net = Ending(how, columns).eval()
    with torch.no_grad():
        own = np.exp(net(torch.from_numpy(IMAGES)).numpy().astype(np.float64).reshape(len(IMAGES), -1))
    source: object = net
    if exported:
        given = (torch.zeros(2, 8, 8),)
        program = torch.export.export(net, given, dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
        source = CheckedModel(ExportedModel(program, "net.pt2"))
    model = sl.as_model(source)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SightlineWarning)
        made = sl.evaluate(model, (IMAGES, LABELS))
    assert made.accuracy == 1
    np.testing.assert_allclose(made.scores[:, 1], own[:, -1], atol=1e-6)
    odds = model.with_log_odds()(IMAGES)
    np.testing.assert_allclose(odds[:, 1], np.log(own[:, -1] / (1 - own[:, -1])), atol=1e-2)


@pytest.mark.parametrize("end", PROBABLE)
def test_exported_probabilities_are_not_squashed_again(end):
    how, columns = PROBABLE[end]
    net = Ending(how, columns).eval()
    batch = {0: torch.export.Dim("n", min=2)}
    program = torch.export.export(net, (torch.zeros(2, 8, 8),), dynamic_shapes=(batch,))
    made = sl.evaluate(CheckedModel(ExportedModel(program, "net.pt2")), (IMAGES, LABELS))
    with torch.no_grad():
        own = net(torch.from_numpy(IMAGES)).numpy().astype(np.float64)
    np.testing.assert_allclose(made.scores[:, 1], own[:, -1], atol=1e-6)


def test_output_says_that_columns_are_logarithms():
    """Of a function nothing can be seen, but several columns that add up to 1 leave no doubt."""
    share = np.clip(IMAGES.mean((1, 2)), 0.01, 0.99).astype(np.float64)
    single = sl.as_model(lambda images: np.log(share)[:, None], output="log-probability")
    np.testing.assert_allclose(single(IMAGES), np.stack([1 - share, share], axis=1))
    assert single.rule == "one column, the logarithm of a probability p of class 1: scores are [1 - p, p]"
    joint = sl.as_model(lambda images: np.log(np.stack([1 - share, share], axis=1)))
    np.testing.assert_allclose(joint(IMAGES), np.stack([1 - share, share], axis=1))
    kept = sl.as_model(lambda images: np.log(np.stack([1 - share, share], axis=1)), output="logit")
    np.testing.assert_allclose(kept(IMAGES)[:, 1], np.log(share))
    with pytest.raises(ModelError, match=r"logarithm|log-probability"):
        sl.as_model(lambda images: share[:, None], output="log-probability")(IMAGES)


def test_a_network_of_large_values_is_asked_whether_it_is_a_regressor():
    """The sigmoid of a price is 1, and so is that of every other: nothing would be left to explain."""
    with pytest.warns(SightlineWarning, match=r'output="logit", class_names=.*value') as told:
        sl.as_model(Ending(lambda a, b: a + 300))(IMAGES)
    assert [warning.message.slug for warning in told] == ["model-value"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", SightlineWarning)
        made = sl.as_model(Ending(lambda a, b: a + 300), output="logit", class_names=["value"])(IMAGES)
        sl.as_model(Ending(lambda a, b: a))(IMAGES)
    assert made[:, 1].min() > 290


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda a, b: a, "a logit of class 1, whose sigmoid is the score"),
        (lambda a, b: a.sigmoid(), ""),
        (lambda a, b: torch.cat([-a, a], 1), ""),
    ],
)
def test_what_a_single_column_was_taken_for_is_told(how, told):
    model = sl.as_model(Ending(how))
    model(IMAGES)
    assert model.guess == (told and f"one column, taken for {told} (output= overrules)")
    named = sl.as_model(Ending(how), class_names=["dark", "light"])
    named(IMAGES)
    assert named.guess == ""


def unit_images():
    return np.linspace(0, 1, 24)[:, None, None] * np.ones((1, 8, 8)), (np.arange(24) > 11).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("end", ["logits", "probabilities"])
def test_a_study_of_a_function_goes_on_with_its_network(columns, end, tmp_path):
    """Probabilities that a function returns are those that its network's logits stand for."""
    squash = (lambda a: a.sigmoid()) if columns == 1 else (lambda a: a.softmax(1))
    net = Ending(lambda a, b: a if end == "logits" else squash(a), columns).eval().double()
    logits = Ending(lambda a, b: a, columns).double()
    logits.load_state_dict(net.state_dict())

    def answer(images):
        with torch.no_grad():
            raw = logits(torch.as_tensor(np.asarray(images, np.float64)))
        return squash(raw).numpy()

    plan = sl.Plan(segment="grid:rows=2,columns=4", budget=30, fill="colour:value=0")
    study = Study(tmp_path / "s", plan).run(unit_images(), answer, progress=False)
    images = unit_images()[0]
    again = Study(study.path).attach(unit_images(), net).model(images)
    np.testing.assert_allclose(again[:, 1], answer(images)[:, -1], atol=1e-6)
    reopened = Study(study.path).attach(unit_images(), answer)
    assert reopened.model.with_log_odds()(images).shape == (24, 2)


@pytest.mark.slow
def test_a_study_keeps_and_prints_what_it_took_for_granted(tmp_path):
    images, labels = unit_images()
    data = sl.data.ArrayDataset(images[..., None], labels, ("dark", "light"))

    def share(images):
        return images.mean((1, 2, 3))

    plan = sl.Plan(segment="grid:rows=2,columns=4", budget=30, fill="colour:value=0")
    study = Study(tmp_path / "s", plan).run(data, share, progress=False)
    told = (
        "one column, taken for the probability of class 1 (output= overrules)",
        "the model names no classes, so they are taken in the data's order (class_names= overrules)",
    )
    for one in (study, Study(study.path)):
        assert one.manifest.guesses == told
        assert repr(one).endswith("\n  guess: " + "\n  guess: ".join(told))
    assert study.explanation(0).guesses == told
    named = Study(tmp_path / "t", plan).run(
        data, share, class_names=["dark", "light"], output="probability", progress=False
    )
    assert (named.manifest.guesses, "guess" in repr(named)) == ((), False)
    assert "\nguess      " + told[0] + "\nguess      " + told[1] in repr(sl.evaluate(share, data))
    made = sl.explain(images[20], lambda images: images.mean((1, 2)), plan)
    assert f"\n  guess: {told[0]}\n" in repr(made)
    assert sl.Explanation.load(made.save(tmp_path / "e.npz")).guesses == told[:1]


def other_ends():
    """Ends that give probabilities without a softmax in front, and how their outputs become them."""
    two, softplus = torch.tensor([[0.8, 0.2], [0.1, 0.9]]), torch.nn.functional.softplus
    normed = torch.nn.functional.normalize

    def shared(scores):
        return scores / scores.sum(1, keepdim=True)

    def geometric(a, b):
        return torch.stack([a.log_softmax(1), (b / 3).log_softmax(1)]).mean(0)

    def odds(a):
        return a.sigmoid() / (1 - a.sigmoid())

    def threshold(a):
        return torch.maximum((a.sum(1, keepdim=True) - 1) / 2, a.max(1, keepdim=True).values - 1)

    return {
        "noise": (lambda a, b: a.softmax(1) @ two, 2, "id"),
        "superclasses": (lambda a, b: torch.cat([a, b], 1).softmax(1) @ torch.eye(2).repeat(2, 1), 2, "id"),
        "experts": (
            lambda a, b: torch.bmm(b.softmax(1)[:, None], torch.stack([a, b], 1).softmax(2))[:, 0],
            2,
            "id",
        ),
        "evidence": (lambda a, b: shared(softplus(a) + 1), 2, "id"),
        "rectified": (lambda a, b: shared(a.relu() + 1), 2, "id"),
        "normalised": (lambda a, b: normed(a.relu() + 0.1, p=1, dim=1), 2, "id"),
        "sparsemax": (lambda a, b: torch.relu(a - threshold(a)), 2, "id"),
        "renormalised": (lambda a, b: shared(a.sigmoid()), 2, "id"),
        "logits": (lambda a, b: a, 2, "softmax"),
        "mean logarithm": (geometric, 2, "softmax"),
        "product of experts": (lambda a, b: a.log_softmax(1) + b.log_softmax(1), 2, "softmax"),
        "log of noise": (lambda a, b: (a.softmax(1) @ two).log(), 2, "softmax"),
        "difference": (lambda a, b: (a - 9).sigmoid().log() - (1 - (a - 9).sigmoid()).log(), 1, "sigmoid"),
        "log of odds": (lambda a, b: odds(a - 9).log(), 1, "sigmoid"),
        "logit": (lambda a, b: torch.logit((a - 9).sigmoid()), 1, "sigmoid"),
        "one superclass": (lambda a, b: torch.cat([a, b], 1).softmax(1) @ torch.eye(2)[:, 1:], 1, "asked"),
        "half precision": (lambda a, b: (a.softmax(1).bfloat16() @ two.bfloat16()).float(), 2, "id"),
        "logaddexp": (lambda a, b: -torch.logaddexp(torch.zeros(1), -a), 1, "exp"),
        "probit": (lambda a, b: torch.special.log_ndtr(a), 1, "exp"),
        "complement": (lambda a, b: torch.log1p(-a.sigmoid()), 1, "exp"),
    }


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize("end", other_ends())
def test_other_ends_are_read_as_what_they_are(end, exported):
    how, columns, kind = other_ends()[end]
    net = Ending(how, columns).eval()
    with torch.no_grad():
        own = net(torch.from_numpy(IMAGES)).numpy().astype(np.float64)
    powers = {"softmax": np.exp(own), "exp": np.exp(own), "sigmoid": 1 / (1 + np.exp(-own))}.get(kind, own)
    wanted = (powers / powers.sum(1, keepdims=True) if columns > 1 else powers)[:, -1]
    source: object = net
    if exported:
        given = (torch.zeros(2, 8, 8),)
        program = torch.export.export(net, given, dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
        source = CheckedModel(ExportedModel(program, "net.pt2"))
    model = sl.as_model(source)
    near = 5e-3 if end == "half precision" else 1e-5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if kind == "asked" else "error", SightlineWarning)
        np.testing.assert_allclose(model(IMAGES)[:, 1], wanted, atol=near)
    if end in ("noise", "superclasses", "evidence", "rectified", "sparsemax"):
        assert model.guess.startswith("columns that add up to 1, taken for probabilities")
    assert ("mixed logarithms" in model.guess) == (end == "mean logarithm")
    odds = model.with_log_odds()(IMAGES[:4])
    np.testing.assert_allclose(1 / (1 + np.exp(-odds[:, 1])), wanted[:4], atol=near)


def test_what_added_up_to_1_has_to_go_on():
    """Logits that happen to do so at first are found out, and output= says what they are."""

    def logits(a, b):
        return torch.cat([0 * a + 0.25, 0.75 + (a > 0) * (a + 9)], 1)

    dark, light = IMAGES[LABELS == 0], IMAGES[LABELS == 1]
    net = Ending(lambda a, b: torch.relu(logits(a, b)), 1).eval()
    model = sl.as_model(net)
    model(dark)
    assert "add up to 1" in model.guess
    with pytest.raises(ModelError, match=r'rows that add up to .*output="logit", "softmax"') as told:
        model(light)
    assert told.value.slug == "model-range"
    said = sl.as_model(net, output="softmax")
    assert (said(dark)[0, 1] - 1 / (1 + np.exp(-0.5)), said.guess) == (pytest.approx(0, abs=1e-6), "")


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize(
    ("how", "columns", "kind"),
    [
        (lambda a, b: 100 * a.softmax(1), 2, "made of probabilities"),
        (lambda a, b: a.softmax(1) + b.softmax(1), 2, "made of probabilities"),
        (lambda a, b: a.sigmoid() * 10, 1, "made of probabilities"),
        (lambda a, b: a.sigmoid() / (1 - a.sigmoid()), 1, "a ratio of probabilities"),
    ],
)
def test_percentages_sums_and_odds_are_refused(how, columns, kind, exported):
    """Their softmax would be 0 and 1."""
    source: object = Ending(how, columns).eval()
    if exported:
        given = (torch.zeros(2, 8, 8),)
        program = torch.export.export(source, given, dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
        source = CheckedModel(ExportedModel(program, "net.pt2"))
    with pytest.raises(ModelError, match=f"{kind}.*by 100.*output=") as told:
        sl.as_model(source)(IMAGES)
    assert told.value.slug == "model-range"


def test_odds_within_0_to_1_are_asked_about():
    with pytest.warns(SightlineWarning, match=r"they are a ratio, a share or odds"):
        sl.as_model(Ending(lambda a, b: (a - 9).sigmoid() / (1 - (a - 9).sigmoid())))(IMAGES)


@pytest.mark.slow
def test_a_guess_about_several_columns_is_kept_with_the_study(tmp_path):
    noise = torch.tensor([[0.8, 0.2], [0.1, 0.9]], dtype=torch.float64)
    net = Ending(lambda a, b: a.softmax(1) @ noise, 2).eval().double()
    plan = sl.Plan(segment="grid:rows=2,columns=4", budget=30, fill="colour:value=0")
    study = Study(tmp_path / "s", plan).run(unit_images(), net, progress=False)
    assert study.manifest.output == "probability"
    assert study.manifest.guesses[0].startswith("columns that add up to 1")
    images = unit_images()[0]
    with torch.no_grad():
        own = net(torch.from_numpy(images)).numpy()
    again = Study(study.path).attach(unit_images(), net)
    np.testing.assert_allclose(again.model(images), own, atol=1e-6)
