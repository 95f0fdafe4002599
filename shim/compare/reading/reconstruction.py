"""What happened in the threads of a recording, told by calls and their answers.

Takes the exchanges of one thread in the order in which they were begun. What the requests say is
known best; of the rest the objects tell that were shown, in whatever answer. What no answer shows
is unknown. Knows the calls of the Assistants API, no form of recording.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping

from shim.compare.reading.observed import Observed, Refused
from shim.compare.reading.runs import definition_of, without_empty
from shim.compare.reading.timeline import Entry, Gone, Reading, Said, Timeline, plain
from shim.core.routes import Matched, match
from shim.core.wire import Json
from shim.native.exchanges import Exchange

__all__ = ["Assistants", "Key", "Recorded", "routed", "thread_of"]

Key = tuple[float, int]
"""When an exchange began, and its number: what orders exchanges."""

_BEGUN_BEFORE = "what was said in the thread before the recording began is not told"


def thread_of(exchange: Exchange, matched: Matched) -> str:
    """The thread that an exchange is about; empty for what is about none."""
    if (named := matched.ids.get("thread_id")) is not None:
        return named
    for shown in exchange.shown() if matched.route.path.startswith("/threads") else ():
        if shown.get("object") == "thread":
            return str(shown.get("id") or "")
        if shown.get("thread_id"):
            return str(shown["thread_id"])
    return ""


class Assistants:
    """The assistants that a recording shows, as they were at each time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[Key], list[Json]]] = {}

    def take(self, exchange: Exchange, key: Key) -> None:
        """Note the assistants that an answer shows."""
        for shown in exchange.shown() if exchange.ok else ():
            if shown.get("object") == "assistant":
                keys, told = self._known.setdefault(str(shown.get("id")), ([], []))
                keys.append(key)
                told.append(definition_of(shown))

    def at(self, assistant_id: str, key: Key) -> Json | None:
        """The definition at a time; None for one that was shown only afterwards, or never."""
        keys, told = self._known.get(assistant_id, ([], []))
        place = bisect_right(keys, key)
        return told[place - 1] if place else None

    def first(self, assistant_id: str) -> Json | None:
        """The definition that was shown first, if one was."""
        return self._known.get(assistant_id, ([], [None]))[1][0]


