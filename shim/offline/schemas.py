"""What the upstream wants of a JSON schema: well-formed, and closed where it is strict.

Knows schemas; not whether they belong to a function or to a text format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shim.offline.wire import Json

__all__ = ["loose", "malformed"]

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "type": ((str, list), "'string', 'array'"),
    "properties": ((dict,), "'object'"),
    "required": ((list,), "'array'"),
    "enum": ((list,), "'array'"),
    "items": ((dict, bool), "'object', 'boolean'"),
    "anyOf": ((list,), "'array'"),
    "oneOf": ((list,), "'array'"),
    "allOf": ((list,), "'array'"),
    "$ref": ((str,), "'string'"),
    "minimum": ((int, float), "'number'"),
    "maximum": ((int, float), "'number'"),
    "minItems": ((int,), "'integer'"),
    "maxLength": ((int,), "'integer'"),
    "format": ((str,), "'string'"),
}


def malformed(schema: Any) -> Iterator[str]:
    """What keeps a value from being a schema, in a validator's words."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{schema!r} is not of type 'object', 'boolean'."
        return
    for key, (accepted, names) in _KINDS.items():
        if key in schema and not isinstance(schema[key], accepted):
            yield f"{schema[key]!r} is not of type {names}."
            return
    if schema.get("enum") == []:
        yield "[] should be non-empty."
    for each in _children(schema):
        yield from malformed(each)


def _children(schema: Json) -> Iterator[Any]:
    yield from (schema.get("properties") or {}).values()
    for key in ("anyOf", "oneOf", "allOf"):
        yield from schema.get(key) or []
    if "items" in schema:
        yield schema["items"]


def loose(schema: Json, path: tuple[str, ...] = ()) -> Iterator[str]:
    """What keeps a schema from being strict: objects left open, properties not required."""
    properties = schema.get("properties") or {}
    if schema.get("type") == "object" or properties:
        yield from _loose_object(schema, properties, f"In context={path!r}, ")
    for name, each in properties.items():
        if isinstance(each, dict):
            yield from loose(each, (*path, "properties", name))
    if isinstance(schema.get("items"), dict):
        yield from loose(schema["items"], (*path, "items"))


def _loose_object(schema: Json, properties: Json, context: str) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield context + "'additionalProperties' is required to be supplied and to be false."
    for name in properties:
        if name not in (schema.get("required") or []):
            yield (
                f"{context}'required' is required to be supplied and to be an array including "
                f"every key in properties. Missing '{name}'."
            )
