"""Who a request is from: the tenant whose objects it sees, and where its upstream calls go.

Beside its modes in `callers` and `keyholders` the one place of the server that looks at
credentials. Knows headers and settings; knows no path, no body and no HTTP library.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shim.core.wire import Target
from shim.doorway import sender_of, with_key
from shim.errors import ApiError, SettingsError
from shim.settings import Settings, server_credentials

__all__ = [
    "TIMEOUT",
    "Access",
    "Admitted",
    "Open",
    "check_address",
    "key_of",
    "no_key",
    "upstream_of",
]

OPENAI_URL = "https://api.openai.com/v1"

TIMEOUT = {"connect": 10.0, "read": 600.0, "write": 600.0, "pool": 600.0}
"""The SDK's own patience, for callers whose patience is not known."""

_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank "
    "username) if you're accessing the API from your browser and are prompted for a username and "
    "password. You can obtain an API key from https://platform.openai.com/account/api-keys."
)
_PUBLIC = (
    "{0} is no loopback address: without keys, whoever reaches the server could read all threads "
    "and spend on its upstream key. Set SHIM_KEYS or make keys with `shim keys add`, or let "
    "callers in with keys of the upstream's (SHIM_ACCESS=callers), or listen at 127.0.0.1, behind "
    "a proxy that checks who calls."
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller who was let in: whose objects are seen, and where calls for it go upstream.

    `name` tells callers apart whose requests are counted. `shares` says that other tenants' calls
    go upstream with the same key, so that what is there must be kept apart here.
    """

    tenant: str
    target: Target
    name: str = ""
    shares: bool = False


class Access(Protocol):
    """Decides who is let in."""

    async def admit(self, headers: Mapping[str, str]) -> Admitted:
        """Who the sender of these headers (lower-case names) is; raises ApiError 401."""
        ...


class Open:
    """Everybody on this machine is let in, and all see the same objects.

    Upstream goes the key that is set for it, else the caller's own, else `own`: the credentials
    that the server runs with, as headers.
    """

    def __init__(self, settings: Settings, own: Mapping[str, str] | None = None) -> None:
        self._url = upstream_of(settings)
        self._key = settings.upstream_key
        self._own = server_credentials() if own is None else own

    async def admit(self, headers: Mapping[str, str]) -> Admitted:
        """Let the caller in with a key, its own or the server's."""
        return Admitted("", Target(self._url, self._headers(headers), TIMEOUT))

    def _headers(self, sent: Mapping[str, str]) -> dict[str, str]:
        headers = sender_of(sent)
        keyless = not (sent.get("authorization") or sent.get("api-key"))
        if keyless and _is_from_elsewhere(sent):
            raise no_key()
        if self._key:
            return with_key(headers, self._key)
        if keyless and not self._own:
            raise no_key()
        return {**headers, **self._own} if keyless else headers


def _is_from_elsewhere(sent: Mapping[str, str]) -> bool:
    """Whether a page of another site makes the browser ask, for which no key is lent.

    Such a page can send what needs no leave of the server; a header with a key is none of that.
    """
    return sent.get("sec-fetch-site", "none") not in ("none", "same-origin")


def key_of(headers: Mapping[str, str]) -> str:
    """The key that a caller shows, as the SDKs for OpenAI or for Azure do; raises ApiError."""
    scheme, _, key = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    if key := headers.get("api-key", "").strip():
        return key
    raise no_key()


def no_key() -> ApiError:
    """A 401 for a request without a key, in the original's words."""
    return ApiError(401, _NO_KEY)


def upstream_of(settings: Settings) -> str:
    """The base URL of the upstream: OpenAI's where none is set."""
    return (settings.upstream_url or OPENAI_URL).rstrip("/")


def check_address(settings: Settings) -> None:
    """Refuse an address that others than this machine reach, without keys; raises SettingsError."""
    asks = settings.access in {"keys", "callers"} or settings.keys
    if not asks and settings.host != "localhost" and not _is_loopback(settings.host):
        raise SettingsError(_PUBLIC.format(settings.host or "an empty address"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
