"""The settings: the one reader of the environment, and the only place where parts are put together.

Arguments beat the environment, which beats the file, which beats the default; all is checked when
Settings is built. Which settings there are stands in the README.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim.errors import SettingsError
from shim.native.retirement import refusal
from shim.providers import Models, with_beta
from shim.storage.address import Address, without_password
from shim.values import check, parsed

if TYPE_CHECKING:
    from shim.configuration import Configuration
    from shim.core.made_files import Contents
    from shim.core.ports import Upstream, Workers
    from shim.core.records import Run
    from shim.core.wire import Call, Handler, Reply
    from shim.native.appending import Lines
    from shim.storage.database import Database

__all__ = [
    "Settings",
    "configured",
    "driver_of",
    "key_in",
    "open_contents",
    "open_database",
    "server_credentials",
    "set_in",
    "unknown_in",
    "wire",
]

log = logging.getLogger("shim")
log.addHandler(logging.NullHandler())

_SQLITE = "sqlite:///"
_NOT_SETTINGS = {
    "SHIM_CONFIG",  # the file of settings
    "SHIM_RECORDINGS",  # where the project's own tests find recorded traffic
    "SHIM_TEST_DATABASE",  # on which kind of database they run
    "SHIM_TEST_POSTGRES",  # which server they use; `required` fails them where none can be started
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set. Build it with `Settings.load(...)`; raises SettingsError for bad values.

    `database_url` is `sqlite:////absolute/path.db`, `sqlite:///relative.db` or
    `sqlite:///:memory:`, or `postgresql://...` with libpq's parameters; empty means a file in the
    user's data directory. `models` maps the model names of old assistants to those asked for now.
    `files` is the folder for what code made; empty means one beside a database file, and the
    database itself where that is PostgreSQL. A file larger than `files_max_mb` is not kept, and
    none longer than `files_days`, unless that is 0.
    With `mode` `native`, calls go as they are to `native_url`, the base URL of a server that still
    speaks Assistants, by `native_key`, else by the caller's own key; with `route`, `routes` say
    which threads are there.
    `unknown_threads` says what becomes of ids of threads that are not here: nothing, `adopt` for an
    empty thread, or a function from the id to its messages, or its name, `module:function`.
    `shadow` names a lane on which a `share` of the runs (in percent) is tried as well, aside, after
    they have ended, and the `file` that keeps what came of it.
    `record` is a file to which every exchange is appended, without secrets, and after
    `record_hook`, a function or its name, has changed or dropped it; `record_max_mb` bounds the
    file and the older part beside it, unless it is 0.
    `provider` is that of a LiteLLM proxy whose callers shim serves, with requests as they are used
    to: models may begin with it, and the header OpenAI-Beta may be missing.

    The server's own: it listens at `host` and `port` (0 takes a free one) in `workers` processes,
    and lets runs and answers in hand go on for `grace` seconds when it is stopped. `access` says
    who may call: `open`, `callers` with keys of the upstream's, or those with one of shim's own
    `keys`; empty means `keys` where there are any, else `open`. `cors` are the origins whose pages
    may call, or `*`. `rate` is how often each caller may: `60/minute`; each process counts for
    itself. `max_body_mb` bounds the body of a request that shim answers itself.
    """

    upstream_url: str = ""
    upstream_key: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    mode: str = "responses"
    native_url: str = ""
    native_key: str = field(default="", repr=False)
    routes: Mapping[str, Any] = field(default_factory=dict)
    unknown_threads: Any = ""
    shadow: Mapping[str, Any] = field(default_factory=dict, repr=False)
    record: str = ""
    record_hook: Any = ""
    record_max_mb: int = 0
    dialect: str = ""
    provider: str = ""
    store: bool = True
    conversations: str = "auto"
    history: str = "items"
    models: Mapping[str, str] = field(default_factory=dict)
    files: str = ""
    files_max_mb: int = 100
    files_days: int = 0
    log: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    grace: float = 30.0
    access: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cors: Sequence[str] = ()
    rate: str = ""
    max_body_mb: int = 32

    def __post_init__(self) -> None:
        check({each.name: getattr(self, each.name) for each in fields(self)})
        if self.address() is None and not self._is_sqlite():
            raise SettingsError(
                f"SHIM_DATABASE_URL={without_password(self.database_url)!r} is neither a file nor "
                "a PostgreSQL database: use sqlite:////absolute/path.db or "
                "postgresql://user:password@host/database"
            )
        for name in ("upstream_url", "native_url"):
            if (url := getattr(self, name)) and not url.startswith(("https://", "http://")):
                raise SettingsError(
                    f"SHIM_{name.upper()}={without_password(url)!r} is not an address: "
                    "use https://host/v1"
                )
        self._check_native()
        if self.shadow:
            from shim.trials import check as check_shadow  # noqa: PLC0415 - only where it is used

            check_shadow(self.shadow)
        if self.keys and self.access not in {"", "keys"}:
            raise SettingsError(
                f"SHIM_KEYS is set, but SHIM_ACCESS={self.access!r} asks for no such key: unset one"
            )

    def _check_native(self) -> None:
        if self.mode == "responses":
            return
        if not self.native_url:
            raise SettingsError(
                f"SHIM_MODE={self.mode} needs SHIM_NATIVE_URL: the base URL of a server that still "
                "speaks the Assistants API"
            )
        if (why := refusal(self.native_url, time.time())) is not None:
            raise SettingsError(why)

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        config: str | Path | None = None,
        **given: Any,
    ) -> Settings:
        """The settings given, then those of the environment, of the file, and the defaults.

        The file is `config`, else the one that SHIM_CONFIG names.
        """
        environ = os.environ if environ is None else environ
        file = configured(environ, config)
        values = {
            **{name: _of_file(name, value) for name, value in file.settings.items()},
            **{name: parsed(name, environ[each].strip()) for name, each in set_in(environ)},
        }
        settings = cls(**_with_master_key({**values, **given}, file.master_key))
        if settings.log:
            _log_at(settings.log)
        for name in file.unused:
            log.warning("the settings file has %s, which shim does not use", name)
        return settings

    def address(self) -> Address | None:
        """The PostgreSQL database, or None where threads are kept in SQLite."""
        return Address.of(self.database_url)

    def _is_sqlite(self) -> bool:
        return not self.database_url or self.database_url.startswith(_SQLITE)

    def database_path(self) -> str:
        """The path of the SQLite file, or `:memory:`."""
        if self.database_url:
            return self.database_url.removeprefix(_SQLITE)
        from platformdirs import user_data_dir  # noqa: PLC0415 - needed only where nothing is set

        return str(Path(user_data_dir("shim", appauthor=False)) / "shim.db")

    def database_shown(self) -> str:
        """Where threads are kept, as it may be shown."""
        return without_password(self.database_url) or self.database_path()

    def files_path(self) -> Path | None:
        """The folder of the files that code made; None keeps them where the database is."""
        if self.files:
            return Path(self.files)
        if self.address() is not None:
            return None
        database = self.database_path()
        return None if database == ":memory:" else Path(database).parent / "shim-files"


