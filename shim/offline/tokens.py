"""Tokens, such as they are: pieces of words. Knows how to split and count, no real vocabulary."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["count", "split"]

_PIECE = re.compile(r"\s*\S{1,16}|\s+\Z")


def split(text: str) -> list[str]:
    """The pieces of a text; joined they are the text again."""
    return _PIECE.findall(text)


def count(value: Any) -> int:
    """How many tokens a text takes, or any JSON value written out."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(split(text))
