"""Which class is meant: by name, by label or by column, whatever model and data say of themselves."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import make_blobs
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

import sightline as sl
from sightline._class_names import (
    class_columns,
    columns_by_name,
    order_of_names,
    ordered_names,
    swapped_classes,
    warn_if_permuted,
)
from sightline.adapters import as_model
from sightline.adapters.sklearn import SklearnModel
from sightline.data import ArrayDataset, as_dataset, batches, open_folder
from sightline.data.datasets import ConcatDataset, Dataset, MapDataset, Subset
from sightline.errors import ModelError, OptionError, SightlineWarning, TargetError
from sightline.evaluation.faithfulness import stability
from sightline.study import Study


def images_of(labels, classes, seed=0):
    """Noise, and a bright row that tells the class."""
    x = np.random.default_rng(seed).random((len(labels), 12, 12)) * 0.3
    x[np.arange(len(labels)), np.asarray(labels)] += 0.6
    assert classes <= 12
    return x


def rows_of(x):
    return x.reshape(len(x), -1)


def study_accuracy(folder, data, model, **options):
    return Study(folder, PLAN).run(data, model, progress=False, **options).outcomes().accuracy


QUICK = {"segment": "grid:rows=3,columns=4", "budget": 40, "fill": "colour:value=0"}
PLAN = sl.Plan(**QUICK)
Y = np.arange(24) % 6
GAPS = np.array([0, 2, 5])[np.arange(24) % 3]


@pytest.mark.parametrize(
    "estimator",
    [
        SVC(decision_function_shape="ovo"),
        make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo", kernel="linear")),
        GridSearchCV(SVC(decision_function_shape="ovo"), {"C": [1.0, 10.0]}, cv=2),
        SVC(),
        OneVsOneClassifier(LinearSVC()),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=["svc", "pipeline", "search", "one-vs-rest svc", "one-vs-one", "one-vs-rest"],
)
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_decisions_between_pairs_are_counted_for_their_classes(estimator, classes):
    """Three classes have three pairs: the number of columns does not tell."""
    labels = np.arange(48) % classes
    x = images_of(labels, classes)
    model = estimator.fit(rows_of(x), labels)
    assert model.score(rows_of(x), labels) == 1
    made = sl.evaluate(model, (x, labels))
    assert (made.accuracy, made.scores.shape[1]) == (1, classes)
    asked = as_model(model)
    assert np.array_equal(asked(x).argmax(axis=1), model.predict(rows_of(x)))


def test_votes_are_those_of_scikit_learn():
    x, y = make_blobs(200, 4, centers=5, cluster_std=4, random_state=0)
    pairs = SVC(decision_function_shape="ovo").fit(x, y)
    rest = SVC(decision_function_shape="ovr").fit(x, y)
    assert np.allclose(SklearnModel(pairs)(x), rest.decision_function(x))


def folders(path, names, x, labels):
    for place, label in enumerate(labels):
        (path / names[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[place] * 255).astype(np.uint8)).save(path / names[label] / f"{place}.png")
    return open_folder(path)


def six_names(labels):
    return ArrayDataset(images_of(labels, 6), labels, tuple("abcdef"))


def fitted_on(labels, values, model=None):
    return (model or LogisticRegression(max_iter=500)).fit(rows_of(images_of(labels, 6)), values)


FITTED_ON_NAMES = fitted_on(Y, np.array(list("fedcba"))[Y])
CASES = {
    "gaps": (fitted_on(GAPS, GAPS), (images_of(GAPS, 6), GAPS)),
    "gaps, floats": (fitted_on(GAPS, GAPS.astype(float)), (images_of(GAPS, 6), GAPS)),
    "gaps, as text": (fitted_on(GAPS, GAPS.astype(str)), (images_of(GAPS, 6), GAPS)),
    "gaps, labels as text": (fitted_on(GAPS, GAPS), (images_of(GAPS, 6), GAPS.astype(str))),
    "gaps, six names": (fitted_on(GAPS, GAPS), six_names(GAPS)),
    "from one": (fitted_on(GAPS, GAPS + 1), (images_of(GAPS, 6), GAPS + 1)),
    "truth values": (fitted_on(Y % 2, Y % 2 == 1), (images_of(Y % 2, 6), Y % 2 == 1)),
    "a column of floats": (fitted_on(Y % 2, Y % 2 == 1), (images_of(Y % 2, 6), (Y % 2 * 1.0)[:, None])),
    "a class is missing": (fitted_on(Y, Y), (images_of(Y[Y > 0], 6), Y[Y > 0])),
    "names": (FITTED_ON_NAMES, (images_of(Y, 6), np.array(list("fedcba"))[Y])),
    "names, of other data": (
        fitted_on(Y, np.array(list("fedcba"))[Y]),
        ArrayDataset(images_of(Y, 6), Y, tuple("fedcba")),
    ),
    "a named class is missing": (
        FITTED_ON_NAMES,
        (images_of(Y[Y > 0], 6), np.array(list("fedcba"))[Y[Y > 0]]),
    ),
    "encoded": (
        fitted_on(Y, 5 - Y),
        (images_of(Y, 6), LabelEncoder().fit_transform(np.array(list("fedcba"))[Y])),
    ),
    "pandas": (fitted_on(GAPS, GAPS), (images_of(GAPS, 6), pd.Series(GAPS, index=range(100, 124)))),
    "pandas, text": (
        fitted_on(GAPS, np.array(list("cxbxxa"))[GAPS]),
        (images_of(GAPS, 6), pd.Series(np.array(list("cxbxxa"))[GAPS]).astype("category")),
    ),
    "rows": (
        fitted_on(GAPS, GAPS),
        [{"image": a, "label": int(b)} for a, b in zip(images_of(GAPS, 6), GAPS, strict=True)],
    ),
    "rows of names": (
        fitted_on(GAPS, np.array(list("cxbxxa"))[GAPS]),
        [(a, "cxbxxa"[b]) for a, b in zip(images_of(GAPS, 6), GAPS, strict=True)],
    ),
    "one-hot": (fitted_on(Y, Y), (images_of(Y, 6), np.eye(6)[Y])),
}


@pytest.mark.parametrize("case", CASES)
def test_labels_mean_the_class_that_the_model_was_fitted_on(case):
    assert sl.evaluate(*CASES[case]).accuracy == 1


QUICKLY = ("gaps", "gaps, six names", "names")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [case if case in QUICKLY else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_labels_mean_the_same_in_a_study(case, tmp_path):
    model, data = CASES[case]
    assert study_accuracy(tmp_path, data, model) == 1


def test_named_items_that_come_one_by_one_are_matched():
    model, rows = CASES["rows of names"]
    made = sl.evaluate(model, (row for row in rows))
    assert (made.accuracy, made.class_names) == (1, ("a", "b", "c"))


MONTHS = np.repeat(np.arange(12), 3)


@pytest.mark.parametrize("names", [None, [str(k) for k in range(12)], {k: f"{k:02d}" for k in range(12)}])
def test_folders_that_count_are_matched_by_number_and_not_in_the_order_of_text(names, tmp_path):
    x = images_of(MONTHS, 12)
    model = LogisticRegression(max_iter=500).fit(rows_of(x) * 255, MONTHS)
    data = folders(tmp_path / "f", [str(k) for k in range(12)], x, MONTHS)
    assert data.class_names[2] == "10"
    assert sl.evaluate(model, data, class_names=names).accuracy == 1
    if names is not None:
        return
    assert study_accuracy(tmp_path / "s", data, model, class_names=names) == 1
    assert Study(tmp_path / "s").attach(data, model).outcomes().accuracy == 1


def light(x):
    bright = (x.mean((1, 2)) > 0.5).astype(float)
    return np.stack([bright, 1 - bright], axis=1)


X = np.random.default_rng(0).random((40, 1, 1)) * np.ones((40, 8, 8))
LIGHT = (X.mean((1, 2)) > 0.5).astype(int)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (["PNEUMONIA", "NORMAL"], ("normal", "pneumonia")),
        (["Left Eye", "right-eye"], ("right_eye", "left eye")),
        ({"light": 0, "dark": 1}, ("dark", "light")),
        ({0: "light", 1: "dark"}, ("dark", "light")),
        ({"0": "light", "1": "dark"}, ("dark", "light")),
        ({"light": 0, "dark": 1}.keys(), ("dark", "light")),
        (np.array(["light", "dark"]), ("dark", "light")),
        (pd.Index(["light", "dark"]), ("Dark", "Light")),
    ],
)
def test_names_are_matched_whatever_their_spelling_and_form(model, data):
    assert sl.evaluate(light, ArrayDataset(X, LIGHT, data), class_names=model).accuracy == 1
    assert sl.evaluate(light, (X, np.array(data)[LIGHT]), class_names=model).accuracy == 1


@pytest.mark.slow
def test_a_mapping_given_to_a_model_that_is_named_by_text_keeps_its_order(tmp_path, monkeypatch):
    (tmp_path / "lights_of_names.py").write_text(
        "import numpy as np\ndef f(x):\n    a = x.mean((1, 2))\n    return np.stack([1 - a, a], 1)\n"
    )
    monkeypatch.chdir(tmp_path)
    data = ArrayDataset(X, LIGHT, ("dark", "light"))
    given = {"light": 1, "dark": 0}
    assert study_accuracy(tmp_path / "s", data, "lights_of_names:f", class_names=given) == 1
    assert Study(tmp_path / "s").class_names == ("dark", "light")


def test_names_without_an_order_and_names_that_are_none_are_refused():
    for given in ({"cat", "dog"}, frozenset({"cat"}), "cat", [], {"cat": 1, "dog": 2}, {0: "a", 2: "b"}):
        with pytest.raises(OptionError) as caught:
            as_model(light, class_names=given)
        assert caught.value.slug == "class-names"
    assert ordered_names({0: "a", 2: "b"}, labels=(0, 2)) == ("a", "b")
    model, data = CASES["gaps"]
    named = sl.evaluate(model, data, class_names={5: "eel", 0: "ant", 2: "cow"})
    assert (named.accuracy, named.class_names) == (1, ("ant", "cow", "eel"))


def test_two_classes_of_one_name_are_refused_where_they_would_be_merged(tmp_path):
    with pytest.raises(TargetError, match=r"two classes have the same name, 'cat' \(numbers 0, 1\)"):
        sl.evaluate(light, (X, LIGHT), class_names=["cat", "cat"])
    with pytest.raises(TargetError, match="same name"):
        sl.evaluate(light, ArrayDataset(X, LIGHT, ("cat", "cat")))
    with pytest.raises(TargetError, match="same name"):
        study_accuracy(tmp_path / "s", (X, LIGHT), light, class_names=["cat", "cat"])
    twins = {"class_names": ["crane", "crane"], **QUICK}
    assert sl.explain(X[0], light, **twins).targets in ((0,), (1,))
    with pytest.raises(TargetError, match="2 classes are named 'crane': ask for one by its number, 0 or 1"):
        sl.explain(X[0], light, target="crane", **twins)


def test_one_name_is_that_of_class_1_of_a_single_column_only():
    def single(x):
        return 1 - x.mean((1, 2))

    data = ArrayDataset(X, LIGHT, ("dark", "light"))
    assert sl.evaluate(single, data, class_names=["dark"]).accuracy == 1
    with pytest.raises(ModelError, match=r"one class name was given, 'light', but the model returned 2 col"):
        sl.evaluate(light, data, class_names=["light"])
    with pytest.raises(ModelError, match="one class name"):
        as_model(as_model(light, class_names=["light"]), batch_size=4)(X)


@pytest.mark.parametrize(
    ("model", "names", "data"),
    [
        (light, ["well", "ill"], ArrayDataset(X, LIGHT, ("dark", "light"))),
        (light, ["dark", "ill"], ArrayDataset(X, LIGHT, ("dark", "light"))),
        (light, None, ArrayDataset(X, LIGHT, ("a", "b", "c"))),
        (light, None, (X, LIGHT + 1)),
        (CASES["from one"][0], None, (images_of(GAPS, 6), GAPS)),
        (CASES["from one"][0], None, six_names(GAPS)),
        (CASES["gaps"][0], None, ArrayDataset(images_of(GAPS, 6), GAPS % 2, ("a", "b"))),
    ],
)
def test_what_cannot_be_matched_is_refused(model, names, data, tmp_path):
    with pytest.raises(TargetError) as caught:
        sl.evaluate(model, data, class_names=names)
    assert caught.value.slug == "classes-unfit"
    with pytest.raises(TargetError):
        Study(tmp_path / "s", PLAN).run(data, model, class_names=names)


# Targets

FROM_ONE = CASES["from one"][0]  # its classes are 1, 3 and 6


@pytest.mark.parametrize(
    ("target", "columns"),
    [
        (1, (0,)),
        (6, (2,)),
        ("3", (1,)),
        ([6, 1], (2, 0)),
        (sl.Contrast(6, 1), (sl.Contrast(2, 0),)),
        ("6:1", (sl.Contrast(2, 0),)),
        (sl.Classes(3), (1,)),
        (np.int64(3), (1,)),
    ],
)
def test_a_target_is_the_class_that_labels_call_so(target, columns):
    image = images_of([0], 6)[0]
    made = sl.explain(image, FROM_ONE, target=target, **QUICK)
    assert made.targets == columns
    assert made.name(made.targets[0]).split()[0] == str([1, 3, 6][getattr(columns[0], "a", columns[0])])
    planned = sl.Plan(target=target, **QUICK)
    assert sl.explain(image, FROM_ONE, planned).targets == columns
    assert sl.explain(image, FROM_ONE, made.plan).targets == columns
    both = sl.compare(image, FROM_ONE, ["lime", "occlusion"], target=target, measured=False, **QUICK)
    assert {one.targets for one in both} == {columns}
    assert stability(made, FROM_ONE, seeds=1).value >= 0


def test_a_target_that_no_label_calls_so_is_refused_with_those_there_are(tmp_path):
    for target in (0, 2, "0", sl.Contrast(1, 2)):
        with pytest.raises(TargetError, match="It was fitted on the labels 1, 3, 6") as caught:
            sl.explain(images_of([0], 6)[0], FROM_ONE, target=target, **QUICK)
        assert caught.value.slug == "target-unknown"
    with pytest.raises(TargetError, match="labels 1, 3, 6"):
        Study(tmp_path, sl.Plan(target=2, **QUICK)).run((images_of(GAPS, 6), GAPS + 1), FROM_ONE)


def test_targets_are_named_wherever_they_are_numbered(tmp_path):
    model = as_model(light, class_names=["light", "Dark"])
    for target in ("dark", sl.Contrast("dark", "light"), ["Dark", 0], "dark:LIGHT", sl.Classes("dark")):
        assert str(sl.explain(X[0], model, sl.Plan(target=target, **QUICK)).targets) in (
            "(1,)",
            "(1, 0)",
            "(Contrast(a=1, b=0),)",
        )
    made = sl.explain(X[0], model, target="dark", **QUICK)
    again = sl.Explanation.load(made.save(tmp_path / "e.npz"))
    assert (again.targets, again.plan) == ((1,), made.plan)
    study = Study(tmp_path / "s", sl.Plan(target="dark", **QUICK)).run((X[:6], 1 - LIGHT[:6]), model)
    assert all(1 in row.targets for row in study.rows())
    with pytest.raises(TargetError, match=r"there is no class 'darc'\. Did you mean 'Dark'"):
        sl.explain(X[0], model, target="darc", **QUICK)


def test_names_that_come_with_the_answers_name_targets_and_labels():
    def answers(x):
        return [{"5": float(m), "2": float(1 - m)} for m in x.mean((1, 2))]

    assert sl.explain(X[0], answers, target="2", **QUICK).targets == (1,)
    assert sl.explain(X[0], answers, target=5, **QUICK).targets == (0,)
    assert sl.evaluate(answers, (X, np.where(LIGHT, 5, 2))).accuracy == 1


# Regressors


@pytest.mark.parametrize("source", ["estimator", "predict", "pipeline"])
def test_a_regressor_is_no_classifier_of_class_1(source):
    age = 40 + 10 * X.mean((1, 2))
    fitted = Ridge().fit(rows_of(X), age)
    given = {
        "estimator": fitted,
        "predict": fitted.predict,
        "pipeline": make_pipeline(StandardScaler(), LinearRegression()).fit(rows_of(X), age),
    }[source]
    with pytest.raises(ModelError, match="is a regressor: it answers with a value") as caught:
        as_model(given)
    assert caught.value.slug == "model-regressor"
    rows = rows_of(X) if source == "predict" else X
    value = as_model(given, output="logit", class_names=["age"])(rows)[:, 1]
    assert np.allclose(value, age, atol=1)


def test_a_bound_method_of_a_pipeline_takes_images():
    model, (x, y) = CASES["names"]
    whole = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows_of(x), y)
    assert sl.evaluate(whole.predict_proba, (x, y)).accuracy == 1
    assert sl.evaluate(model.decision_function, (x, y)).accuracy == 1
    assert as_model(whole.predict_proba).class_names == tuple("abcdef")


# Classes in another order


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("skill", [0.0, 0.3, 0.5, 0.8])
def test_weak_models_do_not_seem_to_have_their_classes_in_another_order(classes, skill):
    """Chance, a bias to one class, and half right: of 200 models none."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        count = int(rng.choice([12, 30, 100]))
        weight = rng.dirichlet(np.ones(classes) * rng.choice([0.3, 3]))
        truth = rng.choice(classes, count, p=rng.dirichlet(np.ones(classes)))
        said = np.where(rng.random(count) < skill, truth, rng.choice(classes, count, p=weight))
        assert swapped_classes(truth, said) == {}, (seed, count)


