"""Whether an answer keeps the format it was asked for. Knows `response_format` alone."""

from __future__ import annotations

from typing import Any

from shim.core.wire import decode_json

__all__ = ["broken_format", "broken_schema", "wrong_schema"]

_MOST = 200


def broken_format(text: str, wanted: Any) -> str:
    """What is wrong with an answer; empty where nothing is, or no format was asked for."""
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in {"json_object", "json_schema"}:
        return ""
    schema = (wanted.get("json_schema") or {}).get("schema") if kind == "json_schema" else None
    return broken_schema(text, schema or {"type": "object"})


def broken_schema(text: str, schema: Any) -> str:
    """What keeps a text from being JSON of a schema. Nothing is fetched that the schema names."""
    if problem := wrong_schema(schema):
        return f"the schema itself is wrong: {problem}"
    from referencing import Registry  # noqa: PLC0415 - an extra
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - an extra

    try:
        value = decode_json(text)
        error = next(_validator(schema)(schema, registry=Registry()).iter_errors(value), None)
    except ValueError as problem:
        return f"no JSON ({problem})"
    except RecursionError:
        return "it is nested too deeply to be looked at"
    except Unresolvable as problem:
        return f"the schema itself is wrong: it names what it does not have, {problem.ref}"
    return "" if error is None else str(error.message)[:_MOST]


def wrong_schema(schema: Any) -> str:
    """Why something is no JSON schema; empty where it is one."""
    from jsonschema import SchemaError  # noqa: PLC0415 - an extra

    if not isinstance(schema, (dict, bool)):
        return f"{schema!r} is none"
    try:
        _validator(schema).check_schema(schema)
    except SchemaError as error:
        return str(error.message)[:_MOST]
    return ""


def _validator(schema: Any) -> Any:
    from jsonschema.validators import validator_for  # noqa: PLC0415 - an extra

    return validator_for(schema)
