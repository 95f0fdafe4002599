"""The Conversations API as the mirror uses it. Knows its requests and what their answers mean.

Knows no thread, no ledger and no outbox, and repeats nothing: an answer that is not a success
becomes an exception that says what may be done about it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from shim.core.ports import Answer, Request, Upstream
from shim.core.wire import Json, Target
from shim.errors import ShimError, Unreachable

__all__ = ["Absent", "Failed", "Gone", "Refused", "Remote"]

_TIMEOUT = 20.0
_PAGE: tuple[tuple[str, str], ...] = (("limit", "100"), ("order", "desc"))
_WITH_ADDRESSES = (("include[]", "message.input_image.image_url"),)
_LOCKED = "conversation_locked"
_NO_ACCESS = frozenset({401, 403})
_NO_SUCH_API = frozenset({404, 405, 501})
_PASSING = frozenset({408, 409, 429})


class Failed(ShimError):
    """It was not done, or we were not told so: what was to be added may be there.

    `again`: another try may soon succeed, `after` so many seconds if the upstream said. `locked`: a
    response is using the conversation, and certainly nothing was done.
    """

    def __init__(
        self, reason: str, *, again: bool = True, after: float = 0.0, locked: bool = False
    ) -> None:
        super().__init__(reason)
        self.again = again
        self.after = after
        self.locked = locked


class Absent(ShimError):
    """The upstream has no Conversations API."""


class Gone(ShimError):
    """The conversation does not exist, or not any more."""


class Refused(ShimError):
    """What was sent will not be taken, however often it is sent."""


@dataclass(frozen=True, slots=True)
class Page:
    """Items of a conversation, newest first; the `last` page has its first one."""

    items: Sequence[Json]
    last: bool


@dataclass(frozen=True, slots=True)
class Remote:
    """The Conversations API at a target, with the target's credentials."""

    upstream: Upstream
    target: Target

    async def create(self, metadata: Json) -> str:
        """Make an empty conversation; gives its id."""
        answer = await self._send("POST", "/conversations", {"metadata": metadata})
        made = answer.body.get("id")
        # servers that know no such path also answer 200 with something else
        genuine = isinstance(made, str) and answer.body.get("object") == "conversation"
        if answer.status in _NO_SUCH_API or (answer.status < 300 and not genuine):
            raise Absent(f"{self.target.base_url} has no Conversations API")
        if answer.status >= 300:
            raise _failed(answer)
        return str(made)

    async def add(self, conversation_id: str, items: Sequence[Json]) -> list[Json]:
        """Append items; gives them as they are stored, in order."""
        path = f"/conversations/{conversation_id}/items"
        answer = await self._send("POST", path, {"items": items})
        if answer.status == 404:
            await self._check_there(conversation_id)  # else something that an item names is missing
        if 400 <= answer.status < 500 and not _may_wait(answer):
            raise Refused(_words(answer))
        if answer.status >= 300:
            raise _failed(answer)
        made = _items(answer)
        if len(made) != len(items):
            reason = f"{len(items)} items were sent and {len(made)} acknowledged"
            raise Failed(reason)
        return made

    async def tail(self, conversation_id: str, known: Collection[str] = ()) -> list[Json]:
        """The items that follow the last known one, oldest first."""
        found: list[Json] = []
        async with aclosing(self.pages(conversation_id)) as pages:
            async for page in pages:
                new = _until_known(page.items, known)
                found += new
                if len(new) < len(page.items):
                    break
        return found[::-1]

    async def pages(self, conversation_id: str) -> AsyncGenerator[Page, None]:
        """The conversation's items, newest first, as far as they are asked for."""
        path, query = f"/conversations/{conversation_id}/items", _PAGE
        while True:
            answer = await self._send("GET", path, query=query)
            if answer.status == 404:
                await self._check_there(conversation_id)
            if answer.status >= 300:
                raise _failed(answer)
            page = _items(answer)
            more = bool(page and answer.body.get("has_more"))
            yield Page(page, last=not more)
            if not more:
                return
            query = (*_PAGE, ("after", page[-1]["id"]))

    async def item(self, conversation_id: str, item_id: str) -> Json | None:
        """One item with the addresses of its images; None where the conversation has it no more."""
        path = f"/conversations/{conversation_id}/items/{item_id}"
        answer = await self._send("GET", path, query=_WITH_ADDRESSES)
        if answer.status == 404:
            await self._check_there(conversation_id)
            return None
        if answer.status >= 300:
            raise _failed(answer)
        return answer.body

    async def delete(self, path: str) -> None:
        """Delete what is there; what cannot be deleted, now or ever, counts as deleted."""
        answer = await self._send("DELETE", path)
        if answer.status >= 300 and answer.status not in _NO_SUCH_API and _may_wait(answer):
            raise _failed(answer)

    async def cancel(self, response_id: str) -> None:
        """Stop a response that may still be made; that it cannot be stopped changes nothing."""
        with suppress(Failed):
            await self._send("POST", f"/responses/{response_id}/cancel")

    async def _check_there(self, conversation_id: str) -> None:
        answer = await self._send("GET", f"/conversations/{conversation_id}")
        if answer.status == 404:
            raise Gone(f"the upstream does not know conversation {conversation_id}")
        if answer.status >= 300:
            raise _failed(answer)

    async def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        request = Request(method, path, self.target, body, query, timeout=_TIMEOUT)
        try:
            return await self.upstream.send(request)
        except Unreachable as error:
            raise Failed(str(error)) from error


def _may_wait(answer: Answer) -> bool:
    """Whether an error answer is about the moment or the caller, not about what was asked."""
    status = answer.status
    if status in _NO_ACCESS or status in _PASSING or not 400 <= status < 500:
        return True
    return _error(answer).get("code") == _LOCKED


def _failed(answer: Answer) -> Failed:
    passing = answer.status >= 500 or answer.status in _PASSING
    locked = _error(answer).get("code") == _LOCKED
    return Failed(_words(answer), again=passing or locked, after=_asked(answer), locked=locked)


def _asked(answer: Answer) -> float:
    """The seconds after which the upstream wants to be asked again."""
    with suppress(ValueError, KeyError):
        return float(answer.headers["retry-after"])
    return 0.0


def _error(answer: Answer) -> Json:
    error = answer.body.get("error")
    return error if isinstance(error, dict) else {}


def _words(answer: Answer) -> str:
    """What the upstream said; of keys it was given it may show parts, so that is left out."""
    error = _error(answer)
    said = "" if answer.status in _NO_ACCESS else str(error.get("message") or "")[:200]
    code = error.get("code")
    words = f"the upstream answered {answer.status}{f' {code}' if code else ''}"
    return f"{words}: {said}" if said else words


def _items(answer: Answer) -> list[Json]:
    data = answer.body.get("data")
    items = data if isinstance(data, list) else []
    return [item for item in items if isinstance(item, dict) and item.get("id")]


def _until_known(page: Sequence[Json], known: Collection[str]) -> list[Json]:
    new = []
    for item in page:
        if item["id"] in known:
            break
        new.append(item)
    return new
