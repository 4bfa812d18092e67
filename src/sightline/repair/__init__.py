"""REPAIR: change a model where it is misled, and prove it on pictures that nobody has used."""

from sightline.repair.choose import Choice, Trial, choose
from sightline.repair.counterexamples import Counterexamples
from sightline.repair.course import Course
from sightline.repair.exchange import Exchange, Shuffle
from sightline.repair.fix import Fix, Repaired
from sightline.repair.guard import Guard
from sightline.repair.last_layer import LastLayer
from sightline.repair.proof import Proof, prove
from sightline.repair.right_reasons import RightReasons, penalty

__all__ = [
    "Choice",
    "Counterexamples",
    "Course",
    "Exchange",
    "Fix",
    "Guard",
    "LastLayer",
    "Proof",
    "Repaired",
    "RightReasons",
    "Shuffle",
    "Trial",
    "choose",
    "penalty",
    "prove",
]
