"""Options from where a client put them (JSON, form parts, the query) to their validated model.

JSON values keep their types; texts become what the option's type asks for. Every way leads to the same
model, so the same mistake gets the same message.
"""

import json
from collections.abc import Mapping
from functools import cache
from itertools import takewhile
from typing import Any, Final, Literal, TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import ValidationError

from service.refusals import Refusal, echo, invalid_request
from service.schemas import Options

AnyOptions = TypeVar("AnyOptions", bound=Options)

_MAX_TEXT: Final = 1000  # characters: no option is longer
_MAX_PAIRS: Final = 50  # no route has as many options


def query_options(query: bytes) -> dict[str, str]:
    """The options in a query string, as texts; refused where it is malformed or names one twice."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PAIRS,
            separator="&",
        )
    except ValueError:
        raise invalid_request("The query string must be at most 50 pairs of name=value in UTF-8") from None
    return merge(pairs, {})


def merge(pairs: Any, into: Mapping[str, Any]) -> dict[str, Any]:
    """`into` with the (name, value) `pairs`; refused where a name is there twice."""
    merged = dict(into)
    for name, value in pairs:
        if name in merged:
            raise invalid_request(f"The option {echo(name)} is given twice", field=name[:80])
        merged[name] = value
    return merged


def validate(model: type[AnyOptions], typed: Mapping[str, Any], texts: Mapping[str, str]) -> AnyOptions:
    """The options from JSON values and texts; refused where one is unknown, of a wrong type or out of
    range."""
    if not typed and not texts:
        defaults: AnyOptions = _defaults(model)
        return defaults
    values = merge(((name, _from_text(model, name, text)) for name, text in texts.items()), typed)
    if unknown := next((name for name in values if name not in model.model_fields), None):
        known = ", ".join(model.model_fields)
        raise invalid_request(f"There is no option {echo(unknown)}; there are {known}", field=unknown[:80])
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from None


@cache
def _defaults(model: type[AnyOptions]) -> AnyOptions:
    return model()  # which is frozen: all may have the same


def _from_text(model: type[Options], name: str, text: str) -> Any:
    """What a text says where its option is no text itself: a JSON number, boolean, null or quoted string.

    BentoML's own client quotes texts too, so a quoted one is read by any option.
    """
    quoted = text.startswith('"')
    if len(text) > _MAX_TEXT or (_is_text(model, name) and not quoted):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@cache
def _is_text(model: type[Options], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and (field.annotation is str or get_origin(field.annotation) is Literal)


def _explained(error: ValidationError) -> Refusal:
    """The first thing that is wrong, as one sentence: which option, what was expected, what came."""
    first = error.errors(include_url=False)[0]
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not first["loc"]:  # of the options together, and then the sentence is whole
        return invalid_request(expected)
    field = _path(first["loc"])
    return invalid_request(f"{field} {expected}; got {echo(first['input'])}", field=field)


def _path(location: tuple[int | str, ...]) -> str:
    """A field's name with the indices inside it: latents[3], not pydantic's names for the branches it
    tried."""
    name, *rest = location
    indices = takewhile(lambda part: isinstance(part, int), rest)
    return f"{name}{''.join(f'[{index}]' for index in indices)}"
