"""The import change in one file's text, there and back, formatting kept.

Knows the forms of Python's imports and which names are shim's. Knows no files, and not whether one
should be changed: that is `shim.migrate.codemod`'s.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import libcst as cst

from shim.migrate import vocabulary

__all__ = ["CannotRewrite", "moved", "moved_back"]

_SDK = vocabulary.CLIENTS | {"beta"}
_SETTABLE = frozenset(
    {
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "azure_ad_token",
        "azure_ad_token_provider",
        "azure_endpoint",
        "base_url",
        "default_headers",
        "default_query",
        "http_client",
        "max_retries",
        "organization",
        "project",
        "timeout",
        "webhook_secret",
    }
)
"""Values of the module that its client, shim's as well as openai's, is made of."""
_OWN = frozenset({"__version__", "__file__", "__path__", "cli", "version", "VERSION"})
"""What `shim` has under the same name and is not openai's."""
_LITELLM_SETTINGS = frozenset(
    {"api_key", "api_base", "api_version", "organization", "openai_key", "azure_key"}
)


class CannotRewrite(Exception):
    """Why a file is left as it is."""


def moved(
    text: str, *, clients: bool, litellm: bool, star: Sequence[str] = (), whole: str = ""
) -> str:
    """The text with imports of clients, and of LiteLLM's functions, from shim.

    `star` names the classes that the file has by `from openai import *`; `whole` is all that runs
    with the text, where it is a part, as a notebook's cell is.
    """
    module = _parsed(text)
    names = _names(whole or text)
    sources = [_Source("openai", _SDK, vocabulary.CLIENT_MODULES)] if clients else []
    sources += [_Source("litellm", vocabulary.LITELLM, frozenset({"litellm"}))] if litellm else []
    for source in sources:
        source.look(names)
    return _checked(module.visit(_Mover(sources, star)).code)


def moved_back(text: str) -> str:
    """The text with shim's imports as openai's and LiteLLM's, each statement for itself."""
    return _checked(_parsed(text).visit(_Returner()).code)


class _Source:
    """A package that names move from, and how the file at hand has it."""

    def __init__(self, package: str, names: frozenset[str], modules: frozenset[str]) -> None:
        self.package, self.names, self.modules = package, names, modules
        self.whole: set[str] = set()
        self.by_name: set[str] = set()

    def look(self, names: _Names) -> None:
        """Decide for each name of the module whether all of it is shim's now, or some names."""
        for bound in names.modules.get(self.package, ()):
            used = names.attributes.get(bound, set())
            if not used & self.names:
                continue
            fits = not used & _OWN and not names.set.get(bound, set()) - _SETTABLE
            if self.package == "litellm":
                fits = not used - self.names - _LITELLM_SETTINGS
            if bound in names.dotted:
                fits = False
            if not fits and names.has_other_shim:
                raise CannotRewrite("it has another thing called shim: use shim.mount(client)")
            (self.whole if fits else self.by_name).add(bound)


class _Names(ast.NodeVisitor):
    """Which modules a file binds, and which of their names it reads and sets."""

    def __init__(self) -> None:
        self.modules: dict[str, set[str]] = {}
        self.attributes: dict[str, set[str]] = {}
        self.set: dict[str, set[str]] = {}
        self.dotted: set[str] = set()
        self.has_other_shim = False

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.modules.setdefault(alias.name, set()).add(alias.asname or alias.name)
            if "." in alias.name and not alias.asname:
                self.dotted.add(alias.name.partition(".")[0])
            self.has_other_shim |= alias.asname == "shim"

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name):
            place = self.attributes if isinstance(node.ctx, ast.Load) else self.set
            place.setdefault(node.value.id, set()).add(node.attr)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.has_other_shim |= node.id == "shim" and isinstance(node.ctx, ast.Store)


def _names(text: str) -> _Names:
    names = _Names()
    names.visit(ast.parse(text))
    return names


class _OutsideTyping(cst.CSTTransformer):
    """Leaves what stands below `if TYPE_CHECKING` alone: shim's clients are subclasses."""

    def visit_If(self, node: cst.If) -> bool:
        test = node.test
        name = test.attr if isinstance(test, cst.Attribute) else test
        return not (isinstance(name, cst.Name) and name.value == "TYPE_CHECKING")


