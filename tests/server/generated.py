"""Requests made from the published document: right ones, and right ones with something spoiled.

Knows the document, and that the same seed makes the same requests; refuses to know what is stored
and what is answered.
"""

from __future__ import annotations

import functools
import random
import re

from documented import DOCUMENT
from oddities import BETAS, FULL, LARGE, METHODS, ODD_TEXTS, ODD_VALUES, QUERIES, RAW, TYPES
from sent import Made

__all__ = ["requests"]

PLACES = (
    {"thread_id": "[thread]", "run_id": "[run]", "message_id": "[message]", "step_id": "[step]"},
    {"thread_id": "[waiting]", "run_id": "[waiting_run]", "message_id": "[asked]"},
    {"thread_id": "[empty]"},
)
"""Ids that belong together, of what there is in three threads; in one a run waits for outputs."""

WAITING = PLACES[1]

NAMES = {
    "assistant_id": ("[assistant]", "[bare]"),
    "thread_id": ("[thread]", "[waiting]", "[empty]"),
    "run_id": ("[run]", "[waiting_run]"),
    "message_id": ("[message]", "[asked]"),
    "step_id": ("[step]",),
    "file_id": ("[file]",),
    "tool_call_id": ("[call_1]", "[call_2]"),
}

KINDS = [
    [shape["properties"]["type"]["const"] for shape in schema["oneOf"]]
    for schema in DOCUMENT["components"]["schemas"].values()
    if all("type" in shape.get("properties", ()) for shape in schema.get("oneOf", ({},)))
]
"""What `type` may be, for each schema of which it decides the rest."""

OPERATIONS = [
    (path, method)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for _ in range(4 if "requestBody" in operation else 1)
]

PATTERNED = {
    "^asst": ("[assistant]", "[assistant]", "[assistant]", "[bare]", "asst_none"),
    "^(https?://|data:image/)": ("https://host/a.png", "http://host/b", "data:image/png;base64,AA"),
    "^[a-zA-Z0-9_-]+$": ("f", "a-b_c", "A" * 64, "0"),
}
"""Strings for the patterns that the document has."""

ALPHABETS = ("abc XYZ.,", "\u00e4\u4f60\u597d\U0001f600", "\x00\x1f\u202e\uffff\"'\\\\/<&%")

SMALLEST, LARGEST = -1000, 100_000


def requests(seed, most):
    """Up to so many requests that belong to a seed."""
    chance = random.Random(seed)
    return [_request(chance) for _ in range(chance.randint(1, most))]


def _request(chance):
    template, method = chance.choice(OPERATIONS)
    operation = DOCUMENT["paths"][template][method]
    names = chance.sample(sorted(QUERIES), chance.choice((0, 0, 1, 2)))
    method = chance.choice(METHODS) if _once_in(30, chance) else method.upper()
    return Made(
        method=method,
        path=_path(template, chance),
        query=tuple((_spelled(name, chance), chance.choice(QUERIES[name])[0]) for name in names),
        headers={"openai-beta": chance.choice(BETAS), "content-type": chance.choice(TYPES)},
        body=_body(operation, chance) if "requestBody" in operation else b"",
    )


def _once_in(times, chance):
    return chance.randrange(times) == 0


def _spelled(name, chance):
    if name != "include[]":
        return name
    return chance.choice(("include[]", "include", "include[0]", "include%5B%5D"))


def _path(template, chance):
    names = re.findall(r"\{(\w+)\}", template)
    fitting = [place for place in PLACES if place.keys() >= set(names)] or PLACES
    waits = "submit" in template or "cancel" in template
    place = WAITING if waits else chance.choice(fitting)
    ids = {name: place.get(name) or chance.choice(NAMES[name]) for name in names}
    for name in names:
        if _once_in(20, chance):
            others = [each for group in NAMES.values() for each in group]
            odd = [text for text in ODD_TEXTS if text and text != "\ud800"]
            ids[name] = chance.choice(chance.choice((others, odd)))
    path = template.format(**ids)
    return chance.choice(_odd_paths(path)) if _once_in(30, chance) else path


def _odd_paths(path):
    others = ["/", "", "/threads/undefined/messages", f"/v1{path}", path.replace("/", "%2F")]
    return [f"{path}/", f"{path}//", f"/{path}", f"{path}/x", path.upper(), *others]


def _body(operation, chance):
    if _once_in(15, chance):
        return chance.choice(RAW)
    body = _value("", operation["requestBody"]["content"]["application/json"]["schema"], chance)
    return body if _once_in(3, chance) else _spoiled(body, chance)


def _value(name, schema, chance):
    """A value that the schema takes, for a key of that name."""
    if "$ref" in schema:
        referred = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return _value(name, referred, chance)
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return _value(name, _chosen(schema[word], chance), chance)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kinds = schema.get("type", ["string", "integer", "boolean", "null"])
    kind = _chosen([kinds] if isinstance(kinds, str) else kinds, chance)
    return _MAKERS[kind](name, schema, chance)


