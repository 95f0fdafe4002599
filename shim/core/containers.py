"""The container in which a thread's code runs: used again as long as it lives, with its files.

A container that a response made is remembered with the thread. A later run names it, having given
it what files are new; when it is gone, the next response makes another, with all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from shim.core.ports import Request, World
from shim.core.records import Container, Run
from shim.core.wire import Target
from shim.errors import Unreachable
from shim.translate.failures import error_of, is_container_gone

__all__ = ["GONE", "Containers", "runs_code"]

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

    async def of(self, run: Run, names: Mapping[str, str]) -> tuple[str | None, list[str]]:
        """The id of the thread's container, the run's files in it, and notes.

        `names` are the upstream's ids of these files, by those that callers see.
        There is none where the thread has none yet, or has lost it.
        """
        container = await self._world.ledger.container(run.thread_id)
        if container is None:
            return None, []
        notes, given = [], []
        for file_id, upstream_id in names.items():
            if file_id in container.files:
                continue
            problem = await self._give(container, upstream_id)
            if problem == GONE:
                await self.forget(run)
                return None, [GONE]
            if problem is None:
                given.append(file_id)
            else:
                notes.append(f"{file_id} was not given to the code: {problem}")
        if given:
            extended = replace(container, files=(*container.files, *given))
            await self._world.ledger.save_container(run.thread_id, extended)
        return container.id, notes

    async def forget(self, run: Run) -> None:
        """The thread's container is gone."""
        log.warning("run %s on %s: %s", run.id, run.thread_id, GONE)
        await self._world.ledger.save_container(run.thread_id, None)

    async def _give(self, container: Container, file_id: str) -> str | None:
        """Lay a file into the container; gives why that could not be done, if it could not."""
        path, body = f"/containers/{container.id}/files", {"file_id": file_id}
        request = Request("POST", path, self._target, body, attempts=2, timeout=_TIMEOUT)
        try:
            answer = await self._world.upstream.send(request)
        except Unreachable as error:
            return str(error)
        if answer.status < 400:
            return None
        if is_container_gone(answer.status, answer.body):
            return GONE
        return str(error_of(answer.body).get("message") or answer.status)


def runs_code(run: Run) -> bool:
    """Whether the run may run code."""
    return any(tool["type"] == "code_interpreter" for tool in run.tools)
