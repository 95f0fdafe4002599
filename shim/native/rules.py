"""Rules that say which lane a thread takes. Pure: what a rule looks at is handed to it.

The first rule whose conditions all hold decides. Knows how rules are written in the settings file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from shim.errors import SettingsError
from shim.storage.lanes import NATIVE, RESPONSES

__all__ = ["Facts", "Rules", "spot_of"]

_LANES = (NATIVE, RESPONSES)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CONDITIONS = ("assistant", "tenant", "header", "older_than", "younger_than", "percent")
_WHOLE = ("rules", "otherwise", "migrate")


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at. `spot` is where the thread stands between 0 and 1, for percentages.

    A new thread has the age 0. `assistants` are those that the call names, or that ran on it.
    """

    spot: float
    tenant: str = ""
    assistants: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rule:
    lane: str
    assistants: frozenset[str] | None = None
    tenants: frozenset[str] | None = None
    headers: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    older: float | None = None
    younger: float | None = None
    percent: float = 100.0

    def holds(self, facts: Facts) -> bool:
        """Whether all conditions do."""
        return (
            (self.assistants is None or bool(self.assistants & facts.assistants))
            and (self.tenants is None or facts.tenant in self.tenants)
            and all(_has(facts.headers, *each) for each in self.headers.items())
            and (self.older is None or facts.age >= self.older)
            and (self.younger is None or facts.age < self.younger)
            and facts.spot * 100 < self.percent
        )


def _has(headers: Mapping[str, str], name: str, values: frozenset[str] | None) -> bool:
    return name in headers and (values is None or headers[name] in values)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in their order, the lane where none holds, and whether threads are moved."""

    rules: tuple[_Rule, ...] = ()
    otherwise: str = RESPONSES
    migrate: bool = False

    def lane(self, facts: Facts, share: float | None = None) -> str:
        """The lane of a thread; a share in percent stands in place of all rules."""
        if share is not None:
            return RESPONSES if facts.spot * 100 < share else NATIVE
        return next((rule.lane for rule in self.rules if rule.holds(facts)), self.otherwise)

    @classmethod
    def of(cls, given: Any) -> Rules:
        """The rules as the settings file or SHIM_ROUTES has them; raises SettingsError."""
        if not isinstance(given, Mapping):
            raise _wrong("", given, "a mapping with rules, otherwise, migrate")
        if unknown := set(given) - set(_WHOLE):
            raise _wrong(
                f".{min(unknown)}", given[min(unknown)], "known: rules, otherwise, migrate"
            )
        listed = given.get("rules") or []
        if not isinstance(listed, list):
            raise _wrong(".rules", listed, "a list of rules")
        if not isinstance(migrate := given.get("migrate", False), bool):
            raise _wrong(".migrate", migrate, "true or false")
        return cls(
            tuple(_rule(f".rules[{number}]", each) for number, each in enumerate(listed)),
            _lane(".otherwise", given.get("otherwise", RESPONSES)),
            migrate,
        )


def spot_of(thread_id: str) -> float:
    """Where a thread stands between 0 and 1: the same in each process, and at each percentage."""
    return int.from_bytes(sha256(thread_id.encode()).digest()[:7], "big") / 2**56


def _rule(where: str, given: Any) -> _Rule:
    if not isinstance(given, Mapping):
        raise _wrong(where, given, "a mapping with a lane and conditions")
    if unknown := set(given) - {"lane", *_CONDITIONS}:
        known = ", ".join(("lane", *_CONDITIONS))
        raise _wrong(where, given, f"without {min(unknown)}: known are {known}")
    return _Rule(
        lane=_lane(f"{where}.lane", given.get("lane")),
        assistants=_texts(f"{where}.assistant", given.get("assistant")),
        tenants=_texts(f"{where}.tenant", given.get("tenant")),
        headers=_headers(f"{where}.header", given.get("header")),
        older=_span(f"{where}.older_than", given.get("older_than")),
        younger=_span(f"{where}.younger_than", given.get("younger_than")),
        percent=_percent(f"{where}.percent", given.get("percent", 100)),
    )


def _lane(where: str, given: Any) -> str:
    if given not in _LANES:
        raise _wrong(where, given, "native or responses")
    return str(given)


def _texts(where: str, given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise _wrong(where, given, "a text or a list of texts")
    return frozenset(texts)


def _headers(where: str, given: Any) -> dict[str, frozenset[str] | None]:
    if given is None:
        return {}
    if isinstance(given, str):
        return {given.lower(): None}
    if not isinstance(given, Mapping):
        raise _wrong(where, given, "the name of a header, or a mapping of names to values")
    return {str(name).lower(): _texts(f"{where}.{name}", value) for name, value in given.items()}


def _span(where: str, given: Any) -> float | None:
    if given is None:
        return None
    found = _SPAN.fullmatch(str(given).strip())
    if isinstance(given, bool) or found is None:
        raise _wrong(where, given, "a time such as 12h, 30d or 4w")
    return float(found[1]) * _SECONDS[found[2]]


def _percent(where: str, given: Any) -> float:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not 0 <= given <= 100:
        raise _wrong(where, given, "a number from 0 to 100")
    return float(given)


def _wrong(where: str, given: Any, wanted: str) -> SettingsError:
    return SettingsError(f"routes{where} is {given!r}: it must be {wanted}")
