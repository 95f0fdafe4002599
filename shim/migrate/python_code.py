"""What a Python file says of the Assistants API, read from its syntax tree.

Knows attribute chains, names that stand for a resource, imports, and where clients are made. Knows
one file: whose client a function is given, `shim.migrate.clients` finds out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shim.migrate import vocabulary

__all__ = ["Facts", "Import", "Site", "read"]

_WRAPPERS = frozenset({"with_raw_response", "with_streaming_response"})
_ROOTS = frozenset({"assistants", "threads", "vector_stores"})


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a method is called, or handed on to be called: `threads.runs.create`."""

    line: int
    column: int
    method: str
    client: str


@dataclass(frozen=True, slots=True)
class Import:
    """A name that an import binds: `from module import name as bound`, or `import module`."""

    module: str
    name: str | None
    bound: str
    line: int
    column: int
    level: int = 0
    typing_only: bool = False


@dataclass(slots=True)
class Facts:
    """What is read from a file; `made` has the texts of clients, with where their class is from."""

    sites: list[Site] = field(default_factory=list)
    native: list[Site] = field(default_factory=list)
    stores: list[Site] = field(default_factory=list)
    litellm: list[Site] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    escaping: set[str] = field(default_factory=set)

    def bound(self, name: str) -> Import | None:
        """The import that binds a name when the program runs."""
        return next((i for i in self.imports if i.bound == name and not i.typing_only), None)


def read(source: str) -> Facts:
    """Read a file; raises SyntaxError where Python does not understand it."""
    tree = ast.parse(source)
    reader = _Reader()
    nodes = list(ast.walk(tree))
    reader.collect_imports(nodes)
    reader.collect_names(nodes)
    reader.visit(tree)
    return reader.facts


