"""MANY: labelled images → explanations of them all, kept; run in parts, stopped and started again at will."""

from sightline.study.ray import Ray
from sightline.study.schema import Row
from sightline.study.study import Study

__all__ = ["Ray", "Row", "Study"]
