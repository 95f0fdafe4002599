"""A program taken off the Assistants API: its text before and after, or why it is left as it is.

Knows one file's text, and how what is converted, imported and written into it comes together.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from shim.migrate import python_code, rewriting
from shim.migrate.codemod import Change
from shim.migrate.definitions import Definition
from shim.migrate.ejecting import emitted, handlers, imports, loops, settings, uses
from shim.migrate.ejecting.draft import Draft, Left
from shim.migrate.ejecting.flow import CALLBACKS, Flow, is_handler_class
from shim.migrate.ejecting.parity import parity_test
from shim.migrate.ejecting.rewriter import Rewriter
from shim.migrate.ejecting.scopes import Program
from shim.migrate.ejecting.syntax import code, laid_out

__all__ = ["Ejection", "eject", "files_of"]


@dataclass(slots=True)
class Ejection:
    """What became of a file. `after` is None where it is left as it is."""

    path: Path
    before: str
    after: str | None = None
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    in_part: bool = False
    shown: str | None = None
    definitions: Sequence[Definition] = ()

    def diff(self) -> str:
        """The change as a unified diff; empty where there is none."""
        if self.after is None:
            return ""
        return Change(self.path.as_posix().lstrip("/"), self.before, self.after, "").diff()


def eject(
    path: Path, function: str | None = None, definitions: Sequence[Definition] = ()
) -> Ejection:
    """Take a file, or one function or class of it, off the Assistants API.

    `definitions` are those of assistants of which the file has only the ids.
    """
    before = path.read_bytes().decode("utf-8", errors="surrogateescape")
    found = Ejection(path, before, in_part=function is not None, definitions=definitions)
    try:
        before.encode("utf-8")
        text = before if function else rewriting.moved_back(before)
        module = cst.parse_module(text)
    except (rewriting.CannotRewrite, cst.ParserSyntaxError, SyntaxError, UnicodeError) as error:
        found.left.append(Left(0, path.name, f"it cannot be read: {str(error).splitlines()[0]}"))
        return found
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    positions = dict(wrapper.resolve(PositionProvider))
    draft = Draft(Flow(Program(module)), positions, _code_of(definitions))
    only = _node_of(draft, function)
    if function and only is None:
        found.left.append(Left(0, function, "there is no function or class of this name"))
        return found
    loops.join(draft)
    after = module.visit(Rewriter(draft, only))
    uses.check(draft)
    imports.check(draft, text)
    if only is not None:
        draft.left = [each for each in draft.left if _is_in(draft, only, each.line)]
        _check_borders(draft, only, function or "")
    found.left = sorted(draft.left)
    if found.left:
        return found
    found.notes = uses.results(draft)
    found.shown = draft.shown
    _finish(found, draft, after, only)
    return found


def files_of(found: Ejection, output: Path | None, *, with_test: bool) -> dict[Path, str]:
    """The files that an ejection makes: the program, and what the test of it needs."""
    if found.after is None:
        return {}
    target = output or found.path
    files = {target: found.after}
    if with_test:
        old = found.path
        if target == found.path or old.parent.resolve() != target.parent.resolve():
            old = target.with_name(f"{found.path.stem}_assistants.py")
            files[old] = found.before
        test = target.with_name(f"test_{target.stem}_parity.py")
        files[test] = parity_test(found, old, target)
    return files


def _code_of(definitions: Sequence[Definition]) -> dict[str, str]:
    """The settings of assistants, as code, by their ids."""
    found = {}
    for each in definitions:
        given = {key: cst.parse_expression(_literal(value)) for key, value in each.body.items()}
        alone = Draft(Flow(Program(cst.parse_module(repr(each.body)))), {})
        parts = settings.settings(alone, given, cst.Name("assistant"), made=True)
        found[each.id] = laid_out("{", parts, "}", 1)
    return found


def _literal(value: object) -> str:
    """A value of JSON as Python, its texts in double quotes."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_literal(key)}: {_literal(held)}" for key, held in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _node_of(draft: Draft, function: str | None) -> cst.CSTNode | None:
    program = draft.flow.program
    return (program.functions.get(function) or program.classes.get(function)) if function else None


def _is_in(draft: Draft, node: cst.CSTNode, line: int) -> bool:
    place = draft.positions[node]
    return place.start.line <= line <= place.end.line


