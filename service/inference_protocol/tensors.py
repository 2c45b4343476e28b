"""How tensors travel: as JSON lists, or as bytes behind the JSON (the protocol's binary extension).

Binary is little-endian, row by row; a BYTES element has its length before it in four bytes. A tensor's shape
is held against what the model takes before anything is made of its data, so a huge or negative dimension is
refused as a wrong shape and never computed with.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.inference_protocol.messages import Datatype, RequestInput
from service.refusals import echo, invalid_request, too_large

Tensor = NDArray[Any] | list[bytes]  # a list of encoded pictures or texts where the datatype is BYTES

_DTYPES: Final[dict[Datatype, str]] = {
    "BOOL": "?",
    "UINT8": "u1",
    "INT8": "i1",
    "INT64": "<i8",
    "FP32": "<f4",
    "FP64": "<f8",
}
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class TensorType:
    """What a model takes or gives under a name: any number of rows of one shape."""

    name: str
    datatype: Datatype
    row_shape: tuple[int, ...] = ()

    def metadata(self) -> dict[str, Any]:
        """As the model's metadata tells it."""
        return {"name": self.name, "datatype": self.datatype, "shape": [-1, *self.row_shape]}

    def check(self, sent: RequestInput, max_rows: int) -> None:
        """Raise the refusal of a tensor of another type or shape, or of too many rows."""
        if sent.datatype != self.datatype:
            raise invalid_request(
                f"{self.name} must be of datatype {self.datatype}, not {echo(sent.datatype)}"
            )
        shape = tuple(sent.shape)
        if shape[1:] != self.row_shape or not shape or shape[0] < 1:
            expected = ["rows", *map(str, self.row_shape)]
            raise invalid_request(
                f"{self.name} must have the shape [{', '.join(expected)}] with at least one row, "
                f"not {echo(str(sent.shape))}"
            )
        if shape[0] > max_rows:
            raise too_large(
                f"A request may hold at most {max_rows} rows for this model, and this one holds "
                f"{echo(shape[0])}: send several requests"
            )

    def from_json(self, sent: RequestInput) -> NDArray[Any]:
        """The numbers of `sent.data`, in the shape that was checked."""
        values = _flat(sent)
        kinds = set(map(type, values))
        try:
            if self.datatype == "UINT8" and kinds <= {int}:
                return np.frombuffer(bytes(values), np.uint8).reshape(sent.shape)
            if self.datatype == "FP32" and kinds <= {int, float}:
                with np.errstate(over="ignore"):  # becomes infinite, which the model's own check refuses
                    return np.array(values, np.float64).astype(np.float32).reshape(sent.shape)
        except (ValueError, OverflowError):
            pass  # an integer that is no byte, or of hundreds of digits: the sentence below says it
        expected = "integers from 0 to 255" if self.datatype == "UINT8" else "numbers that fit 32 bits"
        raise invalid_request(f"{self.name}.data must hold {expected}, and something in it is none")

    def from_bytes(self, data: bytes, shape: Sequence[int]) -> Tensor:
        """The tensor in the bytes behind the JSON."""
        if self.datatype == "BYTES":
            return self._byte_strings(data, shape[0])
        dtype = np.dtype(_DTYPES[self.datatype])
        expected = math.prod(shape) * dtype.itemsize
        if len(data) != expected:
            raise invalid_request(
                f"{self.name} of shape {list(shape)} takes {expected} bytes, and has {len(data)}"
            )
        return np.frombuffer(data, dtype).reshape(shape)

    def _byte_strings(self, data: bytes, count: int) -> list[bytes]:
        found: list[bytes] = []
        offset = 0
        while offset + _LENGTH.size <= len(data) and len(found) < count:
            (length,) = _LENGTH.unpack_from(data, offset)
            offset += _LENGTH.size + length
            found.append(data[offset - length : offset])
        if len(found) != count or offset != len(data):
            raise invalid_request(
                f"{self.name} must be {count} elements, each behind its length in four bytes "
                f"(little-endian), and its {len(data)} bytes are not that"
            )
        return found


def _flat(sent: RequestInput) -> list[Any]:
    """The elements of `sent.data` in one list; refused where they are not as many as the shape says."""
    level = json_list(sent)
    nested = bool(level) and isinstance(level[0], list)
    if nested and len(level) == sent.shape[0]:
        for size in sent.shape[1:]:
            if not all(isinstance(part, list) and len(part) == size for part in level):
                break
            level = list(chain.from_iterable(level))
    if len(level) != math.prod(sent.shape):
        raise invalid_request(
            f"{echo(sent.name)} of shape {sent.shape} takes {math.prod(sent.shape)} elements, flat or nested "
            f"as the shape is; its data is {'nested otherwise' if nested else f'of {len(level)}'}"
        )
    return level


def json_list(sent: RequestInput) -> list[Any]:
    """`sent.data`, which must be a list."""
    if not isinstance(sent.data, list):
        raise invalid_request(f"The data of {echo(sent.name)} must be a list; got {echo(sent.data)}")
    return sent.data


def in_json(kind: TensorType, tensor: Tensor) -> dict[str, Any]:
    """An output with its data as a flat list; null where a number is not finite."""
    if isinstance(tensor, list):
        return _head(kind, (len(tensor),)) | {"data": [element.decode() for element in tensor]}
    flat = tensor.ravel()
    data: list[Any] = flat.tolist()
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        data = [value if math.isfinite(value) else None for value in data]
    return _head(kind, tensor.shape) | {"data": data}


def in_bytes(kind: TensorType, tensor: Tensor) -> tuple[dict[str, Any], bytes]:
    """An output without its data, and the data for behind the JSON."""
    if isinstance(tensor, list):
        shape: tuple[int, ...] = (len(tensor),)
        content = b"".join(_LENGTH.pack(len(element)) + element for element in tensor)
    else:
        shape = tensor.shape
        content = tensor.astype(_DTYPES[kind.datatype], copy=False).tobytes()
    return _head(kind, shape) | {"parameters": {"binary_data_size": len(content)}}, content


def _head(kind: TensorType, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": kind.name, "datatype": kind.datatype, "shape": list(shape)}
