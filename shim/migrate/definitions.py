"""Assistants as YAML files: what somebody has set, and nothing else. Knows no database.

A file is the whole definition: what it does not say is not set. It is checked by the rules of
the API and refused in its words. Besides it may say of which version of the assistant it was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim.core.params import CreateAssistant, UpdateAssistant, validate
from shim.core.records import Assistant
from shim.core.wire import Json
from shim.errors import ApiError, SettingsError
from shim.migrate.literals import Unresolved, unresolved_in
from shim.migrate.shapes import Odd, check_id

if TYPE_CHECKING:
    from yaml import SafeDumper, ScalarNode

__all__ = [
    "KEYS",
    "Definition",
    "check",
    "defined",
    "differences",
    "fields_of",
    "read",
    "shown",
    "stamp",
    "write",
]

_MARK = "!unresolved"
_VERSION = re.compile(r"^version:.*$", re.MULTILINE)

KEYS = (
    *("name", "description", "model", "instructions", "tools", "tool_resources", "metadata"),
    *("temperature", "top_p", "reasoning_effort", "response_format"),
)
_EMPTY: Mapping[str, Any] = {"tools": (), "tool_resources": {}, "metadata": {}}


@dataclass(frozen=True, slots=True)
class Definition:
    """An assistant as a file has it; `id` is empty where it is not made yet.

    `version` is the stored one that the file was made of, None where it does not say.
    """

    path: Path
    id: str
    body: Json
    version: int | None = None


def defined(record: Assistant) -> Json:
    """What is set of an assistant, in the order in which files have it."""
    values = {key: getattr(record, key) for key in KEYS}
    values["tools"] = list(values["tools"])
    return {key: value for key, value in values.items() if value not in (None, [], {})}


def fields_of(body: Json) -> dict[str, Any]:
    """All fields of a record that a definition sets, or leaves unset."""
    given = {key: body.get(key) for key in KEYS}
    values = {key: _EMPTY.get(key) if value is None else value for key, value in given.items()}
    return {**values, "tools": tuple(values["tools"] or ())}


def read(folder: Path) -> list[Definition]:
    """The definitions in a folder, or a file; raises SettingsError, with it, for a wrong one."""
    files = sorted(each for each in folder.rglob("*") if each.suffix in (".yaml", ".yml"))
    files = [folder] if folder.is_file() else files
    found = [_read(path) for path in files]
    places: dict[str, Path] = {}
    for each in found:
        if each.id and each.id in places:
            raise SettingsError(f"{each.path} and {places[each.id]} define the same {each.id}")
        places[each.id] = each.path
    return found


def _read(path: Path) -> Definition:
    yaml = _yaml()
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader(yaml))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no YAML: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} holds no assistant: name, model, instructions, ...")
    body = {key: held for key, held in value.items() if key not in ("id", "version")}
    version = value.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise SettingsError(f"{path}: version is {version!r}, not the number that pull wrote")
    if left := [key for key, held in body.items() if unresolved_in(held)]:
        raise SettingsError(
            f"{path}: {', '.join(left)}: fill in what is marked !unresolved, or take it out"
        )
    try:
        object_id = check_id(value["id"], "asst") if value.get("id") else ""
        check(body)
    except (ApiError, Odd) as error:
        raise SettingsError(f"{path}: {error}") from error
    return Definition(path, object_id, body, version)


def check(body: Json) -> None:
    """Raises ApiError, in the API's words, for what is no definition of an assistant."""
    validate(CreateAssistant, body)
    validate(UpdateAssistant, body)  # which makes no stores: a file would make one each time


def _loader(yaml: Any) -> Any:
    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Knows what `shim scan` could not resolve when it sees it."""

    Loader.add_constructor(_MARK, lambda _, node: Unresolved(str(node.value), ""))
    return Loader


def shown(object_id: str, body: Json, version: int | None = None) -> str:
    """The text of a file."""
    yaml = _yaml()

    class Blocks(yaml.SafeDumper):  # type: ignore[misc,name-defined]
        """Writes texts of several lines as blocks, so that changes are seen by the line."""

    Blocks.add_representer(str, _text)
    Blocks.add_representer(Unresolved, _marked)
    head: Json = {"id": object_id} if object_id else {}
    head |= {} if version is None else {"version": version}
    text: str = yaml.dump(
        {**head, **body}, Dumper=Blocks, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def _text(dumper: SafeDumper, value: str) -> ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _marked(dumper: SafeDumper, value: Unresolved) -> ScalarNode:
    return dumper.represent_scalar(_MARK, f"{value.text} {value.why} ({value.place})", style='"')


def write(path: Path, text: str) -> None:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def stamp(file: Definition, object_id: str, version: int) -> None:
    """Let a file say what it is the source of now, all else in it left as somebody wrote it.

    One that had an id and said no version goes on saying none.
    """
    text = file.path.read_text(encoding="utf-8")
    if file.version is not None:
        text = _VERSION.sub(f"version: {version}", text, count=1)
    elif not file.id:
        text = f"version: {version}\n{text}"
    if not file.id:
        text = f"id: {object_id}\n{text}"
    file.path.write_text(text, encoding="utf-8")


def differences(was: str, now: str, names: tuple[str, str]) -> str:
    """A unified diff, empty where there is none."""
    lines = unified_diff(
        was.splitlines(keepends=True), now.splitlines(keepends=True), names[0], names[1]
    )
    return "".join(lines)


def _yaml() -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "assistants as files need PyYAML: pip install 'assistants-shim[server]'"
        ) from error
    return yaml
