"""Settings of a recipe by dotted name: read, overridden with checks, and restored from a run's JSON.

`optimisation.epochs=3` names a field; so does `epochs=3` where only one section has such a field. Types and
ranges are those that the settings' dataclasses declare.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from fashion.errors import InvalidValue
from training.recipes.recipe import Recipe

SECTIONS = ("system", "optimisation", "augmentation")

_Section = TypeVar("_Section")


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Every setting as nested plain values, ready for JSON."""
    sections = {name: dataclasses.asdict(getattr(recipe, name)) for name in SECTIONS}
    plain: dict[str, Any] = json.loads(json.dumps(sections))
    return plain


def flat_settings(recipe: Recipe) -> dict[str, Any]:
    """Every setting by its dotted name, in order."""
    return dict(_flattened(settings_of(recipe), ""))


def with_overrides(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """The recipe with `name=value` assignments applied.

    Raises InvalidValue, with a sentence, for a malformed assignment, an unknown or ambiguous name, and a
    value of the wrong type or out of range.
    """
    settings = settings_of(recipe)
    names = list(flat_settings(recipe))
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InvalidValue(f"--set takes name=value, not {assignment!r}.", field="--set")
        *path, leaf = _full_name(name.strip(), names).split(".")
        section = settings
        for part in path:
            section = section[part]
        section[leaf] = _parsed(value.strip())
    return with_settings(recipe, settings)


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with all settings replaced by nested plain values, checked.

    A value that is missing has its default. Raises InvalidValue for unknown names, for bad values, and where
    a whole group of the system's is missing, for then another system was trained.
    """
    checked = {name: _checked(getattr(recipe, name), settings[name], name) for name in SECTIONS}
    return dataclasses.replace(recipe, **checked)


def _checked(current: _Section, values: Mapping[str, Any], section: str) -> _Section:
    known = {field.name for field in dataclasses.fields(current)}  # type: ignore[arg-type]  # sections are dataclasses
    if unknown := values.keys() - known:
        raise InvalidValue(
            f"There is no setting {section}.{min(unknown)}: {section} has {', '.join(sorted(known))}.",
            field=section,
        )
    groups = {name for name in known if dataclasses.is_dataclass(getattr(current, name))}
    if section == "system" and (lacking := groups - values.keys()):
        raise InvalidValue(
            f"The settings have no system.{min(lacking)}: they are of a run from when this recipe trained "
            f"something else.",
            field=section,
        )
    try:
        return TypeAdapter(type(current)).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join([section, *(str(part) for part in first["loc"])])
        message = first["msg"].removeprefix("Input ")
        raise InvalidValue(
            f"The setting {name} {message}, but got {first['input']!r}.", field=name
        ) from error


def _full_name(name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    matches = [full for full in names if full.endswith(f".{name}")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InvalidValue(f"The setting {name!r} could be {' or '.join(matches)}: say which.", field="--set")
    raise InvalidValue(f"There is no setting {name!r}; the settings are {', '.join(names)}.", field="--set")


def _parsed(text: str) -> Any:
    """A value as JSON where it is JSON (numbers, true, null, lists), else as the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _flattened(settings: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    flat = []
    for name, value in settings.items():
        flat += _flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return flat
