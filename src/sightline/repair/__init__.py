"""REPAIR: change a model where it is misled, and prove it on images that nobody has used."""

from sightline.repair.counterexamples import Counterexamples
from sightline.repair.guard import Guard
from sightline.repair.last_layer import LastLayer
from sightline.repair.region_swap import ShufflePixels, SwapRegion
from sightline.repair.result import Provenance, RepairResult
from sightline.repair.right_reasons import RightReasons, penalty
from sightline.repair.selection import Choice, Trial, choose
from sightline.repair.training.config import TrainingConfig

__all__ = [
    "Choice",
    "Counterexamples",
    "TrainingConfig",
    "SwapRegion",
    "RepairResult",
    "Guard",
    "LastLayer",
    "Provenance",
    "RightReasons",
    "ShufflePixels",
    "Trial",
    "choose",
    "penalty",
]
