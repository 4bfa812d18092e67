"""ONE IMAGE: image → segments → masks → perturbed batches → scores → attribution.

The law of this folder: no files, no framework, no plotting, no global state. One module per arrow.
"""
