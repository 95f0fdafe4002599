"""Lanes that are Handlers: a server that speaks Assistants, or shim with this or that setting.

Knows how a lane is named, in a text or in a file, and what it takes to reach it: an HTTP client of
its own, blocking whatever the program around it is, and for shim a store in memory, so that what is
tried touches no thread of the user's. Knows nothing of what is compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import httpx

from shim import drive
from shim.core.wire import Json, Target
from shim.errors import SettingsError
from shim.native.cases import Case, Outcome, Turn
from shim.native.driving import OF_ASSISTANTS, Driver, Way
from shim.native.seeding import Seeds
from shim.settings import Settings, key_in, server_credentials
from shim.storage.imports import Imports
from shim.upstream.credentials import fitted, with_key
from shim.upstream.dialect import choose
from shim.upstream.entra import current
from shim.upstream.http import BlockingUpstream
from shim.wiring import Wired, wire
from shim.workers import BlockingWorkers

__all__ = ["DRIVEN", "Driven", "LaneSpec", "open_driven", "settings_of", "target_of"]

DRIVEN = ("shim", "native")
"""The kinds that are Handlers."""

KINDS = (*DRIVEN, "recording", "python")

GRACE = 5.0
"""Seconds that closing a lane waits for what is deleted at its upstream."""

_OPENAI = "https://api.openai.com/v1"
_OF_RUNS = frozenset(
    {
        *("max_completion_tokens", "max_prompt_tokens", "truncation_strategy"),
        *("tool_choice", "parallel_tool_calls", "additional_instructions"),
    }
)
_OWN = frozenset({"key", "seconds", "stream", "keep", "name"})
_NOT_A_LANES = frozenset({"database_url", "mode", "native_url", "native_key", "routes", "log"})
_FLAGS = {"true": True, "false": False, "yes": True, "no": False}
_REFERENCE = "os.environ/"


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """How a lane is named: its kind, where it is, and what is different on it.

    In a text `KIND[:WHERE][,KEY=VALUE ...]`, as `shim,model=gpt-4.1`, `native:https://host/v1`,
    `recording:FILE`, `python:FILE.py:FUNCTION`; in a file a mapping with `kind` and `where`. A
    value may be JSON, `@FILE` for the content of a file, or `os.environ/NAME`. Keys are those of
    assistants and runs (`model`, `instructions`, `tools` ...), settings of shim's (`upstream_url`,
    `dialect`, `store` ...), and `key`, `seconds` (the most for a turn), `stream`, `keep`.
    Raises SettingsError for what is none of these.
    """

    name: str
    kind: str
    where: str = ""
    changes: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    key: str = field(default="", repr=False)
    seconds: float = 300.0
    stream: bool = True
    keep: bool = False

    @classmethod
    def of(cls, given: str | Mapping[str, Any], name: str = "") -> LaneSpec:
        """The lane that a text or a mapping describes; `name` is what reports call it."""
        if isinstance(given, str):
            head, *pairs = given.split(",")
            kind, _, where = head.strip().partition(":")
            options = dict(_pair(pair, given) for pair in pairs)
            title = name or given
        else:
            options = dict(given)
            kind, where = str(options.pop("kind", "shim")), str(options.pop("where", ""))
            title = name or str(options.get("name") or kind)
        if kind not in KINDS:
            raise SettingsError(f"the lane {title!r} is none of: {', '.join(KINDS)}")
        return cls(title, kind, where, **_sorted(title, options))

    @property
    def has_address(self) -> bool:
        """Whether it says where its upstream is."""
        return bool(self.where or self.settings.get("upstream_url"))

    def fingerprint(self) -> Json:
        """What makes it this lane and no other; no key is in it."""
        return {
            "kind": self.kind,
            "where": self.where,
            "changes": self.changes,
            "settings": {k: v for k, v in self.settings.items() if not k.endswith("_key")},
            "stream": self.stream,
            "content": _content(self.where),
        }


def _content(where: str) -> str:
    """A digest of the file that a lane is, or is read from; empty where it is none."""
    for path in (where, where.rpartition(":")[0]):
        if path and Path(path).is_file():
            return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return ""


def _pair(text: str, whole: str) -> tuple[str, Any]:
    key, is_pair, value = text.strip().partition("=")
    if not is_pair:
        raise SettingsError(f"the lane {whole!r}: {text!r} is not KEY=VALUE")
    return key.strip(), value


def _sorted(title: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options by what they are for; raises SettingsError for one that nothing knows."""
    settings = {each.name for each in fields(Settings)} - _NOT_A_LANES
    sorted_: dict[str, Any] = {"changes": {}, "settings": {}}
    for key, raw in options.items():
        value = _value(raw) if isinstance(raw, str) else raw
        if key in settings:
            sorted_["settings"][key] = value
        elif key in OF_ASSISTANTS or key in _OF_RUNS:
            sorted_["changes"][key] = value
        elif key in _OWN:
            sorted_[key] = _own(title, key, value)
        else:
            known = sorted({*OF_ASSISTANTS, *_OF_RUNS, *_OWN, *settings})
            raise SettingsError(
                f"the lane {title!r}: {key!r} is not one of its keys: {', '.join(known)}"
            )
    sorted_.pop("name", None)
    return sorted_


