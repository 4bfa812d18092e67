"""what was measured of each region → a ranked table, and in words what it comes to."""

import functools
from typing import Any

from sightline._json import to_jsonable
from sightline._tables import format_table
from sightline.types import record

HEADS = ("region", "gain", "95 %", "elsewhere", "p", "turned right", "turned wrong", "share wrong|right")


@record
class RegionEffect:
    """What was found of one region.

    Parameters
    ----------
    region : str
    suspect : bool
        Whether it was among those tested.
    gain : float
        Mean gain of the true class's score in wrong answers when the region is hidden.
    low, high : float
        95 % bootstrap interval of the gain.
    control_gain : float
        The same gain when an equal area elsewhere is hidden.
    p : float
        Adjusted for the number of suspects; nan for a region that is none.
    corrected, control_corrected : float
        How many wrong answers turn right when the region is hidden, and when as much elsewhere is: the
        mean over the places tried.
    broken, control_broken : float
        How many right answers turn wrong.
    wrong_share, right_share : float
        Share of the attribution that the region has in wrong answers (for the predicted class, against the
        true one) and in right ones, −1 to 1: its mean over the sum of the regions' absolute means.
    confirmed : bool
        Whether it drives errors.
    """

    region: str
    suspect: bool
    gain: float
    low: float
    high: float
    control_gain: float
    p: float
    corrected: float
    control_corrected: float
    broken: float
    control_broken: float
    wrong_share: float
    right_share: float
    confirmed: bool

    @property
    def net_gain(self) -> float:
        """Gain beyond what hiding as much elsewhere gives."""
        return self.gain - self.control_gain


@record
class Blame:
    """Which regions drive a model's errors; made by `blame`.

    Parameters
    ----------
    regions : tuple of RegionEffect
        Suspects first, those whose hiding helps most beyond hiding elsewhere at the head; then the others, as
        attribution ranks them. Empty where there were too few errors.
    errors : int
        Wrong answers of the study.
    wrong, right : int
        Answers of the confirming half that the model was asked about.
    groups : int or None
        Independent groups that the confirming half's wrong answers come from; None where each image
        is on its own.
    lacked : float
        Mean score of the predicted class less that of the true one, in those wrong answers.
    min_effect : float
        Share of that which hiding a region has to give back to be named.
    level : float
        Chance of naming any region where none gives back as much.
    fill : str
        What hidden looked like.
    calls : int
        Images that the model was given.
    lack : str
        What there was too little of; empty where there was enough.
    """

    regions: tuple[RegionEffect, ...]
    errors: int
    wrong: int
    right: int
    groups: int | None
    lacked: float
    min_effect: float
    level: float
    fill: str
    calls: int
    lack: str = ""

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Names of the regions that drive errors."""
        return tuple(one.region for one in self.regions if one.confirmed)

    def __getitem__(self, region: str) -> RegionEffect:
        for one in self.regions:
            if one.region == region:
                return one
        raise KeyError(region)

    @functools.cached_property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.lack:
            return f"{self.lack}."
        named = [one for one in self.regions if one.confirmed]
        if not named:
            tested = ", ".join(one.region for one in self.regions if one.suspect)
            return (
                f"nothing found: of the leading regions ({tested}), none surely gives the true class back "
                f"{self.min_effect:.0%} of what it lacked, beyond what hiding as much elsewhere gives and "
                "beyond what the region is worth in right answers."
            )
        return " ".join(self._describe_effect(one) for one in named)

    def _describe_effect(self, one: RegionEffect) -> str:
        return (
            f"{one.region} drives errors: hiding it in wrong answers raises the true class's score by "
            f"{one.gain:.3f} [{one.low:.3f}, {one.high:.3f}] where it lacked {self.lacked:.3f}, hiding as "
            f"much elsewhere by {one.control_gain:.3f}; adjusted p = {one.p:.2g}. {one.corrected:g} of "
            f"{self.wrong} wrong answers turn right (elsewhere {one.control_corrected:.1f}), {one.broken:g} "
            f"of {self.right} right ones wrong (elsewhere {one.control_broken:.1f})."
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        return {**to_jsonable(self), "verdict": self.verdict}

    def __repr__(self) -> str:
        table = format_table([HEADS, *map(_table_row, self.regions)]) if self.regions else []
        return "\n".join([self._heading_line(), *table, self.verdict])

    def _heading_line(self) -> str:
        head = f"Blame: {self.errors:,} wrong answers"
        if self.lack:
            return head
        grouped = "" if self.groups is None else f" in {self.groups:,} groups"
        return (
            f"{head}; confirmed on {self.wrong:,} of them{grouped} beside {self.right:,} right ones, "
            f"hidden with {self.fill}, {self.calls:,} model calls"
        )


def _table_row(one: RegionEffect) -> tuple[str, ...]:
    return (
        f"{'* ' if one.confirmed else '  '}{one.region}",
        f"{one.gain:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
        f"{one.control_gain:+.3f}",
        f"{one.p:.4f}" if one.suspect else "",
        f"{one.corrected:g} ({one.control_corrected:.1f})",
        f"{one.broken:g} ({one.control_broken:.1f})",
        f"{one.wrong_share:+.2f}|{one.right_share:+.2f}",
    )
