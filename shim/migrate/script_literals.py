"""What a literal of JavaScript or TypeScript comes to, where the file itself says it. Runs nothing.

Reads strings, templates, numbers, arrays and objects, strings that are joined, and names of
constants of the file that cannot be anything else. All other expressions are `Unresolved`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

from shim.migrate.literals import UNSET, Unresolved

__all__ = ["REST_KEY", "Script"]

REST_KEY = "..."
"""The key of an object's value that stands for what is spread into it and not told."""

_BLANK = re.compile(r"\s*")
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
_TEMPLATE = re.compile(r"`(?:\\.|[^`\\])*`", re.DOTALL)
_NUMBER = re.compile(r"-?(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w$.])")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_WORDS = {"true": True, "false": False, "null": None, "undefined": UNSET}
_TYPE = re.compile(r"\s*(?:as|satisfies)\s+[\w$.]+(?:<[\w$.\s,|]*>)?(?:\[\])*")
_ENDS = re.compile(r"\s*(?:[,)\]};]|$)")
_ENDS_STATEMENT = re.compile(r"[ \t]*(?:;|\Z|\r?\n(?!\s*[-.+?\[(`*/%&|<>=,^]))")
"""A line ends a statement unless the next one goes on with it."""
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n)|(.))", re.DOTALL
)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_PUT_IN = re.compile(r"(?<!\\)\$\{\s*([A-Za-z_$][\w$]*)\s*\}")
_OPEN, _CLOSE = "([{", ")]}"
_WHEN_IT_RUNS = "is made when the program runs"
_MOST = 12


class _Untold(Exception):
    """Why a value cannot be told."""


