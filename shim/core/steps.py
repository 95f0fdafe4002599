"""Run steps: read and list (Assistants spec 3.4 and 5)."""

from __future__ import annotations

from collections.abc import Callable

from shim.core import conflicts, objects, pages
from shim.core.params import includes, list_params
from shim.core.ports import World
from shim.core.records import Step
from shim.core.requests import Asked
from shim.core.runs import Runs
from shim.core.wire import Json, Reply

__all__ = ["Steps"]


class Steps:
    """The endpoints under `/threads/{thread_id}/runs/{run_id}/steps`."""

    def __init__(self, world: World, runs: Runs) -> None:
        self._world = world
        self._runs = runs

    async def retrieve(self, asked: Asked) -> Reply:
        """GET one step."""
        show = _shown(asked)
        run = await self._runs.find(asked)
        return Reply(body=show(await self._find(run.id, asked.id("step"))))

    async def list(self, asked: Asked) -> Reply:
        """GET a run's steps."""
        show = _shown(asked)
        params = list_params(asked.query)
        run = await self._runs.find(asked)
        for cursor in params.cursors:
            await self._find(run.id, cursor)
        found = await self._world.ledger.steps(run.id, params)
        return Reply(body=pages.page(found, params.limit, show))

    async def _find(self, run_id: str, step_id: str) -> Step:
        record = await self._world.ledger.step(run_id, step_id)
        if record is None:
            raise conflicts.unknown("run step", step_id)
        return record


def _shown(asked: Asked) -> Callable[[Step], Json]:
    """How steps are shown to the call: with the texts that a search found, if it asks for them."""
    if includes(asked.query):
        return objects.step
    return lambda step: objects.step(objects.without_texts(step))
