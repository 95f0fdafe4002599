"""Which settings are in force and where they come from. Shows no key."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

from shim.cli.checks.finding import Finding
from shim.errors import SettingsError
from shim.native.named import function
from shim.settings import Settings, configured, set_in, unknown_in

__all__ = ["findings", "loaded"]

_UNSET = {
    "upstream_url": "the client's own",
    "upstream_key": "the client's own",
    "native_url": "none",
    "native_key": "the caller's own",
    "dialect": "by host",
    "provider": "none",
    "models": "none replaced",
    "log": "warning",
    "record": "nothing",
    "record_hook": "none",
    "record_max_mb": "no bound",
    "files": "beside the database",
}


def loaded() -> tuple[Settings, Finding | None]:
    """The settings, or the defaults and what is wrong with those that were given."""
    try:
        return Settings.load(), None
    except SettingsError as error:
        cure = "correct or unset it; the README lists the settings"
        return Settings(), Finding("settings", "problem", str(error), cure)


def findings(settings: Settings) -> Iterator[Finding]:
    """Each setting, and variables that look like one and are none."""
    variables, (in_file, unused) = dict(set_in()), _of_file()
    for each in fields(Settings):
        source = variables.get(each.name) or ("file" if each.name in in_file else "default")
        yield Finding("setting", "ok", f"{each.name} = {_shown(settings, each.name)} ({source})")
    if settings.record:
        yield from _recording(settings)
    for name in unknown_in():
        cure = f"unset {name}, or spell it as the README's table of settings does"
        yield Finding("setting", "warning", f"{name} is set, but is no setting of shim", cure)
    for name in unused:
        cure = "nothing, if it is for LiteLLM; else spell it as the README's table of settings does"
        yield Finding(
            "setting", "warning", f"the settings file has {name}, which is not used", cure
        )


def _recording(settings: Settings) -> Iterator[Finding]:
    """Whether what is to be recorded can be: programs only log that it cannot."""
    path = Path(settings.record).absolute()
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        cure = f"make the folder {path.parent} and let this user write there, or unset SHIM_RECORD"
        yield Finding("recording", "problem", f"{path} cannot be written", cure)
    if settings.record_hook:
        try:
            function("SHIM_RECORD_HOOK", settings.record_hook)
        except SettingsError as error:
            cure = "set it to module:function, of a module that PYTHONPATH has"
            yield Finding("recording", "problem", str(error), cure)


def _of_file() -> tuple[Collection[str], Collection[str]]:
    """The settings that the file gives and what else it has; one that is wrong was told of."""
    try:
        file = configured()
    except SettingsError:
        return (), ()
    return file.settings, file.unused


def _shown(settings: Settings, name: str) -> str:
    match name:
        case "upstream_key" | "native_key" if getattr(settings, name):
            return "set, not shown"
        case "upstream_url" | "native_url" if url := getattr(settings, name):
            return without_password(url)
        case "database_url":
            return settings.database_shown()
        case _:
            return str(getattr(settings, name) or _UNSET.get(name, getattr(settings, name)))


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    parts = urlsplit(url)
    return url.replace(f"{parts.username}:{parts.password}@", "") if parts.password else url
