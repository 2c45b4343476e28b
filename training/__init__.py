"""Offline work: from the dataset to a published artifact.

data (`dataset`, `photographs`, `digits`, `splits`, `senders`) -> fitting -> export -> the BentoML store. It
knows `fashion/` and nothing of the service; `python -m training` is its only door.
"""

import fashion as fashion  # first of all, for what it sets before ONNX Runtime is imported
