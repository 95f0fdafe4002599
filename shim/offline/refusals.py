"""The upstream's error texts. Knows words and codes; not when they are due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shim.offline.wire import Refused

__all__ = [
    "above",
    "below",
    "missing",
    "no_key",
    "no_url",
    "not_found",
    "too_long",
    "too_many",
    "too_many_properties",
    "unknown",
    "unsupported_for_model",
    "unsupported_value",
    "wrong_type",
]

_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def unknown(param: str) -> Refused:
    """A parameter that does not exist."""
    return Refused(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def missing(param: str) -> Refused:
    """A parameter that has to be there."""
    code = "missing_required_parameter"
    return Refused(f"Missing required parameter: '{param}'.", param=param, code=code)


def wrong_type(param: str, expected: str, value: Any) -> Refused:
    """A value of another type than the parameter has; `expected` has its article."""
    got = _NAMES.get(type(value), "an unknown type")
    text = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return Refused(text, param=param, code="invalid_type")


def unsupported_value(param: str, value: Any, supported: Sequence[str]) -> Refused:
    """A value outside an enumeration."""
    quoted = [f"'{each}'" for each in supported]
    listed = (
        " and ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
    )
    text = f"Invalid value: '{value}'. Supported values are: {listed}."
    return Refused(text, param=param, code="invalid_value")


def unsupported_for_model(param: str) -> Refused:
    """A parameter that the model asked for does not have (code null, spec 2.7)."""
    text = f"Unsupported parameter: '{param}' is not supported with this model."
    return Refused(text, param=param)


def below(param: str, kind: str, least: float, value: float) -> Refused:
    """A number that is too small."""
    text = (
        f"Invalid '{param}': {kind} below minimum value. "
        f"Expected a value >= {least}, but got {value} instead."
    )
    return Refused(text, param=param, code=f"{kind}_below_min_value")


def above(param: str, kind: str, most: float, value: float) -> Refused:
    """A number that is too large."""
    text = (
        f"Invalid '{param}': {kind} above maximum value. "
        f"Expected a value <= {most}, but got {value} instead."
    )
    return Refused(text, param=param, code=f"{kind}_above_max_value")


def too_many(param: str, most: int, length: int) -> Refused:
    """An array with too many elements."""
    text = (
        f"Invalid '{param}': array too long. Expected an array with maximum length {most}, "
        f"but got an array with length {length} instead."
    )
    return Refused(text, param=param, code="array_above_max_length")


def too_many_properties(param: str, most: int, count: int) -> Refused:
    """An object with too many properties."""
    text = (
        f"Invalid '{param}': too many properties. Expected an object with at most {most} "
        f"properties, but got an object with {count} properties instead."
    )
    return Refused(text, param=param, code="object_above_max_properties")


def too_long(param: str, most: int, length: int) -> Refused:
    """A string with too many characters."""
    text = (
        f"Invalid '{param}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {length} instead."
    )
    return Refused(text, param=param, code="string_above_max_length")


def not_found(what: str, key: str) -> Refused:
    """An object that is not there, or not any more (code null, spec 2.6)."""
    return Refused(f"{what} with id '{key}' not found.", status=404)


def no_url(method: str, path: str) -> Refused:
    """A path that the upstream does not have."""
    return Refused(f"Invalid URL ({method} /v1{path})", status=404)


def no_key() -> Refused:
    """A request without credentials."""
    text = (
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    )
    return Refused(text, status=401)
