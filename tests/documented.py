"""Whether what is answered, and what is sent, is as the published document says.

Knows the document and JSON Schema, and nothing of what an answer means.
"""

from __future__ import annotations

import functools
import json
import re

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from shim.core.routes import match
from shim.core.wire import encode_event
from shim.server.openapi import document

__all__ = ["DOCUMENT", "Watched", "answer_faults", "body_faults", "event_faults", "operation_of"]

DOCUMENT = document()

_WHOLE = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
_Validator = extend(Draft202012Validator, type_checker=_WHOLE)
"""To JSON Schema 1.0 and 1e300 are integers too; to the original, as to shim, they are decimals."""


@functools.cache
def _validator(name):
    return _validator_of({"$ref": f"#/components/schemas/{name}"})


@functools.cache
def _event_validator(event):
    """Of the one form that events of that name have, which is quicker than to try them all."""
    forms = DOCUMENT["components"]["schemas"]["StreamEvent"]["oneOf"]
    named = [form for form in forms if _Validator(form["properties"]["event"]).is_valid(event)]
    return _validator_of({"oneOf": named or forms})


def _validator_of(schema):
    return _Validator({**schema, "components": DOCUMENT["components"]})


def _faults(name, value):
    """What of a value is not as the schema of that name says."""
    return _told(name, _validator(name), value)


def _told(name, validator, value):
    faults = [best_match([error]) for error in validator.iter_errors(value)]
    return [f"{name}{fault.json_path[1:]}: {fault.message}" for fault in faults]


def _named(schema):
    return schema["$ref"].rpartition("/")[2]


def operation_of(method, path):
    """The operation of a call, or None where the document has none."""
    found = match(method, path.rstrip("/"))
    return found and DOCUMENT["paths"][found.route.path][method.lower()]


def body_faults(operation, body):
    """What of a request's body is not as it is documented."""
    content = operation["requestBody"]["content"]["application/json"]
    return _faults(_named(content["schema"]), body)


def answer_faults(operation, status, content_type, body):
    """What of a plain answer, as the parsed JSON it is sent as, is not as it is documented."""
    if operation is None or status >= 400:
        if operation is not None:
            assert f"{status // 100}XX" in operation["responses"]
        return _faults("Error", body)
    told = operation["responses"][str(status)]["content"]
    if content_type not in told:
        return [f"{content_type} is not one of {sorted(told)}"]
    return _faults(_named(told[content_type]["schema"]), body)


def event_faults(frame):
    """What of a server-sent event, as its bytes, is not as it is documented."""
    name, data = re.fullmatch(r"event: (\S+)\ndata: (.*)\n\n", frame.decode()).groups()
    value = {"event": name, "data": json.loads(data) if "{" in data else data}
    return _told("StreamEvent", _event_validator(name), value)


class Watched:
    """A handler in front of another; notes in `faults` what of its answers is not documented."""

    def __init__(self, handler, faults):
        self._handler = handler
        self._faults = faults
        self.aclose, self.check = handler.aclose, handler.check

    async def __call__(self, call):
        reply = await self._handler(call)
        operation = operation_of(call.method, call.path)
        if reply.events is not None:
            assert "text/event-stream" in operation["responses"]["200"]["content"]
            return _with_events(reply, _Events(reply.events, self._faults))
        if reply.chunks is None:
            body = json.loads(json.dumps(reply.body))
            self._faults += answer_faults(operation, reply.status, "application/json", body)
        return reply


def _with_events(reply, events):
    return type(reply)(reply.status, reply.body, events, reply.headers)


def _shape(value, key=""):
    """Keys, types, and what kind of thing it says it is."""
    match value:
        case dict():
            return tuple((name, _shape(each, name)) for name, each in value.items())
        case list():
            return tuple(map(_shape, value))
        case _:
            return (type(value), value if key in ("type", "object") else None)


class _Events:
    """A stream of events, looked at on the way; begins and ends when the stream in it does.

    Of deltas that are alike only the first is looked at: some streams have thousands.
    """

    def __init__(self, events, faults):
        self._events = events
        self._faults = faults
        self._seen = set()

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await anext(self._events)
        if not event.name.endswith(".delta") or self._is_new(_shape(event.data)):
            self._faults += event_faults(encode_event(event))
        return event

    def _is_new(self, shape):
        known = len(self._seen)
        self._seen.add(shape)
        return len(self._seen) > known

    async def aclose(self):
        await self._events.aclose()
