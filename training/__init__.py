"""Offline work: from the dataset to a published artifact.

data (`dataset`, `photographs`, `digits`, `splits`, `senders`) -> fitting -> export -> the BentoML store. It
knows `fashion/` and nothing of the service; `python -m training` is its only door.
"""
