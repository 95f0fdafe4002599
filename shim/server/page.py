"""The docs page: the published document as one HTML page that loads nothing else.

Knows HTML and the parts of OpenAPI that `shim.server.openapi` uses; every word on it is the
document's own. Refuses to know any endpoint or schema by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from shim.core.wire import Json

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --faint: #8884; --soft: #8882 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 0 auto; padding: 1rem }
h1, h2, h3 { line-height: 1.25 }
h2 { margin-top: 3rem; text-transform: capitalize }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
section.call, section.schema { border: 1px solid var(--faint); border-radius: .4rem;
  margin: 1rem 0; padding: .8rem 1rem }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere }
.method { display: inline-block; min-width: 4rem; font-weight: bold }
dl { margin: .5rem 0 }
dt { margin-top: .5rem; font-weight: 600 }
dd { margin: 0 0 0 1rem }
ul { margin: .2rem 0; padding-left: 1.2rem }
p { margin: .5rem 0 }
nav ul { columns: 18rem; list-style: none; padding: 0 }
:target { background: var(--soft) }
small { opacity: .75 }
"""

_REF = re.compile(r"#/components/(\w+)/(\w+)")


def page(document: Json) -> str:
    """The page of a document."""
    info = document["info"]
    body = [
        f"<h1>{escape(info['title'])}</h1>",
        *(f"<p>{_prose(part)}</p>" for part in info["description"].split("\n\n")),
        _edition(document),
        _contents(document),
        *_calls(document),
        *_schemas(document["components"]["schemas"]),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(info['title'])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _edition(document: Json) -> str:
    version, base = document["info"]["version"], document["servers"][0]["url"]
    return f"<p><small>shim {escape(version)}, under <code>{escape(base)}</code></small></p>"


def _operations(document: Json) -> Iterable[tuple[str, str, Json]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _contents(document: Json) -> str:
    items = (
        f'<li><a href="#{operation["operationId"]}">{_line(method, path)}</a></li>'
        for method, path, operation in _operations(document)
    )
    return f"<nav><ul>{''.join(items)}</ul></nav>"


def _line(method: str, path: str) -> str:
    return f'<code><span class="method">{method}</span> {escape(path)}</code>'


def _calls(document: Json) -> Iterable[str]:
    tag = ""
    for method, path, operation in _operations(document):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            yield f"<h2>{escape(tag)}</h2>"
        yield _call(method, path, operation, document)


def _call(method: str, path: str, operation: Json, document: Json) -> str:
    name = operation["operationId"]
    parts = [
        f"<h3>{_line(method, path)}</h3>",
        f"<p>{_prose(operation['summary'])} <small>{escape(name)}</small></p>",
        _parameters([_resolved(each, document) for each in operation["parameters"]]),
    ]
    if "requestBody" in operation:
        needed = "" if operation["requestBody"]["required"] else " <small>may be left out</small>"
        parts.append(f"<p>Body: {_content(operation['requestBody'])}{needed}</p>")
    parts.append(_answers(operation["responses"], document))
    return f'<section class="call" id="{name}">{"".join(parts)}</section>'


def _parameters(parameters: Iterable[Json]) -> str:
    rows = (
        f"<dt><code>{escape(each['name'])}</code> <small>{escape(each['in'])}"
        f"{', required' if each.get('required') else ''}</small></dt>"
        f"<dd>{_shape(each['schema'])} {_prose(each.get('description', ''))}</dd>"
        for each in parameters
    )
    return f"<dl>{''.join(rows)}</dl>"


def _answers(responses: Json, document: Json) -> str:
    items = []
    for status, given in responses.items():
        response = _resolved(given, document)
        headers = "".join(
            f"<br>Header <code>{escape(name)}</code>: {_prose(header['description'])}"
            for name, header in response.get("headers", {}).items()
        )
        about = _prose(response["description"])
        items.append(f"<li>{status}: {_content(response)} <small>{about}</small>{headers}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _content(given: Json) -> str:
    return ", or ".join(
        f"<code>{escape(kind)}</code> {_shape(media['schema']) if 'schema' in media else ''}"
        for kind, media in given["content"].items()
    )


def _schemas(schemas: Mapping[str, Json]) -> Iterable[str]:
    yield "<h2>Schemas</h2>"
    for name, schema in schemas.items():
        about = f"<p>{_prose(schema['description'])}</p>" if "description" in schema else ""
        shape = {key: value for key, value in schema.items() if key != "description"}
        yield (
            f'<section class="schema" id="{name}"><h3>{escape(name)}</h3>{about}'
            f"{_shape(shape)}</section>"
        )


def _shape(schema: Json) -> str:
    """A schema in words, with what it consists of."""
    if "$ref" in schema:
        name = escape(_located(schema)[1])
        return f'<a href="#{name}">{name}</a>'
    for word, sense in (("oneOf", "one of"), ("anyOf", "one of"), ("allOf", "all of")):
        if word in schema:
            return sense + _bullets(_shape(each) for each in schema[word])
    words = _limits(schema)
    if "items" in schema:
        words += f" of {_shape(schema['items'])}"
    about = f" <small>{_prose(schema['description'])}</small>" if "description" in schema else ""
    return words + about + _properties(schema)


def _properties(schema: Json) -> str:
    needed = schema.get("required", ())
    return _bullets(
        f"<code>{escape(name)}</code>{'' if name in needed else ' <small>optional</small>'}: "
        f"{_shape(shape)}"
        for name, shape in schema.get("properties", {}).items()
    )


_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} long",
    "maxLength": "at most {} long",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} keys",
    "pattern": "like {}",
    "default": "{} if absent",
}


def _limits(schema: Json) -> str:
    if "const" in schema:
        return f"<code>{escape(_shown(schema['const']))}</code>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(_shown(value))}</code>" for value in schema["enum"])
    kinds = schema.get("type", "anything")
    words = [kinds if isinstance(kinds, str) else " or ".join(kinds)]
    words += [
        text.format(f"<code>{escape(_shown(schema[key]))}</code>")
        for key, text in _LIMITS.items()
        if key in schema
    ]
    return ", ".join(words)


def _shown(value: Any) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _bullets(items: Iterable[str]) -> str:
    made = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{made}</ul>" if made else ""


def _prose(text: str) -> str:
    """Text with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _located(given: Json) -> tuple[str, str]:
    found = _REF.fullmatch(given["$ref"])
    assert found is not None
    return found[1], found[2]


def _resolved(given: Json, document: Json) -> Json:
    if "$ref" not in given:
        return given
    kind, name = _located(given)
    resolved: Json = document["components"][kind][name]
    return resolved