class Script:
    """A file without its comments; `place` says how a line of it is named."""

    def __init__(self, code: str, place: Callable[[int], str]) -> None:
        self._code = code
        self._place = place

    def arguments(self, position: int) -> list[Any]:
        """The values of a call's arguments; `position` is behind its bracket."""
        values, at = [], self._skip(position)
        while at < len(self._code) and self._code[at] != ")":
            value, at = self._value(at, 0)
            values.append(value)
            at = self._behind_comma(at)
        return values

    def place(self, position: int) -> str:
        """How a position is named."""
        return self._place(self._code.count("\n", 0, position) + 1)

    def _value(self, at: int, depth: int) -> tuple[Any, int]:
        """A value, and where it ends; all of an expression that is not told is Unresolved."""
        at = self._skip(at)
        end = self._end(at)
        try:
            found, behind = self._ended(at, depth, _ENDS)
        except _Untold as error:
            text = textwrap.shorten(self._code[at:end], 80, placeholder="...")
            return Unresolved(text, str(error), self.place(at)), end
        return found, behind

    def _ended(self, at: int, depth: int, ends: re.Pattern[str]) -> tuple[Any, int]:
        """A value behind which the expression is over."""
        found, behind = self._told(at, depth)
        if not ends.match(self._code, behind):
            raise _Untold(_WHEN_IT_RUNS)
        return found, behind

    def _told(self, at: int, depth: int) -> tuple[Any, int]:
        """A term, or texts that are joined."""
        found, at = self._term(at, depth)
        at = self._behind_type(at)
        while self._code.startswith("+", self._skip(at)):
            if not isinstance(found, str):
                raise _Untold(_WHEN_IT_RUNS)
            more, at = self._term(self._skip(self._skip(at) + 1), depth)
            if not isinstance(more, str):
                raise _Untold(_WHEN_IT_RUNS)
            found += more
        return found, at

    def _term(self, at: int, depth: int) -> tuple[Any, int]:
        code = self._code
        if code.startswith("[", at):
            return self._array(at + 1, depth)
        if code.startswith("{", at):
            return self._object(at + 1, depth)
        if match := _STRING.match(code, at):
            return _unescaped(match[0][1:-1]), match.end()
        if match := _TEMPLATE.match(code, at):
            return self._template(match[0][1:-1], depth), match.end()
        if match := _NUMBER.match(code, at):
            text = match[0].replace("_", "")
            is_whole = re.fullmatch(r"-?\d+", text) is not None
            return (int(text) if is_whole else float(text)), match.end()
        if match := _NAME.match(code, at):
            return self._named(match[0], at, depth), match.end()
        raise _Untold(_WHEN_IT_RUNS)

    def _array(self, at: int, depth: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        at = self._skip(at)
        while at < len(self._code) and self._code[at] != "]":
            is_spread = self._code.startswith("...", at)
            value, at = self._value(at + 3 if is_spread else at, depth)
            if is_spread and not isinstance(value, list):
                raise _Untold("has something spread into it that is not told")
            values += value if is_spread else [None if value is UNSET else value]
            at = self._behind_comma(at)
        return values, at + 1

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        at = self._skip(at)
        while at < len(self._code) and self._code[at] != "}":
            at = self._pair(at, depth, values)
            at = self._behind_comma(at)
        return {key: value for key, value in values.items() if value is not UNSET}, at + 1

    def _pair(self, at: int, depth: int, values: dict[str, Any]) -> int:
        if self._code.startswith("...", at):
            value, at = self._value(at + 3, depth)
            values.update(value if isinstance(value, dict) else {REST_KEY: value})
            return at
        match = _NAME.match(self._code, at) or _STRING.match(self._code, at)
        if match is None:
            raise _Untold("has a key that is made when the program runs")
        key = match[0] if match[0][0] not in "\"'" else _unescaped(match[0][1:-1])
        behind = self._skip(match.end())
        if self._code.startswith(":", behind):
            values[key], at = self._value(behind + 1, depth)
        elif self._code[behind : behind + 1] in (",", "}"):
            values[key], at = self._value(at, depth)
        else:
            raise _Untold("has a method in it")
        return at

    def _template(self, text: str, depth: int) -> str:
        def put_in(match: re.Match[str]) -> str:
            found = self._named(match[1], 0, depth)
            if isinstance(found, bool) or not isinstance(found, str | int):
                raise _Untold(f"{match[1]} is neither a text nor a whole number")
            return str(found)

        parts, last = [], 0
        for match in _PUT_IN.finditer(text):
            parts += [_piece(text[last : match.start()]), put_in(match)]
            last = match.end()
        return "".join([*parts, _piece(text[last:])])

    def _named(self, name: str, at: int, depth: int) -> Any:
        if name in _WORDS:
            return _WORDS[name]
        behind = self._skip(at + len(name)) if at else 0
        if at and self._code[behind : behind + 1] in ("(", ".", "[", "`", "?", "="):
            raise _Untold(_WHEN_IT_RUNS)
        if depth > _MOST:
            raise _Untold("is told by itself")
        word = rf"(?<![\w$.]){re.escape(name)}(?![\w$])"
        constant = rf"^(?:export\s+)?const\s+{word}\s*(?::[^=;]+)?=(?!=)"
        made = list(re.finditer(constant, self._code, re.MULTILINE))
        if len(made) != 1 or self._is_bound_elsewhere(word, made[0]):
            raise _Untold("is no constant of the file alone")
        found, _ = self._ended(self._skip(made[0].end()), depth + 1, _ENDS_STATEMENT)
        if isinstance(found, list | dict) and len(re.findall(word, self._code)) > 2:
            raise _Untold("is used elsewhere too, where it may be changed")
        return found

    def _is_bound_elsewhere(self, word: str, made: re.Match[str]) -> bool:
        """Whether a name may be another's: a parameter's, a variable's, a part's of something."""
        rest = self._code[: made.start()] + self._code[made.end() :]
        patterns = (
            rf"\b(?:let|var|const|function\*?|class|enum|import)\s+(?:type\s+)?{word}",
            rf"\b(?:let|var|const)\s*[{{\[][^=;]*{word}[^=;]*[}}\]]\s*(?::[^=;]+)?=",
            rf"\bimport\b[^;'\"]*{word}[^;'\"]*\bfrom\b",
            rf"\([^()]*{word}[^()]*\)\s*(?::[^={{;]+)?(?:=>|\{{)",
            rf"{word}\s*=>",
        )
        return any(re.search(each, rest) for each in patterns)

    # places

    def _skip(self, at: int) -> int:
        match = _BLANK.match(self._code, at)
        return match.end() if match else at

    def _behind_comma(self, at: int) -> int:
        at = self._skip(at)
        return self._skip(at + 1) if self._code.startswith(",", at) else at

    def _behind_type(self, at: int) -> int:
        while match := _TYPE.match(self._code, at):
            at = match.end()
        return at

    def _end(self, at: int) -> int:
        """Where an expression ends: at a comma or a bracket that is not its own."""
        depth = 0
        while at < len(self._code):
            if match := _STRING.match(self._code, at) or _TEMPLATE.match(self._code, at):
                at = match.end()
                continue
            sign = self._code[at]
            if depth == 0 and sign in f"{_CLOSE},;":
                return at
            depth += (sign in _OPEN) - (sign in _CLOSE)
            at += 1
        return at


def _piece(text: str) -> str:
    if re.search(r"(?<!\\)\$\{", text):
        raise _Untold(_WHEN_IT_RUNS)
    return _unescaped(text)


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code:
            return chr(int(code, 16))
        return "" if match[4] else _PLAIN.get(match[5], match[5])

    return _ESCAPE.sub(plain, text)
