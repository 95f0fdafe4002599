"""Forms with files (multipart/form-data), read as a JSON body would be. Knows no endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value

from shim.offline.wire import Json, Refused

__all__ = ["Upload", "is_form", "parse"]

_NESTED = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_LIST = re.compile(r"([^\[\]]+)\[\]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form, its name as it was given: with slashes too, as the service keeps it."""

    filename: str
    content: bytes


def is_form(content_type: str) -> bool:
    """Whether a body of that type is a form."""
    return content_type.lower().startswith("multipart/form-data")


def parse(content_type: str, body: bytes) -> Json:
    """The fields of a form: texts and uploads; `a[b]` becomes an object, `a[]` an array."""
    boundary = _boundary(content_type)
    fields: Json = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        if part.startswith(b"--"):
            break  # the last boundary; what follows is no part of the form (RFC 2046, 5.1.1)
        head, separator, content = part.partition(b"\r\n\r\n")
        if separator:
            _put(fields, *_field(_headers(head), content))
    return fields


def _boundary(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str):
        raise Refused("Could not parse multipart form: no boundary.")
    return boundary


def _headers(head: bytes) -> Message:
    return HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip("\r\n"))


def _field(headers: Message, content: bytes) -> tuple[str, str | Upload]:
    name = str(headers.get_param("name", header="content-disposition"))
    filename = _filename(headers)
    if filename is None:
        return name, content.decode("utf-8", "replace")
    return name, Upload(filename, content)


def _filename(headers: Message) -> str | None:
    """A file's name; `filename*` goes before `filename` where there are both (RFC 6266)."""
    given = headers.get_params(header="content-disposition") or []
    named = [value for name, value in given if name == "filename"]
    named.sort(key=lambda value: isinstance(value, tuple))
    return collapse_rfc2231_value(named[-1]) if named else None


def _put(fields: Json, name: str, value: str | Upload) -> None:
    if nested := _NESTED.fullmatch(name):
        fields.setdefault(nested[1], {})[nested[2]] = value
    elif listed := _LIST.fullmatch(name):
        fields.setdefault(listed[1], []).append(value)
    else:
        fields[name] = value
