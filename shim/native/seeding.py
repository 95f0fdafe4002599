"""The thread that a turn is run in: made by calls, or laid into a store with all that it holds.

By calls alone a thread cannot be given the function calls that its earlier runs made. Where the
lane's store is ours they are laid in with the messages, so that the model reads them again. Knows
the forms of messages in requests and in answers; drives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shim.core.ids import mint
from shim.core.wire import Json
from shim.migrate.gathered import Found, Source
from shim.migrate.history import digest, history_of, placed
from shim.migrate.shapes import Shapes
from shim.storage.imports import Imports

__all__ = ["Seeds", "as_request", "as_requests"]

_SAID = ("role", "content", "attachments", "metadata")


def as_request(message: Json) -> Json:
    """A message as `messages.create` takes it, whether it stood in a request or in an answer."""
    kept = {key: message[key] for key in _SAID if message.get(key)}
    content = kept.get("content")
    if isinstance(content, list):
        drawn = ("image_file", "image_url") if message.get("role") == "assistant" else ()
        kept["content"] = [_asked(part) for part in content if part.get("type") not in drawn]
    return kept


def as_requests(history: Sequence[Json]) -> list[Json]:
    """The messages of a history that can be made anew: no calls, and none that says nothing.

    Images that an assistant drew are left out: nobody may send such.
    """
    messages = (as_request(each) for each in history if "call" not in each)
    return [each for each in messages if each.get("content")]


def _asked(part: Json) -> Json:
    text = part.get("text", part.get("refusal"))
    said = text["value"] if isinstance(text, dict) else text
    return part if said is None else {"type": "text", "text": said}


class Seeds:
    """Lays threads into a store."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    def fit(self, history: Sequence[Json]) -> bool:
        """Whether a history is better laid in: it has calls, and no files to be made searchable."""
        has_calls = any("call" in each for each in history)
        return has_calls and not any(each.get("attachments") for each in history)

    async def thread(
        self, tenant: str, history: Sequence[Json], now: int, assistant_id: str
    ) -> str:
        """The id of a new thread that holds a history, older than `now`."""
        thread_id = mint("thread")
        found = [Found("thread", "", {"id": thread_id, "created_at": now}, thread_id)]
        found += _Telling(thread_id, assistant_id, now - len(history)).told(history)
        history_there = history_of(Source(thread_id, found), Shapes())
        await self._imports.add_thread(
            tenant, history_there, placed(history_there), digest(history_there), mirrored=False
        )
        return thread_id


class _Telling:
    """A history as objects of the API: calls are a run's, and so is what was said upon them."""

    def __init__(self, thread_id: str, assistant_id: str, begins: int) -> None:
        self._of_all: Json = {"thread_id": thread_id, "assistant_id": assistant_id}
        self._at = begins
        self._calls: list[Json] = []

    def told(self, history: Sequence[Json]) -> Iterator[Found]:
        for each in history:
            self._at += 1
            if "call" in each:
                self._calls.append(each["call"])
                continue
            message_id = mint("msg")
            run_id = mint("run") if self._calls else None
            answers = each["role"] == "assistant"
            if run_id is not None:
                yield from self._run(run_id, message_id if answers else None)
            said = {key: each[key] for key in _SAID if each.get(key)}
            own = {"id": message_id, "run_id": run_id if answers else None, "status": "completed"}
            yield self._found("message", "msg", {**said, **own})
        if self._calls:
            yield from self._run(mint("run"), None)

    def _run(self, run_id: str, message_id: str | None) -> Iterator[Found]:
        """A run that made the calls and, if it did, the message."""
        calls = [_shown(call) for call in self._calls]
        self._calls = []
        yield self._found("run", "run", {"id": run_id, "status": "completed", "model": "earlier"})
        yield self._step(run_id, {"type": "tool_calls", "tool_calls": calls})
        if message_id is not None:
            creation = {"message_creation": {"message_id": message_id}}
            yield self._step(run_id, {"type": "message_creation", **creation})

    def _step(self, run_id: str, details: Json) -> Found:
        own: Json = {"run_id": run_id, "status": "completed", "step_details": details}
        return self._found("step", "step", own)

    def _found(self, kind: str, prefix: str, data: Json) -> Found:
        whole = {"id": mint(prefix), "created_at": self._at, **self._of_all, **data}
        return Found(kind, "", whole, self._of_all["thread_id"])


def _shown(call: Json) -> Json:
    function = {key: call.get(key) for key in ("name", "arguments", "output")}
    return {"id": call.get("id") or mint("call"), "type": "function", "function": function}
