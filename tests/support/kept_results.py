"""What a study's folder keeps of blame and causes, without asking any model; and a quick proof."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.cause_result import ImageCause, ImageCauses
from sightline.proof.analysis import Proof, prove
from sightline.regions import grid


def keep_blame(folder: Path, confirmed: dict[str, bool], *, errors: int = 0, **changes: Any) -> Blame:
    """Blame of regions that drive errors or, tested as well, do not; kept as the command keeps it."""
    regions = tuple(
        RegionEffect(name, True, 0.5, 0.05, 0.6, 0.0, 0.001, 70, 0, 3, 2, 0.5, 0.1, drives)
        for name, drives in confirmed.items()
    )
    made = Blame(regions, errors, 109, 100, None, 0.6, 0.05, 0.05, "Blur()", 900, **changes)
    (folder / "blame.json").write_text(json.dumps(made.to_dict()))
    return made


def keep_causes(folder: Path, name: str, *, errors: int, gain: float = 0.5, answers: str = "") -> ImageCauses:
    """Causes of which one misleads, kept as the command keeps them."""
    one = ImageCause(
        *(name, 0, "well", 39, (0.5,), (0.2,), 0.002),
        confirmed=True,
        lacked=0.6,
        gain=gain,
        control_gain=0.01,
        misleads=True,
    )
    made = ImageCauses((one,), (), errors, 300, 0.05, 0.05, 0.05, 900, answers=answers)
    (folder / "causes.json").write_text(json.dumps(made.to_dict()))
    return made


def quick_proof() -> Proof:
    """A proof that calls a repair good, of two functions, which takes no time."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    images = rng.random((200, 8, 8)) * 0.5 + 0.2 * labels[:, None, None]
    images[:, :4, :4] = rng.integers(0, 2, 200)[:, None, None]
    return prove(
        lambda x: x[:, :4, :4].mean((1, 2)) * 0.6 + x[:, 4:].mean((1, 2)) * 0.4,
        lambda x: x[:, 4:].mean((1, 2)) + 0.15,
        (images, labels),
        region=grid(2, 2)["r1c1"],
        margin=0,
        fill="noise",
        explained=0,
        progress=False,
    )
