"""What comes of a program while it is rewritten: helpers, notes, and what cannot be converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import CodeRange

from shim.migrate.ejecting.flow import Flow
from shim.migrate.ejecting.syntax import called, code, entries, keywords, string

__all__ = ["Draft", "Left"]

_SHOWS = frozenset(
    {
        *("print", "pprint", "rprint", "format", "echo", "write"),
        *("debug", "info", "warning", "error", "exception", "critical", "log"),
    }
)
_NAMELESS = "an assistant"
_ECHOED = ("model", "instructions", "tools", "truncation")


@dataclass(frozen=True, slots=True, order=True)
class Left:
    """What cannot be converted, why, and what to do by hand."""

    line: int
    what: str
    why: str
    hand: str = ""


@dataclass(slots=True)
class Draft:
    """The state of one rewriting; `definitions` has assistants that the program does not make."""

    flow: Flow
    positions: dict[cst.CSTNode, CodeRange]
    definitions: Mapping[str, str] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    helpers: dict[tuple[str, bool], str] = field(default_factory=dict)
    echoed: set[str] = field(default_factory=lambda: set(_ECHOED))
    notes: list[list[str]] = field(default_factory=list)
    inputs: dict[cst.CSTNode, list[str]] = field(default_factory=dict)
    merged: dict[cst.CSTNode, cst.CSTNode] = field(default_factory=dict)
    indent: int = 0
    shown: str | None = None

    def refuse(self, node: cst.CSTNode, why: str, hand: str = "") -> None:
        """Say that a node cannot be converted."""
        first = code(node).splitlines()[0][:90]
        left = Left(self.line(node), first, why, hand)
        if left not in self.left:
            self.left.append(left)

    def line(self, node: cst.CSTNode) -> int:
        """The line on which a node stands."""
        found = self.positions.get(node)
        return found.start.line if found else 0

    def note(self, *names: str) -> None:
        """Have something said above the statement at hand."""
        for name in names:
            if name and self.notes and name not in self.notes[-1]:
                self.notes[-1].append(name)

    def helper(self, name: str, *, is_async: bool = False) -> str:
        """The name of a helper, which is written into the program."""
        if (name, is_async) not in self.helpers:
            taken = set(self.helpers.values()) | self.names()
            chosen = name
            while chosen in taken:
                chosen += "_async" if is_async and (name, False) in self.helpers else "_"
            self.helpers[name, is_async] = chosen
        return self.helpers[name, is_async]

    def names(self) -> set[str]:
        """All names of the program."""
        nodes = self.flow.program.nodes
        return {node.value for node in nodes if isinstance(node, cst.Name)}

    def is_async(self, node: cst.CSTNode) -> bool:
        """Whether a call goes through an asynchronous client."""
        parent = self.flow.program.parents.get(node)
        if isinstance(parent, cst.Await):
            return True
        if isinstance(parent, cst.WithItem):
            parent = self.flow.program.parents.get(parent)
        if isinstance(parent, cst.With | cst.For | cst.CompFor) and parent.asynchronous:
            return True
        made = {names[-1] for n in self.flow.program.nodes if (names := called(n))}
        is_sync = made & {"OpenAI", "Client", "connect"}
        return bool(made & {"AsyncOpenAI", "AsyncClient", "connect_async"}) and not is_sync

    def uses(self, *words: str) -> bool:
        """Whether the program names an argument or key with one of these words."""
        for node in self.flow.program.nodes:
            if isinstance(node, cst.Arg) and node.keyword and node.keyword.value in words:
                return True
            if isinstance(node, cst.SimpleString) and string(node) in words:
                return True
        return False

    def calls(self, *methods: str) -> bool:
        """Whether the program calls a method of the API that ends so."""
        found = (self.flow.api(node) for node in self.flow.program.nodes)
        return any(api is not None and api.method.endswith(methods) for api in found)

    def run_after(self, message: cst.Call) -> cst.CSTNode | None:
        """The run that a message goes with, where it stands right before it."""
        node: cst.CSTNode | None = message
        while node is not None and not isinstance(node, cst.Expr):
            node = self.flow.program.parents.get(node)
        return self.merged.get(node) if node is not None else None

    def is_shown(self, node: cst.CSTNode) -> bool:
        """Whether a value is only shown to somebody."""
        parent = self.flow.program.parents.get(node)
        if isinstance(parent, cst.FormattedStringExpression):
            return True
        if isinstance(parent, cst.BinaryOperation):
            return self.is_shown(parent)
        call = self.flow.program.parents.get(parent) if isinstance(parent, cst.Arg) else None
        if not isinstance(call, cst.Call) or self.flow.program.callee(call) is not None:
            return False
        func = call.func
        name = func.attr.value if isinstance(func, cst.Attribute) else code(func)
        return name in _SHOWS

    @property
    def shown_is_given(self) -> bool:
        """Whether the program names its assistant in words."""
        return self.assistant_name() != f'"{_NAMELESS}"'

    def assistant_name(self) -> str:
        """What stands for an assistant where its id was shown: its name, if there is one."""
        for node in self.flow.program.nodes:
            api = self.flow.api(node)
            if api is not None and api.method == "assistants.create":
                name = keywords(api.node).get("name")
                self.shown = string(name)
                if name is not None and self.shown is not None:
                    return code(name)
        self.shown = _NAMELESS
        return f'"{self.shown}"'

    @property
    def has_files(self) -> bool:
        """Whether threads have files of their own."""
        if self.uses("attachments"):
            return True
        for node in self.flow.program.nodes:
            api = self.flow.api(node)
            if api is not None and api.method.startswith("threads"):
                for argument in api.node.args:
                    if argument.keyword and argument.keyword.value == "tool_resources":
                        return True
                    if "tool_resources" in (entries(argument.value) or {}):
                        return True
        return False
