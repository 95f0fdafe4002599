"""How alike two texts are by an upstream's embeddings. Off unless asked for.

Each text is asked for once and kept on disk. Knows `POST /embeddings` and the angle between two
vectors; what is alike enough, `Limits` says.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import httpx

from shim import drive
from shim.compare.texts import similarity
from shim.core.ports import Request
from shim.core.wire import Json, decode_json, encode_compact
from shim.errors import SettingsError, Unreachable
from shim.lanes import target_of
from shim.settings import Settings
from shim.upstream.http import BlockingUpstream
from shim.workers import BlockingWorkers

__all__ = ["ALIKE", "Embeddings"]

ALIKE = 0.8
"""From this cosine on texts are alike, where nothing else is said; words have another limit."""

_SECONDS = 60.0
_MOST_LETTERS = 20_000


class Embeddings:
    """The likeness of texts by a model's vectors; `path` keeps them."""

    def __init__(self, model: str, settings: Settings, path: Path) -> None:
        self._model = model
        self._client = httpx.Client(timeout=_SECONDS)
        sleep = BlockingWorkers().sleep
        self._upstream = BlockingUpstream(self._client, sleep, settings.dialect or None)
        self._target = target_of(settings)
        self._path = path
        self._known = _kept(path)

    def __call__(self, a: str, b: str) -> float:
        """The cosine between two texts, 1 for equal ones; raises SettingsError without answer."""
        if a == b or not a or not b:
            return similarity(a, b)
        one, other = self._vector(a), self._vector(b)
        return sum(x * y for x, y in zip(one, other, strict=True)) / _size(one) / _size(other)

    def _vector(self, text: str) -> Sequence[float]:
        text = text[:_MOST_LETTERS]
        key = hashlib.sha256(f"{self._model}\n{text}".encode("utf-8", "replace")).hexdigest()
        if key not in self._known:
            self._known[key] = self._asked(text)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(encode_compact({"key": key, "vector": self._known[key]}) + b"\n")
        return self._known[key]

    def _asked(self, text: str) -> list[float]:
        body: Json = {"model": self._model, "input": text}
        request = Request("POST", "/embeddings", self._target, body, attempts=4)
        try:
            answer = drive.run(self._upstream.send(request))
        except Unreachable as error:
            raise SettingsError(f"no embeddings of {self._model}: {error}") from error
        data = answer.body.get("data") or [{}]
        vector = data[0].get("embedding")
        if answer.status >= 400 or not vector:
            problem = (answer.body.get("error") or {}).get("message") or "there is none"
            raise SettingsError(f"no embeddings of {self._model}: {problem}")
        return [float(each) for each in vector]


def _size(vector: Sequence[float]) -> float:
    return math.sqrt(sum(each * each for each in vector)) or 1.0


def _kept(path: Path) -> dict[str, list[float]]:
    if not path.exists():
        return {}
    lines = [decode_json(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    return {line["key"]: line["vector"] for line in lines}
