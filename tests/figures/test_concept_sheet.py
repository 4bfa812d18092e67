import numpy as np
import pytest

from sightline._language import use_language
from sightline.errors import OptionError
from sightline.figures import figure_to_png, plot_concepts
from sightline.regions import grid
from sightline.regions.concept_shapes import ConceptShapes, Detector
from sightline.regions.region_set import one_region_a_piece
from sightline.regions.segment_looks import BLOCKS
from support.bright import bright
from support.studies import Memory
from support.tokens import PLAN, clean_images, model, with_tokens


@pytest.fixture(scope="module")
def study():
    images, labels = clean_images(12)
    images, _ = with_tokens(images, np.arange(12) < 6)
    return Memory(model, images, labels, PLAN, class_names=("dark", "light"))


def test_the_sheet_counts_the_images_of_each_class_and_shows_typical_ones(study):
    figure = plot_concepts(bright(0.95)["bright"].rename({"bright": "token"}), study)
    said = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "token. Found in images of dark: 3 of 6, light: 3 of 6" in said
    assert "12 images looked through" in said
    assert figure_to_png(figure).startswith(b"\x89PNG")


def test_what_a_concept_speaks_for_is_said_and_what_is_nowhere(study):
    anything = Detector(np.zeros(sum(BLOCKS)), np.zeros(sum(BLOCKS)), 1.0)
    nothing = Detector(np.full(sum(BLOCKS), 9.0), np.ones(sum(BLOCKS)), 0.1)
    made = one_region_a_piece(ConceptShapes(("all", "lost"), (anything, nothing), (1, 0)))
    said = " ".join(text.get_text() for text in plot_concepts(made, study).axes[0].texts)
    assert "all, speaks for light. Found in images of light: 6 of 6, dark: 6 of 6" in said
    assert "lost, speaks for dark. Found in images of dark: 0 of 6" in said
    with pytest.raises(OptionError, match="none of the 1 concepts is found"):
        plot_concepts(made["lost"], study)


def test_regions_with_a_fixed_place_are_refused(study):
    with pytest.raises(OptionError, match="plot_regions"):
        plot_concepts(grid(2, 2), study)


def test_the_sheet_speaks_korean(study):
    with use_language("ko"):
        figure = plot_concepts(bright(0.95)["bright"].rename({"bright": "token"}), study)
    said = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "dark: 6장 중 3장" in said
    assert "images" not in said
