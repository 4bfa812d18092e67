"""PROOF: what a repair changed, on images that nobody has used."""