class _Mover(_OutsideTyping):
    def __init__(self, sources: Sequence[_Source], star: Sequence[str]) -> None:
        super().__init__()
        self._sources, self._star = sources, sorted(star)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        value, name = original_node.value, original_node.attr.value
        for source in self._sources:
            is_ours = isinstance(value, cst.Name) and value.value in source.by_name
            if is_ours and name in source.names:
                return updated_node.with_changes(value=cst.Name("shim"))
        return updated_node

    def leave_SimpleStatementLine(
        self,
        original_node: cst.SimpleStatementLine,  # noqa: ARG002 - libcst's signature
        updated_node: cst.SimpleStatementLine,
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        bodies = [list(self._statement(each)) for each in updated_node.body]
        return _lines(updated_node, bodies)

    def leave_SimpleStatementSuite(
        self,
        original_node: cst.SimpleStatementSuite,  # noqa: ARG002 - libcst's signature
        updated_node: cst.SimpleStatementSuite,
    ) -> cst.SimpleStatementSuite:
        body = [new for each in updated_node.body for new in self._statement(each)]
        return updated_node.with_changes(body=body)

    def _statement(self, node: cst.BaseSmallStatement) -> Iterator[cst.BaseSmallStatement]:
        if isinstance(node, cst.Import):
            yield from self._import(node)
        elif isinstance(node, cst.ImportFrom) and not node.relative:
            yield from self._import_from(node)
        else:
            yield node

    def _import(self, node: cst.Import) -> Iterator[cst.BaseSmallStatement]:
        aliases, adds = list(node.names), False
        for index, alias in enumerate(aliases):
            for source in self._sources:
                bound = alias.evaluated_alias or alias.evaluated_name
                if alias.evaluated_name != source.package:
                    continue
                adds |= bound in source.by_name
                if bound in source.whole:
                    asname = alias.asname or cst.AsName(cst.Name(source.package))
                    aliases[index] = alias.with_changes(name=cst.Name("shim"), asname=asname)
        yield node.with_changes(names=aliases)
        if adds:
            yield cst.Import([cst.ImportAlias(cst.Name("shim"))])

    def _import_from(self, node: cst.ImportFrom) -> Iterator[cst.BaseSmallStatement]:
        module = _dotted(node.module)
        source = next((each for each in self._sources if module in each.modules), None)
        if source is None:
            yield node
        elif isinstance(node.names, cst.ImportStar):
            yield node
            if self._star and source.package == "openai":
                yield _from_shim([cst.ImportAlias(cst.Name(name)) for name in self._star])
        else:
            yield from _split(node, node.names, source.names)


class _Returner(_OutsideTyping):
    def leave_ImportFrom(
        self,
        original_node: cst.ImportFrom,  # noqa: ARG002 - libcst's signature
        updated_node: cst.ImportFrom,
    ) -> cst.ImportFrom:
        names = updated_node.names
        if updated_node.relative or _dotted(updated_node.module) != "shim":
            return updated_node
        if isinstance(names, cst.ImportStar):
            return updated_node
        found = {str(alias.evaluated_name) for alias in names}
        for package, theirs in (("openai", _SDK), ("litellm", vocabulary.LITELLM)):
            if found <= theirs:
                return updated_node.with_changes(module=cst.Name(package))
        return updated_node

    def leave_ImportAlias(
        self,
        original_node: cst.ImportAlias,  # noqa: ARG002 - libcst's signature
        updated_node: cst.ImportAlias,
    ) -> cst.ImportAlias:
        if updated_node.evaluated_name != "shim" or not updated_node.asname:
            return updated_node
        bound = updated_node.evaluated_alias
        package = "litellm" if bound == "litellm" else "openai"
        changes = {"asname": None} if bound == package else {}
        return updated_node.with_changes(name=cst.Name(package), **changes)


def _split(
    node: cst.ImportFrom, names: Sequence[cst.ImportAlias], ours: frozenset[str]
) -> Iterator[cst.ImportFrom]:
    """A statement whose names all move, or two: shim's and what stays."""
    move = [alias for alias in names if alias.evaluated_name in ours]
    stay = [alias for alias in names if alias.evaluated_name not in ours]
    if not stay and move:
        yield node.with_changes(module=cst.Name("shim"))
    elif not move:
        yield node
    else:
        last = stay[-1].with_changes(comma=names[-1].comma)
        yield _from_shim(move)
        yield node.with_changes(names=[*stay[:-1], last])


def _from_shim(aliases: Sequence[cst.ImportAlias]) -> cst.ImportFrom:
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    plain = [alias.with_changes(comma=comma) for alias in aliases]
    plain[-1] = plain[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return cst.ImportFrom(module=cst.Name("shim"), names=plain)


def _lines(
    line: cst.SimpleStatementLine, bodies: Sequence[Sequence[cst.BaseSmallStatement]]
) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
    """A line with one statement becomes as many as it makes; one with several stays a line."""
    if len(bodies) > 1 or len(bodies[0]) == 1:
        return line.with_changes(body=[new for each in bodies for new in each])
    first, *rest = bodies[0]
    ends = [cst.SimpleStatementLine([each]) for each in rest]
    ends[-1] = ends[-1].with_changes(trailing_whitespace=line.trailing_whitespace)
    start = line.with_changes(body=[first], trailing_whitespace=cst.TrailingWhitespace())
    return cst.FlattenSentinel([start, *ends])


def _dotted(node: cst.BaseExpression | None) -> str:
    return cst.Module([]).code_for_node(node).replace(" ", "") if node is not None else ""


def _parsed(text: str) -> cst.Module:
    try:
        ast.parse(text)
        module = cst.parse_module(text)
    except (SyntaxError, ValueError, cst.ParserSyntaxError) as error:
        raise CannotRewrite(f"it does not parse: {str(error).splitlines()[0]}") from error
    if module.code != text:
        raise CannotRewrite("it cannot be written as it is")
    return module


def _checked(text: str) -> str:
    ast.parse(text)
    return text
