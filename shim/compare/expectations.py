"""What a case file expects of an answer, checked on one outcome. Knows the keys of `expect`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shim.compare.calls import arguments_of
from shim.compare.formats import broken_schema, wrong_schema
from shim.core.wire import Json
from shim.errors import SettingsError
from shim.native.cases import Outcome

__all__ = ["check_expectations", "unmet"]


def unmet(outcome: Outcome, expect: Json) -> list[str]:
    """What of it the outcome does not meet, each in a few words."""
    return [each for key, wanted in expect.items() for each in _CHECKS[key](outcome, wanted)]


def check_expectations(expect: Json, place: str) -> None:
    """Raise SettingsError for a key that nothing checks, and for what cannot be checked."""
    for key, wanted in expect.items():
        if key not in _CHECKS:
            known = ", ".join(sorted(_CHECKS))
            raise SettingsError(f"{place}: expect has {key!r}; known are: {known}")
        if problem := _FORMS[key](wanted):
            raise SettingsError(f"{place}: expect.{key}: {problem}")


def _no_texts(wanted: Any) -> str:
    plain = all(isinstance(each, (str, int, float)) for each in _all(wanted))
    return "" if plain else "give a text, or a list of texts"


def _no_patterns(wanted: Any) -> str:
    for each in _all(wanted):
        if not isinstance(each, str):
            return "give a regular expression, or a list of them"
        try:
            re.compile(each)
        except re.error as error:
            return f"{each!r} is no regular expression: {error}"
    return ""


def _no_calls(wanted: Any) -> str:
    for each in _all(wanted):
        named = isinstance(each, dict) and isinstance(each.get("name"), str)
        if isinstance(each, str) or (named and each.keys() <= {"name", "arguments"}):
            continue
        return f"{each!r} is neither a name nor a mapping of name and arguments"
    return ""


def _no_number(wanted: Any) -> str:
    number = isinstance(wanted, (int, float)) and not isinstance(wanted, bool)
    return "" if number else f"{wanted!r} is no number"


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


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "contains": _no_texts,
    "not_contains": _no_texts,
    "matches": _no_patterns,
    "calls": _no_calls,
    "json_schema": wrong_schema,
    "status": _no_texts,
    "max_seconds": _no_number,
    "max_tokens": _no_number,
}
"""What is wrong with the value of each key."""

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