def _own(title: str, key: str, value: Any) -> Any:
    wanted: dict[str, type | tuple[type, ...]] = {
        "seconds": (int, float),
        "stream": bool,
        "keep": bool,
    }
    if key in wanted and not isinstance(value, wanted[key]):
        raise SettingsError(f"the lane {title!r}: {key}={value!r} is not what {key} may be")
    return value


def _value(text: str) -> Any:
    """What a text of a lane stands for."""
    if text.startswith(_REFERENCE):
        return key_in(text.removeprefix(_REFERENCE))
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{text[1:]} cannot be read: {error.strerror}") from error
    if text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text


class Driven:
    """A lane that is driven: a Handler with all that is under it. Blocking, and safe in threads."""

    def __init__(self, spec: LaneSpec, way: Way, close: Callable[[], None]) -> None:
        self.name = spec.name
        self._spec = spec
        self._way = way
        self._driver = Driver(way)
        self._close = close

    def answer(
        self, case: Case, turn: Turn, history: list[Json], sender: Target | None = None
    ) -> Outcome:
        """What comes of a turn there.

        A lane without a key goes by that of its `sender`, if it leads to the same place: a key is
        never sent to another server than the one it was meant for.
        """
        own, driver = self._way.target, self._driver
        elsewhere = self._spec.has_address and sender is not None and own.root != sender.root
        if sender is not None and not own.headers and not elsewhere:
            target = replace(sender, timeout=own.timeout)
            driver = Driver(replace(self._way, target=target))
        outcome = drive.run(driver.answer(case, turn, history))
        if driver is not self._driver:
            drive.run(driver.close())
        return outcome

    def close(self) -> None:
        """Delete what was made there, and close the connections."""
        drive.run(self._driver.close())
        self._close()


def open_driven(spec: LaneSpec, settings: Settings) -> Driven:
    """The lane; raises SettingsError where its settings do not fit, or its API has ended.

    What the spec does not say, the program's own settings do.
    """
    settings = settings_of(spec, settings)
    workers = BlockingWorkers()
    client = httpx.Client(timeout=httpx.Timeout(spec.seconds, connect=30.0))
    wired = wire(
        settings, BlockingUpstream(client, workers.sleep, settings.dialect or None), workers
    )

    def close() -> None:
        workers.stop_waiting()
        workers.flush(GRACE)
        drive.run(wired.aclose())
        client.close()

    way = Way(
        handler=wired,
        target=target_of(settings),
        sleep=workers.sleep,
        changes=spec.changes,
        seconds=spec.seconds,
        streamed=spec.stream,
        keep=spec.keep,
        seeds=_seeds(wired) if spec.kind == "shim" else None,
    )
    return Driven(spec, way, close)


def settings_of(spec: LaneSpec, settings: Settings) -> Settings:
    """The lane's settings: the program's, with what the spec says, and nothing kept on a disk."""
    scratch: Json = {"database_url": "sqlite:///:memory:", "routes": {}, "unknown_threads": ""}
    scratch |= {"shadow": {}, "record": ""}
    if spec.kind == "native":
        url, key = spec.where or settings.native_url, spec.key or settings.native_key
        if not url:
            raise SettingsError(f"the lane {spec.name!r} needs an address: native:https://host/v1")
        own: Json = {"mode": "native", "native_url": url, "native_key": key}
    else:
        own = {"mode": "responses", "conversations": "local"}
        if spec.where:
            own["upstream_url"] = spec.where
        if spec.key:
            own["upstream_key"] = spec.key
    return replace(settings, **{**scratch, **own, **spec.settings})


def target_of(settings: Settings) -> Target:
    """Where upstream calls go, with the key that is set, else that of the environment."""
    url = settings.upstream_url.rstrip("/") or _OPENAI
    key = current(settings.upstream_key, url)
    headers = with_key({}, key) if key else server_credentials()
    return Target(url, fitted(headers, choose(url, settings.dialect or None)))


def _seeds(wired: Wired) -> Seeds:
    return Seeds(Imports(wired.database))
