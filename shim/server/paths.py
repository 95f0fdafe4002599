"""What a request asks for: the path after its base, and whether the base is an API's. Pure.

The same endpoints are at `/v1/...` and at `/...`. What is not shim's is the upstream's under a `v1`
alone, be it of ours or the one that the application is mounted at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shim.doorway import is_ours

__all__ = ["Place", "placed"]

_SAFE = "/:@!$&'()*+,;=~-._"
_VERSION = "/v1"


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is decoded, `raw` as it was sent; both start with a slash, after the base path."""

    path: str
    raw: str
    versioned: bool

    @property
    def ours(self) -> bool:
        """Whether the engine answers."""
        return is_ours(self.path)

    @property
    def passes(self) -> bool:
        """Whether the upstream may be asked: its `.` and `..` would lead out of its base path."""
        segments = self.path.split("/")[1:]
        tricks = {"", ".", ".."} & {*segments[:-1], segments[-1] or "end"}
        return self.versioned and not self.ours and not tricks and "\\" not in self.path


def placed(scope: Mapping[str, Any]) -> Place:
    """What the request of an ASGI scope asks for."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"].removeprefix(root) or "/"
    versioned = path.startswith(f"{_VERSION}/")
    cut = f"{root}{_VERSION}" if versioned else root
    if versioned:
        path = path.removeprefix(_VERSION)
    return Place(path, _raw(scope, cut, path), versioned or root.endswith(_VERSION))


def _raw(scope: Mapping[str, Any], cut: str, path: str) -> str:
    """The path as it was sent; told from the decoded one where the server does not keep it."""
    raw = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")
    for base in (quote(cut, safe=_SAFE), cut):
        if raw.startswith(f"{base}/"):
            return raw.removeprefix(base)
    return quote(path, safe=_SAFE)
