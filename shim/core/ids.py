"""Identifiers. Knows how they are made and how they must look; not what they name.

An id is its prefix, an underscore and 24 characters of `[0-9A-Za-z]`, nothing else: programs cut
them out of error texts with regular expressions (Assistants spec 1.3). Ours sort by creation time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time

__all__ = ["FILE", "OWN_FILE", "file_id", "mint", "names_one"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TIME_LENGTH = 9
_RANDOM_LENGTH = 15
_FILE_LENGTH = 20

FILE = "file-shim"
"""How the ids of files begin that shim keeps: a door knows them from the upstream's by it."""
OWN_FILE = rf"{FILE}[0-9A-Za-z]{{{_FILE_LENGTH}}}"
"""The pattern of such an id."""


_OF_UPSTREAM = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._:-]*")


def names_one(upstream_id: str) -> bool:
    """Whether an id of a caller's can name one object of the upstream's, and no other path there.

    Such ids are put into paths: what has a slash, two dots or a question mark in it would lead a
    call, with its credentials, to wherever the caller likes.
    """
    return _OF_UPSTREAM.fullmatch(upstream_id) is not None


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))


def file_id(*origin: object) -> str:
    """The id of a file by where it comes from: a second worker on the response makes the same."""
    digest = hashlib.sha256("\n".join(map(str, origin)).encode("utf-8", "surrogatepass")).digest()
    return f"{FILE}{_base62(int.from_bytes(digest, 'big'), _FILE_LENGTH)}"


def mint(prefix: str) -> str:
    """A new id such as `run_0Vx3...`: microseconds first, so that ids sort by time, then chance."""
    stamp = _base62(time.time_ns() // 1000, _TIME_LENGTH)
    return f"{prefix}_{stamp}{_base62(secrets.randbits(128), _RANDOM_LENGTH)}"