def _check_borders(draft: Draft, only: cst.CSTNode, name: str) -> None:
    """Refuse what comes into a function, or goes out of it, to code that stays as it was."""
    program = draft.flow.program
    for node in program.nodes:
        inside = _is_in(draft, only, draft.line(node))
        if isinstance(node, cst.Name) and inside:
            kind = draft.flow.kind(node)
            owner = (program.place(node) or "").rpartition("::")[0]
            is_outer = not owner.startswith(name)
            is_parameter = owner == name and _is_passed(node.value, only)
            if kind is not None and kind.name != "instance" and (is_outer or is_parameter):
                draft.refuse(node, "it comes from code that still uses assistants and threads")
        if isinstance(node, cst.Call) and not inside and program.callee(node) == name:
            kind = draft.flow.returned(name)
            if kind is not None:
                draft.refuse(node, f"it is given a {kind.name}, which it takes for the old one")


def _is_passed(name: str, only: cst.CSTNode) -> bool:
    """Whether a name is a parameter of a function."""
    if not isinstance(only, cst.FunctionDef):
        return False
    return any(each.name.value == name for each in only.params.params)


def _finish(found: Ejection, draft: Draft, module: cst.Module, only: cst.CSTNode | None) -> None:
    if only is None:
        module = imports.without_old(module)
    text = imports.with_written(module, _written(draft), _needed(draft))
    if text == found.before or not _has_changed(draft, found.before):
        found.notes.append("nothing here uses the Assistants API")
        return
    ast.parse(text)
    left = [] if only is not None else python_code.read(text).sites
    found.left += [Left(each.line, each.method, "it was not converted") for each in left]
    found.after = None if found.left else text


def _has_changed(draft: Draft, before: str) -> bool:
    return any(draft.flow.api(node) for node in draft.flow.program.nodes) or "beta" in before


def _written(draft: Draft) -> list[str]:
    """The helpers that the program needs, each with those that it needs itself."""
    wanted = list(draft.helpers)
    for name, is_async in wanted:
        for other in emitted.NEEDS.get(name, ()):
            flavour = is_async and "async " in emitted.HELPERS[other]
            if (other, flavour) not in wanted:
                draft.helper(other, is_async=flavour)
                wanted.append((other, flavour))
    for name, is_async in [each for each in wanted if each[0] == "ResponseHandler"]:
        draft.helper("events_of", is_async=is_async)
        wanted.append(("events_of", is_async))
        if "on_tool_call_delta" in _methods(draft, is_async=is_async):
            draft.helper("CallDelta")
            wanted.append(("CallDelta", False))
        del name
    order = [*emitted.HELPERS, "ResponseHandler"]
    chosen = sorted(dict.fromkeys(wanted), key=lambda each: (order.index(each[0]), each[1]))
    return [_text(draft, name, is_async=is_async) for name, is_async in chosen]


def _needed(draft: Draft) -> list[str]:
    found = {emitted.IMPORTS[name] for name, _ in draft.helpers if name in emitted.IMPORTS}
    if any("on_image_file_done" in _methods(draft, is_async=flag) for flag in (False, True)):
        found.add(emitted.IMPORTS["cited"])
    return sorted(found)


def _text(draft: Draft, name: str, *, is_async: bool) -> str:
    """A helper as it is written into the program, by the names that are free there."""
    if name == "ResponseHandler":
        events = draft.helper("events_of", is_async=is_async)
        methods = _methods(draft, is_async=is_async)
        text = handlers.handler(draft.helpers[name, is_async], methods, events=events)
    elif name == "ASSISTANTS":
        parts = [f'"{object_id}": {text}' for object_id, text in draft.definitions.items()]
        text = f"{draft.helpers[name, is_async]} = {laid_out('{', parts, '}')}\n"
    else:
        tools = [each for each in ("file_search", "code_interpreter") if draft.uses(each)]
        text = emitted.trimmed(emitted.HELPERS[name].strip("\n") + "\n", tools)
        for other in (name, *emitted.NEEDS.get(name, ())):
            flavour = is_async and "async " in emitted.HELPERS[other]
            chosen = draft.helpers[other, flavour]
            text = re.sub(rf"\b{other}\b(?=[(:])", chosen, text)
        names = [each for each in _ORDER if each in draft.echoed]
        text = text.replace("SETTINGS", f"({', '.join(map(_quoted, names))})")
    return text if is_async else emitted.blocking(text)


_ORDER = (
    *("model", "instructions", "tools", "temperature", "top_p", "reasoning", "text"),
    *("parallel_tool_calls", "max_output_tokens", "metadata", "truncation"),
)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _methods(draft: Draft, *, is_async: bool) -> list[str]:
    """The callbacks that the program's handlers of a colour have."""
    found = set()
    for name, node in draft.flow.program.classes.items():
        if is_handler_class(node):
            colour = code(node.bases[0].value).endswith("AsyncAssistantEventHandler")
            own = {m for m in CALLBACKS if f"{name}.{m}" in draft.flow.program.functions}
            found |= own if colour == is_async else set()
    return [each for each in CALLBACKS if each in found]
