"""An exported graph as a plain call on arrays: the one place that knows which inference engine runs.

ONNX Runtime with one intra-op thread computes inline in the caller's thread. In a server whose workers
already use every core, a thread pool of the engine's own only adds hand-overs (docs/decisions records the
measurement).
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from fashion.errors import DamagedArtifact, GraphMismatch
from fashion.manifest import GraphSpec, TensorSpec

Array = np.ndarray[Any, np.dtype[Any]]

_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}


class Graph:
    """One graph, loaded: call it with its inputs in order, get its outputs in order.

    Thread-safe. `outputs` limits the call to the named outputs, so that nothing else is copied out.
    """

    def __init__(self, path: Path, spec: GraphSpec) -> None:
        """Load `path`; GraphMismatch where it disagrees with `spec`, DamagedArtifact where it is no graph."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except (
            Exception
        ) as error:  # ONNX Runtime raises a dozen unrelated classes, bare RuntimeError among them
            raise DamagedArtifact(
                f"{path.name} is not a graph that ONNX Runtime can load: {error}"
            ) from error
        _compare(path.name, "input", session.get_inputs(), spec.inputs)
        _compare(path.name, "output", session.get_outputs(), spec.outputs)
        self.spec = spec
        self._run = session.run
        self._inputs = [tensor.name for tensor in spec.inputs]
        self._outputs = [tensor.name for tensor in spec.outputs]

    def __call__(self, *arrays: Array, outputs: list[str] | None = None) -> list[Array]:
        """Run the graph on `arrays`, one for each input, batch axis first."""
        made: list[Array] = self._run(outputs or self._outputs, dict(zip(self._inputs, arrays, strict=True)))
        return made


def _compare(file: str, role: str, found: list[Any], expected: tuple[TensorSpec, ...]) -> None:
    have = [(node.name, _DTYPES.get(node.type, node.type), _fixed(node.shape)) for node in found]
    want = [(tensor.name, tensor.dtype, _fixed(tensor.shape)) for tensor in expected]
    if have != want:
        raise GraphMismatch(f"{file}: the manifest promises the {role}s {want}, and the graph has {have}")


def _fixed(shape: Any) -> tuple[int | None, ...]:
    """A shape with its named (dynamic) dimensions as None: their names carry no meaning."""
    return tuple(size if isinstance(size, int) else None for size in shape)
