"""What training and serving must agree on: pictures, artifacts, the engine that runs them, and the errors.

Nothing here imports torch, bentoml or anything of HTTP; `make check` proves it.
"""

import os

# ONNX Runtime 1.31 keeps a device id and reports its use, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
