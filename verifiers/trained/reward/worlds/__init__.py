"""Environments of our own, in numpy: episodes are rows of arrays. Where gymnasium has the same, steps agree."""