def names_of(node: ast.expr) -> list[str]:
    """The names of an attribute chain; a call or subscript at its root is written out."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.append(node.id if isinstance(node, ast.Name) else ast.unparse(node))
    return names[::-1]


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.facts = Facts()
        self._aliases: dict[str, str] = {}

    def collect_imports(self, nodes: Sequence[ast.AST]) -> None:
        typing_only = _typing_only(nodes)
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.facts.imports += _imported(node, typing_only=id(node) in typing_only)

    def collect_names(self, nodes: Sequence[ast.AST]) -> None:
        """Names for resources and clients, twice, so that a name of a name is known."""
        naming = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.withitem)
        kinds = (*naming, ast.FunctionDef, ast.AsyncFunctionDef)
        for _ in range(2):
            for node in (each for each in nodes if isinstance(each, kinds)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._note_returned(node)
                for target, value in _assigned(node):
                    self._note_name(target, value)

    def _note_name(self, target: str, value: ast.expr) -> None:
        if (origin := self._origin(value)) is not None:
            self.facts.made[target] = origin
        elif isinstance(value, ast.Name | ast.Attribute):
            names, _, client = self._split(value)
            resource = ".".join(names)
            if resource in vocabulary.RESOURCES or resource == "beta" or resource in _ROOTS:
                self._aliases[target] = f"{client}|{resource}"
            if (text := ast.unparse(value)) in self.facts.made:
                self.facts.made[target] = self.facts.made[text]

    def _note_returned(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function that returns, or yields, a client stands for it where it is called."""
        for each in ast.walk(node):
            if isinstance(each, ast.Return | ast.Yield) and each.value is not None:
                origin = self._origin(each.value) or self.facts.made.get(ast.unparse(each.value))
                if origin is not None:
                    self.facts.made[f"{node.name}()"] = origin

    def _origin(self, value: ast.expr) -> str | None:
        """Whose client an expression makes: `openai`, `shim`, or a module's that passes it on."""
        if isinstance(value, ast.BoolOp):
            return next((o for each in value.values if (o := self._origin(each))), None)
        if isinstance(value, ast.IfExp):
            return self._origin(value.body) or self._origin(value.orelse)
        if isinstance(value, ast.Await):
            return self._origin(value.value)
        return self._call_origin(value) if isinstance(value, ast.Call) else None

    def _call_origin(self, value: ast.Call) -> str | None:
        names = names_of(value.func)
        if isinstance(value.func, ast.Name):
            if (own := self.facts.made.get(f"{names[0]}()")) is not None:
                return own
            found = self.facts.bound(names[0])
            if found and found.name and not found.name[0].isupper() and found.module != "shim":
                return f"call {names[0]}"
        if names[-1] in {"with_options", "copy"}:
            inner = value.func.value if isinstance(value.func, ast.Attribute) else value.func
            return self.facts.made.get(ast.unparse(inner)) or self._origin(inner)
        return self.class_origin(names)

    def class_origin(self, names: list[str]) -> str | None:
        """Where a class, or shim's `mount`, is from, by the name it is used with."""
        found = self.facts.bound(names[0])
        if found is None:
            star = (i for i in self.facts.imports if i.name == "*" and i.module == "openai")
            is_known = len(names) == 1 and names[0] in vocabulary.CLIENTS - {
                "Client",
                "AsyncClient",
            }
            return "openai" if is_known and next(star, None) else None
        if found.name is None and len(names) == 2 and found.module in {"openai", "shim"}:
            ours = vocabulary.CLIENTS | ({"mount"} if found.module == "shim" else set())
            return found.module if names[1] in ours else None
        if len(names) > 1 or found.name is None:
            return None
        if found.module == "shim":
            return "shim" if found.name in {*vocabulary.CLIENTS, "mount"} else None
        if found.name not in vocabulary.CLIENTS:
            return None
        return "openai" if found.module in vocabulary.CLIENT_MODULES else f"from {names[0]}"

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names, site_names, client = self._split(node)
        method = ".".join(names)
        site = Site(node.lineno, node.col_offset + 1, method, client)
        known = method in vocabulary.METHODS or method in vocabulary.VERSION_1_METHODS
        if known:
            self.facts.sites.append(site)
        elif names and names[0] == "vector_stores" and len(names) > 1:
            self.facts.stores.append(site)
        else:
            self._note_other(node, site_names)
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            self._note_use(root)
        else:
            self.visit(root)

    def _note_other(self, node: ast.Attribute, names: list[str]) -> None:
        """Calls of native Responses and of LiteLLM's functions, and clients that are handed on."""
        for size in (2, 3):
            method, client = ".".join(names[-size:]), ".".join(names[:-size])
            if method in vocabulary.NATIVE and client:
                self.facts.native.append(Site(node.lineno, node.col_offset + 1, method, client))
        found = self.facts.bound(names[0])
        of_litellm = (
            found is not None and found.name is None and found.module in {"litellm", "shim"}
        )
        if found and of_litellm and len(names) == 2 and names[1] in vocabulary.LITELLM:
            site = Site(node.lineno, node.col_offset + 1, names[1], found.module)
            self.facts.litellm.append(site)
        if self.class_origin(names[:2]) is not None:
            self.facts.used.add(names[0])
        if isinstance(node.ctx, ast.Load) and ".".join(names) in self.facts.made:
            self.facts.escaping.add(".".join(names))

    def visit_Name(self, node: ast.Name) -> None:
        self._note_use(node)
        if isinstance(node.ctx, ast.Load):
            if node.id in self.facts.made:
                self.facts.escaping.add(node.id)
            found = self.facts.bound(node.id)
            if found and found.name in vocabulary.LITELLM and found.module in {"litellm", "shim"}:
                self.facts.litellm.append(
                    Site(node.lineno, node.col_offset + 1, str(found.name), found.module)
                )

    def _note_use(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and self.class_origin([node.id]) is not None:
            self.facts.used.add(node.id)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}:
            self.visit(node.args[0]) if node.args else None
            return
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not isinstance(node.value, ast.Name):
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        """An annotation is no use of a class: shim's clients are subclasses of `openai`'s."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in (*node.decorator_list, node.args, *node.body):
            self.visit(each)

    def _split(self, node: ast.expr) -> tuple[list[str], list[str], str]:
        """A chain's names below `beta`, all its names, and the text of its client."""
        names = [name for name in names_of(node) if name not in _WRAPPERS]
        for size in range(len(names), 0, -1):
            if (alias := self._aliases.get(".".join(names[:size]))) is not None:
                client, _, resource = alias.partition("|")
                names = [*client.split("."), "beta", *_below_beta(resource), *names[size:]]
                break
        else:
            client = ""
        for index, name in enumerate(names[:-1]):
            is_import = index == 0 and self._is_module_client(names[0])
            if name == "beta" and names[index + 1] in _ROOTS and (index or is_import):
                return names[index + 1 :], names, ".".join(names[:index]) or "openai"
        if names[-1] == "beta" and len(names) > 1:
            return ["beta"], names, ".".join(names[:-1])
        return [], names, client

    def _is_module_client(self, name: str) -> bool:
        found = self.facts.bound(name)
        return found is not None and found.module in {"openai", "shim"} and found.name == "beta"


def _below_beta(resource: str) -> list[str]:
    return [] if resource == "beta" else resource.split(".")


def _assigned(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """The texts of what is assigned to, with the value."""
    match node:
        case ast.Assign():
            return [(ast.unparse(target), node.value) for target in node.targets]
        case ast.AnnAssign() if node.value is not None:
            return [(ast.unparse(node.target), node.value)]
        case ast.NamedExpr():
            return [(node.target.id, node.value)]
        case ast.withitem() if node.optional_vars is not None:
            return [(ast.unparse(node.optional_vars), node.context_expr)]
        case _:
            return []


def _imported(node: ast.Import | ast.ImportFrom, *, typing_only: bool) -> list[Import]:
    place = (node.lineno, node.col_offset + 1)
    if isinstance(node, ast.Import):
        return [
            Import(alias.name, None, alias.asname or alias.name, *place, typing_only=typing_only)
            for alias in node.names
        ]
    module = node.module or ""
    return [
        Import(module, a.name, a.asname or a.name, *place, node.level, typing_only)
        for a in node.names
    ]


def _typing_only(nodes: Iterable[ast.AST]) -> set[int]:
    """The nodes below `if TYPE_CHECKING`."""
    return {
        id(inner)
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if not isinstance(node.test, ast.UnaryOp)
        for each in node.body
        for inner in ast.walk(each)
    }
