"""When the Assistants API ended, at which hosts, and what to do instead.

Knows names of hosts and dates. Sends nothing, and looks up no address: a host that stands for
another by its DNS entry alone is told by what it answers (`shim.native.forward`).
"""

from __future__ import annotations

import unicodedata
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit

from shim.upstream.dialect import AZURE, choose

__all__ = ["RETIRED_AT", "host_of", "is_retired", "refusal", "warning"]

RETIRED_AT = datetime(2026, 8, 26, tzinfo=timezone.utc).timestamp()
"""From then on OpenAI answers 404 (deprecation notice of 2025-08-26)."""

_OPENAI = "api.openai.com"
_WAY_OUT = (
    "Unset SHIM_MODE: shim then carries the Assistants API on the Responses API. Or let "
    "SHIM_NATIVE_URL name a server that still speaks it."
)
_REFUSAL = (
    "SHIM_NATIVE_URL leads to {0}, where OpenAI switched the Assistants API off on 2026-08-26: it "
    "answers 404 there, whatever is asked. " + _WAY_OUT
)
_AZURE = (
    "SHIM_NATIVE_URL leads to {0}: Microsoft retired the Assistants API of Azure OpenAI on "
    "2026-08-26, and retires the classic agents of Foundry on 2027-03-31."
)


def host_of(url: str) -> str:
    """The host that a URL leads to, however it is spelt."""
    host = unquote(urlsplit(url.strip()).hostname or "")
    return unicodedata.normalize("NFKC", host).lower().rstrip(".")


def is_retired(host: str, now: float) -> bool:
    """Whether a host is OpenAI's, or one of its regional ones, and the API has ended there."""
    return now >= RETIRED_AT and (host == _OPENAI or host.endswith(f".{_OPENAI}"))


def refusal(url: str, now: float) -> str | None:
    """Why calls cannot be handed on to a URL, if they cannot."""
    host = host_of(url)
    return _REFUSAL.format(host) if is_retired(host, now) else None


def warning(url: str, now: float) -> str | None:
    """What to tell of a URL where the API may have ended."""
    azure = choose(f"https://{host_of(url)}") is AZURE
    return _AZURE.format(host_of(url)) if azure and now >= RETIRED_AT else None
