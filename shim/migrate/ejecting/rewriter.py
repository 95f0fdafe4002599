"""A program's syntax tree, rewritten from the Assistants API to native code.

Knows statements: where comments go, which loops and calls fall away, and what an output becomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import libcst as cst

from shim.migrate.ejecting import calls, reading, runs, streams
from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.kinds import Kind
from shim.migrate.ejecting.loops import is_wait
from shim.migrate.ejecting.notes import NOTES
from shim.migrate.ejecting.settings import output_entries
from shim.migrate.ejecting.syntax import called, code, comments, laid_out, parsed, wrapped

__all__ = ["Rewriter"]

_GONE = "__gone__"
_STATEMENTS = (cst.SimpleStatementLine, cst.BaseCompoundStatement)


class Rewriter(cst.CSTTransformer):
    """Rewrites what is below `only`, or everything."""

    def __init__(self, draft: Draft, only: cst.CSTNode | None = None) -> None:
        super().__init__()
        self.draft = draft
        self._only = only
        self._depth = 0 if only is None else -1
        self._said: dict[str, set[str]] = {}

    @property
    def _is_on(self) -> bool:
        return self._depth >= 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if node is self._only:
            self._depth = 0
        if isinstance(node, _STATEMENTS):
            self.draft.notes.append([])
        if isinstance(node, cst.IndentedBlock):
            self.draft.indent += 1
        return True

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        if isinstance(original_node, cst.IndentedBlock):
            self.draft.indent -= 1
        if self._is_on:
            updated_node = super().on_leave(original_node, updated_node)
        if isinstance(original_node, _STATEMENTS):
            notes = self.draft.notes.pop()
            if self._is_on:
                updated_node = self._commented(original_node, updated_node, notes)
        if original_node is self._only:
            self._depth = -1
        return updated_node

    def _commented(self, original: cst.CSTNode, updated: Any, notes: Sequence[str]) -> Any:
        """A statement with what is to be said of it, once in a function."""
        function = self.draft.flow.program.function_of(original)
        said = self._said.setdefault(function, set())
        lines = []
        for name in notes:
            if name not in said:
                said.add(name)
                lines += wrapped(NOTES[name], self.draft.indent)
        if isinstance(original, cst.SimpleStatementLine) and isinstance(updated, cst.CSTNode):
            kept = comments(updated)
            lines += [each for each in comments(original) if each not in kept]
        if not lines or not isinstance(updated, cst.CSTNode):
            return updated
        empty = [cst.EmptyLine(comment=cst.Comment(line)) for line in lines]
        leading = cast("Any", updated).leading_lines
        return updated.with_changes(leading_lines=[*leading, *empty])

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        api = self.draft.flow.api(original_node)
        if api is not None:
            text = calls.convert(self.draft, api, updated_node)
            if text is None:
                return updated_node
            return self._result(original_node, api.method, parsed(text))
        found = reading.instance_test(self.draft, original_node, updated_node)
        found = found or streams.call(self.draft, original_node, updated_node)
        found = found or self._of_made(original_node, updated_node)
        return found or self._output(output_entries(updated_node)) or updated_node

    def _result(
        self, original: cst.Call, method: str, made: cst.BaseExpression
    ) -> cst.BaseExpression:
        """What is done with the result of a call: items come as a list, streams are awaited."""
        parent = self.draft.flow.program.parents.get(original)
        text = code(made)
        is_item = method == "threads.messages.create" and ".items.create(" in text.split("\n")[0]
        if is_item and not isinstance(parent, cst.Expr | cst.Await):
            return parsed(f"{text}.data[0]")
        kind = self.draft.flow.kind(original)
        is_stream = kind is not None and kind.name == "stream"
        if is_stream and self.draft.is_async(original) and not isinstance(parent, cst.Await):
            return parsed(f"await {text}")
        is_list = method.endswith("messages.list") and self.draft.is_async(original)
        if is_list and not isinstance(parent, cst.Await):
            return parsed(f"await {text}")
        return made

    def leave_Await(self, original_node: cst.Await, updated_node: cst.Await) -> cst.BaseExpression:
        api = self.draft.flow.api(original_node.expression)
        inner = code(updated_node.expression)
        if api is None:
            return updated_node
        if api.method == "threads.messages.create" and ".items.create(" in inner:
            parent = self.draft.flow.program.parents.get(original_node)
            if not isinstance(parent, cst.Expr):
                return parsed(f"(await {inner}).data[0]")
        is_settings = api.method.startswith("assistants.") or api.method.endswith("steps.list")
        return updated_node.expression if is_settings else updated_node

    def _of_made(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression | None:
        """The bytes of a file that code made, and the file itself."""
        names = called(original)
        if not original.args or names[-2:-1] != ["files"]:
            return None
        if self.draft.flow.kind(original.args[0].value) != Kind("made"):
            return None
        value = code(updated.args[0].value)
        client = ".".join(names[:-2])
        self.draft.note("made")
        match names[-1]:
            case "content" | "retrieve_content":
                function = f"{client}.containers.files.content.retrieve("
                where = (f"{value}.file_id", f"container_id={value}.container_id")
                return parsed(laid_out(function, where, ")"))
            case "retrieve":
                return parsed(value)
        self.draft.refuse(original, "a file that code made is in its container")
        return None

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        holder = updated_node.value
        is_below = isinstance(holder, cst.Attribute) and holder.attr.value == "beta"
        if original_node.attr.value == "vector_stores" and isinstance(holder, cst.Attribute):
            return updated_node.with_changes(value=holder.value) if is_below else updated_node
        found = reading.attribute(self.draft, original_node, updated_node)
        return self._shown(original_node, found or updated_node)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._shown(original_node, updated_node)

    def _shown(
        self, original: cst.BaseExpression, updated: cst.BaseExpression
    ) -> cst.BaseExpression:
        """An id that has gone, where it is only shown."""
        kind = self.draft.flow.kind(original)
        if kind is None or not self.draft.is_shown(original):
            return updated
        if kind.name == "assistant_id":
            self.draft.note("display")
            return parsed(self.draft.assistant_name())
        if kind.name == "made":
            return parsed(f"{code(updated)}.file_id")
        if kind.name not in {"thread_id", "run_id", "said", "instance", "tuple"}:
            self.draft.note("printed")
        return updated

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        kind = self.draft.flow.kind(original_node.value)
        value = updated_node.value
        if kind is not None and kind.element == Kind("delta_part") and isinstance(value, cst.List):
            return value.elements[0].value
        return updated_node

    def leave_Comparison(
        self, original_node: cst.Comparison, updated_node: cst.Comparison
    ) -> cst.BaseExpression:
        return reading.comparison(self.draft, original_node, updated_node) or updated_node

    def leave_Dict(
        self,
        original_node: cst.Dict,  # noqa: ARG002 - libcst's signature
        updated_node: cst.Dict,
    ) -> cst.BaseExpression:
        return self._output(output_entries(updated_node)) or updated_node

    def _output(self, found: Mapping[str, cst.BaseExpression] | None) -> cst.BaseExpression | None:
        """An output of a function call as an item."""
        if found is None:
            return None
        parts = ('"type": "function_call_output"', f'"call_id": {code(found["tool_call_id"])}')
        return parsed("{" + ", ".join((*parts, f'"output": {code(found["output"])}')) + "}")

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        """What stands in an f-string has other quotes than it: Python before 3.12 wants that."""
        if code(original_node) == code(updated_node):
            return updated_node
        quote = updated_node.end
        other = "'" if quote.startswith('"') else '"'
        parts = [each.visit(_Quoter(quote, other)) for each in updated_node.parts]
        return updated_node.with_changes(parts=parts)

    def leave_IfExp(
        self,
        original_node: cst.IfExp,  # noqa: ARG002 - libcst's signature
        updated_node: cst.IfExp,
    ) -> cst.BaseExpression:
        """A client of shim's own for trying falls away; the other is left."""
        ways = (updated_node.body, updated_node.orelse)
        for way, other in zip(ways, ways[::-1], strict=True):
            if called(way)[-1:] in (["connect"], ["connect_async"]):
                self.draft.note("embedded")
                return other
        return updated_node

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> Any:
        return streams.loop(self.draft, original_node, updated_node)

    def leave_CompFor(self, original_node: cst.CompFor, updated_node: cst.CompFor) -> Any:
        return streams.loop(self.draft, original_node, updated_node)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> Any:
        return streams.handler_class(self.draft, original_node, updated_node)

    def leave_While(self, original_node: cst.While, updated_node: cst.While) -> Any:
        if not is_wait(self.draft, original_node):
            return updated_node
        self.draft.note("loop")
        gone = cst.parse_statement(_GONE)
        return cast("Any", gone).with_changes(leading_lines=updated_node.leading_lines)

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> Any:
        value = original_node.value
        inner = value.expression if isinstance(value, cst.Await) else value
        api = self.draft.flow.api(inner)
        if api is None:
            return updated_node
        if api.method == "assistants.delete":
            return cst.Expr(cst.Name(_GONE))
        if original_node in self.draft.merged:
            return cst.Expr(cst.Name(_GONE))
        if api.method.endswith(("submit_tool_outputs", "submit_tool_outputs_and_poll")):
            return self._kept(original_node, api.node, updated_node)
        return updated_node

    def _kept(self, original: cst.Expr, node: cst.Call, updated: cst.Expr) -> Any:
        """A response that nobody kept takes the place of the run that asked: its id is new."""
        given = runs.run_of(node)
        flow = self.draft.flow
        target = given.value if isinstance(given, cst.Attribute) else given
        kind = flow.kind(target)
        names = {"run": "", "run_id": ".id"}
        place = flow.program.place(target) if target is not None else None
        owner = place.rpartition("::")[0] if place else ""
        here = flow.program.function_of(original)
        is_own = place is not None and ("self " in place or owner == here)
        is_given = isinstance(target, cst.Name) and self._is_parameter(here, target.value)
        if target is None or kind is None or kind.name not in names or not is_own or is_given:
            self.draft.refuse(
                node,
                "the run goes on as another response, with another id, which nobody keeps here",
                "return what the call gives, and go on with that",
            )
            return updated
        value = updated.value
        made = parsed(f"({code(value)}).id") if names[kind.name] else value
        assert isinstance(target, cst.Name | cst.Attribute)
        return cst.Assign([cst.AssignTarget(target)], made)

    def _is_parameter(self, function: str, name: str) -> bool:
        node = self.draft.flow.program.functions.get(function)
        return node is not None and any(each.name.value == name for each in node.params.params)

    def leave_IndentedBlock(
        self,
        original_node: cst.IndentedBlock,  # noqa: ARG002 - libcst's signature
        updated_node: cst.IndentedBlock,
    ) -> cst.IndentedBlock:
        body, footer = _closed(updated_node.body, updated_node.footer)
        if not body:
            body, footer = [cst.SimpleStatementLine([cst.Pass()], leading_lines=footer)], []
        return updated_node.with_changes(body=body, footer=footer)

    def leave_Module(
        self,
        original_node: cst.Module,  # noqa: ARG002 - libcst's signature
        updated_node: cst.Module,
    ) -> cst.Module:
        body, footer = _closed(updated_node.body, updated_node.footer)
        return updated_node.with_changes(body=body, footer=footer)


class _Quoter(cst.CSTTransformer):
    """Gives the strings that are written out other quotes."""

    def __init__(self, quote: str, other: str) -> None:
        super().__init__()
        self._quote, self._other = quote, other

    def leave_SimpleString(
        self,
        original_node: cst.SimpleString,  # noqa: ARG002 - libcst's signature
        updated_node: cst.SimpleString,
    ) -> cst.SimpleString:
        plain = updated_node.raw_value
        if updated_node.quote != self._quote or updated_node.prefix or self._other in plain:
            return updated_node
        return updated_node.with_changes(value=f"{self._other}{plain}{self._other}")


def _closed(body: Sequence[Any], footer: Sequence[cst.EmptyLine]) -> tuple[list[Any], list[Any]]:
    """A block without the statements that have gone; what was said of them stays."""
    left: list[Any] = []
    waiting: list[cst.EmptyLine] = []
    for statement in body:
        if code(statement).split("\n")[-1].partition("#")[0].strip() == _GONE:
            waiting += statement.leading_lines
            continue
        if waiting:
            leading = [*waiting, *statement.leading_lines]
            statement = statement.with_changes(leading_lines=leading)  # noqa: PLW2901
            waiting = []
        left.append(statement)
    return left, [*waiting, *footer]
