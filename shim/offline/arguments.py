"""Values for a JSON schema, taken from what the user said. Deterministic; knows no functions.

Text: a quoted phrase, else a capitalised one after a preposition, else any capitalised word, else
the last word. Enumerations: the value that is named, else the first. Numbers: as they come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from shim.offline.wire import Json

__all__ = ["example", "fill"]

_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)'([^']+)'(?!\w)")
_PLACE = re.compile(
    r"\b(?:in|for|at|of|to|from|about|near)\s+"
    r"([A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*(?:,\s*[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*)?)"
)
_CAPITAL = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_LAST = re.compile(r"(\w[\w'-]*)\W*\Z")

_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "user@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEPTH = 8


def fill(schema: Json, text: str) -> Json:
    """Arguments for a function: what is required, and what the text has a value for."""
    value = _Filler(schema, text, eager=False).value(schema, "")
    return value if isinstance(value, dict) else {}


def example(schema: Json, text: str) -> Any:
    """A value that is valid under a schema, every property present."""
    return _Filler(schema, text, eager=True).value(schema, "")


class _Filler:
    """Fills one schema; each phrase and number is used once, the last one again and again."""

    def __init__(self, root: Json, text: str, *, eager: bool) -> None:
        self._root = root
        self._text = text
        self._eager = eager
        self._phrases = list(_phrases(text))
        self._numbers = [float(each) for each in _NUMBER.findall(text)]

    def value(self, schema: Any, name: str, depth: int = 0) -> Any:
        """A value for a schema."""
        if not isinstance(schema, dict):
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._mentioned(schema["enum"]) or schema["enum"][0]
        return self._typed(schema, name, depth)

    def _resolved(self, schema: Json) -> Json:
        """The schema behind references and alternatives: the first that is not null."""
        for _ in range(_DEPTH):
            if not isinstance(schema, dict):
                return {}
            if "$ref" in schema:
                schema = self._pointed(schema["$ref"])
            elif branch := next((k for k in ("anyOf", "oneOf", "allOf") if schema.get(k)), None):
                options = [each for each in schema[branch] if each != {"type": "null"}]
                schema = options[0] if options else {"type": "null"}
            else:
                break
        return schema

    def _pointed(self, reference: str) -> Json:
        found: Any = self._root
        for step in reference.lstrip("#/").split("/"):
            found = found.get(step, {}) if step else found
        return found if isinstance(found, dict) else {}

    def _typed(self, schema: Json, name: str, depth: int) -> Any:
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number":
                return self._number(schema)
            case "boolean":
                return bool(schema.get("default", True))
            case "null":
                return None
            case _:
                return self._string(schema)

    def _array(self, schema: Json, name: str, depth: int) -> list[Any]:
        count = max(1, int(schema.get("minItems") or 1))
        items = schema.get("items") or {"type": "string"}
        return [self.value(items, name, depth + 1) for _ in range(count)]

    def _object(self, schema: Json, depth: int) -> Json:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        if depth > _DEPTH:
            return {}
        return {
            name: self.value(each, name, depth + 1)
            for name, each in properties.items()
            if self._eager or name in required or self._can_fill(each)
        }

    def _can_fill(self, schema: Any) -> bool:
        """Whether the text names a value for a property that is not required."""
        schema = self._resolved(schema) if isinstance(schema, dict) else {}
        if "enum" in schema:
            return self._mentioned(schema["enum"]) is not None
        kind = _type(schema)
        return kind in ("integer", "number") and bool(self._numbers)

    def _mentioned(self, values: list[Any]) -> Any:
        for value in values:
            if isinstance(value, str) and value and _names(self._text, value):
                return value
        return None

    def _number(self, schema: Json) -> float:
        if not self._numbers:
            number = float(schema.get("default") or schema.get("minimum") or 1)
        else:
            number = self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]
        low, high = schema.get("minimum", number), schema.get("maximum", number)
        number = min(max(number, low), high)
        whole = _type(schema) == "integer" or number == int(number)
        return int(number) if whole else number

    def _string(self, schema: Json) -> str:
        kind = schema.get("format")
        if kind == "date" and (dated := _DATE.search(self._text)):
            return dated.group()
        if kind in _FORMATS:
            return _FORMATS[kind]
        phrase = self._phrases.pop(0) if len(self._phrases) > 1 else self._phrases[0]
        return phrase[: schema.get("maxLength") or None]


def _type(schema: Json) -> str:
    """The first type of a schema that is not null."""
    kinds = schema.get("type") or ("object" if "properties" in schema else "string")
    if isinstance(kinds, list):
        kinds = next((kind for kind in kinds if kind != "null"), "null")
    return str(kinds)


def _names(text: str, value: str) -> bool:
    """Whether the text has a value as a word; single letters count as they are written."""
    flags = re.IGNORECASE if len(value) > 1 else 0
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, flags) is not None


def _phrases(text: str) -> Iterator[str]:
    """Candidates for a text argument, the likeliest first."""
    seen: set[str] = set()
    quoted = (next(filter(None, groups)) for groups in _QUOTED.findall(text))
    places = (match.group(1) for match in _PLACE.finditer(text))
    capitals = (match.group() for match in _CAPITAL.finditer(text))
    last = (match.group(1) for match in _LAST.finditer(text))
    for source in (quoted, places, capitals, last):
        for phrase in source:
            if phrase != "I" and not any(phrase in other for other in seen):
                seen.add(phrase)
                yield phrase
    if not seen:
        yield text.strip() or "text"