@pytest.mark.parametrize("skill", [0.85, 1.0])
def test_classes_in_another_order_are_told(skill, tmp_path):
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 6
    order = np.array([0, 1, 3, 2, 5, 4])
    said = np.where(rng.random(60) < skill, order[truth], rng.integers(0, 6, 60))
    assert swapped_classes(truth, said) == {2: 3, 3: 2, 4: 5, 5: 4}
    with pytest.warns(SightlineWarning, match=r"if it had its classes in another order: it says d for c, c"):
        warn_if_permuted(truth, said, tuple("abcdef"))
    if skill == 1:
        with pytest.warns(SightlineWarning, match=r"right on 0\.0% of 40 images, and would be on 100\.0%"):
            assert sl.evaluate(light, (X, LIGHT)).accuracy == 0
        with pytest.warns(SightlineWarning, match="classes-swapped"):
            Study(tmp_path / "s", PLAN).run((X, LIGHT), light)


def test_a_test_set_of_one_class_or_a_constant_answer_tells_nothing_of_an_order():
    zeros, ones = np.zeros(50, int), np.ones(50, int)
    both = np.r_[zeros, ones]
    weak = np.where(np.arange(both.size) % 20 < 13, 1 - both, both)  # right on 35 %, and 65 % the other way
    assert swapped_classes(np.tile(both, 6), np.tile(weak, 6)) == {0: 1, 1: 0}
    assert swapped_classes(zeros, ones) == {}
    assert swapped_classes(np.r_[zeros, ones[:2]], np.r_[ones, ones[:2]]) == {}
    assert swapped_classes(np.zeros(0, int), np.zeros(0, int)) == {}


