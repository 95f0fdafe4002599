"""One response of a run, asked for: the request is built, fitted, and sent until it is accepted.

The only place that sends POST /responses. A request is sent again only when the upstream certainly
did not carry it out: it refused it, or was never reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from shim.core.containers import GONE, Containers, runs_code
from shim.core.pictures import fetched, pictures, shown_files
from shim.core.ports import Answer, Request, World
from shim.core.records import Message, Native, Run, Step
from shim.core.stores import Stores
from shim.core.uploads import Uploads
from shim.core.wire import Json, Target, encode_compact
from shim.errors import ShimError, Unreachable
from shim.translate.failures import (
    droppable,
    error_of,
    gone_file,
    is_container_gone,
    is_overflow,
    is_passing,
    last_error,
)
from shim.translate.items import replayed
from shim.translate.natives import unanswered
from shim.translate.requests import Group, draft, halved, input_groups

__all__ = ["Asking", "NoBackground", "OutOfTokens", "Refused"]

_MIN_OUTPUT_TOKENS = 16
_HALVINGS = 4
_BYTES_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 800
_UNANSWERED = "what native code has yet to answer was left out: {0}"


class _Answered(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def body(self) -> Json: ...


A = TypeVar("A", bound=_Answered)


class OutOfTokens(ShimError):
    """A limit of the run leaves no room for another response; the text is its name."""


class NoBackground(ShimError):
    """The upstream does not take requests in background mode, whatever its dialect says."""


class Refused(ShimError):
    """The upstream did not take the request; `again` says that it may be sent once more."""

    def __init__(self, error: Json, *, again: bool = False) -> None:
        super().__init__(error["message"])
        self.error = error
        self.again = again


class Asking:
    """Asks for the next response of a run. `notes` collects what could not be carried."""

    def __init__(self, world: World, run: Run, target: Target) -> None:
        self._world = world
        self._run = run
        self._target = target
        self._dialect = world.upstream.dialect(target)
        self._groups: list[Group] = []
        self._current: Sequence[Json] = ()
        self._refused: frozenset[str] = frozenset()
        self._containers = Containers(world, target)
        self._container: str | None = None
        self._uploads = Uploads(world)
        self._files: dict[str, str] | None = None
        self.halvings = run.halvings
        self.notes: list[str] = []

    async def foresee(self) -> Sequence[str]:
        """The notes that can be told before the thread is read and anything is sent."""
        await self._learn()
        self._body(background=False)
        return self.notes

    def in_background(self) -> bool:
        """Whether the response can be asked for in background mode, as far as is known."""
        able = self._dialect.background and self._world.store
        return able and "background" not in self._refused

    async def _learn(self) -> None:
        """Learn what the model is known to refuse."""
        server, model = self._target.base_url, self._run.model
        self._refused = await self._world.ledger.refused_parameters(server, model)

    async def prepare(self) -> None:
        """Gather the input and fit it to the run's limits; raises OutOfTokens."""
        run, ledger, plain = self._run, self._world.ledger, self._dialect.plain_history
        if run.waits and not await Stores(self._world).wait(run, self._target):
            self._note("not all files of the vector stores had been read when the run began")
        history = await ledger.history(run.thread_id)
        images = await self._images(history)
        self._groups = input_groups(
            run, history, plain=plain, pairs=self._world.pairs, images=images
        )
        if waiting := unanswered([entry for entry in history if entry.run_id != run.id]):
            self._note(_UNANSWERED.format(", ".join(waiting)))
        for _ in range(self.halvings):
            self._groups = halved(self._groups) or self._groups
        stored = self._dialect.store and self._world.store
        items = await ledger.turn_items(run.id)
        given = await self._uploads.sent(items, self._target)
        self._current = replayed(given, stored=stored, plain=plain)
        await self._learn()
        await self._give_files()
        if not self._dialect.file_search and any(map(message_has_attachments, history)):
            self._note("attachments were stored, but the upstream does not search or read files")
        self._check_completion_limit()
        await self._fit()

    async def _images(self, history: Sequence[Message | Native | Step]) -> Mapping[str, str]:
        """The images to be sent themselves; one of shim's own that is gone is left out."""
        world, thread_id = self._world, self._run.thread_id
        found = await pictures(world.ledger, world.contents, thread_id, history)
        if not self._dialect.image_ids:
            found |= await fetched(world.upstream, self._target, history)
        for file_id in shown_files(history):
            if file_id not in found:
                self._note(f"the image {file_id} was left out: it is not kept any more")
        return found

    async def _give_files(self) -> None:
        """See to it that the run's code has its files, in the thread's container or a new one."""
        if not runs_code(self._run) or not self._dialect.code_interpreter:
            return
        names, lost = await self._uploads.for_code(self._run, self._target)
        self._container, notes = await self._containers.of(self._run, names)
        self._files = names
        self.notes += [*lost, *notes]

    async def ask(
        self,
        send: Callable[[Request], Awaitable[A]],
        *,
        background: bool = False,
        attempts: int = 4,
        timeout: float | None = None,
    ) -> A:
        """Send until accepted, leaving out what the model refuses; raises Refused, NoBackground."""
        while True:
            if background and not self.in_background():
                raise NoBackground(self._run.id)
            body = self._body(background=background)
            request = Request("POST", "/responses", self._target, body, (), attempts, timeout)
            try:
                answer = await send(request)
            except Unreachable as error:
                raise Refused(_unreached(error), again=not error.sent) from error
            if answer.status < 400:
                return answer
            if await self._renewed(answer.status, answer.body):
                continue
            if self._spared(answer.status, answer.body):
                continue
            if not await self._adapted(answer.body, body):
                again = is_passing(answer.status, answer.body)
                raise Refused(last_error(error_of(answer.body), answer.status), again=again)

    def _body(self, *, background: bool) -> Json:
        store = self._world.store
        drafted = draft(
            self._run,
            self._groups,
            self._current,
            self._dialect,
            store=store,
            container=self._container,
            files=None if self._files is None else list(self._files.values()),
            refused=self._refused,
        )
        for note in drafted.notes:
            self._note(note)
        body = {**drafted.body, "model": self._model(), "stream": not background}
        if background:
            body["background"] = True
        elif self._dialect.obfuscation_switch and "stream_options" not in self._refused:
            body["stream_options"] = {"include_obfuscation": False}
        return body

    def _model(self) -> str:
        wanted = self._run.model
        model = self._world.models.get(wanted, wanted)
        if model != wanted:
            self._note(f"model {wanted} was replaced by {model}, as configured")
        return model

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    async def _renewed(self, status: int, body: Json) -> bool:
        """Whether the container asked for is gone, so that another is to be made."""
        bare = [_unnamed(item) for item in self._current if item.get("type") not in _OF_CONTAINERS]
        named = self._container is not None or len(bare) < len(self._current)
        if not named or not is_container_gone(status, body):
            return False
        await self._containers.forget(self._run)
        self._container, self._current = None, bare
        self._note(GONE)
        return True

    def _spared(self, status: int, body: Json) -> bool:
        """Whether a file for a new container is gone, so that the code goes without it."""
        files = {} if self._container is not None else self._files or {}
        gone = gone_file(status, body)
        missing = next((one for one, known in files.items() if gone and gone == known), None)
        if missing is None:
            return False
        self._files = {one: known for one, known in files.items() if one != missing}
        self._note(f"{missing} was not given to the code: {error_of(body).get('message')}")
        return True

    async def _adapted(self, body: Json, request: Json) -> bool:
        """Whether the request was changed such that it may be taken now."""
        if is_overflow(body):
            return self.shortened()
        name = droppable(body, request)
        if name is None:
            return False
        self._refused |= {name}
        if error_of(body).get("code") != "unsupported_value":
            server, model = self._target.base_url, self._run.model
            await self._world.ledger.remember_refused(server, model, name)
        return True

    def shortened(self) -> bool:
        """Leave out the older half of the thread; False where the run does not want that."""
        strategy = (self._run.truncation_strategy or {}).get("type", "auto")
        shorter = halved(self._groups)
        if strategy != "auto" or shorter is None or self.halvings == _HALVINGS:
            return False
        self.halvings += 1
        self._groups = shorter
        self._note("the oldest messages were left out: the model's context was full")
        return True

    def _check_completion_limit(self) -> None:
        limit, used = self._run.max_completion_tokens, self._run.used.completion
        if limit is not None and used and limit - used < _MIN_OUTPUT_TOKENS:
            raise OutOfTokens("max_completion_tokens")

    async def _fit(self) -> None:
        if self._run.max_prompt_tokens is None:
            return
        left = self._run.max_prompt_tokens - self._run.used.prompt
        while await self._size(left) > left:
            shorter = halved(self._groups)
            if shorter is None:
                raise OutOfTokens("max_prompt_tokens")
            self._groups = shorter
            self._note("the oldest messages were left out to keep to max_prompt_tokens")

    async def _size(self, enough: int) -> int:
        """The tokens of the input: asked for where the upstream counts, else estimated.

        No token is shorter than a byte, so an input of few enough bytes needs no counting.
        """
        body = self._body(background=False)
        counted = {key: body[key] for key in _COUNTED if key in body}
        images = _images(counted)
        size = len(encode_compact(counted)) - sum(len(url) for url in images)
        if size <= enough and not images:
            return size
        tokens = await self._counted(counted) if self._dialect.input_tokens else None
        estimate = size // _BYTES_PER_TOKEN + len(images) * _TOKENS_PER_IMAGE
        return estimate if tokens is None else tokens

    async def _counted(self, body: Json) -> int | None:
        request = Request("POST", "/responses/input_tokens", self._target, body)
        try:
            answer: Answer = await self._world.upstream.send(request)
        except Unreachable:
            return None
        tokens = answer.body.get("input_tokens")
        return tokens if answer.status < 400 and isinstance(tokens, int) else None


_OF_CONTAINERS = frozenset({"code_interpreter_call", "reasoning"})
"""The items that name a container, and those that may not be sent without what follows them."""


def _unnamed(item: Json) -> Json:
    """An item without its id: by that the upstream would look for the reasoning before it."""
    return {key: value for key, value in item.items() if key != "id"}


_COUNTED = ("model", "input", "instructions", "tools")


def _images(body: Json) -> list[str]:
    """The addresses of the images of an input: their length says nothing of their tokens."""
    contents = [item.get("content") for item in body["input"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [part.get("image_url") or "" for part in parts if part.get("type") == "input_image"]


def message_has_attachments(entry: Any) -> bool:
    """Whether a history entry is a message that its author gave attachments."""
    return getattr(entry, "role", "") == "user" and bool(entry.attachments)


def _unreached(error: Unreachable) -> Json:
    asked = (
        "may have begun the response; it was not asked again" if error.sent else "was not reached"
    )
    return {"code": "server_error", "message": f"The model server {asked}: {error}"}
