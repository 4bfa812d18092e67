"""What several tests of studies begin with."""

import pytest

from sightline.study import Study
from support.problems import PLAN, images, model


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "run", PLAN).run(images(), model)
