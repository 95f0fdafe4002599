"""Whether an answer keeps the format it was asked for. Knows `response_format` alone."""

from __future__ import annotations

from typing import Any

from shim.core.wire import decode_json

__all__ = ["broken_format", "broken_schema"]


def broken_format(text: str, wanted: Any) -> str:
    """What is wrong with an answer; empty where nothing is, or no format was asked for."""
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in {"json_object", "json_schema"}:
        return ""
    schema = (wanted.get("json_schema") or {}).get("schema") if kind == "json_schema" else None
    return broken_schema(text, schema or {"type": "object"})


def broken_schema(text: str, schema: Any) -> str:
    """What keeps a text from being JSON of a schema."""
    import jsonschema  # noqa: PLC0415 - an extra

    try:
        value = decode_json(text)
    except ValueError as error:
        return f"no JSON ({error})"
    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as error:
        return str(error.message)[:200]
    except jsonschema.SchemaError as error:
        return f"the schema itself is wrong: {error.message[:200]}"
    return ""
