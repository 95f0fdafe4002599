"""What a request asks for: the path after its base, and how its base is laid out. Pure.

The same endpoints are at `/v1/...` and at `/...`, and where Azure has them: at `/openai/...`, below
a deployment, and below a Foundry project. What is not shim's is the upstream's under a base alone
that is an API's, be it of ours or the one that the application is mounted at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from shim.doorway import is_ours

__all__ = ["Place", "placed"]

_SAFE = "/:@!$&'()*+,;=~-._"
_VERSION = "/v1"

# As they are sent: an escaped slash parts nothing. The last two are the endpoints of the classic
# agents: of a project, and of the workspace that projects were before.
_BASES = re.compile(
    r"/v1(?=/)"
    r"|(?P<azure>(?:/api/projects/[^/]+)?/openai(?:/v1|/deployments/(?P<deployment>[^/]+))?"
    r"|(?P<project>/api/projects/[^/]+"
    r"|/agents/v1\.0/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
    r"/Microsoft\.MachineLearningServices/workspaces/[^/]+))(?=/)"
)
_OF_PROJECTS = re.compile(r"/(?:files|vector_stores)(?:/.*)?", re.DOTALL)
_NOT_OF_PROJECTS = (
    "shim has the classic agents of Foundry projects (assistants, threads, files, vector_stores) "
    "and what is below /openai/v1, nothing else of a project."
)


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is decoded, `raw` as it was sent; both start with a slash, after the base path.

    `azure` says that it was laid out as Azure does, `deployment` which one it names, as sent, and
    `project` that the base is a project's own.
    """

    path: str
    raw: str
    versioned: bool
    azure: bool = False
    deployment: str = ""
    project: bool = False

    @property
    def ours(self) -> bool:
        """Whether the engine answers."""
        return is_ours(self.path)

    @property
    def passes(self) -> bool:
        """Whether the upstream may be asked: its `.` and `..` would lead out of its base path."""
        *inner, last = self.path.split("/")[1:]
        tricks = {"", ".", ".."} & {*inner, last or "end"}
        tricks |= {".", ".."} & set(unquote(self.deployment).split("/"))
        known = not self.project or _OF_PROJECTS.fullmatch(self.path) is not None
        sane = not tricks and "\\" not in self.path + unquote(self.deployment)
        return self.versioned and known and not self.ours and sane

    def unknown(self, method: str, path: str) -> str:
        """What the asker is told where neither the engine nor the upstream is asked."""
        reason = f". {_NOT_OF_PROJECTS}" if self.project else ""
        return f"Invalid URL ({method} {path}){reason}"


def placed(scope: Mapping[str, Any]) -> Place:
    """What the request of an ASGI scope asks for."""
    root = scope.get("root_path", "").rstrip("/")
    sent = _sent(scope, root)
    base = _BASES.match(sent)
    raw = sent[base.end() :] if base else sent
    azure = base is not None and base["azure"] is not None
    return Place(
        path=unquote(raw),
        raw=raw,
        versioned=base is not None or root.endswith(_VERSION),
        azure=azure,
        deployment=(base and base["deployment"]) or "",
        project=base is not None and base["project"] is not None,
    )


def _sent(scope: Mapping[str, Any], root: str) -> str:
    """The path below the mount as it was sent; told from the decoded one where that is all."""
    raw: str = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")
    for base in (quote(root, safe=_SAFE), root):
        if raw.startswith(f"{base}/"):
            return raw.removeprefix(base)
    return quote(scope["path"].removeprefix(root) or "/", safe=_SAFE)