# Data sets


def test_class_names_for_data_that_have_their_own_reorder_them(tmp_path):
    x = images_of(GAPS // 2, 6)
    data = folders(tmp_path, ["ant", "bee", "cow"], x, GAPS // 2)
    turned = ("cow", "Ant", "bee")
    items = MapDataset(
        [(image, int(label)) for image, label in zip(x, GAPS // 2, strict=True)], data.class_names
    )
    for one in (
        data,
        ArrayDataset(x, GAPS // 2, data.class_names),
        items,
        Subset(items, np.arange(len(items))),
    ):
        made = as_dataset(one, class_names=turned)
        assert made.class_names == turned
        assert [turned[k].lower() for k in made.labels] == [data.class_names[k] for k in one.labels]
        assert made[3][1] == made.labels[3]
        found = batches(one, class_names=turned)
        assert np.concatenate([labels for _, labels in found]).tolist() == made.labels.tolist()
    with pytest.raises(OptionError, match="the data have the classes ant, bee, cow, but class_names= names"):
        as_dataset(data, class_names=("x", "y", "z"))
    bare = MapDataset([(x[0], 0), (x[1], 1)], None)
    assert as_dataset(bare, class_names=("a", "b")).class_names == ("a", "b")


class Bare(Dataset):
    """A data set that says nothing but its items."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], int(LIGHT[index])


def test_a_data_set_of_ones_own_needs_its_items_only():
    bare = Bare()
    assert (bare.class_names, bare.labels.tolist()) == (None, LIGHT.tolist())
    assert sl.evaluate(lambda x: x.mean((1, 2)), bare).accuracy == 1


def test_joined_and_mapped_data_sets_have_parts():
    items = MapDataset([(image, int(label)) for image, label in zip(X, LIGHT, strict=True)], None)
    for data in (items, ConcatDataset((items, items))):
        some = data[2:5]
        assert len(some) == 3
        assert [label for _, label in some] == LIGHT[2:5].tolist()
        assert [label for _, label in data[np.array([4, 0])]] == LIGHT[[4, 0]].tolist()


def test_names_of_several_kinds_are_matched_by_hand():
    assert columns_by_name(["A b", "a_B"], ("x", "ab")) == [-1, -1]
    table, names = class_columns(3, as_model(CASES["gaps"][0]), None, np.array([5]))
    assert (table.tolist(), names) == ([0, -1, 1, -1, -1, 2], ("0", "2", "5"))


def test_an_ordinary_evaluation_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in ("gaps", "names", "truth values"):
            sl.evaluate(*CASES[case])
        sl.evaluate(lambda x: x.mean((1, 2)), (X, LIGHT))


def test_some_classes_by_name_and_the_others_by_place_is_refused():
    labels = np.arange(24) % 3
    model = LogisticRegression(max_iter=500).fit(rows_of(images_of(labels, 3)), labels)
    data = ArrayDataset(images_of(labels, 3), labels, ("1", "2", "3"))
    with pytest.raises(TargetError, match="3"):
        sl.evaluate(model, data)


@pytest.mark.parametrize("names", [{}, []])
def test_no_names_are_refused(names):
    with pytest.raises(OptionError, match="class_names"):
        sl.evaluate(lambda images: images.mean(axis=(1, 2)), (images_of(Y, 6), Y % 2), class_names=names)


def brightness(images):
    return images.mean(axis=(1, 2))


def ranked(images):
    """As `lambda images: pipe(images, top_k=None)` answers."""
    both = [{"zebra": float(one), "apple": float(1 - one)} for one in brightness(images)]
    return [
        [{"label": name, "score": score} for name, score in sorted(row.items(), key=lambda pair: -pair[1])]
        for row in both
    ]


def dict_rows(images):
    return [{"apple": float(1 - one), "zebra": float(one)} for one in brightness(images)]


def frames(images):
    return pd.DataFrame({"apple": 1 - brightness(images), "zebra": brightness(images)})


@pytest.mark.parametrize("answers", [ranked, dict_rows, frames])
def test_names_in_another_order_than_the_answers_have_them_move_the_columns(answers):
    images = np.array([np.full((6, 6), 0.9), np.full((6, 6), 0.2)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in (["zebra", "apple"], ["apple", "zebra"], {"Zebra": 0, "Apple": 1}):
            asked = as_model(answers, class_names=names)
            scores = asked(images)
            called = [name.lower() for name in asked.class_names]
            assert called == [name.lower() for name in names]
            assert np.allclose(scores[:, called.index("zebra")], [0.9, 0.2])
            assert asked.guess == ""
        # Labels that are numbers mean the given order.
        made = sl.evaluate(answers, (images, [0, 1]), class_names=["zebra", "apple"])
        assert (made.accuracy, made.class_names) == (1.0, ("zebra", "apple"))
    told = sl.explain(images[0], answers, **QUICK, class_names=["zebra", "apple"])
    assert "Explanation of zebra (score 0.9" in str(told)


def test_other_names_than_the_answers_have_are_a_guess_that_is_printed():
    images = np.full((1, 6, 6), 0.9)
    named = as_model(dict_rows, class_names=["Apfel", "Gnu"])
    assert np.allclose(named(images), [[0.1, 0.9]])
    assert named.class_names == ("Apfel", "Gnu")
    assert "calls its columns apple, zebra, and class_names= were taken for these" in named.guess
    told = str(sl.explain(images[0], dict_rows, **QUICK, class_names=["Apfel", "Gnu"]))
    assert "calls its columns apple, zebra" in told
    numbered = as_model(
        lambda images: [{"LABEL_0": 1 - one, "LABEL_1": one} for one in brightness(images)],
        class_names=["apple", "zebra"],
    )
    assert np.allclose(numbered(images), [[0.1, 0.9]])
    assert numbered.guess == ""


def test_names_of_which_some_are_of_other_columns_are_refused():
    with pytest.raises(OptionError, match="calls column 0 'zebra', but that is the model's own name of"):
        as_model(dict_rows, class_names=["zebra", "gnu"])(np.ones((1, 6, 6)))
    with pytest.raises(OptionError, match="own name of column 0: its columns are no, yes"):
        as_model(named_estimator(np.array(["no", "yes"])), class_names=["no"])
    assert order_of_names(("normal", "pneumonia"), ("healthy", "pneumonia")) is None
    assert order_of_names(("1", "2", "3"), ("0", "1", "2")) is None
    assert order_of_names(("crane", "crane"), ("crane", "crane")) == (0, 1)


def named_estimator(names):
    x = np.random.default_rng(0).random((40, 6, 6))
    bright = (brightness(x) > np.median(brightness(x))).astype(int)
    return LogisticRegression(C=100).fit(rows_of(x), names[bright])


class Indexed(torch.nn.Module):
    """A mean, whose classes are named as torchvision's folders are."""

    def __init__(self):
        super().__init__()
        self.class_to_idx = {"cat": 0, "dog": 1}

    def forward(self, images):
        bright = images.mean(dim=(1, 2, 3))
        return torch.stack([1 - bright, bright], dim=1)


@pytest.mark.parametrize(
    "model", [named_estimator(np.array(["cat", "dog"])), Indexed()], ids=["sklearn", "torch"]
)
def test_columns_of_a_model_that_knows_its_names_keep_them(model):
    image = np.ones((1, 6, 6), np.float32)
    with pytest.warns(SightlineWarning, match="another order than the model's own names .*: cat, dog"):
        asked = as_model(model, class_names=["dog", "cat"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked.class_names == as_model(asked, batch_size=2).class_names == ("cat", "dog")
        assert asked(image)[0].argmax() == as_model(model)(image)[0].argmax() == 1
        assert as_model(model, class_names=["cat", "dog"]).class_names == ("cat", "dog")
        assert as_model(model, class_names=["Katze", "Hund"]).class_names == ("Katze", "Hund")
