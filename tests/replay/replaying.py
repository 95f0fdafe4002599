"""Sends a scenario's requests to shim, over the HTTP client that it mounts, and compares.

The upstream gives the model's turns again, and shows a response as far as the recording shows its
run; the clock is the recording's. What was there before the first request is made as the answers
show it. What passes through (files) is sent and compared like the rest: the embedded upstream
answers it. Knows requests and order; `comparison` knows what may differ.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
from before import Made, before
from coded import has_code, runs
from comparison import Comparison
from recordings import Exchange, Scenario
from searched import carried_out, has_search, named, searches, upload
from turns import asks_model, turns

from shim.conversation.mirror import Mirrors
from shim.core.engine import Engine
from shim.core.ports import World
from shim.offline import Offline, Reply, Response
from shim.offline.transport import transport
from shim.settings import Settings
from shim.storage.contents import Memory
from shim.storage.ledger import Ledger
from shim.storage.outbox import Outbox
from shim.storage.shared_threads import Reads
from shim.transport import mounted
from shim.wiring import open_database

__all__ = ["Outcome", "replayed"]

_BASE = "https://api.openai.com/v1"
_OF_THE_SENDER = ("authorization", "host", "content-length", "accept-encoding", "connection")
_RESPONSE = re.compile(r"/responses/resp_\w+")
_BUSY = ("queued", "in_progress")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the answers differ from the recorded ones, and by which rules they are still the same."""

    differences: list[str]
    remarks: list[str]


def replayed(
    scenario: Scenario, conversations: str = "upstream", *, searching: bool = False
) -> Outcome:
    """What came of sending a scenario's requests to shim.

    The upstream finds in files what was found in the recording; or, `searching`, what is there.
    """
    with closing(Replay(scenario, conversations, searching=searching)) as replay:
        return replay.run()


