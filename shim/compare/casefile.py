"""Cases as people write them: a YAML or JSONL file of questions, what is expected, and lanes.

    assistant: {model: gpt-4o, instructions: Be brief., tools: [...]}
    tools: {get_weather: "11 degrees"}
    lanes: {old: "shim,model=gpt-4o", new: "shim,model=gpt-4.1"}
    cases:
      - ask: What is the weather in Oslo?
        expect: {contains: "11", calls: [get_weather]}
      - id: twice
        turns: [{ask: Hello}, {ask: What did I say?}]

Knows the form of such a file. What a case is, `shim.native.cases` knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shim.compare.expectations import check_expectations
from shim.core.wire import Json, decode_json
from shim.errors import SettingsError
from shim.native.cases import Case, Turn

__all__ = ["CaseFile", "read_cases"]

_OF_FILES = {"assistant", "tools", "lanes", "cases", "params"}
_OF_CASES = {"id", "assistant", "tools", "params", "before", "turns", "ask", "expect", "strata"}
_OF_TURNS = {"ask", "asked", "expect", "params", "outputs"}

Resolve = Callable[[str], Json]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What a file says: its cases, and its lanes by name."""

    cases: tuple[Case, ...]
    lanes: Mapping[str, Any] = field(default_factory=dict)


def read_cases(path: Path, assistant: Resolve) -> CaseFile:
    """Read a file; `assistant` gives the definition of one that is named by its id.

    Raises SettingsError with the place of what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    if path.suffix == ".jsonl":
        lines = [line for line in text.splitlines() if line.strip()]
        whole: Json = {"cases": [_line(path, number, line) for number, line in enumerate(lines, 1)]}
    else:
        whole = _yaml(path, text)
    reader = _Reader(path, assistant)
    reader.check("the file", whole, _OF_FILES)
    cases = tuple(
        reader.case(number, each, whole) for number, each in enumerate(whole.get("cases") or (), 1)
    )
    if not cases:
        raise SettingsError(f"{path} has no cases")
    twice, times = Counter(case.id for case in cases).most_common(1)[0]
    if times > 1:
        raise SettingsError(f"{path}: {times} cases have the id {twice!r}")
    return CaseFile(cases, whole.get("lanes") or {})


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return decode_json(line)
    except ValueError as error:
        raise SettingsError(f"{path}:{number}: {error}") from error


def _yaml(path: Path, text: str) -> Json:
    import yaml  # noqa: PLC0415 - an extra

    try:
        whole = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(whole, dict):
        raise SettingsError(f"{path} holds no mapping with cases")
    return whole


class _Reader:
    def __init__(self, path: Path, assistant: Resolve) -> None:
        self._path = path
        self._assistant = assistant

    def check(self, place: str, given: Any, known: set[str]) -> None:
        """Raise SettingsError where something is no mapping, or has a key that nothing knows."""
        if not isinstance(given, dict):
            raise SettingsError(f"{self._path}: {place} is no mapping")
        if unknown := sorted(set(map(str, given)) - known):
            names = ", ".join(sorted(known))
            raise SettingsError(f"{self._path}: {place} has {unknown[0]!r}; known are: {names}")

    def case(self, number: int, given: Any, whole: Json) -> Case:
        """A case; what it does not say itself the file says for all."""
        if isinstance(given, str):
            given = {"ask": given}
        place = f"case {given.get('id', number) if isinstance(given, dict) else number}"
        self.check(place, given, _OF_CASES)
        if ("turns" in given) == ("ask" in given):
            raise SettingsError(f"{self._path}: {place} needs either ask or turns")
        alone = {key: given[key] for key in ("ask", "expect") if key in given}
        params = {**(whole.get("params") or {}), **(given.get("params") or {})}
        turns = [
            self._turn(f"{place}, turn {n}", n, each, params)
            for n, each in enumerate(given.get("turns") or [alone])
        ]
        return self._made(
            place,
            id=str(given.get("id", number)),
            assistant=self._definition(given.get("assistant", whole.get("assistant"))),
            before=[_message(each) for each in given.get("before") or ()],
            turns=turns,
            tools={**(whole.get("tools") or {}), **(given.get("tools") or {})},
            source=f"{self._path.name}, {place}",
            strata=given.get("strata") or {},
        )

    def _turn(self, place: str, number: int, given: Any, params: Json) -> Turn:
        if isinstance(given, str):
            given = {"ask": given}
        self.check(place, given, _OF_TURNS)
        check_expectations(given.get("expect") or {}, f"{self._path}: {place}")
        asked = [given["ask"]] if "ask" in given else given.get("asked") or ()
        try:
            return Turn(
                number=number,
                asked=tuple(_message(each) for each in asked),
                params={**params, **(given.get("params") or {})},
                outputs=given.get("outputs") or (),
                expect=given.get("expect") or {},
            )
        except ValidationError as error:
            raise SettingsError(f"{self._path}: {place}: {error}") from error

    def _made(self, place: str, **fields: Any) -> Case:
        try:
            return Case(**fields)
        except ValidationError as error:
            raise SettingsError(f"{self._path}: {place}: {error}") from error

    def _definition(self, given: Any) -> Json:
        """An assistant's definition, given as such or by its id."""
        if isinstance(given, str):
            return self._assistant(given)
        definition = given or {}
        if not isinstance(definition, dict) or not definition.get("model"):
            raise SettingsError(
                f"{self._path}: an assistant is needed: its id, or model, instructions, tools"
            )
        return definition


def _message(given: Any) -> Json:
    return {"role": "user", "content": given} if isinstance(given, str) else given
