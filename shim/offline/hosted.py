"""Hosted tools inside a response: searches and code are carried out between two turns of a model.

Knows the tools of one request, what they found and made; no endpoint, no events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shim.offline import tokens
from shim.offline.citations import cite
from shim.offline.ids import Partition
from shim.offline.outputs import Code, Output, Raw, Reply, Say, Search
from shim.offline.sandboxes import Container, ContainerFile
from shim.offline.service import Model
from shim.offline.state import State
from shim.offline.view import View
from shim.offline.wire import Json, Refused

__all__ = ["Bench", "bench"]

_ROUNDS = 16
_DEFAULT_RESULTS = 20


def bench(state: State, view: View, partition: Partition) -> Bench:
    """The hosted tools of a request; refuses stores and containers that are not there."""
    search, code = view.tool("file_search"), view.tool("code_interpreter")
    if search is not None:
        _check_stores(state, search["vector_store_ids"])
    container = None if code is None else _container(state, view, code["container"])
    return Bench(state, view, partition, search, container)


def _check_stores(state: State, keys: list[str]) -> None:
    missing = [key for key in keys if key not in state.stores]
    if missing:
        text = f"Vector store with id {missing} not found."
        raise Refused(text, status=404, param="tools")
    now = state.clock.now()
    for key in keys:
        if state.stores.get(key).is_expired(now):
            raise Refused(f"Vector store {key} is expired.", param="tools")


def _container(state: State, view: View, wanted: Any) -> Container:
    """The container asked for; `auto` takes the last one of the context, else makes one (6)."""
    if isinstance(wanted, str):
        return _unexpired(state.sandboxes.get(wanted))
    files = [state.uploads.get(key) for key in wanted.get("file_ids") or []]
    used = [i["container_id"] for i in view.items if i["type"] == "code_interpreter_call"]
    if not used:
        return state.sandboxes.create(
            "auto",
            files,
            memory_limit=wanted.get("memory_limit"),
            network_policy=wanted.get("network_policy"),
        )
    container = _unexpired(state.sandboxes.get(used[-1]))
    for file in files:
        container.take(file)
    return container


def _unexpired(container: Container) -> Container:
    if container.expired:
        raise Refused("Container is expired.")
    container.touch()
    return container


@dataclass
class Bench:
    """What one response works with. `items` are those it made, with all their contents."""

    state: State
    view: View
    partition: Partition
    search: Json | None
    container: Container | None
    items: list[Json] = field(default_factory=list)
    price: int = 0
    _calls: int = 0
    _shown: list[ContainerFile] = field(default_factory=list)
    _made: dict[str, ContainerFile] = field(default_factory=dict)

    def complete(self, reply: Reply, model: Model) -> Reply:
        """The reply with its searches and code carried out, and what the model says to that.

        The model is asked again as long as the last thing it did was to use a hosted tool.
        """
        outputs: list[Output] = []
        pending: Sequence[Output] = reply.outputs
        for _ in range(_ROUNDS):
            outputs += [made for each in pending if (made := self._carried_out(each))]
            if reply.end is not None or not pending or not isinstance(pending[-1], Search | Code):
                break
            pending = model.reply(self.seen())
        return replace(reply, outputs=tuple(outputs))

    def seen(self) -> View:
        """The request as the model sees it, with what hosted tools gave in it."""
        items = (*map(self.state.whole, self.view.items), *self.items)
        body = self.view.body
        if self._exhausted():
            functions = [t for t in body.get("tools") or [] if t["type"] == "function"]
            body = {**body, "tools": functions}
        names = tuple(f.name for f in self.container.files.values()) if self.container else ()
        return replace(self.view, body=body, items=items, files=names, made=tuple(self._made))

    def _exhausted(self) -> bool:
        """Whether `max_tool_calls` is reached; further calls are ignored."""
        most = self.view.body.get("max_tool_calls")
        return most is not None and self._calls >= most

    def _carried_out(self, output: Output) -> Output | None:
        match output:
            case Search() | Code() if self._exhausted():
                return None
            case Search():
                return self._searched(output)
            case Code():
                return self._ran(output)
            case Say():
                return self._said(output)
            case _:
                return output

    def _searched(self, search: Search) -> Raw:
        if self.search is None:
            raise LookupError("a search was scripted for a request without file_search")
        queries = [search.query] if isinstance(search.query, str) else list(search.query or ())
        queries = queries or [self.view.text]
        results = _results(self.state, self.search, queries)
        item = {
            "id": self.partition.item("file_search_call"),
            "type": "file_search_call",
            "status": "completed",
            "queries": queries,
        }
        return self._done(item, "results", results, "file_search_call.results")

    def _ran(self, code: Code) -> Raw:
        if self.container is None:
            raise LookupError("code was scripted for a request without code_interpreter")
        executed = self.container.run(code.source)
        self._shown += executed.shown
        self._made.update((file.name, file) for file in executed.written)
        item = {
            "id": self.partition.item("code_interpreter_call"),
            "type": "code_interpreter_call",
            "status": "completed",
            "code": code.source,
            "container_id": self.container.id,
        }
        return self._done(item, "outputs", executed.outputs, "code_interpreter_call.outputs")

    def _done(self, item: Json, name: str, given: list[Json], include: str) -> Raw:
        """An item made: remembered whole, shown with its contents only if they are included."""
        self._calls += 1
        whole = {**item, name: given}
        self.items.append(whole)
        self.state.remember_whole(whole)
        self.price += sum(tokens.count(e.get("text") or e.get("logs") or "") for e in given)
        included = include in (self.view.body.get("include") or [])
        return Raw(whole if included else {**item, name: None})

    def _said(self, say: Say) -> Say:
        files = {f.name: f for f in self.container.files.values()} if self.container else {}
        said = cite(say, self.seen().results, files, self._shown)
        self._shown = []
        part = {"type": "output_text", "text": said.text, "annotations": list(said.annotations)}
        self.items.append({"type": "message", "role": "assistant", "content": [part]})
        return said


def _results(state: State, tool: Json, queries: list[str]) -> list[Json]:
    """What a search finds, as its item has it (key order as recorded)."""
    least = (tool.get("ranking_options") or {}).get("score_threshold") or 0.0
    most = tool.get("max_num_results") or _DEFAULT_RESULTS
    hits = state.stores.search(tool["vector_store_ids"], queries, tool.get("filters"))
    return [
        {
            "attributes": hit.file.attributes,
            "file_id": hit.file.file.id,
            "filename": hit.file.file.filename,
            "score": hit.score,
            "text": hit.text,
            "vector_store_id": hit.file.store_id,
        }
        for hit in hits
        if hit.score >= least
    ][:most]
