"""Which kind of object stands where in a program: followed by names, calls and returns.

Knows the methods of the Assistants API and what they give. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import libcst as cst

from shim.migrate import vocabulary
from shim.migrate.ejecting.kinds import ATTRIBUTES, EVENTS, OBJECTS, Kind, listed
from shim.migrate.ejecting.scopes import Binding, Program
from shim.migrate.ejecting.syntax import called, code, keywords, string

__all__ = ["CALLBACKS", "Api", "Flow", "is_handler_class"]

_ROOTS = ("assistants", "threads")
_ROUNDS = 12
_SAME = frozenset({"list", "sorted", "reversed", "iter", "filter", "tuple", "run", "copy", "deque"})

_GIVES: dict[str, Kind | None] = {
    "assistants.create": Kind("assistant"),
    "assistants.retrieve": Kind("assistant"),
    "assistants.update": Kind("assistant"),
    "threads.create": Kind("thread"),
    "threads.retrieve": Kind("thread"),
    "threads.update": Kind("thread"),
    "threads.messages.create": Kind("message"),
    "threads.messages.retrieve": Kind("message"),
    "threads.messages.list": listed(Kind("message")),
    "threads.runs.steps.list": listed(Kind("step")),
    "threads.runs.steps.retrieve": Kind("step"),
    "threads.runs.list": listed(Kind("run")),
}

CALLBACKS: dict[str, tuple[str, ...]] = {
    "on_event": ("event",),
    "on_text_created": ("said",),
    "on_text_delta": ("said", "said"),
    "on_text_done": ("said",),
    "on_message_created": ("message",),
    "on_message_delta": ("message_delta", "message"),
    "on_message_done": ("message",),
    "on_tool_call_created": ("step_call",),
    "on_tool_call_delta": ("call_delta", ""),
    "on_tool_call_done": ("step_call",),
    "on_run_step_created": ("step",),
    "on_run_step_done": ("step",),
    "on_image_file_done": ("image",),
    "on_exception": ("",),
    "on_timeout": (),
    "on_end": (),
}
"""The methods of an event handler, and the kinds of what they are given."""


@dataclass(frozen=True, slots=True)
class Api:
    """A call of the Assistants API."""

    method: str
    client: cst.BaseExpression
    node: cst.Call


def _chain(node: cst.BaseExpression) -> tuple[list[str], cst.BaseExpression | None]:
    """The names below `beta` of a chain, and the client before it."""
    names: list[str] = []
    while isinstance(node, cst.Attribute):
        if node.attr.value == "beta" and names and names[0] in _ROOTS:
            return names, node.value
        names.insert(0, node.attr.value)
        node = node.value
    return [], None


def is_handler_class(node: cst.ClassDef) -> bool:
    """Whether a class is an event handler of the SDK's."""
    return any(code(base.value).endswith("AssistantEventHandler") for base in node.bases)


