"""An engine on a scripted embedded upstream, as a Handler to be driven through turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx

from shim import drive
from shim.core.wire import Handler, Target
from shim.native.cases import Case, FunctionCall, Outcome, Turn
from shim.native.driving import Driver, Way
from shim.native.seeding import Seeds
from shim.offline import Offline
from shim.settings import Settings
from shim.storage.imports import Imports
from shim.upstream.http import BlockingUpstream
from shim.wiring import wire
from shim.workers import BlockingWorkers

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class Driven:
    """A driver with all that is under it."""

    def __init__(self, *, seeds: bool = False, **options: Any) -> None:
        self.offline = Offline()
        self.workers = BlockingWorkers()
        client = httpx.Client(transport=self.offline.transport(httpx))
        upstream = BlockingUpstream(client, self.workers.sleep)
        settings = Settings(database_url="sqlite:///:memory:", dialect="openai")
        wired = wire(settings, upstream, self.workers)
        self.handler: Handler = wired
        if seeds:
            options["seeds"] = Seeds(Imports(wired.database))
        target = Target("http://embedded.invalid/v1", {"authorization": "Bearer embedded"})
        self.way = replace(Way(self.handler, target, self.workers.sleep), **options)
        self.driver = Driver(self.way)

    def answer(self, case: Case, number: int = 0) -> Outcome:
        """What comes of one turn of a case whose earlier ones are recorded."""
        turn = case.turns[number]
        return drive.run(self.driver.answer(case, turn, list(case.history(turn, {}))))


def asked(text: str, *outputs: FunctionCall, number: int = 0, **more: Any) -> Turn:
    """A turn in which something is asked."""
    message = {"role": "user", "content": text}
    return Turn(number=number, asked=(message,), outputs=outputs, **more)


def case_of(*turns: Turn, **more: Any) -> Case:
    """A case whose assistant knows the weather."""
    assistant = {"model": "gpt-4o", "instructions": "Be brief.", "tools": [WEATHER]}
    return Case(**{"id": "one", "assistant": assistant, "turns": turns, **more})
