"""The values of settings: what each may be, and how one is written as a text.

Knows each setting by its name. Knows no environment and no file, nor what a setting does.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from shim.errors import SettingsError
from shim.keys import check_keys, parsed_keys
from shim.native.rules import Rules
from shim.providers import PROVIDERS

__all__ = ["check", "parsed"]

_CHOICES = {
    "mode": ("responses", "native", "route"),
    "conversations": ("auto", "upstream", "local"),
    "history": ("items", "messages"),
    "dialect": ("", "openai", "azure", "generic"),
    "provider": ("", *PROVIDERS),
    "access": ("", "open", "callers", "keys"),
}
_BAD_MODELS = 'SHIM_MODELS={0!r} is not a JSON object of model names: use {{"gpt-4": "gpt-5.1"}}'


def check(values: Mapping[str, Any]) -> None:
    """Raise SettingsError for the first value that is none of those its setting may have."""
    for name, choices in _CHOICES.items():
        if values[name] not in choices:
            known = ", ".join(choice for choice in choices if choice)
            raise SettingsError(f"SHIM_{name.upper()}={values[name]!r} is not one of: {known}")
    if not isinstance(values["store"], bool):
        raise SettingsError(f"SHIM_STORE={values['store']!r} is neither true nor false")
    for name, (fits, words) in _NUMBERS.items():
        if not fits(values[name]):
            raise SettingsError(f"SHIM_{name.upper()}={values[name]!r} is no {words}")
    if not _is_model_map(values["models"]):
        raise SettingsError(_BAD_MODELS.format(values["models"]))
    unknown = values["unknown_threads"]
    if not (callable(unknown) or unknown in {"", "adopt"} or _PATH.fullmatch(str(unknown))):
        raise SettingsError(
            f"SHIM_UNKNOWN_THREADS={unknown!r} is neither adopt nor a function, module:name"
        )
    if unknown and values["mode"] != "responses":
        raise SettingsError(
            f"SHIM_UNKNOWN_THREADS is for SHIM_MODE=responses: with {values['mode']} a thread that "
            "is not known here is the native server's"
        )
    hook = values["record_hook"]
    if not (callable(hook) or not hook or _PATH.fullmatch(str(hook))):
        raise SettingsError(f"SHIM_RECORD_HOOK={hook!r} is no function, module:name")
    check_keys(values["keys"])
    Rules.of(values["routes"])
    _check_origins(values["cors"])
    if values["log"] and not _is_level(values["log"]):
        raise SettingsError(
            f"SHIM_LOG={values['log']!r} is not a level: debug, info, warning or error"
        )


def parsed(name: str, text: str) -> Any:
    """The value that a text stands for, where it is one at all; `check` says whether it is."""
    match name:
        case "store" | "models" | "routes" | "shadow" | "keys" | "cors":
            return _PARSERS[name](text)
        case "files_max_mb" | "files_days" | "record_max_mb" | "port" | "workers" | "max_body_mb":
            return int(text) if text.isdecimal() else text
        case "grace":
            return float(text) if _DECIMAL.fullmatch(text) else text
        case _:
            return text


def _check_origins(origins: Any) -> None:
    """An origin is a scheme and a host, nothing behind: so does a browser name it."""
    given = [origins] if isinstance(origins, str) else origins
    for each in given:
        if not (isinstance(each, str) and _ORIGIN.fullmatch(each)):
            raise SettingsError(f"SHIM_CORS has {each!r}, no origin: use https://my.site or *")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise SettingsError(f"SHIM_STORE={text!r} is neither true nor false")
    return text.lower() in ("true", "1", "yes")


def _models(text: str) -> dict[str, str]:
    try:
        models = json.loads(text)
    except ValueError:
        models = None
    if _is_model_map(models):
        return dict(models)
    raise SettingsError(_BAD_MODELS.format(text))


def _routes(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SettingsError(f"SHIM_ROUTES={text!r} is not a JSON object of rules") from None


def _shadow(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SettingsError(f"SHIM_SHADOW={text!r} is not a JSON object of a lane") from None


def _is_model_map(models: Any) -> bool:
    return isinstance(models, Mapping) and all(
        isinstance(old, str) and isinstance(new, str) for old, new in models.items()
    )


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _is_seconds(number: Any) -> bool:
    return _is_whole(number) or (isinstance(number, float) and 0 <= number < math.inf)


def _is_level(name: str) -> bool:
    return isinstance(logging.getLevelName(name.upper()), int)


_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s,]+")
_PATH = re.compile(r"[\w.]+:\w+")
_DECIMAL = re.compile(r"\d+(\.\d+)?")
_NUMBERS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "files_max_mb": (_is_whole, "number of megabytes"),
    "files_days": (_is_whole, "number of days"),
    "record_max_mb": (_is_whole, "number of megabytes"),
    "max_body_mb": (lambda size: _is_whole(size) and size > 0, "number of megabytes"),
    "port": (lambda port: _is_whole(port) and port < 65536, "port"),
    "workers": (lambda workers: _is_whole(workers) and workers > 0, "number of processes"),
    "grace": (_is_seconds, "number of seconds"),
}

_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "store": _flag,
    "models": _models,
    "routes": _routes,
    "shadow": _shadow,
    "keys": parsed_keys,
    "cors": _listed,
}