class Clock:
    """The time in the recording: it moves with the recorded answers, at least a second each."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def move(self, exchange: Exchange) -> None:
        """To the latest time that an answer shows, but for those still to come."""
        shown = [
            value
            for each in exchange.shown
            for key, value in each.items()
            if key.endswith("_at") and key != "expires_at" and isinstance(value, int)
        ]
        self.now = max([self.now + 1, *map(float, shown)])


class Upstream:
    """The embedded upstream, whose responses are shown as far as `progress` says."""

    def __init__(self, clock: Clock) -> None:
        self.offline = Offline()
        self.progress = "completed"
        self._clock = clock

    def handle(self, method: str, path: str, *rest: Any) -> Response:
        """Answer a request; a whole response is dated by the clock."""
        response = self.offline.handle(method, path, *rest)
        if method != "GET" or not _RESPONSE.fullmatch(path) or response.status != 200:
            return response
        shown = response.json()
        if self.progress in _BUSY:
            shown |= {"status": self.progress, "output": [], "usage": None, "completed_at": None}
        else:
            shown["completed_at"] = int(self._clock())
        return Response(200, response.headers, json.dumps(shown).encode())


class Replay:
    """One scenario against a shim of its own."""

    def __init__(self, scenario: Scenario, conversations: str, *, searching: bool) -> None:
        self._scenario = scenario
        self._searching = searching
        self._clock = Clock()
        self._upstream = Upstream(self._clock)
        self._comparison = Comparison()
        self._turns = turns(scenario)
        self._unrecorded = 0
        settings = Settings(
            database_url="sqlite:///:memory:", dialect="openai", conversations=conversations
        )
        given = httpx.Client(transport=transport(self._upstream.handle, httpx))
        self._client = mounted(given, settings, self._engine)

    def _engine(self, settings: Settings, upstream: Any, workers: Any) -> Engine:
        """As `settings.wire` makes it, with the recording's clock."""
        database = open_database(settings, workers)
        ledger = Ledger(database)
        contents, mode = Memory(), settings.conversations
        mirrors = Mirrors(
            *(Outbox(database), ledger, upstream, workers, mode),
            contents=contents,
            reads=Reads(database),
        )
        return Engine(World(ledger, upstream, workers, mirrors, contents, now=self._clock))

    def close(self) -> None:
        """Let the background work end, and close the client."""
        self._client.close()

    def run(self) -> Outcome:
        """Send everything."""
        self._prepare()
        for number, exchange in enumerate(self._scenario.exchanges):
            self._replay(number, exchange)
        self._comparison.finish()
        asked = len(self._upstream.offline.posts()) - self._unrecorded
        if asked != len(self._turns) and not self._comparison.differences:
            self._comparison.note(f"the model was asked {asked} times, not {len(self._turns)}")
        return Outcome(list(self._comparison.differences), self._comparison.remarks)

    def _replay(self, number: int, exchange: Exchange) -> None:
        self._clock.move(exchange)
        self._follow(exchange)
        if number in self._turns:
            self._script(self._turns[number])
        headers = {**exchange.headers, "openai-beta": "assistants=v2"}
        form = exchange.headers.get("content-type", "").startswith("multipart/")
        content = upload(exchange, self._scenario) if form else exchange.content
        answer = self._send(exchange.method, exchange.path, content, headers)
        self._comparison.answer(exchange, answer.status_code, answer.headers, answer.text)

    def _script(self, turn: Reply) -> None:
        """Let the model take its turn; it finds what it found only if asked to search as it was."""
        script, ours = self._upstream.offline.script, self._comparison.ours
        if self._searching:
            turn = carried_out(turn)
        if has_search(turn):
            script = script.when(searches(self._scenario, ours))
        if has_code(turn):
            script = script.when(runs(self._scenario, ours))
        script.add(named(turn, ours))

    def _follow(self, exchange: Exchange) -> None:
        """Let the upstream be as far as the run in the recorded answer is."""
        if asks_model(exchange):
            self._upstream.progress = "queued"
        for each in exchange.shown:
            if each.get("object") == "thread.run" and exchange.method == "GET":
                self._upstream.progress = each["status"]

    def _send(
        self, method: str, path: str, content: str, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        url = _BASE + self._comparison.ours(path)
        own = {k: v for k, v in (headers or {}).items() if k not in _OF_THE_SENDER}
        own = {"openai-beta": "assistants=v2", **own, "authorization": "Bearer sk-replay"}
        body = self._comparison.ours(content).encode()
        request = self._client.build_request(method, url, headers=own, content=body)
        return self._client.send(request)

    # what was there before

    def _prepare(self) -> None:
        assistant = ""
        for each in before(self._scenario):
            self._clock.now = max(self._clock.now + 1, float(each.at))
            body = {"assistant_id": assistant, **each.body} if each.is_run else each.body
            made = self._made(each, body)
            if each.key:
                self._comparison.ids[each.key] = made
            if each.path == "/assistants":
                assistant = made
        for exchange in self._scenario.exchanges:
            if "assistants=v1" in exchange.headers.get("openai-beta", ""):
                self._refused(exchange)

    def _made(self, each: Made, body: dict[str, Any]) -> str:
        """Make an object; a run is seen once, so that it is in progress."""
        if each.is_run:
            self._upstream.offline.script.say("Nobody reads this.")
            self._upstream.progress = "in_progress"
            self._unrecorded += 1
        made = self._send("POST", each.path, json.dumps(body))
        assert made.status_code == 200, made.text
        key = str(made.json()["id"])
        if each.is_run:
            self._clock.now += 1
            self._send("GET", f"{each.path}/{key}", "")
        return key

    def _refused(self, exchange: Exchange) -> None:
        """A request of the first version, sent as it was; it is then replayed as of the second."""
        answer = self._send(exchange.method, exchange.path, exchange.content, exchange.headers)
        if answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_beta":
            self._comparison.note("assistants=v1: refused (invalid_beta)")
