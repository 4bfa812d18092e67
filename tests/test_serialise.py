"""Values as JSON and TOML hold them, arrays aside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import Colour, Contrast, Given, GradCam, Plan, Slic, Tokens, Top
from sightline._limits import read_arrays
from sightline._serialise import MissingFunction, decode, decode_fields, encode, encode_fields
from sightline.engine.model_query import Classes
from sightline.errors import OptionError


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 0.1 + 0.2, "정상", (), (1, (2.5, None))),
        *(Contrast(3, 1), Classes(1, Contrast(2, 0)), Top(k=3), Slic(n_segments=9), Colour((1.0, 0.5))),
        GradCam(layer="norm", reshape=Tokens(skip=2)),
    ],
    ids=repr,
)
def test_a_value_comes_back(value: Any) -> None:
    arrays: dict[str, Any] = {}
    written = json.loads(json.dumps(encode(value, "place", arrays)))
    assert decode(written, arrays) == value
    assert not arrays


def test_arrays_are_kept_aside_under_their_places(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    labels = np.array([[0, 1], [1, 1]], dtype=np.int16)
    table = json.loads(json.dumps(encode_fields(Plan(segment=Given(labels)), arrays, "plan.")))
    assert list(arrays) == ["plan.segment.labels"]
    np.savez(tmp_path / "a.npz", **arrays)
    made = Plan(**decode_fields(table, read_arrays(tmp_path / "a.npz")))
    assert made.segment.labels.dtype == np.int16
    assert made.segment.labels.tolist() == labels.tolist()
    assert decode_fields({name: one for name, one in table.items() if one is not None}, arrays).keys() == {
        *("segment", "fill", "target", "attribute", "budget", "seed", "scale", "estimator")
    }


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    written = encode((np.float32(0.5), np.int64(3), np.bool_(True)), "", {})
    assert json.dumps(written) == '{"tuple": [0.5, 3, true]}'


def test_a_function_is_kept_by_name_and_asked_for_when_it_is_called() -> None:
    written = encode(len, "", {})
    assert written == {"function": "len"}
    made = decode(written, {})
    assert made == MissingFunction("len")
    assert encode(made, "", {}) == written
    with pytest.raises(OptionError, match="used the function len, which a file cannot hold") as caught:
        made([1])
    assert caught.value.slug == "plan-function"
