"""What a case file expects of an answer, checked on one outcome. Knows the keys of `expect`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shim.compare.calls import arguments_of
from shim.compare.formats import broken_schema
from shim.core.wire import Json
from shim.errors import SettingsError
from shim.native.cases import Outcome

__all__ = ["check_expectations", "unmet"]


def unmet(outcome: Outcome, expect: Json) -> list[str]:
    """What of it the outcome does not meet, each in a few words."""
    return [each for key, wanted in expect.items() for each in _CHECKS[key](outcome, wanted)]


def check_expectations(expect: Json, place: str) -> None:
    """Raise SettingsError for a key that nothing checks."""
    for key in expect:
        if key not in _CHECKS:
            known = ", ".join(sorted(_CHECKS))
            raise SettingsError(f"{place}: expect has {key!r}; known are: {known}")


def _all(wanted: Any) -> Sequence[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _contains(outcome: Outcome, wanted: Any) -> Iterator[str]:
    for each in _all(wanted):
        if str(each).casefold() not in outcome.text.casefold():
            yield f"the text contains {each!r}"


def _not_contains(outcome: Outcome, wanted: Any) -> Iterator[str]:
    for each in _all(wanted):
        if str(each).casefold() in outcome.text.casefold():
            yield f"the text does not contain {each!r}"


def _matches(outcome: Outcome, wanted: Any) -> Iterator[str]:
    for each in _all(wanted):
        if not re.search(each, outcome.text):
            yield f"the text matches {each!r}"


def _calls(outcome: Outcome, wanted: Any) -> Iterator[str]:
    """Functions that are called: names, or mappings with `name` and the `arguments` that matter."""
    for each in _all(wanted):
        name, some = (each, {}) if isinstance(each, str) else (each["name"], each.get("arguments"))
        made = [arguments_of(call) for call in outcome.calls if call.name == name]
        if not any(_holds(arguments, some or {}) for arguments in made):
            yield f"{name} is called" + (f" with {some}" if some else "")


def _holds(arguments: Any, some: Mapping[str, Any]) -> bool:
    if not some:
        return True
    return isinstance(arguments, dict) and all(arguments.get(k) == v for k, v in some.items())


def _schema(outcome: Outcome, wanted: Any) -> Iterator[str]:
    if problem := broken_schema(outcome.text, wanted):
        yield f"the text is JSON of the schema ({problem})"


def _status(outcome: Outcome, wanted: Any) -> Iterator[str]:
    if outcome.status not in _all(wanted):
        yield f"the run ends {wanted}"


def _seconds(outcome: Outcome, wanted: Any) -> Iterator[str]:
    if outcome.seconds is not None and outcome.seconds > float(wanted):
        yield f"it takes at most {wanted} seconds"


def _tokens(outcome: Outcome, wanted: Any) -> Iterator[str]:
    if outcome.usage is not None and outcome.usage.total_tokens > int(wanted):
        yield f"it takes at most {wanted} tokens"


_CHECKS: Mapping[str, Callable[[Outcome, Any], Iterator[str]]] = {
    "contains": _contains,
    "not_contains": _not_contains,
    "matches": _matches,
    "calls": _calls,
    "json_schema": _schema,
    "status": _status,
    "max_seconds": _seconds,
    "max_tokens": _tokens,
}
