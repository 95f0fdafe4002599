"""The published document: OpenAPI 3.1 of the Assistants API, made from the route table.

Paths and bodies are those of `shim.core.routes`; bodies are described by their own pydantic models.
What a route has no room for stands in `shim.server.operations`, what is answered in
`shim.server.answers` and `shim.server.streamed`. Knows no endpoint by name, and no server.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

import shim
from shim.core.params import INCLUDABLE, LIMIT_DEFAULT, LIMIT_MAX, LIMIT_MIN, ORDERS
from shim.core.routes import CONVERSATION, PREFIXES, ROUTES, Route
from shim.core.wire import Json
from shim.server.answers import ANSWERS
from shim.server.operations import OPERATIONS, Operation
from shim.server.shapes import ref
from shim.server.streamed import EVENTS

__all__ = ["document"]

_REFS = "#/components/schemas/"

_ABOUT = """\
The Assistants API, version 2, carried onto the Responses API by shim. What the original accepted is
accepted, what it refused is refused in its words.

Query strings: `include[]` may be percent-encoded, numbered or plain `include`; an empty value
counts as none. Bodies: an empty body, an empty string and `null` count as `{}`. Every other path
under the same base is handed to the upstream as it is, and so is `/files/{file_id}` where the file
is not one that a run made.
"""

_OF_QUERY: dict[str, Json] = {
    "limit": {
        "description": "How many objects at most.",
        "schema": {
            "type": "integer",
            "minimum": LIMIT_MIN,
            "maximum": LIMIT_MAX,
            "default": LIMIT_DEFAULT,
        },
    },
    "order": {
        "description": "By time of creation: newest first (`desc`) or oldest first.",
        "schema": {"type": "string", "enum": list(ORDERS), "default": "desc"},
    },
    "after": {
        "description": "The id of an object: the list starts behind it.",
        "schema": {"type": "string"},
    },
    "before": {
        "description": "The id of an object: the list ends before it.",
        "schema": {"type": "string"},
    },
    "run_id": {
        "description": "Only the messages that this run made.",
        "schema": {"type": "string"},
    },
    "include[]": {
        "description": "What is shown beyond the ordinary: the texts that a file search found.",
        "schema": {"type": "array", "items": {"type": "string", "enum": [INCLUDABLE]}},
        "explode": True,
        "style": "form",
    },
}

_BETA: Json = {
    "name": "OpenAI-Beta",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "assistants=v2"},
}

_NOTES: Json = {
    "x-shim-notes": {
        "description": "What of the run could not be carried as asked, if anything.",
        "schema": {"type": "string"},
    }
}

_REFUSALS: Json = {
    "4XX": {"$ref": "#/components/responses/Refused"},
    "5XX": {"$ref": "#/components/responses/Failed"},
}


def document(base: str = "/v1") -> Json:
    """The document; `base` is the address under which the paths are served."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Assistants API",
            "version": shim.__version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base}],
        "security": [{"bearer": []}],
        "paths": _paths(),
        "components": {
            "schemas": dict(sorted({**ANSWERS, **EVENTS, **_bodies()}.items())),
            "responses": {
                "Refused": _answered("What was asked is refused.", "Error"),
                "Failed": _answered("The server failed.", "Error"),
            },
            "parameters": {"beta": _BETA} | {_word(n): _parameter(n) for n in _OF_QUERY},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> Json:
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> Json:
    about = OPERATIONS[route.does]
    made: Json = {
        "operationId": about.id,
        "tags": [route.does.partition(".")[0]],
        "summary": about.summary,
        "parameters": _parameters(route, about),
    }
    if route.body is not None:
        schema = ref(_public(route.body.__name__))
        required = any(field.is_required() for field in route.body.model_fields.values())
        made["requestBody"] = {
            "required": required,
            "content": {"application/json": {"schema": schema}},
        }
    made["responses"] = {"200": _success(about), **_REFUSALS}
    return made


def _parameters(route: Route, about: Operation) -> list[Json]:
    ids = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": _pattern(name)},
        }
        for name in route.pattern.groupindex
    ]
    beta = [] if route.does.startswith("files.") else ["beta"]
    shared = [*beta, *map(_word, about.query)]
    return [*ids, *({"$ref": f"#/components/parameters/{name}"} for name in shared)]


def _pattern(name: str) -> str:
    """How an id begins; a conversation's may stand for its thread's."""
    prefix = PREFIXES[name]
    return f"^({prefix}|{CONVERSATION})" if name == "thread_id" else f"^{prefix}"


def _parameter(name: str) -> Json:
    return {"name": name, "in": "query", **_OF_QUERY[name]}


def _word(name: str) -> str:
    """The name of a parameter without what a component's name may not have."""
    return name.removesuffix("[]")


def _success(about: Operation) -> Json:
    if about.answer is None:
        content: Json = {"application/octet-stream": {}}
        return {"description": "The bytes.", "content": content}
    made = _answered("What was asked for.", about.answer)
    if about.streams:
        made["description"] = "What was asked for; with `stream: true` its events."
        made["content"]["text/event-stream"] = {"schema": ref("StreamEvent")}
    if about.answer == "Run":
        made["headers"] = _NOTES
    return made


def _answered(description: str, schema: str) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": ref(schema)}},
    }


def _bodies() -> Json:
    """The schemas of the request models and of what they are made of."""
    models = dict.fromkeys(route.body for route in ROUTES if route.body is not None)
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFS + "{model}"
    )
    return {_public(name): _tidy(schema) for name, schema in made["$defs"].items()}


def _public(name: str) -> str:
    return name.removeprefix("_")


def _tidy(schema: Any) -> Any:
    """The schema without pydantic's titles and defaults, and with short ways to say `or null`."""
    match schema:
        case {"$ref": str(name)}:
            return {"$ref": _REFS + _public(name.removeprefix(_REFS))}
        case {"properties": dict(properties)}:
            rest = {key: value for key, value in schema.items() if key != "properties"}
            named = {name: _tidy(shape) for name, shape in properties.items()}
            return {**_tidy(rest), "properties": named}
        case {"anyOf": [dict(shape), {"type": "null"}]} if isinstance(shape.get("type"), str):
            return _nullable(_tidy(shape))
        case dict():
            kept = (key for key in schema if key not in ("title", "default"))
            return {key: _tidy(schema[key]) for key in kept}
        case list():
            return [_tidy(each) for each in schema]
        case _:
            return schema


def _nullable(shape: Json) -> Json:
    made = {**shape, "type": [shape["type"], "null"]}
    return {**made, "enum": [*shape["enum"], None]} if "enum" in shape else made
