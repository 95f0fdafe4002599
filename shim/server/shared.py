"""Passes on what tenants ask who share an upstream key: what is allowed, and only what is theirs.

Knows the order of things: rule, path, body, answer, and how a list of the account's objects becomes
one of the tenant's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from shim.core import relayed
from shim.core.ports import Answer
from shim.core.ports import Request as Asking
from shim.core.wire import Json, Reply, Target
from shim.errors import ApiError
from shim.server.allowed import Allowed, allowed
from shim.server.belongings import Belongings
from shim.server.paths import Place
from shim.server.proxy import Passed

__all__ = ["Shared"]

_NOT_ALLOWED = (
    "{0} {1} is not served here: the callers of this server share one account at the upstream, and "
    "this would reach beyond what is yours."
)
_PAGE = {"file": 1000}
_MOST_PAGES = 1000

Forward = Callable[[Request], Awaitable[Passed]]


class Shared:
    """Passes on requests of tenants who share a key. `send` asks the upstream itself."""

    def __init__(self, belongings: Belongings, send: Callable[[Asking], Awaitable[Answer]]) -> None:
        self._belongings = belongings
        self._send = send

    async def passed(
        self, request: Request, place: Place, target: Target, forward: Forward
    ) -> Passed | Reply:
        """The answer to a request; raises ApiError for what is not allowed or not there."""
        tenant, found = str(target.tenant), allowed(request.method, place.raw)
        if found is None:
            raise ApiError(403, _NOT_ALLOWED.format(request.method, place.path))
        await self._belongings.check_path(tenant, request, found)
        if found.rule.lists:
            return Reply(body=await self._listed(request, found, place.raw, target))
        return await forward(await self._belongings.checked(tenant, request))

    async def _listed(self, request: Request, found: Allowed, path: str, target: Target) -> Json:
        """The tenant's part of a list, by reading the account's until there is enough."""
        kind, tenant = found.rule.lists, str(target.tenant)
        query = [pair for pair in request.query_params.multi_items() if pair[0] != "before"]
        first = await self._page(path, query, target)
        limit, until = _limit(query, kind), request.query_params.get("before")
        rest = [pair for pair in query if pair[0] not in {"limit", "after"}]
        rest.append(("limit", str(_PAGE.get(kind, 100))))
        own: list[Json] = []
        page, pages, more = first, 1, await self._belongings.has_any(tenant, kind)
        while more:
            data, ends = _before(page["data"], until)
            own += await self._belongings.own_of(tenant, kind, data)
            enough = len(own) > limit and until is None
            if ends or enough or not page.get("has_more") or not data or pages == _MOST_PAGES:
                break
            page = await self._page(path, [*rest, ("after", str(data[-1]["id"]))], target)
            pages += 1
        kept = own[-limit:] if until is not None else own[:limit]
        ends_of = {"first_id": kept[0]["id"], "last_id": kept[-1]["id"]} if kept else {}
        nothing = {"first_id": None, "last_id": None}
        return {**first, "data": kept, **(ends_of or nothing), "has_more": len(own) > limit}

    async def _page(self, path: str, query: list[tuple[str, str]], target: Target) -> Json:
        asking = Asking("GET", path, target, query=tuple(query), attempts=2)
        answer = await self._send(asking)
        if answer.status >= 400 or not isinstance(answer.body.get("data"), list):
            raise relayed.refused(answer, "The upstream gave no list.")
        return answer.body


def _limit(query: list[tuple[str, str]], kind: str) -> int:
    given = dict(query).get("limit", "")
    return int(given) if given.isdecimal() else 10_000 if kind == "file" else 20


def _before(data: list[Json], until: str | None) -> tuple[list[Json], bool]:
    """What of a page stands before an id, and whether that is in it."""
    ids = [each.get("id") for each in data]
    return (data[: ids.index(until)], True) if until in ids else (data, False)
