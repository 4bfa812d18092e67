"""Drop-in for the image part of the lime package; the only place with lime's habits.

Change ``from lime import lime_image`` to ``from sightline.lime import lime_image`` and nothing else. What
differs from lime, and why, is listed in ``docs/from-lime.md``.
"""
