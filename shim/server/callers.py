"""The mode `callers`: each calls with a key of the upstream's, which is the one to know it.

A caller's tenant is a keyed digest of its key. Before anything is served the upstream is asked once
whether it knows the key; that is remembered, by the digest alone, and asked again after a while.
"""

from __future__ import annotations

import asyncio
import hmac
import time
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import TypeVar

from shim.core import relayed
from shim.core.ports import Answer, Request
from shim.core.wire import Target
from shim.doorway import sender_of
from shim.errors import ApiError, Unreachable
from shim.server.access import TIMEOUT, Admitted, key_of, upstream_of
from shim.settings import Settings
from shim.storage.keyring import Caller, Keyring

__all__ = ["Callers", "digest_with"]

T = TypeVar("T")

VERIFIED_SECONDS = 900
"""How long a verification holds: a key that was withdrawn reads no thread for longer than that."""

_READ_AGAIN_SECONDS = 5.0
"""How long what the database says is believed: an alias is in force after that."""

_REFUSED_SECONDS = 10.0
_MOST_KNOWN = 10_000
_AT_ONCE = 16
"""Verifications at a time: whoever tries keys out keeps no more connections than that."""

_PATIENCE = 20.0
_NO_MODELS = (
    "The upstream has no endpoint /models, by which callers' keys are verified: serve with keys of "
    "shim's own (SHIM_ACCESS=keys) before this upstream."
)
_UNVERIFIED = "Your key could not be verified, because the upstream "


def digest_with(secret: bytes, key: str) -> str:
    """What stands for a caller's key wherever something is kept."""
    return hmac.new(secret, key.encode("utf-8", "surrogatepass"), sha256).hexdigest()


class Callers:
    """Lets in who has a key that the upstream knows. `send` asks the upstream."""

    def __init__(
        self,
        settings: Settings,
        keyring: Callable[[], Keyring],
        send: Callable[[Request], Awaitable[Answer]],
    ) -> None:
        self._url = upstream_of(settings)
        self._keyring = keyring
        self._send = send
        self._secret = b""
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._refused: OrderedDict[str, tuple[float, ApiError]] = OrderedDict()
        self._desks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Desk] = (
            weakref.WeakKeyDictionary()
        )

    async def admit(self, headers: Mapping[str, str]) -> Admitted:
        """Let the caller in with its own key, once that is verified."""
        key = key_of(headers)
        self._secret = self._secret or await self._keyring().secret()
        digest = digest_with(self._secret, key)
        caller = await self._caller(digest, _credential(headers))
        sent = {n: v for n, v in sender_of(headers).items() if n not in _CREDENTIALS}
        target = Target(self._url, {**sent, **_credential(headers)}, TIMEOUT)
        return Admitted(caller.tenant, target, digest)

    async def _caller(self, digest: str, credential: Mapping[str, str]) -> Caller:
        """The caller, if this was read or refused just now without asking anybody."""
        now = time.monotonic()
        if (refused := self._refused.get(digest)) and refused[0] > now:
            raise refused[1].with_traceback(None)
        known = self._known.get(digest)
        if known is None or known[0] <= now or not _holds(known[1]):
            caller = await self._desk().answer(digest, lambda: self._read(digest, credential))
            _remember(self._known, digest, (now + _READ_AGAIN_SECONDS, caller))
            return caller
        return known[1]

    async def _read(self, digest: str, credential: Mapping[str, str]) -> Caller:
        caller = await self._keyring().caller(digest)
        if caller is not None and _holds(caller):
            return caller
        try:
            await self._verify(credential)
        except ApiError as error:
            if error.status < 500:
                until = time.monotonic() + _REFUSED_SECONDS
                _remember(self._refused, digest, (until, error))
            raise
        return await self._keyring().verified(digest, int(time.time()))

    async def _verify(self, credential: Mapping[str, str]) -> None:
        """Ask the upstream; raises what it says, or a 5xx where it says nothing of the key."""
        target = Target(self._url, credential)
        request = Request("GET", "/models", target, attempts=2, timeout=_PATIENCE)
        try:
            async with self._desk().room:
                answer = await self._send(request)
        except Unreachable as error:
            words = f"{_UNVERIFIED}did not answer: {error}"
            raise ApiError(502, words, type="server_error") from error
        if answer.status >= 400 and not _lacks_a_scope(answer):
            raise _refusal(answer)

    def _desk(self) -> _Desk:
        return self._desks.setdefault(asyncio.get_running_loop(), _Desk())


class _Desk:
    """Where a loop's callers are looked up: each key once at a time, however many wait for it."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(_AT_ONCE)
        self._asked: dict[str, asyncio.Task[Caller]] = {}

    async def answer(self, digest: str, ask: Callable[[], Awaitable[Caller]]) -> Caller:
        """What was asked for that digest; asks if nobody does now."""
        if digest not in self._asked:
            task = asyncio.ensure_future(_awaited(ask))
            self._asked[digest] = task
            task.add_done_callback(lambda _: self._asked.pop(digest, None))
        return await asyncio.shield(self._asked[digest])


async def _awaited(ask: Callable[[], Awaitable[Caller]]) -> Caller:
    return await ask()


_CREDENTIALS = ("authorization", "api-key")


def _credential(headers: Mapping[str, str]) -> dict[str, str]:
    """The header that the key was taken from, and no other one that could be another's."""
    bearer = headers.get("authorization", "").strip()
    if bearer.lower().startswith("bearer ") and bearer[7:].strip():
        return {"authorization": bearer}
    return {"api-key": headers["api-key"].strip()}


def _remember(known: OrderedDict[str, T], digest: str, what: T) -> None:
    known[digest] = what
    known.move_to_end(digest)
    while len(known) > _MOST_KNOWN:
        known.popitem(last=False)


def _holds(caller: Caller) -> bool:
    return time.time() < caller.verified_at + VERIFIED_SECONDS


def _lacks_a_scope(answer: Answer) -> bool:
    """Whether the key is known and restricted: OpenAI names the scope that it has not."""
    return answer.status == 403 and "scope" in str(answer.body).lower()


def _refusal(answer: Answer) -> ApiError:
    if answer.status in {404, 405}:
        return ApiError(500, _NO_MODELS, type="server_error")
    if answer.status >= 500:
        words = f"{_UNVERIFIED}answered {answer.status}."
        return ApiError(502, words, type="server_error")
    error = relayed.refused(answer, f"The upstream refused your key ({answer.status}).")
    if after := answer.headers.get("retry-after"):
        error.headers["retry-after"] = after
    return error
