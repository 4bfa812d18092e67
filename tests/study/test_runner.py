"""Parts are dealt out to any workers, who give the same numbers, and a hopeless run is given up."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sightline.errors import ModelError, OptionError
from sightline.study import Ray, Study
from sightline.study.runner import HOPELESS
from support.problems import PLAN, images, model, numbers


@pytest.mark.slow
def test_a_model_that_fails_at_every_image_ends_the_run(tmp_path):
    calls = []

    def failing(batch):
        calls.append(len(batch))
        if len(calls) > 20:  # when the study begins
            raise RuntimeError("the server is gone")
        return model(batch)

    study = Study(tmp_path / "run", PLAN)
    with pytest.raises(ModelError, match=r"images all failed.*the server is gone.*retry"):
        study.run(images(200), failing)
    assert HOPELESS <= len(study.failures()) < 100
    assert len(study.run(images(200), model, retry=True)) == 200


@pytest.mark.slow
def test_processes_give_the_same_numbers(study, tmp_path):
    many = Study(tmp_path / "many", PLAN).run(images(), model, workers=2)
    assert numbers(many) == numbers(study)


@pytest.mark.slow
def test_ray_gives_the_same_numbers(study, tmp_path):
    many = Study(tmp_path / "many", PLAN).run(images(), model, workers=Ray(workers=2))
    assert numbers(many) == numbers(study)


def test_a_model_that_cannot_be_sent_to_processes_is_told_of(tmp_path):
    class Fixed:
        def __call__(self, batch):
            return model(batch)

        def __reduce__(self):
            raise TypeError("it holds a socket")

    with pytest.raises(OptionError, match=r"cannot be handed to another process .*holds a socket"):
        Study(tmp_path / "run", PLAN).run(images(), Fixed(), workers=2)


@pytest.mark.slow
def test_processes_that_begin_a_study_together_all_end_with_the_whole_of_it(tmp_path):
    asked = []

    def slow(batch):
        time.sleep(0.005)
        asked.append(len(batch))
        return model(batch)

    def run(_):
        return numbers(Study(tmp_path / "run", PLAN).run(images(), slow))

    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(run, range(4))
    assert len(one) == 24
    assert all(other == one for other in others)
