"""The tests; their tree mirrors the packages."""

import fashion as fashion  # first of all, for what it sets before ONNX Runtime is imported
