"""Requests of the Open Inference Protocol, as JSON and with binary tensors, and what their answers hold."""

import json
import struct
from typing import Any

import httpx
import numpy as np

CLASSIFIER = "fashion-classifier"
HEADER_LENGTH = "Inference-Header-Content-Length"
NUMPY = {"BOOL": "?", "UINT8": "u1", "INT8": "i1", "INT64": "<i8", "FP32": "<f4", "FP64": "<f8"}


def images(count: int, seed: int = 0) -> np.ndarray:
    """Network inputs of noise, (count, 28, 28)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def tensor(array: np.ndarray, name: str = "images", datatype: str = "UINT8", **changed: Any) -> dict:
    """One input as JSON has it, with some of its keys changed."""
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": array.tolist()} | changed


def path(model: str, version: str | None = None) -> str:
    return f"/v2/models/{model}{f'/versions/{version}' if version else ''}/infer"


def infer(client: httpx.Client, model: str, *inputs: dict, **request: Any) -> httpx.Response:
    return client.post(path(model), json={"inputs": list(inputs), **request})


def infer_binary(
    client: httpx.Client, model: str, head: dict, tail: bytes, *, length: int | str | None = None
) -> httpx.Response:
    """Send `head` as JSON with `tail` behind it; `length` is told instead of the JSON's own."""
    header = json.dumps(head).encode()
    told = str(len(header) if length is None else length)
    return client.post(path(model), content=header + tail, headers={HEADER_LENGTH: told})


def byte_strings(elements: list[bytes]) -> bytes:
    """A BYTES tensor as the binary extension has it."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def outputs(response: httpx.Response) -> dict[str, np.ndarray]:
    """The outputs of an answer by name, wherever their data is."""
    assert response.status_code == 200, response.text
    length = response.headers.get(HEADER_LENGTH)
    head, tail = (response.content, b"")
    if length is not None:
        head, tail = response.content[: int(length)], response.content[int(length) :]
    found: dict[str, np.ndarray] = {}
    for output in json.loads(head)["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.array(output["data"], NUMPY.get(output["datatype"], object))
        else:
            array = np.array(_parsed(tail[:size], output["datatype"]))
            tail = tail[size:]
        found[output["name"]] = array.reshape(output["shape"])
    assert tail == b""
    return found


def _parsed(data: bytes, datatype: str) -> Any:
    if datatype != "BYTES":
        return np.frombuffer(data, NUMPY[datatype])
    elements = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        elements.append(data[4 : 4 + length].decode())
        data = data[4 + length :]
    return np.array(elements, object)


def assert_refused(response: httpx.Response, status: int, *words: str) -> None:
    """Check the status, the words in the message, and the protocol's own error body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    body = response.json()
    assert body.keys() == {"error"}
    assert isinstance(body["error"], str)
    for word in words:
        assert word in body["error"]
