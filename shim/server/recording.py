"""The upstream as the engine is given it: what is made there is remembered as its tenant's.

What a streamed response makes is not looked for: the engine tells no caller its id.
"""

from __future__ import annotations

from shim.core.ports import Answer, Request
from shim.server.belongings import Belongings
from shim.server.lines import Lines

__all__ = ["Recording"]


class Recording:
    """An upstream that remembers what is made with it for the target's tenant; a port."""

    def __init__(self, upstream: Lines, belongings: Belongings) -> None:
        self._upstream = upstream
        self._belongings = belongings
        self.dialect = upstream.dialect
        self.download = upstream.download
        self.open = upstream.open
        self.pass_on = upstream.pass_on
        self.current = upstream.current

    async def send(self, request: Request) -> Answer:
        return await self._noted(request, await self._upstream.send(request))

    async def upload(self, request: Request, filename: str, content: bytes) -> Answer:
        return await self._noted(request, await self._upstream.upload(request, filename, content))

    async def _noted(self, request: Request, answer: Answer) -> Answer:
        tenant = request.target.tenant
        if tenant is not None and request.method == "POST" and answer.status < 400:
            await self._belongings.made(tenant, answer.body)
        return answer
