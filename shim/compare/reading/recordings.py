"""Reads recordings, whoever made them: shim's own lines, VCR cassettes, sessions, HAR files.

Knows which form a file has. A recording of shim's may be in parts: `FILE.1` beside `FILE` is the
older one. What cannot be read is told, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shim.compare.reading import sessions, vcr
from shim.core.wire import decode_json
from shim.errors import SettingsError
from shim.native.exchanges import MARK, Exchange, exchange_of

__all__ = ["exchanges", "is_ours", "older", "parsed"]

Read = Iterator[Exchange | tuple[str, str]]

_TORN = "is cut off: whoever wrote it was stopped, or its disk was full"


def is_ours(path: Path) -> bool:
    """Whether a file is a recording of shim's: by its first line."""
    with path.open("rb") as file:
        return MARK in file.readline(4096)


def older(path: Path) -> list[Path]:
    """A recording's file with the older part beside it, in order."""
    before = path.with_name(f"{path.name}.1")
    return [before, path] if before.is_file() else [path]


def parsed(path: Path) -> Any:
    """The value of a JSON or YAML file, None for one that is neither."""
    try:
        if path.suffix in {".yaml", ".yml"}:
            return _yaml(path)
        return decode_json(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return None


def exchanges(path: Path, value: Any = None) -> Read:
    """The exchanges of one file, and of what cannot be read the place and why.

    `value` is its content where that was parsed. Raises SettingsError for no recording.
    """
    if value is None and is_ours(path):
        return _lines(path)
    value = parsed(path) if value is None else value
    if vcr.is_cassette(value):
        return vcr.read(value, path.name)
    if sessions.is_session(value):
        return sessions.read_session(value, path.name)
    if sessions.is_har(value):
        return sessions.read_har(value, path.name)
    raise SettingsError(
        f"{path} is no recording: neither lines of shim's, nor a VCR cassette, a session of the "
        "Azure test proxy, or a HAR file"
    )


def _lines(path: Path) -> Read:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path.name}:{number}"
            if line.strip():
                yield from _line(line, place)


def _line(line: bytes, place: str) -> Read:
    """A line; behind one that was cut off may stand a whole one, of another process."""
    begins = line.rfind(MARK)
    if begins > 0:
        try:
            found = exchange_of(decode_json(line[begins:]), place)
        except ValueError:
            begins = 0
        else:
            yield place, _TORN
            yield found
            return
    try:
        yield exchange_of(decode_json(line), place)
    except ValueError as error:
        yield place, _TORN if not line.rstrip().endswith(b"}") else f"{error}"


def _yaml(path: Path) -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "cassettes need PyYAML: pip install 'assistants-shim[server]'"
        ) from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {error}") from error