def _with_master_key(values: dict[str, Any], master_key: str) -> dict[str, Any]:
    """The settings, a LiteLLM proxy's key among the keys; what was there before is its tenant's."""
    keys, asked = values.get("keys", {}), values.get("access", "") in {"", "keys"}
    if not (master_key and asked and isinstance(keys, Mapping)):
        return values
    return {**values, "keys": {"master_key": {"key": master_key, "tenant": ""}, **keys}}


def set_in(environ: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The settings that the environment gives, each with the name of its variable."""
    environ = os.environ if environ is None else environ
    names = ((each.name, f"SHIM_{each.name.upper()}") for each in fields(Settings))
    return [(name, variable) for name, variable in names if environ.get(variable, "").strip()]


def server_credentials(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers by which a server is known to OpenAI where its caller shows no key of its own.

    `OPENAI_API_KEY` and what goes with it; never `OPENAI_BASE_URL`, which is what programs point at
    the server.
    """
    environ = os.environ if environ is None else environ
    if not (key := environ.get("OPENAI_API_KEY", "").strip()):
        return {}
    named = {"openai-organization": "OPENAI_ORG_ID", "openai-project": "OPENAI_PROJECT_ID"}
    sent = {header: environ.get(name, "").strip() for header, name in named.items()}
    return {"authorization": f"Bearer {key}", **{k: v for k, v in sent.items() if v}}


def key_in(variable: str, environ: Mapping[str, str] | None = None) -> str:
    """The key that a variable of that name holds; empty where it holds none."""
    return (os.environ if environ is None else environ).get(variable, "").strip()


def configured(
    environ: Mapping[str, str] | None = None, config: str | Path | None = None
) -> Configuration:
    """What the settings file says, if there is one: `config`, else what SHIM_CONFIG names."""
    from shim.configuration import Configuration, read  # noqa: PLC0415 - see `wire`

    environ = os.environ if environ is None else environ
    path = config or environ.get("SHIM_CONFIG", "").strip()
    names = [each.name for each in fields(Settings)]
    return read(path, environ, names) if path else Configuration()


def unknown_in(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like settings and are none: misspelt, or of another version."""
    known = {f"SHIM_{each.name.upper()}" for each in fields(Settings)} | _NOT_SETTINGS
    names = os.environ if environ is None else environ
    return sorted(name for name in names if name.startswith("SHIM_") and name not in known)


def _of_file(name: str, value: Any) -> Any:
    """A value of a YAML file, where a number may stand for a text, and text for all."""
    default = next(each.default for each in fields(Settings) if each.name == name)
    is_text = isinstance(value, str) or isinstance(default, str)
    return parsed(name, str(value)) if is_text else value


def _log_at(level: str) -> None:
    log.setLevel(level.upper())
    if not any(not isinstance(handler, logging.NullHandler) for handler in log.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        log.addHandler(handler)


def open_database(settings: Settings, workers: Workers) -> Database:
    """The database that the settings name; says once where a new file is made."""
    from shim.storage.sqlite import SQLite  # noqa: PLC0415 - see `wire`

    if (address := settings.address()) is not None:
        return _open_postgres(address, workers)
    path = settings.database_path()
    if settings.mode != "native" and path != ":memory:" and not Path(path).exists():
        log.warning("shim keeps threads and assistants in the new file %s", path)
    return SQLite(path, workers.sleep)


def _open_postgres(address: Address, workers: Workers) -> Database:
    with driver_of(address):
        from shim.storage.postgres import AsyncPostgres, Postgres  # noqa: PLC0415 - an extra
    return (Postgres if workers.blocking else AsyncPostgres)(address, workers.sleep)


@contextmanager
def driver_of(address: Address) -> Iterator[None]:
    """Where what needs PostgreSQL's driver is imported; raises SettingsError without one."""
    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f"SHIM_DATABASE_URL ({address.shown}) needs PostgreSQL's driver ({error}): "
            "pip install 'assistants-shim[postgres]'"
        ) from error


class Wired:
    """A handler put together, whether its database answers, and how to close what it holds."""

    def __init__(self, handler: Handler, database: Database, lines: Lines | None = None) -> None:
        self._handler = handler
        self._lines = lines
        self.database = database

    async def aclose(self) -> None:
        """Close what it holds, once what was recorded is written."""
        if self._lines is not None:
            self._lines.flush()
        await self.database.aclose()

    async def check(self) -> None:
        """Ask the database for something; raises where it does not answer."""
        from shim.storage.database import Statement  # noqa: PLC0415 - see `wire`

        await self.database.execute(Statement("SELECT 1"))

    async def __call__(self, call: Call) -> Reply:
        """Answer a call."""
        return await self._handler(call)


def open_contents(settings: Settings, database: Database) -> Contents:
    """Where the contents of files are kept."""
    from shim.storage.content_table import Table  # noqa: PLC0415 - see `wire`
    from shim.storage.contents import Folder, Memory  # noqa: PLC0415

    if (folder := settings.files_path()) is not None:
        return Folder(folder)
    return Memory() if settings.address() is None else Table(database)


def wire(
    settings: Settings,
    upstream: Upstream,
    workers: Workers,
    ended: Callable[[Run], None] = lambda _: None,
    now: Callable[[], float] = time.time,
) -> Wired:
    """The handler that the mode asks for, over a database, an upstream and workers of one colour.

    `ended` is told of each run that ends here. Imports the engine here, so that a program pays for
    it with its first Assistants call.
    """
    database = open_database(settings, workers)
    if settings.mode == "native":
        handler = _forward(settings, upstream, now)
    else:
        handler = _engine(settings, upstream, workers, database, ended=ended, now=now)
        if settings.mode == "route":
            native = _forward(settings, upstream, now)
            handler = _route(settings, native, handler, database, workers)
        else:
            handler = _adopting(settings, handler, database, workers)
    return _recorded(settings, _shadowed(settings, handler, workers), database)


def _recorded(settings: Settings, handler: Handler, database: Database) -> Wired:
    if not settings.record:
        return Wired(handler, database)
    from shim.native.appending import Lines  # noqa: PLC0415 - see `wire`
    from shim.native.named import function  # noqa: PLC0415
    from shim.native.record import Recorder  # noqa: PLC0415

    lines = Lines(Path(settings.record), settings.record_max_mb * 1_000_000)
    hook = function("SHIM_RECORD_HOOK", settings.record_hook) if settings.record_hook else None
    lane = "" if settings.mode == "route" else settings.mode
    keys = (settings.upstream_key, settings.native_key)
    recorder = Recorder(handler, lines, lane=lane, hook=hook, secrets=keys)
    return Wired(recorder, database, lines)


def _shadowed(settings: Settings, handler: Handler, workers: Workers) -> Handler:
    if not settings.shadow:
        return handler
    from shim.native.shadow import Shadow  # noqa: PLC0415 - see `wire`
    from shim.trials import Trials, share_of  # noqa: PLC0415

    return Shadow(handler, workers, Trials(settings).take, share_of(settings.shadow))


def _adopting(settings: Settings, engine: Handler, database: Database, workers: Workers) -> Handler:
    if not settings.unknown_threads:
        return engine
    from shim.native.adopted import Adopting, loader  # noqa: PLC0415 - see `wire`
    from shim.storage.imports import Imports  # noqa: PLC0415
    from shim.storage.ledger import Ledger  # noqa: PLC0415

    stores = Ledger(database), Imports(database)
    mirrored = settings.store and settings.conversations != "local"
    load = loader(settings.unknown_threads)
    return Adopting(engine, stores, workers, load, mirrored=mirrored)


def _forward(settings: Settings, upstream: Upstream, now: Callable[[], float]) -> Handler:
    from shim.native.forward import Forward  # noqa: PLC0415 - see `wire`

    url, key, apart = settings.native_url, settings.native_key, settings.mode == "route"
    forward = Forward(upstream, url, key, apart=apart, now=now)
    return with_beta(forward) if settings.provider else forward


def _route(
    settings: Settings, native: Handler, engine: Handler, database: Database, workers: Workers
) -> Handler:
    from shim.native.moving import Mover  # noqa: PLC0415 - see `wire`
    from shim.native.route import Route, Ways  # noqa: PLC0415
    from shim.native.rules import Rules  # noqa: PLC0415
    from shim.storage.imports import Imports  # noqa: PLC0415
    from shim.storage.lanes import Lanes  # noqa: PLC0415
    from shim.storage.ledger import Ledger  # noqa: PLC0415

    lanes = Lanes(database)
    mirrored = settings.store and settings.conversations != "local"
    mover = Mover(native, (lanes, Imports(database), Ledger(database)), mirrored=mirrored)
    ways = Ways(native, engine, mover, lanes, shared=bool(settings.native_key))
    return Route(ways, Rules.of(settings.routes), workers.sleep)


def _engine(
    settings: Settings,
    upstream: Upstream,
    workers: Workers,
    database: Database,
    *,
    ended: Callable[[Run], None],
    now: Callable[[], float],
) -> Handler:
    from shim.conversation.mirror import Mirrors  # noqa: PLC0415
    from shim.core.engine import Engine  # noqa: PLC0415
    from shim.core.ports import World  # noqa: PLC0415
    from shim.storage.ledger import Ledger  # noqa: PLC0415
    from shim.storage.outbox import Outbox  # noqa: PLC0415
    from shim.storage.shared_threads import Reads  # noqa: PLC0415

    ledger = Ledger(database)
    mode = settings.conversations if settings.store else "local"
    contents = open_contents(settings, database)
    mirrors = Mirrors(
        *(Outbox(database), ledger, upstream, workers, mode),
        contents=contents,
        reads=Reads(database),
        now=now,
    )
    world = World(
        ledger=ledger,
        upstream=upstream,
        workers=workers,
        conversations=mirrors,
        contents=contents,
        store=settings.store,
        pairs=settings.history == "items",
        models=Models(settings.models, settings.provider),
        most_bytes=settings.files_max_mb * 1_000_000,
        files_days=settings.files_days,
        ended=ended,
        now=now,
    )
    engine = Engine(world)
    return with_beta(engine) if settings.provider else engine
