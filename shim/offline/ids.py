"""Identifiers in the upstream's own formats. Knows where the time and the partition stand in them.

A partition is 16 hexadecimal digits shared by everything of one conversation or one chain of
responses (Responses spec 1.3); programs read creation times out of these ids.
"""

from __future__ import annotations

import secrets
import string
import time

__all__ = [
    "Partition",
    "batch_id",
    "call_id",
    "container_file_id",
    "container_id",
    "conversation_id",
    "file_id",
    "prefix_of",
    "request_id",
    "store_id",
]

_ALPHANUMERIC = string.ascii_letters + string.digits
_READABLE = "".join(each for each in _ALPHANUMERIC if each not in "0OIl")

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fc",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "file_search_call": "fs",
    "web_search_call": "ws",
    "code_interpreter_call": "ci",
    "computer_call": "cu",
    "image_generation_call": "ig",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "mcp_approval_request": "mcpr",
    "compaction": "cmp",
}


def prefix_of(item_type: str) -> str:
    """The prefix of the ids of an item type."""
    return _PREFIXES.get(item_type, "item")


def call_id() -> str:
    """A new id of a function call, the one its output answers to."""
    return "call_" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(24))


def request_id() -> str:
    """A new value of the x-request-id header."""
    return "req_" + secrets.token_hex(16)


def _stamp() -> str:
    return f"{int(time.time()):08x}"


def conversation_id(partition: str) -> str:
    """A new conversation's id: time, chance, partition."""
    return f"conv_{_stamp()}{secrets.token_hex(12)}{partition}"


def file_id() -> str:
    """A new uploaded file's id."""
    return "file-" + "".join(secrets.choice(_READABLE) for _ in range(22))


def store_id() -> str:
    """A new vector store's id: time and chance."""
    return f"vs_{_stamp()}{secrets.token_hex(12)}"


def batch_id() -> str:
    """The id of a new batch of files for a vector store."""
    return f"vsfb_ibj_{_stamp()}{secrets.token_hex(12)}"


def container_id() -> str:
    """A new container's id: time and chance."""
    return f"cntr_{_stamp()}{secrets.token_hex(20)}"


def container_file_id() -> str:
    """The id of a new file in a container: time and chance."""
    return f"cfile_{_stamp()}{secrets.token_hex(12)}"


class Partition:
    """Mints the ids of one partition: those of a response (marked) or of a conversation's items."""

    def __init__(self, partition: str | None = None, *, stored: bool = True) -> None:
        self.hex = partition or secrets.token_hex(8)
        self._marker = "00" if stored else "01"

    def response(self, prefix: str = "resp") -> str:
        """A new id of a response, or of an item that a response made."""
        return f"{prefix}_{self.hex}{self._marker}{_stamp()}{secrets.token_hex(12)}"

    def item(self, item_type: str) -> str:
        """A new id of an item that belongs to a response."""
        return self.response(prefix_of(item_type))

    def conversation_item(self, item_type: str) -> str:
        """A new id of an item that was written to a conversation directly."""
        return f"{prefix_of(item_type)}_{_stamp()}{secrets.token_hex(12)}{self.hex}"
