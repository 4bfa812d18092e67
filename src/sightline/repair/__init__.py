"""REPAIR: change a model where it is misled."""

from sightline.repair.counterexamples import Counterexamples
from sightline.repair.guard import Guard
from sightline.repair.last_layer import LastLayer
from sightline.repair.method import Provenance, RepairMethod, RepairResult
from sightline.repair.region_swap import ShufflePixels, SwapRegion
from sightline.repair.right_reasons import RightReasons
from sightline.repair.selection import Choice, Trial, choose
from sightline.repair.training.gradient_penalty import penalty
from sightline.repair.training.trainer import TrainingConfig

__all__ = [
    "Choice",
    "Counterexamples",
    "Guard",
    "LastLayer",
    "Provenance",
    "RepairMethod",
    "RepairResult",
    "RightReasons",
    "ShufflePixels",
    "SwapRegion",
    "TrainingConfig",
    "Trial",
    "choose",
    "penalty",
]
