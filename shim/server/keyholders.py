"""The mode `keys`: callers have keys of shim's own, each for a tenant and a key that goes upstream.

Keys are those of the settings and those of `shim keys add`. A new or removed one is in force after
some seconds, in all processes.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shim.core.wire import Target
from shim.doorway import sender_of, with_key
from shim.errors import ApiError
from shim.keys import configured_keys, digest_of
from shim.server.access import TIMEOUT, Access, Admitted, key_of, upstream_of
from shim.settings import Settings, key_in, server_credentials
from shim.storage.keyring import Key, Keyring

__all__ = ["Keyholders"]

_READ_AGAIN_SECONDS = 2.0

_WRONG = (
    "Incorrect API key provided. This server has keys of its own: ask whoever runs it for one, and "
    "for a new one where yours was removed."
)
_NONE_UPSTREAM = (
    "There is no key to go upstream with: whoever runs this server has to set SHIM_UPSTREAM_KEY or "
    "OPENAI_API_KEY."
)
_NO_VARIABLE = (
    "The variable {0}, which holds the upstream key for your key, is not set on this server."
)


@dataclass(frozen=True, slots=True)
class _Holder:
    """A key in force; `upstream` are the headers that its calls go upstream with."""

    name: str
    digest: str
    tenant: str
    upstream: Mapping[str, str] = field(repr=False)
    missing: str = ""


class Keyholders:
    """Lets in who has one of shim's keys; as long as there is none, `otherwise` decides."""

    def __init__(
        self,
        settings: Settings,
        keyring: Callable[[], Keyring],
        own: Mapping[str, str] | None = None,
        otherwise: Access | None = None,
    ) -> None:
        self._url = upstream_of(settings)
        self._keyring = keyring
        self._otherwise = otherwise
        own = server_credentials() if own is None else own
        key = settings.upstream_key
        self._own = with_key({}, key) if key else dict(own)
        configured = configured_keys(settings.keys)
        self._configured = [
            self._holder(Key(key.name, key.digest, key.tenant), key.upstream_key)
            for key in configured
        ]
        self._holders: Sequence[_Holder] = ()
        self._read_again = 0.0

    async def admit(self, headers: Mapping[str, str]) -> Admitted:
        """Let the caller in with the upstream key that its key stands for."""
        holders = await self._in_force()
        if not holders and self._otherwise is not None:
            return await self._otherwise.admit(headers)
        holder = _found(holders, digest_of(key_of(headers)))
        if not holder.upstream:
            words = _NO_VARIABLE.format(holder.missing) if holder.missing else _NONE_UPSTREAM
            raise ApiError(500, words, type="server_error", headers={"x-should-retry": "false"})
        sent = {n: v for n, v in sender_of(headers).items() if n not in _CREDENTIALS}
        target = Target(self._url, {**sent, **holder.upstream}, TIMEOUT, holder.tenant)
        return Admitted(holder.tenant, target, holder.name, _shares(holder, holders))

    async def _in_force(self) -> Sequence[_Holder]:
        if self._read_again <= time.monotonic():
            stored = [
                self._holder(key, key_in(key.upstream) if key.upstream else "")
                for key in await self._keyring().keys()
            ]
            self._holders = [*self._configured, *stored]
            self._read_again = time.monotonic() + _READ_AGAIN_SECONDS
        return self._holders

    def _holder(self, key: Key, upstream_key: str) -> _Holder:
        if upstream_key:
            upstream: Mapping[str, str] = with_key({}, upstream_key)
        else:
            upstream = {} if key.upstream else self._own
        return _Holder(key.name, key.digest, key.tenant, upstream, key.upstream)


_CREDENTIALS = ("authorization", "api-key", "openai-organization", "openai-project")


def _found(holders: Iterable[_Holder], digest: str) -> _Holder:
    """Compare with every key, each in constant time."""
    found = [each for each in holders if hmac.compare_digest(each.digest, digest)]
    if not found:
        raise ApiError(401, _WRONG, code="invalid_api_key")
    return found[0]


def _shares(holder: _Holder, holders: Iterable[_Holder]) -> bool:
    """Whether another tenant goes upstream with the same key."""
    key = holder.upstream.get("authorization", "")
    return any(
        each.tenant != holder.tenant and each.upstream.get("authorization", "") == key
        for each in holders
    )
