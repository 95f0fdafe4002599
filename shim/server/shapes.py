"""The words in which the schemas of answers are written. Knows JSON Schema, and no object."""

from __future__ import annotations

from shim.core.wire import Json

__all__ = [
    "ANY_OBJECT",
    "BOOLEAN",
    "COUNT_OR_NULL",
    "INDEX",
    "INTEGER",
    "METADATA",
    "NUMBER",
    "STRING",
    "STRING_OR_NULL",
    "TIME",
    "TIME_OR_NULL",
    "an_object",
    "either",
    "exactly",
    "list_of",
    "one_of",
    "or_null",
    "page_of",
    "ref",
]


def ref(name: str) -> Json:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(optional: Json | None = None, /, **needed: Json) -> Json:
    """An object with exactly these keys; those in `optional` may be absent."""
    return {
        "type": "object",
        "properties": {**needed, **(optional or {})},
        "required": list(needed),
        "additionalProperties": False,
    }


def one_of(*values: str) -> Json:
    """One of these strings."""
    return {"type": "string", "enum": list(values)}


def exactly(value: str) -> Json:
    """This string."""
    return {"type": "string", "const": value}


def list_of(items: Json) -> Json:
    """An array of these."""
    return {"type": "array", "items": items}


def either(*shapes: Json) -> Json:
    """Exactly one of these."""
    return {"oneOf": list(shapes)}


def or_null(shape: Json) -> Json:
    """This or null."""
    return {"anyOf": [shape, {"type": "null"}]}


def page_of(name: str) -> Json:
    """The list envelope of objects of that name."""
    ends = {"first_id": STRING_OR_NULL, "last_id": STRING_OR_NULL}
    return an_object(object=exactly("list"), data=list_of(ref(name)), **ends, has_more=BOOLEAN)


STRING: Json = {"type": "string"}
STRING_OR_NULL: Json = {"type": ["string", "null"]}
INTEGER: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
BOOLEAN: Json = {"type": "boolean"}
TIME: Json = {"type": "integer", "description": "Seconds since 1970."}
TIME_OR_NULL: Json = {"type": ["integer", "null"], "description": "Seconds since 1970."}
COUNT_OR_NULL: Json = {"type": ["integer", "null"]}
METADATA: Json = {"type": "object", "additionalProperties": STRING}
ANY_OBJECT: Json = {"type": "object"}
INDEX: Json = {"type": "integer", "minimum": 0}
