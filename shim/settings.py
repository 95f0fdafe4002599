"""The settings: a frozen record, checked when it is built, and the one reader of the environment.

Arguments beat the environment, which beats the file, which beats the default. Which settings there
are stands in the README. What is put together by them is the matter of `shim.wiring`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim.errors import SettingsError
from shim.native.retirement import refusal
from shim.storage.address import Address, without_password
from shim.values import check, parsed

if TYPE_CHECKING:
    from shim.configuration import Configuration

__all__ = [
    "Settings",
    "configured",
    "key_in",
    "server_credentials",
    "set_in",
    "unknown_in",
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
    from shim.configuration import Configuration, read  # noqa: PLC0415 - only where there is a file

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