def _chosen(options, chance):
    """One of the options; null, which comes last where it is one, seldom."""
    something = [option for option in options if option not in ("null", {"type": "null"})]
    if not something or (len(something) < len(options) and _once_in(6, chance)):
        return options[-1]
    return chance.choice(something)


def _string(name, schema, chance):
    if "pattern" in schema:
        return chance.choice(PATTERNED[schema["pattern"]])
    if name in NAMES:
        return chance.choice((*NAMES[name], "none"))
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
    if _once_in(10, chance) and most <= 1000:
        return "z" * most
    letters = chance.choice(ALPHABETS)
    return "".join(chance.choice(letters) for _ in range(chance.randint(least, max(least, 8))))


def _integer(_name, schema, chance):
    least, most = schema.get("minimum", SMALLEST), schema.get("maximum", LARGEST)
    return chance.choice((least, most, chance.randint(least, most)))


def _number(_name, schema, chance):
    least, most = schema.get("minimum", SMALLEST), schema.get("maximum", LARGEST)
    return chance.choice((least, most, int(least), chance.uniform(least, most)))


def _array(name, schema, chance):
    if name == "tool_outputs" and chance.random() < 0.5:
        return [{"tool_call_id": call, "output": "1"} for call in NAMES["tool_call_id"]]
    least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
    return [_value("", schema["items"], chance) for _ in range(chance.randint(max(least, 1), most))]


def _object(_name, schema, chance):
    if "properties" not in schema:
        return _open_object(schema, chance)
    needed = schema.get("required", ())
    free = [name for name in schema["properties"] if name not in needed]
    some = chance.sample(free, chance.randint(0, min(4, len(free))))
    return {name: _value(name, schema["properties"][name], chance) for name in (*needed, *some)}


def _open_object(schema, chance):
    values = schema.get("additionalProperties", True)
    values = {} if values is True else values
    most = schema.get("maxProperties", 3)
    count = most if _once_in(8, chance) else chance.randint(0, 2)
    keys = [_string("", {"maxLength": 64}, chance) + str(n) for n in range(count)]
    return {key[-64:]: _value("", values, chance) for key in keys}


_MAKERS = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "array": _array,
    "object": _object,
    "boolean": lambda _name, _schema, chance: chance.choice((True, False)),
    "null": lambda _name, _schema, _chance: None,
}


def _spoiled(body, chance):
    """The body with one thing in it changed, taken away or put to it."""
    places = [(), *_spots(body)]
    objects = [spot for spot in places if isinstance(_at(spot, body), dict)]
    spot = chance.choice(chance.choice((places, objects or places)))
    ways = chance.choice(_changes(_at(spot, body)))
    return _changed(body, spot, chance.choice(ways))


def _spots(value, path=()):
    """All places in a value, as the steps that lead there."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key)
            yield from _spots(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield (*path, index)
            yield from _spots(each, (*path, index))


def _at(spot, value):
    return functools.reduce(lambda inner, step: inner[step], spot, value)


def _changed(value, path, change):
    """The value with what stands at the end of the path changed, or taken away where that is it."""
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and change is REMOVE:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(value[path[0]], path[1:], change)
    return copy


def REMOVE(value):  # noqa: N802 - a constant that is compared with
    """Leave nothing of a whole body."""
    del value
    return {}


def _changes(value):
    """Ways to spoil what stands somewhere, one group for each thing that can be wrong with it."""
    groups = [
        [REMOVE],
        [_instead(odd) for odd in ODD_VALUES],
        [lambda one: [one], lambda one: [one] * 130, lambda one: {"a": one}],
    ]
    if isinstance(value, str):
        groups.append([_instead(odd) for odd in ODD_TEXTS])
        groups.append([lambda one: f"{one}\n", lambda one: one * 60, _instead("300000 signs")])
    if isinstance(value, dict):
        groups.append([_with({"unknown": None}), _with({"type": "odd"})])
        groups.append([_with({"k" * 65: "v"}), _with({"k": "v" * 513}), _with(dict(FULL))])
    if isinstance(value, dict) and value:
        groups.append([_without(key) for key in value])
    if isinstance(value, dict) and any(value.get("type") in kinds for kinds in KINDS):
        kin = {kind for kinds in KINDS if value["type"] in kinds for kind in kinds}
        groups += [[_with({"type": kind}) for kind in sorted(kin - {value["type"]})]] * 2
    if isinstance(value, list):
        groups.append([lambda one: one * 129, lambda one: one * 21, lambda one: one * 2])
    return groups


def _instead(odd):
    return lambda _: LARGE.get(odd, odd) if isinstance(odd, str) else odd


def _without(key):
    return lambda one: {name: value for name, value in one.items() if name != key}


def _with(more):
    return lambda one: {**one, **more}
