"""seed → a drawn face, with the part that is on top at each pixel.

Everything is computed from coordinates: forms are smooth functions of the place, light falls on a
relief of the face, and a turned head is a turned drum. So any image size will do.
"""
