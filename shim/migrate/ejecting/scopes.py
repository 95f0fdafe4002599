"""Who stands where in a program: parents, scopes, names, and what is bound to what.

Knows Python's rules of names, as far as one file shows them. Knows no API.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import libcst as cst

from shim.migrate.ejecting.syntax import code, dotted, string

__all__ = ["Binding", "Program", "Scope"]

_HOLDERS = (
    cst.Module,
    cst.IndentedBlock,
    cst.With,
    cst.For,
    cst.BaseComp,
    cst.If,
    cst.Lambda,
)
"""What a binding holds for: all that is in it and behind."""
_ASSIGNING = (cst.Assign, cst.AnnAssign, cst.NamedExpr)
_SCOPED = (cst.FunctionDef, cst.ClassDef, cst.Lambda)


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class or function, with the names that it binds."""

    name: str
    kind: str
    parent: Scope | None
    node: cst.CSTNode | None = None
    bound: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)

    @property
    def cls(self) -> Scope | None:
        """The class whose method this is, or is in."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "class":
            scope = scope.parent
        return scope

    @property
    def receiver(self) -> str | None:
        """The name of `self` in the method that this is, or is in."""
        scope: Scope | None = self
        while scope is not None:
            is_method = scope.parent is not None and scope.parent.kind == "class"
            if isinstance(scope.node, cst.FunctionDef) and is_method:
                names = [each.name.value for each in scope.node.params.params]
                return names[0] if names else None
            scope = scope.parent
        return None


@dataclass(frozen=True, slots=True)
class Binding:
    """A target gets a value: it `is` it, or `each` of it in turn."""

    place: str
    value: cst.CSTNode
    how: str
    names: tuple[int, ...] = ()
    at: cst.CSTNode | None = None


class Program(cst.CSTVisitor):
    """A module, walked once."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__()
        self.module = module
        self.top = Scope("", "module", None)
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.scopes: dict[cst.CSTNode, Scope] = {}
        self.nodes: list[cst.CSTNode] = []
        self.functions: dict[str, cst.FunctionDef] = {}
        self.classes: dict[str, cst.ClassDef] = {}
        self._bases: dict[str, str] = {}
        self._stack: list[cst.CSTNode] = []
        self._scope = [self.top]
        module.visit(self)
        self.order = {node: number for number, node in enumerate(self.nodes)}
        self.bindings = [
            replace(each, at=node) for node in self.nodes for each in self._bound(node)
        ]

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._stack:
            self.parents[node] = self._stack[-1]
        self.scopes[node] = self._scope[-1]
        self.nodes.append(node)
        self._note(node)
        self._stack.append(node)
        if isinstance(node, _SCOPED):
            self._scope.append(self._opened(node))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._stack.pop()
        if isinstance(original_node, _SCOPED):
            self._scope.pop()

    def _opened(self, node: cst.CSTNode) -> Scope:
        parent = self._scope[-1]
        own = node.name.value if isinstance(node, cst.FunctionDef | cst.ClassDef) else "<lambda>"
        kind = "class" if isinstance(node, cst.ClassDef) else "function"
        scope = Scope(f"{parent.name}.{own}".strip("."), kind, parent, node)
        if isinstance(node, cst.FunctionDef):
            self.functions[scope.name] = node
        elif isinstance(node, cst.ClassDef):
            self.classes[scope.name] = node
            self._bases[scope.name] = code(node.bases[0].value) if node.bases else ""
        return scope

    def _note(self, node: cst.CSTNode) -> None:
        """Take down the names that a node binds."""
        scope = self._scope[-1]
        match node:
            case cst.FunctionDef() | cst.ClassDef():
                scope.bound.add(node.name.value)
            case cst.Param():
                scope.bound.add(node.name.value)
            case cst.NamedExpr():
                self._bind(scope, node.target)
            case cst.AssignTarget() | cst.AnnAssign() | cst.For() | cst.CompFor():
                self._bind(scope, node.target)
            case cst.AugAssign():
                self._bind(scope, node.target)
            case cst.AsName():
                self._bind(scope, node.name)
            case cst.ImportAlias() if node.asname is None:
                scope.bound.add(code(node.name).partition(".")[0])
            case cst.NameItem():
                scope.outer.add(node.name.value)

    def _bind(self, scope: Scope, target: cst.CSTNode) -> None:
        if isinstance(target, cst.Name):
            scope.bound.add(target.value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(scope, element.value)

    def owner(self, name: str, scope: Scope) -> Scope | None:
        """The scope that binds a name, seen from another."""
        at: Scope | None = scope
        while at is not None:
            if name in at.bound - at.outer and (at is scope or at.kind != "class"):
                return at
            at = at.parent
        return None

    def place(self, node: cst.CSTNode) -> str | None:
        """A name for where a value is kept: the same text for the same variable."""
        scope = self.scopes.get(node, self.top)
        match node:
            case cst.Name():
                owner = self.owner(node.value, scope)
                return f"{owner.name if owner else ''}::{node.value}"
            case cst.Attribute(value=cst.Name(value=receiver)):
                if receiver == scope.receiver and scope.cls is not None:
                    return self.attribute(scope.cls.name, node.attr.value)
                return f"{self.place(node.value)}.{node.attr.value}"
            case cst.Attribute() if dotted(node):
                return f"{self.place(node.value)}.{node.attr.value}"
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=key))]):
                word = string(key)
                return f"{code(node.value)}[{word!r}]" if word is not None else None
        return None

    def attribute(self, cls: str, name: str) -> str:
        """Where the objects of a class, and of those that it is made of, keep an attribute."""
        while self._bases.get(cls) in self.classes:
            cls = self._bases[cls]
        return f"self {cls}.{name}"

    def method(self, cls: str, name: str) -> str | None:
        """The method of a class, or of one that it is made of."""
        while cls in self.classes:
            if f"{cls}.{name}" in self.functions:
                return f"{cls}.{name}"
            cls = self._bases.get(cls, "")
        return None

    def callee(self, call: cst.Call) -> str | None:
        """The function of this file that a call calls."""
        scope = self.scopes.get(call, self.top)
        match call.func:
            case cst.Name(value=name):
                owner = self.owner(name, scope)
                full = f"{owner.name}.{name}".strip(".") if owner else ""
                if full in self.classes:
                    return self.method(full, "__init__")
                return full if full in self.functions else None
            case cst.Attribute(value=cst.Name(value=receiver), attr=cst.Name(value=name)):
                if receiver == scope.receiver and scope.cls is not None:
                    return self.method(scope.cls.name, name)
        return None

    def cls_of(self, call: cst.Call) -> str | None:
        """The class of this file that a call makes an object of."""
        if not isinstance(call.func, cst.Name):
            return None
        owner = self.owner(call.func.value, self.scopes.get(call, self.top))
        full = f"{owner.name}.{call.func.value}".strip(".") if owner else ""
        return full if full in self.classes else None

    def reaches(self, binding: Binding, use: cst.CSTNode) -> bool:
        """Whether a binding is made on every way to a use, and before it."""
        made = binding.at
        if made is None:
            return False
        node: cst.CSTNode | None = made
        while node is not None and not isinstance(node, _HOLDERS):
            node = self.parents.get(node)
        around = self._around(use)
        is_within = node in around
        if isinstance(binding.at, _ASSIGNING) and binding.at in around:
            return False  # the use is in the value that is assigned
        if isinstance(binding.at, cst.CompFor):
            return is_within
        return is_within and self.order[made] < self.order[use]

    def is_label(self, node: cst.CSTNode) -> bool:
        """Whether a name stands for no variable: it is that of an attribute or an argument."""
        parent = self.parents.get(node)
        is_attribute = isinstance(parent, cst.Attribute) and parent.attr is node
        return is_attribute or (isinstance(parent, cst.Arg) and parent.keyword is node)

    def is_in(self, node: cst.CSTNode, other: cst.CSTNode) -> bool:
        """Whether a node is part of another."""
        return other in self._around(node)

    def _around(self, node: cst.CSTNode | None) -> set[cst.CSTNode]:
        found: set[cst.CSTNode] = set()
        while node is not None:
            found.add(node)
            node = self.parents.get(node)
        return found

    def function_of(self, node: cst.CSTNode) -> str:
        """The function that a node stands in; empty at the top."""
        scope: Scope | None = self.scopes.get(node)
        while scope is not None and not isinstance(scope.node, cst.FunctionDef):
            scope = scope.parent
        return scope.name if scope else ""

    def _bound(self, node: cst.CSTNode) -> list[Binding]:  # noqa: PLR0911 - a case for each
        match node:
            case cst.Assign():
                pairs = [(each.target, node.value) for each in node.targets]
                return [b for target, value in pairs for b in self._targets(target, value, "is")]
            case cst.AnnAssign(value=cst.BaseExpression() as value):
                return self._targets(node.target, value, "is")
            case cst.NamedExpr():
                return self._targets(node.target, node.value, "is")
            case cst.For() | cst.CompFor():
                return self._targets(node.target, node.iter, "each")
            case cst.WithItem(asname=cst.AsName(name=name)):
                return self._targets(name, node.item, "is")
            case cst.Return(value=cst.BaseExpression() as value):
                return [Binding(f"return {self.function_of(node)}", value, "is")]
            case cst.Yield(value=cst.BaseExpression() as value):
                return [Binding(f"return {self.function_of(node)}", value, "list")]
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="append"), value=holder)):
                place = self.place(holder)
                return [Binding(place, node.args[0].value, "list")] if place and node.args else []
        return []

    def _targets(
        self, target: cst.CSTNode, value: cst.CSTNode, how: str, at: tuple[int, ...] = ()
    ) -> list[Binding]:
        if isinstance(target, cst.Tuple | cst.List):
            return [
                binding
                for number, element in enumerate(target.elements)
                for binding in self._targets(element.value, value, how, (*at, number))
            ]
        place = self.place(target)
        return [Binding(place, value, how, at)] if place else []
