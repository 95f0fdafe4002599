"""Takes secrets out of what is recorded. Knows their shapes and names; nothing of the API.

What looks like a key of a known maker, what stands behind a name such as `api_key`, passwords in
addresses, and the caller's own key wherever it stands. In a stream a secret may come in pieces: the
pieces of each text are looked at as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from shim.core.wire import Json

__all__ = ["REMOVED", "Redaction"]

REMOVED = "[removed]"

_NAME = (
    r"(?:x[_-])?api[_-]?key|(?:aws[_-]?)?(?:secret[_-]?)?access[_-]?key|secret[_-]?key"
    r"|client[_-]?secret|private[_-]?key|(?:access|refresh|auth|bearer|session|bot)[_-]?token"
    r"|password|passwd|pwd|passphrase|account[_-]?key|shared[_-]?access[_-]?key"
)
_WORD = r"[A-Za-z0-9._~+/=-]"
_SHAPES = (
    r"(?<![\w-])(?:sk|rk)-(?:[\w-]{20,}|(?=[\w-]*\d)[\w-]{8,})",
    r"\b(?:sk|rk|pk)_(?:live|test)_\w{8,}",
    rf"\b(?i:bearer|basic)\s+(?:{_WORD}{{20,}}|(?={_WORD}*\d){_WORD}{{8,}})",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_\w{30,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_\w{30,}|\bhf_\w{30,}",
    r"\bxox[a-z]-[\w-]{10,}|\bxapp-[\w-]{10,}",
    r"\bAIza[\w-]{35}",
    r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
)
_BEHIND = (
    # a value in quotes, behind an equals sign, or behind a colon where it has a digit
    rf"(?i:\b(?:{_NAME})\b)\\*[\"']?\s*(?:=>?|:(?=\s*\\*[\"']|\s*[^\s\"']{{0,80}}\d))\s*\\*[\"']?",
    r"\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"']*:(?=[^\s/@\"']+@)",
    r"[?&](?i:sig|signature|token|key|code)=(?=[\w%.~+/=-]{16})",
)
_VALUES = (r"[^\s\"'\\,;&<>{}\[\]()]{6,}", r"[^\s/@\"']+", r"[\w%.~+/=-]+")
_ANY = re.compile(
    "|".join(
        [
            *(f"(?P<_{n}>{each})" for n, each in enumerate(_SHAPES)),
            *(
                f"(?P<keep{n}>{each})(?:{value})"
                for n, (each, value) in enumerate(zip(_BEHIND, _VALUES, strict=True))
            ),
        ]
    )
)
_MARKS = (
    *("sk-", "rk-", "sk_", "rk_", "pk_", "bearer", "basic", "akia", "asia", "ghp_", "gho_"),
    *("ghu_", "ghs_", "ghr_", "github_pat", "glpat", "npm_", "hf_", "xox", "xapp-", "aiza", "eyj"),
    *("private key", "password", "passwd", "pwd", "passphrase", "authorization", "credential"),
    *("apikey", "api_key", "api-key", "accesskey", "access_key", "access-key", "secret"),
    *("privatekey", "private_key", "private-key", "accountkey", "account_key", "account-key"),
    *("cesstoken", "ss_token", "ss-token", "shtoken", "sh_token", "sh-token", "authtoken"),
    *("auth_token", "auth-token", "rertoken", "rer_token", "rer-token", "siontoken", "ion_token"),
    *("ion-token", "bottoken", "bot_token", "bot-token", "token=", "sig=", "signature=", "key="),
    *("code=", '"token"'),
)
"""Of which one stands, in small letters, in every text that has a secret but in an address."""

_NAMES = re.compile(rf"(?i:{_NAME}|(?:proxy-)?authorization|secret|token|credentials?)")
_PIECES = ("value", "arguments", "input", "logs", "output")


class Redaction:
    """Takes secrets out, and counts them. `known` are those of the call in hand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = sorted(set(filter(_is_key, known)), key=len, reverse=True)
        self.removed = 0

    def needed(self, text: str) -> bool:
        """Whether there may be a secret in a text; quicker than looking for it."""
        small = text.lower()  # a look for each mark is much quicker than one by a pattern for all
        if any(mark in small for mark in _MARKS) or any(each in text for each in self._known):
            return True
        return "@" in text and "://" in text

    def value(self, value: Any) -> Any:
        """A JSON value without secrets."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {key: self._held(key, held) for key, held in value.items()}
            case list() | tuple():
                return [self.value(each) for each in value]
            case _:
                return value

    def text(self, text: str) -> str:
        """A text without secrets."""
        if not self.needed(text):
            return text
        for each in self._known:
            if each in text:
                self.removed += text.count(each)
                text = text.replace(each, REMOVED)
        text, times = _ANY.subn(_replaced, text)
        self.removed += times
        return text

    def needed_in_pieces(self, events: Iterable[Any]) -> bool:
        """The same for what comes in pieces, in the data of a stream's events."""
        texts = ("".join(h[k] for h, k in places) for places in _texts(events))
        return any(self.needed(text) for text in texts)

    def pieces(self, events: Iterable[Any]) -> None:
        """Take out what comes in pieces, from the data of a stream's events, in place."""
        for places in _texts(events):
            whole = "".join(holder[key] for holder, key in places)
            told = self.text(whole)
            if told != whole:
                for holder, key in places:
                    holder[key], told = told, ""

    def _held(self, key: str, held: Any) -> Any:
        if isinstance(held, str) and held and held != REMOVED and _NAMES.fullmatch(key):
            self.removed += 1
            return REMOVED
        return self.value(held)


def _is_key(text: str) -> bool:
    """Whether a text is one that nothing else says; short keys of tests may be words."""
    return len(text) >= 12 or (text.startswith("sk-") and len(text) >= 6)


def _replaced(found: re.Match[str]) -> str:
    """What stands in the place of a secret; a second look finds nothing to take out."""
    kept = next((found[f"keep{n}"] for n in range(len(_BEHIND)) if found[f"keep{n}"]), "")
    return f"{kept}{REMOVED}"


def _texts(events: Iterable[Any]) -> Iterable[list[tuple[Json, str]]]:
    """For each text that comes in pieces the places of these."""
    texts: dict[tuple[Any, ...], list[tuple[Json, str]]] = {}
    for data in events:
        if isinstance(data, dict) and isinstance(data.get("delta"), dict):
            for path, holder, key in _pieces(data["delta"], (data.get("id"),)):
                texts.setdefault(path, []).append((holder, key))
    return texts.values()


def _pieces(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Json, str]]:
    """The texts of a delta that go on where those of the one before ended."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            index = each.get("index", number) if isinstance(each, dict) else number
            yield from _pieces(each, (*path, index))
    elif isinstance(value, dict):
        for key, held in value.items():
            if key in _PIECES and isinstance(held, str):
                yield (*path, key), value, key
            else:
                yield from _pieces(held, (*path, key))
