"""How often a model is right: counted by hand, by scikit-learn and by Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn import metrics

from sightline import as_model
from sightline.data import ArrayDataset, ImageFormat, batches, open_folder, open_splits
from sightline.errors import ImageError, OptionError, SightlineWarning, TargetError
from sightline.evaluation.classification import Evaluation, evaluate
from support import xrays


def images_of_scores(scores):
    """Images that hold the scores a model is to give: shape (N, 1, L)."""
    scores = np.asarray(scores, dtype=np.float64)
    return scores[:, None, :] if scores.ndim == 2 else scores[:, None, None]


def told(images):
    """The scores that an image holds."""
    return images[:, 0, :]


def asked(scores, labels, **options):
    return evaluate(told, (images_of_scores(scores), np.asarray(labels)), **options)


# One sigmoid column


P = [0.1, 0.4, 0.5, 0.6, 0.9, 0.7, 0.2]
TRUE = [0, 0, 1, 1, 1, 0, 1]


def test_one_column_is_counted_as_by_hand():
    """At 0.5, exactly 0.5 is class 0: 2 of 4 found, 2 of 3 said rightly, 4 of 7 in all."""
    made = asked(P, TRUE)
    assert made.predicted.tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert made.confusion.tolist() == [[2, 1], [2, 2]]
    assert (made.accuracy, made.recall, made.precision) == (4 / 7, 2 / 4, 2 / 3)
    assert made.wrong.tolist() == [2, 5, 6]
    assert made.right.tolist() == [0, 1, 3, 4]
    assert made.scores[:, 1].tolist() == P
    assert made.threshold == 0.5


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.65, 1.0])
def test_the_threshold_moves_the_answer_and_nothing_else(threshold):
    made = asked(P, TRUE, threshold=threshold)
    assert made.predicted.tolist() == [int(p > threshold) for p in P]
    assert made.scores[:, 1].tolist() == P


def test_what_cannot_be_counted_is_nan_and_not_0():
    none_said = asked([0.1, 0.2], [0, 1])
    assert (none_said.recall, np.isnan(none_said.precision)) == (0.0, True)
    none_there = asked([0.1, 0.9], [0, 0])
    assert (np.isnan(none_there.recall), none_there.precision) == (True, 0.0)
    assert "precision  -" in repr(none_said)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 0.3125])
def test_keras_counts_the_same(threshold, rng):
    keras = pytest.importorskip("keras")
    labels = rng.integers(0, 2, 200)
    # Sixteenths, so that some lie at the threshold, exactly in float32 and in float64.
    p = (np.round(16 * (labels * 0.3 + rng.random(200) * 0.7)) / 16).astype(np.float32)
    assert (p == threshold).any()
    made = asked(p, labels, threshold=threshold)
    kinds = (keras.metrics.BinaryAccuracy, keras.metrics.Recall, keras.metrics.Precision)
    names = ("threshold", "thresholds", "thresholds")
    for kind, name, ours in zip(kinds, names, (made.accuracy, made.recall, made.precision), strict=True):
        metric = kind(**{name: threshold})
        metric.update_state(labels[:, None], p[:, None])
        assert ours == pytest.approx(float(metric.result()), abs=1e-6)


# Many classes


@pytest.mark.slow
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_scikit_learn_counts_the_same(classes, count, seed):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(classes), count)
    labels = rng.integers(0, classes, count)
    made = asked(scores, labels)
    predicted = scores.argmax(axis=1)
    every = list(range(classes))
    assert made.predicted.tolist() == predicted.tolist()
    assert made.accuracy == metrics.accuracy_score(labels, predicted)
    assert np.array_equal(made.confusion, metrics.confusion_matrix(labels, predicted, labels=every))
    for ours, theirs in (
        (made.recalls, metrics.recall_score),
        (made.precisions, metrics.precision_score),
    ):
        each = theirs(labels, predicted, labels=every, average=None, zero_division=np.nan)
        assert ours == pytest.approx(each, nan_ok=True)
    if classes > 2:
        assert made.recall == pytest.approx(np.nanmean(made.recalls))
        assert made.precision == pytest.approx(np.nanmean(made.precisions))
    else:
        assert made.recall == pytest.approx(made.recalls[1], nan_ok=True)


def test_the_report_is_that_of_scikit_learn():
    scores, labels = np.eye(3)[[0, 1, 1, 2]], [0, 1, 2, 2]
    made = asked(scores, labels, class_names=["ant", "bee", "cow"])
    expected = metrics.classification_report(
        labels, [0, 1, 1, 2], target_names=["ant", "bee", "cow"], digits=3, zero_division=np.nan
    )
    assert made.report() == expected
    assert "class 2" in asked(scores, labels).report()


def test_a_threshold_is_refused_where_the_highest_score_decides():
    three = np.full((2, 3), 1 / 3)
    with pytest.raises(OptionError, match=r"threshold=0\.3 is for .* of two, but the model has 3 classes"):
        asked(three, [0, 1], threshold=0.3)
    logits = np.array([[3.0, -1.0], [0.2, 4.0]])
    with pytest.raises(OptionError, match=r"its scores are no probabilities.*output=\"softmax\""):
        asked(logits, [0, 1], threshold=0.3)
    made = asked(logits, [0, 1])
    assert (made.predicted.tolist(), made.threshold) == ([0, 1], None)
    softmax = as_model(told, output="softmax")
    assert evaluate(softmax, (images_of_scores(logits), [0, 1]), threshold=0.99).predicted.tolist() == [0, 0]


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(OptionError, match="threshold must be a number from 0 to 1, but"):
        asked(P, TRUE, threshold=threshold)


# Classes and names


def test_labels_outside_of_the_classes_are_refused():
    with pytest.raises(
        TargetError, match=r"labels go up to 2, but there are only 2 classes, 0 to 1"
    ) as caught:
        asked(P, [0, 1, 2, 0, 1, 0, 0])
    assert caught.value.slug == "classes-unfit"


def test_labels_are_matched_by_name_where_both_have_names():
    data = ArrayDataset(images_of_scores(np.eye(3))[..., None], np.array([0, 1, 2]), ("cow", "ant", "bee"))
    made = evaluate(lambda x: told(x[..., 0]), data, class_names=["ant", "bee", "cow"])
    assert made.labels.tolist() == [2, 0, 1]
    assert made.class_names == ("ant", "bee", "cow")
    few = ArrayDataset(data.images[:2], np.array([0, 1]), ("cow", "ant"))
    assert evaluate(lambda x: told(x[..., 0]), few, class_names=["ant", "bee", "cow"]).labels.tolist() == [
        2,
        0,
    ]


def test_names_that_only_count_are_names_where_both_count():
    data = ArrayDataset(images_of_scores(np.eye(3))[..., None], np.array([0, 1, 2]), ("1", "0", "2"))
    made = evaluate(lambda x: told(x[..., 0]), data, class_names=["0", "1", "2"])
    assert made.labels.tolist() == [1, 0, 2]
    assert made.class_names == ("0", "1", "2")
    named = ArrayDataset(data.images, data.labels, ("cow", "ant", "bee"))
    made = evaluate(lambda x: told(x[..., 0]), named, class_names=["0", "1", "2"])
    assert (made.labels.tolist(), made.class_names) == ([0, 1, 2], ("cow", "ant", "bee"))


@pytest.mark.parametrize("names", [["well", "ill"], ["PNEUMONIA", "ill"]])
def test_names_of_which_the_data_know_none_or_some_are_refused(names):
    data = ArrayDataset(images_of_scores(np.eye(2))[..., None], np.array([0, 1]), ("NORMAL", "PNEUMONIA"))
    both = rf"2 classes \({names[0]}, ill\), but the data have 2 \(NORMAL, PNEUMONIA\), and which is which"
    with pytest.raises(TargetError, match=both):
        evaluate(lambda x: told(x[..., 0]), data, class_names=names)


def test_other_numbers_of_classes_are_refused():
    data = ArrayDataset(images_of_scores(np.eye(3))[..., None], np.array([0, 1, 2]), ("a", "b", "c"))
    with pytest.raises(TargetError, match=r"the model has 2 classes, but the data have 3 \(a, b, c\), and"):
        evaluate(lambda x: told(x[..., 0])[:, :2], data)


# What it says


def test_it_prints_a_small_table():
    assert repr(asked(P, TRUE, class_names=["well", "ill"])) == (
        "Evaluation of 7 images: class 1 (ill) where its score exceeds 0.5\n"
        "accuracy   0.571  (95 %: 0.250 to 0.842)\n"
        "AUC        0.667  (95 %: 0.265 to 0.913)\n"
        "guess      one column, taken for the probability of class 1 (output= overrules)\n"
        "recall     0.500  (95 %: 0.150 to 0.850)  of 4 ill\n"
        "precision  0.667  (95 %: 0.208 to 0.939)  of 3 said to be ill\n"
        "true \\ said  well  ill\n"
        "well            2    1\n"
        "ill             2    2"
    )


@pytest.mark.parametrize(("right", "of"), [(0, 5), (3, 7), (20, 20), (611, 624)])
def test_its_intervals_are_wilson_s(right, of):
    """The shares whose distance to the one seen is 1.96 of their own standard errors."""
    made = asked([[1, 0, 0]] * of, [0] * right + [1] * (of - right))
    line = repr(made).splitlines()[1]
    low, high = (float(word) for word in line.split("(95 %: ")[1].rstrip(")").split(" to "))
    for end in {low, high} - {0.0, 1.0}:
        assert abs(right / of - end) / np.sqrt(end * (1 - end) / of) == pytest.approx(1.96, abs=0.12)


def test_of_many_classes_it_prints_the_worst_confusions():
    labels = np.repeat(np.arange(12), 5)
    said = labels.copy()
    said[:3], said[7] = 11, 4
    text = repr(asked(np.eye(12)[said], labels))
    assert text.splitlines()[-2:] == ["3 × true class 0, said class 11", "1 × true class 1, said class 4"]


# Data and models


def test_batches_of_any_size_give_the_same():
    reference = asked(P, TRUE)
    for size in (1, 2, 100):
        made = asked(P, TRUE, batch_size=size)
        assert np.array_equal(made.scores, reference.scores)
    made = evaluate(told, batches((images_of_scores(P), TRUE), 3), progress=True)
    assert np.array_equal(made.scores, reference.scores)


def test_a_model_that_writes_into_its_input_does_not_change_the_data():
    def writes(images):
        scores = told(images).copy()
        images[:] = 0.9
        return scores

    images = images_of_scores(P)
    evaluate(writes, (images, TRUE))
    assert images.ravel().tolist() == P


def test_a_used_up_generator_is_told():
    with pytest.raises(ImageError, match="generator gave no images"):
        evaluate(told, (pair for pair in []))


def test_places_of_a_folder_are_kept_when_files_are_broken(tmp_path):
    for name in ("dark/1.png", "dark/2.png", "light/1.png", "light/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4), 255 if name in ("dark/2.png", "light/1.png", "light/2.png") else 0).save(
            tmp_path / name
        )
    (tmp_path / "dark" / "0.png").touch()
    found = open_folder(tmp_path, ImageFormat(values="unit"))
    with pytest.warns(SightlineWarning, match="1 of 5 files"):
        made = evaluate(lambda images: images.mean(axis=(1, 2)), batches(found, 2))
    assert made.indices.tolist() == [1, 2, 3, 4]
    assert [found.path(place).name for place in made.wrong] == ["2.png"]
    assert found.path(made.wrong[0]).parent.name == "dark"
    assert made.class_names == ("dark", "light")
    assert isinstance(made, Evaluation)


@pytest.mark.slow
def test_real_xrays_in_folders_and_a_real_classifier(shared_data, tmp_path):
    """A linear classifier of PneumoniaMNIST, fitted here: folders, arrays and scikit-learn agree."""
    from sklearn.linear_model import LogisticRegression

    parts = open_splits(
        xrays.write(shared_data / "pneumoniamnist.npz", tmp_path, 400, 200), ImageFormat(values="unit")
    )
    train, test = parts["train"].load(), parts["test"].load()
    model = LogisticRegression(max_iter=500).fit(train.images.reshape(len(train), -1), train.labels)
    expected = model.predict(test.images.reshape(len(test), -1))
    for data in (parts["test"], (test.images[..., 0], test.labels)):
        made = evaluate(model, data)
        assert made.accuracy == metrics.accuracy_score(test.labels, expected) > 0.75
        assert made.recall == metrics.recall_score(test.labels, expected)
        assert made.precision == metrics.precision_score(test.labels, expected)
        assert np.array_equal(made.wrong, np.flatnonzero(expected != test.labels))
    assert evaluate(model, parts["test"]).class_names == ("NORMAL", "PNEUMONIA")


def test_a_torch_module_is_evaluated_on_its_own_loader():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 3))
    images, labels = torch.rand(20, 3, 8, 8), torch.randint(0, 3, (20,))
    held = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=6)
    with torch.no_grad():
        expected = net(images).softmax(dim=1).numpy()
    made = evaluate(net, held)
    assert made.scores == pytest.approx(expected, abs=1e-6)
    assert made.labels.tolist() == labels.tolist()


@pytest.mark.slow
def test_a_keras_model_is_evaluated_as_keras_does_it(shared_data, tmp_path):
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    tree = xrays.write(shared_data / "pneumoniamnist.npz", tmp_path, 200, 100)
    read = keras.utils.image_dataset_from_directory
    train = open_folder(tree / "train").load()
    test = read(
        tree / "test",
        label_mode="binary",
        color_mode="grayscale",
        image_size=(28, 28),
        shuffle=False,
        verbose=0,
    )
    layers = [
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    kinds = ["accuracy", keras.metrics.Recall(), keras.metrics.Precision()]
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=kinds)
    model.fit(train.images, train.labels, epochs=10, verbose=0)
    _, *theirs = model.evaluate(test, verbose=0)
    for data in (test, open_folder(tree / "test")):
        made = evaluate(model, data)
        assert [made.accuracy, made.recall, made.precision] == pytest.approx(theirs, abs=1e-6)
        assert made.class_names == ("NORMAL", "PNEUMONIA")
        assert made.accuracy > 0.6


@pytest.mark.parametrize("kind", ["torch", "tensorflow"])
def test_places_in_a_shuffled_loader_are_said_to_be_of_that_one_pass(kind):
    images, labels = np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1) / 8, np.arange(8) % 2
    loaders = []
    if kind == "torch":
        torch = pytest.importorskip("torch")
        data = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
        loaders = [torch.utils.data.DataLoader(data, 4, shuffle=one) for one in (False, True)]
    else:
        tf = pytest.importorskip("tensorflow")
        data = tf.data.Dataset.from_tensor_slices((images, labels))
        loaders = [data.batch(4), data.shuffle(8).batch(4).prefetch(1)]
    plain, shuffled = (evaluate(lambda x: x.mean(axis=(1, 2, 3)), one) for one in loaders)
    assert (plain.shuffled, shuffled.shuffled) == (False, True)
    assert plain.wrong.tolist() == [1, 3, 6]
    assert "Evaluation of 8 images, in shuffled order" in repr(shuffled)
    with pytest.warns(SightlineWarning, match="not in the data set.*evaluate-order"):
        assert len(shuffled.wrong) == 3


def test_a_class_that_is_never_said_is_left_out_of_the_mean_precision_and_that_is_told():
    made = asked([[1, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 2, 1])
    assert made.precision == 0.75  # of 0.5 and 1; by scikit-learn's default 0.5
    assert "0.750  mean over the classes said (without 1 never said: zero_division=nan)" in repr(made)
    assert "never said" not in repr(asked([[1, 0, 0], [0, 0, 1], [0, 1, 0]], [0, 2, 1]))