class Flow:
    """The kinds of a program's values."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.reads_citations = self._reads("annotations")
        self.reads_outputs = self._reads("outputs")
        self.has_functions = self._reads("required_action", "submit_tool_outputs") or any(
            string(node) in {"requires_action", "thread.run.requires_action"}
            for node in program.nodes
        )
        self._env: dict[str, Kind] = {}
        self._asked: set[cst.CSTNode] = set()
        self._bindings: dict[str, list[Binding]] = {}
        for binding in program.bindings:
            if binding.how != "list":
                self._bindings.setdefault(binding.place, []).append(binding)
        self.conflicts: dict[str, set[str]] = {}
        self._narrow: dict[cst.CSTNode, set[str]] = dict(self._narrowed())
        self._seed()
        for _ in range(_ROUNDS):
            before = dict(self._env)
            self._round()
            if before == self._env:
                break

    def _reads(self, *names: str) -> bool:
        nodes = self.program.nodes
        own = (n.attr.value for n in nodes if isinstance(n, cst.Attribute))
        return any(name.startswith(names) for name in own)

    def api(self, node: cst.CSTNode) -> Api | None:
        """The call of the API that a node is."""
        if not isinstance(node, cst.Call):
            return None
        names, client = _chain(node.func)
        return Api(".".join(names), client, node) if client is not None else None

    def unused(self) -> Iterator[cst.CSTNode]:
        """The methods and resources that are named and not called on the spot."""
        for node in self.program.nodes:
            if isinstance(node, cst.Attribute):
                names, _ = _chain(node)
                parent = self.program.parents.get(node)
                is_called = isinstance(parent, cst.Call) and parent.func is node
                is_part = isinstance(parent, cst.Attribute | cst.ImportFrom | cst.ImportAlias)
                if names and not is_part and not is_called:
                    yield node

    def place_kind(self, place: str) -> Kind | None:
        """The kind of what is kept at a place."""
        return self._env.get(place)

    def returned(self, function: str) -> Kind | None:
        """The kind of what a function gives."""
        return self._env.get(f"return {function}")

    def _seed(self) -> None:
        for name, node in self.program.functions.items():
            for param in (*node.params.params, *node.params.kwonly_params):
                if (kind := self._annotated(param.annotation)) is not None:
                    self._env[f"{name}::{param.name.value}"] = kind
        for name, cls in self.program.classes.items():
            if is_handler_class(cls):
                self._env[self.program.attribute(name, "current_run")] = Kind("run")
                self._seed_callbacks(name)

    def _seed_callbacks(self, cls: str) -> None:
        for method, kinds in CALLBACKS.items():
            node = self.program.functions.get(f"{cls}.{method}")
            names = [each.name.value for each in node.params.params][1:] if node else []
            for param, kind in zip(names, kinds, strict=False):
                if kind:
                    self._env[f"{cls}.{method}::{param}"] = Kind(kind)

    def _annotated(self, annotation: cst.Annotation | None) -> Kind | None:
        if annotation is None:
            return None
        text = code(annotation.annotation).strip("\"'").rpartition(".")[2]
        return OBJECTS.get(text.removesuffix("]").removesuffix(" | None").removesuffix("Optional["))

    def _round(self) -> None:
        for binding in self.program.bindings:
            self._learn(binding.place, self._value(binding))
        for node in self.program.nodes:
            if isinstance(node, cst.Call) and (callee := self.program.callee(node)):
                self._pass(node, callee)

    def _pass(self, call: cst.Call, callee: str) -> None:
        """The arguments of a call become its function's parameters."""
        for name, value in self._arguments(call, callee):
            self._learn(f"{callee}::{name}", self.kind(value))

    def _arguments(self, call: cst.Call, callee: str) -> Iterable[tuple[str, cst.BaseExpression]]:
        function = self.program.functions[callee]
        names = [each.name.value for each in function.params.params]
        is_method = self.program.scopes[function].kind == "class"
        return keywords(call, names[is_method:]).items()

    def _learn(self, place: str, kind: Kind | None) -> None:
        if kind is None:
            return
        known = self._env.setdefault(place, kind)
        alike = {known.name, kind.name} <= {"assistant", "assistant_id"}
        if known != kind and not alike and known.name != "tuple" and kind.name != "tuple":
            if known.name == "list" and kind.name == "list" and known.element is None:
                self._env[place] = kind
            elif not (kind.name == "list" and kind.element is None):
                self.conflicts.setdefault(place, {known.name}).add(kind.name)

    def kind(self, node: cst.CSTNode | None) -> Kind | None:  # noqa: PLR0911 - a case for each
        """The kind of a value; None for what is no object of the API."""
        match node:
            case cst.Name():
                return None if self.program.is_label(node) else self._name(node)
            case cst.Attribute():
                return self._attribute(node, node.attr.value)
            case cst.Call():
                return self._call(node)
            case cst.Subscript():
                return self._subscript(node)
            case cst.Await():
                return self.kind(node.expression)
            case cst.NamedExpr():
                return self.kind(node.value)
            case cst.IfExp():
                return self.kind(node.body) or self.kind(node.orelse)
            case cst.BooleanOperation():
                return self.kind(node.right) or self.kind(node.left)
            case cst.List():
                kinds = (self.kind(each.value) for each in node.elements)
                return next((listed(kind) for kind in kinds if kind), None)
            case cst.Tuple():
                kinds_of = tuple(self.kind(each.value) for each in node.elements)
                return Kind("tuple", kinds_of) if any(kinds_of) else None
            case cst.ListComp() | cst.GeneratorExp():
                element = self.kind(node.elt)
                return listed(element) if element else None
        return None

    def _name(self, node: cst.Name) -> Kind | None:
        """The kind of a variable; where it has several, that of the last value it surely got."""
        place = self.program.place(node)
        known = self._env.get(place) if place else None
        last = self._last(node) if known is not None else None
        return known if last is None else self._value(last)

    def _last(self, node: cst.Name) -> Binding | None:
        """The one binding that decides what a variable is at a place; None if there is none."""
        bindings = self._bindings.get(self.program.place(node) or "", [])
        sure = [each for each in bindings if self.program.reaches(each, node)]
        if len(bindings) < 2 or not sure or node in self._asked:
            return None
        last = max(sure, key=lambda each: self.program.order[each.at or node])
        self._asked.add(node)
        kind = self._value(last)
        later = [each for each in bindings if self._is_between(last, each, node)]
        is_open = any(self._value(each) not in (None, kind) for each in later)
        self._asked.discard(node)
        return None if is_open or _is_empty(last.value) else last

    def is_mixed(self, node: cst.Name) -> bool:
        """Whether a variable may hold what is not of the API at a place where its kind is read."""
        bindings = self._bindings.get(self.program.place(node) or "", [])
        if len(bindings) < 2 or self._last(node) is not None:
            return False
        plain = (b for b in bindings if not isinstance(b.at, cst.CompFor) and b.how == "is")
        return any(self._value(each) is None and not _is_empty(each.value) for each in plain)

    def mixes(self, name: str) -> Iterator[cst.CSTNode]:
        """Values of unknown kind that come where objects of a kind are kept, or are given."""
        kept = {place for place, kind in self._env.items() if kind.name.startswith(name)}
        for binding in self.program.bindings:
            if binding.place in kept and binding.how == "is":
                yield from self._unknown(binding.value)
        for node in self.program.nodes:
            callee = self.program.callee(node) if isinstance(node, cst.Call) else None
            if callee is not None and isinstance(node, cst.Call):
                for param, value in self._arguments(node, callee):
                    if f"{callee}::{param}" in kept:
                        yield from self._unknown(value)
            default = node.default if isinstance(node, cst.Param) else None
            if isinstance(node, cst.Param) and default is not None:
                yield from self._unknown(default) if self.program.place(node.name) in kept else ()

    def _unknown(self, value: cst.CSTNode) -> Iterator[cst.CSTNode]:
        if isinstance(value, cst.BooleanOperation):
            yield from self._unknown(value.left)
            yield from self._unknown(value.right)
        elif isinstance(value, cst.IfExp):
            yield from self._unknown(value.body)
            yield from self._unknown(value.orelse)
        elif self.kind(value) is None and not _is_empty(value):
            yield value

    def is_unsure(self, node: cst.CSTNode) -> bool:
        """Whether a variable is of one kind here and of another there, and which is not known."""
        place = self.program.place(node)
        if place not in self.conflicts:
            return False
        return not isinstance(node, cst.Name) or self._last(node) is None

    def _is_between(self, last: Binding, each: Binding, node: cst.CSTNode) -> bool:
        if each.at is None or last.at is None or isinstance(each.at, cst.CompFor):
            return False
        if self.program.is_in(node, each.at) and not isinstance(each.at, cst.For):
            return False
        order = self.program.order
        return order[last.at] < order[each.at] < order[node]

    def _value(self, binding: Binding) -> Kind | None:
        """The kind of what a binding gives its target."""
        kind = self.kind(binding.value)
        if binding.how == "each":
            kind = kind.element if kind else None
        for number in binding.names:
            is_there = kind is not None and kind.name == "tuple" and number < len(kind.of)
            kind = kind.of[number] if kind is not None and is_there else None
        return listed(kind) if binding.how == "list" and kind is not None else kind

    def _attribute(self, node: cst.Attribute, name: str) -> Kind | None:
        base = self.kind(node.value)
        if base is None or base.name == "instance":
            place = self.program.place(node)
            if base is not None:
                place = self.program.attribute(str(base.of[0] and base.of[0].name), name)
            return self._env.get(place) if place else None
        return self.attribute(base, name, node)

    def attribute(self, base: Kind, name: str, node: cst.CSTNode) -> Kind | None:
        """The kind of an attribute of an object of a kind."""
        if base.name == "assistant":
            return Kind("assistant_id") if name == "id" else None
        if base.name == "list":
            return base if name == "data" else None
        if base.name == "event" and name == "data":
            return self.event_data(node)
        if base.name == "part" and name == "text" and self.reads_citations:
            return Kind("cited")
        if base.name == "stream" and name == "text_deltas":
            return listed(None)
        rule = ATTRIBUTES.get(base.name, {}).get(name)
        return rule.kind if rule else None

    def event_data(self, node: cst.CSTNode) -> Kind | None:
        """The kind of an event's data, by the test that it stands under, else by what is read."""
        kinds = {EVENTS[name][1] for name in self._narrow.get(node, ()) if name in EVENTS}
        if len(kinds) == 1:
            return Kind(kinds.pop())
        parent = self.program.parents.get(node)
        name = parent.attr.value if isinstance(parent, cst.Attribute) else ""
        if name == "delta":
            return Kind("message_event")
        if name in {"required_action", "last_error", "usage"}:
            return Kind("run")
        return None

    def _call(self, node: cst.Call) -> Kind | None:
        if (api := self.api(node)) is not None:
            return self._given(api)
        if (cls := self.program.cls_of(node)) is not None:
            return Kind("instance", (Kind(cls),))
        if (callee := self.program.callee(node)) is not None:
            return self.returned(callee)
        base = self.kind(node.func.value) if isinstance(node.func, cst.Attribute) else None
        if base is not None and isinstance(node.func, cst.Attribute):
            return self._method(base, node.func.attr.value)
        names = called(node)
        first = node.args[0].value if node.args else None
        if names[-2:] == ["files", "retrieve"]:
            return Kind("made_file") if self.kind(first) == Kind("made") else None
        return self._builtin(names[-1] if names else "", node, first)

    def _method(self, base: Kind, name: str) -> Kind | None:
        """What a method of an object gives."""
        if base.name == "instance" and base.of[0] is not None:
            method = self.program.method(base.of[0].name, name)
            return self.returned(method) if method else None
        if base.name == "list" and name in {"pop", "copy"}:
            return base.element if name == "pop" else base
        return self._of_stream(name) if base.name == "stream" else None

    def _builtin(self, name: str, node: cst.Call, first: cst.CSTNode | None) -> Kind | None:
        kind = self.kind(node.args[1].value if name == "filter" else first) if node.args else None
        if name in _SAME:
            return kind
        if name == "next":
            return kind.element if kind else None
        if name == "enumerate" and kind:
            return listed(Kind("tuple", (None, kind.element)))
        if name == "zip":
            kinds = [self.kind(each.value) for each in node.args]
            return listed(Kind("tuple", tuple(k.element if k else None for k in kinds)))
        if name == "getattr" and len(node.args) > 1 and kind:
            word = string(node.args[1].value)
            return self.attribute(kind, word, node) if word else None
        return None

    def _of_stream(self, method: str) -> Kind | None:
        return {
            "get_final_run": Kind("run"),
            "get_final_messages": listed(Kind("message")),
        }.get(method)

    def _given(self, api: Api) -> Kind | None:
        arguments = keywords(api.node)
        if api.method in _GIVES:
            return _GIVES[api.method]
        streamed = arguments.get("stream")
        is_true = isinstance(streamed, cst.Name) and streamed.value == "True"
        if api.method.endswith("stream") or is_true:
            return Kind("stream")
        is_run = api.method.startswith(("threads.runs.", "threads.create_and_run"))
        return Kind("run") if is_run and api.method in vocabulary.METHODS else None

    def _subscript(self, node: cst.Subscript) -> Kind | None:
        kind = self.kind(node.value)
        if kind is None:
            place = self.program.place(node)
            return self._env.get(place) if place else None
        is_slice = isinstance(node.slice[0].slice, cst.Slice)
        if kind.name == "list":
            return kind if is_slice else kind.element
        return None

    def _narrowed(self) -> Iterator[tuple[cst.CSTNode, set[str]]]:
        """For each `event.data` the events that the tests around it leave."""
        for node in self.program.nodes:
            if isinstance(node, cst.Attribute) and node.attr.value == "data":
                names = self._tests_around(node, code(node.value))
                if names:
                    yield node, names

    def _tests_around(self, node: cst.CSTNode, event: str) -> set[str]:
        child, parents = node, self.program.parents
        while (parent := parents.get(child)) is not None:
            if isinstance(parent, cst.If) and child is not parent.orelse:
                found = set(self.events_named(parent.test, event))
                if found:
                    return found
            child = parent
        return set()

    def events_named(self, test: cst.CSTNode, event: str) -> Iterator[str]:
        """The names of events that a test asks for."""
        match test:
            case cst.Comparison(left=left, comparisons=[target]) if code(left) == f"{event}.event":
                each = target.comparator
                elements = (
                    [e.value for e in each.elements]
                    if isinstance(each, cst.Tuple | cst.List | cst.Set)
                    else [each]
                )
                yield from (word for e in elements if (word := string(e)))
            case cst.BooleanOperation():
                yield from self.events_named(test.left, event)
                yield from self.events_named(test.right, event)
            case cst.Call() if called(test) == ["isinstance"] and len(test.args) == 2:
                if code(test.args[0].value) == event:
                    yield from class_events(code(test.args[1].value))


def class_events(name: str) -> list[str]:
    """The event that a class of the SDK's is of: `ThreadRunRequiresAction`."""
    plain = name.rpartition(".")[2].lower()
    return [each for each in EVENTS if each.replace(".", "").replace("_", "") == plain]


def _is_empty(node: cst.CSTNode) -> bool:
    """Whether a value stands for none yet: None, an empty list or text."""
    return code(node) in {"None", "[]", "{}", '""', "''", "()"}
