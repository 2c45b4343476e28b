"""The protocol's JSON messages: requests as they are validated, answers as they are told to clients.

Names and types are the protocol's own (kserve/open-inference-protocol); parameters beyond the ones here are
other servers' and are passed over, except those that would change what the answer means.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from fashion.inputs import PrepareMode
from service.json_body import parse_json
from service.refusals import Refusal, echo, invalid_request

Datatype = Literal["BOOL", "UINT8", "INT8", "INT64", "FP32", "FP64", "BYTES"]

_MAX_TENSORS: Final = 32  # no model takes or gives as many
_MAX_TEXT: Final = 200  # characters; what is longer comes cut short (service/json_body.py)
_LONGEST_INPUT_SHOWN: Final = 8  # dimensions

Text = Annotated[str, Field(max_length=_MAX_TEXT)]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class _TensorParameters(_Message):
    @model_validator(mode="before")
    @classmethod
    def _without_foreign_extensions(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for name in ("shared_memory_region", "classification"):
                if name in given:
                    raise ValueError(f"ask for {name}, an extension that this server does not have")
        return given


class InputParameters(_TensorParameters):
    """What may be said of an input tensor."""

    binary_data_size: Annotated[
        int | None,
        Field(ge=0, description="The tensor lies behind the JSON, in this many bytes, instead of in `data`."),
    ] = None


class OutputParameters(_TensorParameters):
    """What may be said of a requested output tensor."""

    binary_data: Annotated[
        bool | None, Field(description="Whether it comes behind the JSON; overrides `binary_data_output`.")
    ] = None


class RequestParameters(_Message):
    """What may be said of a request."""

    binary_data_output: Annotated[bool, Field(description="All outputs come behind the JSON.")] = False
    prepare: Annotated[
        PrepareMode, Field(description="As in POST /classify, of the models that take encoded pictures.")
    ] = "auto"


class RequestInput(_Message):
    """One input tensor; either with `data` or with the parameter `binary_data_size`."""

    name: Text
    datatype: Text
    shape: Annotated[list[int], Field(max_length=_LONGEST_INPUT_SHOWN)]
    parameters: InputParameters = InputParameters()
    data: Annotated[
        Any,
        WithJsonSchema({"type": "array"}),
        Field(description="Row by row, flat or nested as the shape is; pictures (BYTES) as base64."),
    ] = None


class RequestedOutput(_Message):
    """One output tensor that the client wants."""

    name: Text
    parameters: OutputParameters = OutputParameters()


class InferRequest(_Message):
    """The body of POST …/infer, or its beginning where binary tensors follow."""

    id: Annotated[Text | None, Field(description="Told again in the answer.")] = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[RequestInput], Field(min_length=1, max_length=_MAX_TENSORS)]
    outputs: Annotated[
        list[RequestedOutput], Field(max_length=_MAX_TENSORS, description="All where none is named.")
    ] = []


class AnsweredParameters(_Message):
    """What is said of an output tensor that lies behind the JSON."""

    binary_data_size: int


class AnsweredOutput(_Message):
    """One output tensor; `data` is flat, row by row, with null where there is no number."""

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: AnsweredParameters | None = None
    data: list[bool | int | float | str | None] | None = None


class InferAnswer(_Message):
    """The answer of POST …/infer, or its beginning where binary tensors follow."""

    model_name: str
    model_version: Annotated[str, Field(description="The version that answered, an alias resolved.")]
    id: str | None = None
    outputs: list[AnsweredOutput]


class TensorMetadata(_Message):
    """One tensor that a model takes or gives; -1 stands for any number of rows."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelMetadata(_Message):
    """The answer of GET /v2/models/{name}."""

    name: str
    versions: Annotated[list[str], Field(description="Those that are loaded.")]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(_Message):
    """The answer of GET /v2."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(_Message):
    """The answer of GET /v2/health/live."""

    live: bool


class ServerReady(ServerLive):
    """The answer of GET /v2/health/ready."""

    ready: bool


class ModelReady(_Message):
    """The answer of GET /v2/models/{name}/ready."""

    name: str
    ready: bool


class ProtocolError(_Message):
    """The error body under /v2."""

    error: Annotated[str, Field(description="What was expected, what came, and what to do.")]


def read_infer_request(header: bytes) -> InferRequest:
    """The request that the JSON in `header` makes; refused where it is none."""
    try:
        return InferRequest.model_validate(parse_json(header, lift=True))
    except ValidationError as error:
        raise _explained(error) from None


def _explained(error: ValidationError) -> Refusal:
    """The first thing that is wrong, as one sentence: where, what was expected, what came."""
    first = error.errors(include_url=False)[0]
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]
    ).removeprefix(".")
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return invalid_request(f"{where} {expected[:1].lower()}{expected[1:]}; got {echo(first['input'])}")
