"""The container in which a thread's code runs: used again as long as it lives, with its files.

A container that a response made is remembered with the thread. A later run names it, having given
it what files are new; when it is gone, the next response makes another, with all of them.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from shim.core.ports import Request, World
from shim.core.records import Container, Run
from shim.core.wire import Target
from shim.errors import Unreachable

__all__ = ["GONE", "Containers"]

log = logging.getLogger("shim")

_TIMEOUT = 60.0

GONE = (
    "the container in which the thread's code ran is gone: the code gets a new one with the "
    "thread's files, without the variables and files that earlier code made"
)
"""The note on a run whose container was made anew."""


class Containers:
    """The containers of threads, with the credentials of the run in hand."""

    def __init__(self, world: World, target: Target) -> None:
        self._world = world
        self._target = target

    async def of(self, run: Run) -> tuple[str | None, str | None]:
        """The id of the thread's container, the run's files in it, and a note.

        There is none where the thread has none yet, or has lost it.
        """
        container = await self._world.ledger.container(run.thread_id)
        if container is None or not _runs_code(run):
            return None, None
        wanted = run.tool_resources.get("code_interpreter", {}).get("file_ids") or ()
        new = [file_id for file_id in wanted if file_id not in container.files]
        for file_id in new:
            if not await self._give(container, file_id):
                await self.forget(run)
                return None, GONE
        if new:
            given = replace(container, files=(*container.files, *new))
            await self._world.ledger.save_container(run.thread_id, given)
        return container.id, None

    async def forget(self, run: Run) -> None:
        """The thread's container is gone."""
        log.warning("run %s on %s: %s", run.id, run.thread_id, GONE)
        await self._world.ledger.save_container(run.thread_id, None)

    async def _give(self, container: Container, file_id: str) -> bool:
        """Whether the container took the file; one that does not is not used again."""
        path, body = f"/containers/{container.id}/files", {"file_id": file_id}
        request = Request("POST", path, self._target, body, attempts=2, timeout=_TIMEOUT)
        try:
            answer = await self._world.upstream.send(request)
        except Unreachable:
            return False
        return answer.status < 400


def _runs_code(run: Run) -> bool:
    return any(tool["type"] == "code_interpreter" for tool in run.tools)
