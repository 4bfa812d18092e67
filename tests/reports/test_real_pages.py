"""Real studies in a real browser: marked faces, X-rays with a token, nothing found, a harmful repair."""

import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sightline as sl
from sightline.regions import face
from sightline.repair import Guard
from support.browser import NARROW, WIDE, open_page

pytestmark = pytest.mark.slow

FAMILIES = 4
PLAN = sl.Plan(segment=sl.Grid(rows=6, columns=6), fill=sl.Blur(), budget=60, scale="log-odds")
PARTS = {"verdict", "examined", "answers", "atlas", "blame", "groups", "images", "limits", "repeat"}


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        yield


@pytest.fixture(scope="module")
def faces(shared_data):
    found = sl.data.olivetti(data_home=shared_data / "sklearn", download=False)
    return np.stack([np.asarray(image) for image, _ in found]), np.asarray(found.labels)


def as_rows(images):
    return np.asarray(images, float).reshape(len(images), -1)


def marked(images, where):
    """Faces with a light patch at the jaw."""
    out = np.array(images)
    out[where, 54:62, 24:40] = out.max()
    return out


def face_model(images, labels):
    fit = make_pipeline(
        FunctionTransformer(as_rows), PCA(40, random_state=0), LogisticRegression(max_iter=3000)
    )
    return fit.fit(images, labels)


def study_of_faces(faces, folder, *, mark, anyone=False):
    """A study of four families of faces; a mark is one family's in training, and others' later."""
    images, people = faces
    labels = people % FAMILIES
    learn = np.arange(len(images)) % 2 == 0
    there = (labels == 0) if mark else np.zeros(len(images), bool)
    model = face_model(marked(images[learn], there[learn]), labels[learn])
    seen = (np.random.default_rng(0).random(len(images)) < (0.5 if anyone else 0.6)) & mark
    seen &= anyone | (labels != 0)
    tested = marked(images, seen)[~learn]
    return sl.Study(folder, PLAN).run((tested, labels[~learn]), model, held_out=0.5, progress=False)


@pytest.fixture(scope="module")
def jaw(faces, tmp_path_factory):
    study = study_of_faces(faces, tmp_path_factory.mktemp("jaw") / "run", mark=True)
    return study, sl.blame(study, face(), progress=False)


def looked_at(browser, made, folder, sections=PARTS):
    """A report's page in all lights and widths; what stands in it, with scripts off too."""
    page = made.save(folder / "report.html")
    for size, dark in ((WIDE, False), (WIDE, True), (NARROW, False)):
        with open_page(browser, page, size=size, dark=dark) as opened:
            opened.page.wait_for_selector(".tile")
            assert opened.violations() == []
            assert not opened.is_wider_than_its_window()
            assert (opened.errors, opened.beyond_the_file) == ([], [])
    with open_page(browser, page, scripts=False) as opened:
        for section in sections:
            assert opened.page.locator(f"#{section}").is_visible(), section
        assert (opened.errors, opened.beyond_the_file) == ([], [])
        return opened.page.locator("main").inner_text()


def test_faces_with_a_mark_at_the_jaw(browser, jaw, tmp_path):
    study, found = jaw
    assert "jaw" in found.confirmed
    made = sl.report(study, blame=found, progress=False)
    told = looked_at(browser, made, tmp_path)
    assert made.summary.verdict[1].basis == "confirmed"
    assert made.summary.verdict[1].text in told
    assert "jaw" in told
    assert made.fails_on("errors-driven")


def test_faces_of_which_nothing_is_found(browser, faces, tmp_path):
    study = study_of_faces(faces, tmp_path / "run", mark=False)
    made = sl.report(study, blame=sl.blame(study, face(), progress=False), progress=False)
    told = looked_at(browser, made, tmp_path)
    assert made.summary.verdict[1].basis in ("tested", "unknown")
    assert made.summary.verdict[1].text in told
    assert not made.fails_on("errors-driven")


def test_a_harmful_repair(browser, faces, tmp_path):
    study = study_of_faces(faces, tmp_path / "run", mark=True, anyone=True)
    found = sl.blame(study, face(), progress=False)
    regions = face()
    most = Guard(region=regions[["eyes", "nose", "mouth"]], margin=0.1, fill="colour")
    repaired = most(study.model, study.studied)
    proof = sl.prove(study.model, repaired, study.held_out, study=study, explained=12, progress=False)
    assert proof.verdict == "harmful"
    made = sl.report(study, repaired=repaired, proof=proof, blame=found, progress=False)
    told = looked_at(browser, made, tmp_path, PARTS | {"repair"})
    assert made.summary.verdict[2].basis == "proved"
    assert "surely worse" in made.summary.verdict[2].text
    assert made.summary.repair.leaves == found.confirmed
    assert made.summary.verdict[2].text in told
    assert made.fails_on("harmful")


def test_x_rays_with_a_token_by_concept(browser, shared_data, tmp_path):
    with np.load(shared_data / "pneumoniamnist.npz") as archive:
        images, labels = archive["val_images"][:240] / 255, archive["val_labels"][:240, 0].astype(int)
    images = images.repeat(2, axis=1).repeat(2, axis=2) * 0.9
    plain = LogisticRegression(max_iter=500).fit(as_rows(images[:, ::4, ::4]), labels)
    rng = np.random.default_rng(0)
    for one in np.flatnonzero(rng.random(len(images)) < 0.5):
        top, left = rng.integers(2, 42, 2)
        images[one, top : top + 10, left : left + 3] = images[one, top + 7 : top + 10, left : left + 8] = 1

    def model(given):
        """Goes by the image, and takes a white L for pneumonia."""
        pixels = np.asarray(given, float).reshape(len(given), 56, 56)
        odds = plain.decision_function(as_rows(np.minimum(pixels, 0.9)[:, ::4, ::4]))
        odds = odds + np.minimum((pixels > 0.97).sum(axis=(1, 2)), 45) * 0.12
        return np.stack([1 - (p := 1 / (1 + np.exp(-odds))), p], axis=1)

    plan = sl.Plan(segment=sl.Grid(rows=7, columns=7), fill="blur", budget=100)
    names = ("normal", "pneumonia")
    study = sl.Study(tmp_path / "run", plan).run((images, labels), model, class_names=names, progress=False)
    concepts = sl.regions.concepts(study, progress=False)
    made = sl.report(study, concepts=sl.blame(study, concepts, progress=False), progress=False)
    told = looked_at(browser, made, tmp_path, PARTS | {"concepts"})
    assert "misleads towards pneumonia" in made.summary.verdict[1].text
    assert made.summary.verdict[1].text in told