class Recorded:
    """One thread of a recording."""

    def __init__(self, thread_id: str, assistants: Assistants, source: str) -> None:
        self._thread_id = thread_id
        self._assistants = assistants
        self._source = source
        self._entries: list[Said | Gone | Observed | Refused] = []
        self._runs: dict[str, Observed] = {}
        self._messages: dict[str, Json] = {}
        self._added: list[Json] = []
        self._resources: Json = {}
        self._pages: list[list[str]] = []
        self._others: list[Said] = []
        self._made_here = self._seen_whole = False

    def take(self, exchange: Exchange, matched: Matched, key: Key) -> None:
        """Take in the next exchange."""
        does = matched.route.does
        if does in _RUNS:
            if does == "runs.create_with_thread":
                self._begun(exchange.asked.get("thread") or {}, exchange)
            self._run_asked(exchange, key)
        if not exchange.ok:
            return
        for shown in exchange.shown():
            self._note(shown, exchange)
        match does:
            case "threads.create":
                self._begun(exchange.asked, exchange)
            case "threads.update" if "tool_resources" in exchange.asked:
                self._resources = exchange.asked["tool_resources"] or {}
            case "messages.create":
                answer = exchange.answer or {}
                self._said(exchange.asked, str(answer.get("id") or ""), answer.get("created_at"))
            case "messages.delete":
                self._deleted(matched.ids["message_id"])
            case "messages.list":
                self._listed(exchange)
            case "steps.list":
                self._of(matched).steps_listed(exchange)
            case "runs.submit":
                self._of(matched).submitted(exchange)

    # what was asked

    def _begun(self, body: Json, exchange: Exchange) -> None:
        """A thread was made."""
        self._resources, self._made_here = body.get("tool_resources") or {}, True
        made = next((s for s in exchange.shown() if s.get("object") == "thread"), {})
        for message in body.get("messages") or ():
            self._said(message, "", made.get("created_at"))

    def _said(self, message: Json, message_id: str, created_at: float | None) -> None:
        self._entries.append(Said(message, message_id, created_at))

    def _deleted(self, message_id: str) -> None:
        said = [e for e in self._entries if isinstance(e, Said) and e.id == message_id]
        message = said[0].message if said else self._messages.get(message_id)
        if message is not None:
            self._entries.append(Gone(message))

    def _run_asked(self, exchange: Exchange, key: Key) -> None:
        body = exchange.asked
        if extra := body.get("tool_resources"):
            self._resources = {**self._resources, **extra}
        params = {k: v for k, v in body.items() if k not in _NOT_PARAMS and v is not None}
        if not params.get("additional_messages"):
            params.pop("additional_messages", None)
        assistant = self._assistants.at(str(body.get("assistant_id")), key)
        shown = [s for s in exchange.shown() if s.get("object") == "thread.run"]
        if not exchange.ok or not shown:
            refused = Refused(params, assistant, exchange, self._resources)
            self._entries.append(refused)
            return
        run = Observed(params=params, assistant=assistant, resources=self._resources)
        run.begun(exchange)
        self._runs[str(shown[0].get("id"))] = run
        self._entries.append(run)
        self._added += params.get("additional_messages") or ()

    # what was shown

    def _note(self, shown: Json, exchange: Exchange) -> None:
        match shown.get("object"):
            case "thread" if not self._made_here and shown.get("tool_resources"):
                self._resources = without_empty(shown["tool_resources"])
            case "thread.run" if shown.get("id"):
                self._run(str(shown["id"])).take_run(shown, exchange)
            case "thread.run.step" if shown.get("run_id"):
                self._run(str(shown["run_id"])).seen.take_object(shown)
            case "thread.message" if shown.get("id"):
                # what modify answers lacks what is attached
                self._messages[str(shown["id"])] = {
                    **self._messages.get(str(shown["id"]), {}),
                    **shown,
                }

    def _run(self, run_id: str) -> Observed:
        """The run of that id; of one that nothing asked for here the objects alone tell."""
        return self._runs.setdefault(run_id, Observed())

    def _of(self, matched: Matched) -> Observed:
        return self._run(matched.ids["run_id"])

    def _listed(self, exchange: Exchange) -> None:
        """Messages were listed: for some runs all that they said, or the latest."""
        shown, query = list(exchange.shown()), dict(exchange.query)
        whole = not (exchange.answer or {}).get("has_more") and "before" not in query
        asked, falls = query.get("run_id"), query.get("order", "desc") == "desc"
        ids = [str(each.get("id")) for each in shown]
        self._pages.append(ids[::-1] if falls else ids)
        self._seen_whole |= whole and asked is None
        for run_id, run in self._runs.items():
            if asked in {None, run_id} and run.ended:
                own = sum(_is_by(each, run_id) for each in shown)
                rest = (each for each in shown if not _is_by(each, run_id))
                older = any((each.get("created_at") or 0) <= run.created_at for each in rest)
                if whole or (falls and older and (own or "after" not in query)):
                    run.messages_known = True
                elif own and falls and "after" not in query:
                    run.latest_known = True

    # what it makes

    def reading(self) -> Reading:
        """The cases of the thread."""
        self._identify()
        for run_id, run in self._runs.items():
            said = [m for m in self._messages.values() if _is_by(m, run_id)]
            run.said(sorted(said, key=lambda each: each.get("created_at") or 0))
        self._place_others()
        why = "" if self._made_here or self._seen_whole else _BEGUN_BEFORE
        return Timeline(self._thread_id, self._source, why, list(self._told())).reading()

    def _identify(self) -> None:
        """Find the messages that a request put in without being told their ids."""
        known = {each.id for each in self._entries if isinstance(each, Said)}
        nameless = [e for e in self._entries if isinstance(e, Said) and not e.id]
        added = [plain(each) for each in self._added]
        for message_id, message in self._messages.items():
            if message_id in known or any(_is_by(message, run) for run in self._runs):
                continue
            told = plain(message)
            same = next((each for each in nameless if _alike(plain(each.message), told)), None)
            extra = next((each for each in added if _alike(each, told)), None)
            if same is not None:
                same.id = message_id
                nameless.remove(same)
            elif extra is not None:
                added.remove(extra)
            else:
                self._others.append(Said(message, message_id, message.get("created_at")))

    def _place_others(self) -> None:
        """Put what was shown, and not asked for here, where its time says."""
        there = {id(entry) for entry in self._entries}
        runs = [run for run in self._runs.values() if id(run) not in there and run.seen.run]
        for run in runs:
            run.assistant = self._assistants.first(run.assistant_id)
            run.resources = self._resources
        others: list[Said | Observed] = [*self._others, *runs]
        ranks = {one: rank for page in self._pages for rank, one in enumerate(page)}
        for other in sorted(others, key=lambda one: (one.created_at or 0, _rank(one, ranks))):
            self._entries.insert(self._place(other), other)

    def _place(self, other: Said | Observed) -> int:
        """Where something is put: before what a list shows after it, else where its time says."""
        own = other.id if isinstance(other, Said) else ""
        for page in self._pages:
            if own in page:
                places = (self._placed(each) for each in page[page.index(own) + 1 :])
                if (place := next((p for p in places if p is not None), None)) is not None:
                    return place
        later = (n for n, each in enumerate(self._entries) if _is_later(each, other))
        return next(later, len(self._entries))

    def _placed(self, message_id: str) -> int | None:
        """Where a message is, or the run that said it."""
        said_by = self._runs.get(str(self._messages.get(message_id, {}).get("run_id")))
        for number, entry in enumerate(self._entries):
            if entry is said_by or (isinstance(entry, Said) and entry.id == message_id):
                return number
        return None

    def _told(self) -> Iterator[Entry]:
        entries = self._entries
        for number, entry in enumerate(entries):
            match entry:
                case Observed():
                    yield entry.ran()
                case Refused() if not entry.repeated(entries[number + 1 :]):
                    yield entry.ran()
                case Said() | Gone():
                    yield entry
                case _:
                    pass


_RUNS = frozenset({"runs.create", "runs.create_with_thread"})
_NOT_PARAMS = frozenset({"assistant_id", "stream", "thread", "tool_resources"})


def _is_by(message: Json, run_id: str) -> bool:
    """Whether a message is what a run said."""
    return message.get("run_id") == run_id and message.get("role") == "assistant"


def _alike(asked: Json, shown: Json) -> bool:
    return (asked.get("role"), asked.get("content")) == (shown.get("role"), shown.get("content"))


def _rank(one: Said | Observed, ranks: Mapping[str, int]) -> int:
    """The order of what is of one second: messages as lists show them, then runs."""
    return ranks.get(one.id, 0) if isinstance(one, Said) else len(ranks)


def _is_later(entry: object, other: Said | Observed) -> bool:
    """Whether an entry comes after what is to be placed; a run after messages of its second."""
    at = getattr(entry, "created_at", None)
    if at is None:
        return False
    mine = other.created_at or 0
    return bool(at > mine or (at == mine and isinstance(entry, Observed)))


def routed(exchange: Exchange) -> Matched | None:
    """The call of the API that an exchange is, if it is one."""
    return match(exchange.method, exchange.path.rstrip("/"))
