"""The setting `keys`: shim's own keys, as they are written in a variable, a file or a program.

Knows its forms and what a key is made into, a digest; says in no error what a key is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shim.errors import SettingsError

__all__ = [
    "EVERYBODY",
    "ConfiguredKey",
    "check_keys",
    "configured_keys",
    "digest_of",
    "parsed_keys",
]

EVERYBODY = "*"
"""Stands for all tenants, so it is the name of none."""

_DIGEST = re.compile(r"sha256:([0-9a-fA-F]{64})")
_NAME = re.compile(r"[\w.@-]{1,64}")
_FIELDS = {"key", "tenant", "upstream_key"}
_FORM = (
    'write name:key,name:key or JSON: {"name": "key", "other": {"key": "...", "tenant": "...", '
    '"upstream_key": "..."}}; instead of a key its digest may stand, as sha256:<64 hex digits>'
)


@dataclass(frozen=True, slots=True)
class ConfiguredKey:
    """A key of the settings: by its digest, whose it is, and what its calls go upstream with.

    An empty `upstream_key` stands for the server's own.
    """

    name: str
    digest: str
    tenant: str
    upstream_key: str = field(default="", repr=False)


def digest_of(key: str) -> str:
    """What is kept of a key, and compared. Keys are long and random: no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def parsed_keys(text: str) -> dict[str, Any]:
    """The keys that a text stands for; raises SettingsError."""
    if text.startswith("{"):
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            raise SettingsError(f"SHIM_KEYS is no JSON: {_FORM}") from None
        return found
    pairs = [pair.strip().partition(":") for pair in text.split(",") if pair.strip()]
    if not all(name.strip() and key.strip() for name, _, key in pairs):
        raise SettingsError(f"SHIM_KEYS has a part that is no name:key: {_FORM}")
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise SettingsError("SHIM_KEYS has a name twice: give each key a name of its own")
    return {name.strip(): key.strip() for name, _, key in pairs}


def check_keys(keys: Any) -> None:
    """Raise SettingsError where this is no mapping of names to keys."""
    if not isinstance(keys, Mapping):
        raise SettingsError(f"SHIM_KEYS is no mapping of names to keys: {_FORM}")
    found = configured_keys(keys)
    if len({key.digest for key in found}) < len(found):
        raise SettingsError("SHIM_KEYS has two names for one key: each key belongs to one")


def configured_keys(keys: Mapping[str, Any]) -> list[ConfiguredKey]:
    """The keys, each understood; raises SettingsError."""
    return [_understood(name, given) for name, given in keys.items()]


def _understood(name: Any, given: Any) -> ConfiguredKey:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(f"SHIM_KEYS: {name!r} is no name: use letters, digits and . _ - @")
    fields = {"key": given} if isinstance(given, str) else given
    if not isinstance(fields, Mapping) or not set(fields) <= _FIELDS or "key" not in fields:
        raise SettingsError(f"SHIM_KEYS: what stands for {name} is no key: {_FORM}")
    if not all(isinstance(value, str) for value in fields.values()) or not fields["key"].strip():
        raise SettingsError(f"SHIM_KEYS: the key of {name} is no text, or an empty one: {_FORM}")
    tenant = fields.get("tenant", name)
    if tenant == EVERYBODY:
        raise SettingsError(f"SHIM_KEYS: the tenant of {name} cannot be *, which stands for all")
    written = _DIGEST.fullmatch(fields["key"])
    digest = written[1].lower() if written else digest_of(fields["key"])
    return ConfiguredKey(name, digest, tenant, fields.get("upstream_key", ""))
