"""Plate training data: rendered plates, pasted and augmented frames. Not used by the product."""
