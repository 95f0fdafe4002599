"""Identifiers. Knows how they are made and how they must look; not what they name.

An id is its prefix, an underscore and 24 characters of `[0-9A-Za-z]`, nothing else: programs cut
them out of error texts with regular expressions (Assistants spec 1.3). Ours sort by creation time.
"""

from __future__ import annotations

import secrets
import time

__all__ = ["mint"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TIME_LENGTH = 9
_RANDOM_LENGTH = 15


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))


def mint(prefix: str) -> str:
    """A new id such as `run_0Vx3...`: microseconds first, so that ids sort by time, then chance."""
    stamp = _base62(time.time_ns() // 1000, _TIME_LENGTH)
    return f"{prefix}_{stamp}{_base62(secrets.randbits(128), _RANDOM_LENGTH)}"
