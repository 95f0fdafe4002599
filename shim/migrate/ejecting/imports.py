"""The imports of an ejected program: shim's, and those of classes that have gone.

Knows the head of a module, where helpers are written as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import libcst as cst

from shim.migrate import python_code
from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.kinds import OBJECTS
from shim.migrate.ejecting.syntax import called, code

__all__ = ["check", "with_written", "without_old"]

_GONE = frozenset({"AssistantEventHandler", "AsyncAssistantEventHandler"})
_NATIVE = {
    "Run": "from openai.types.responses import Response as Run",
    "Thread": "from openai.types.conversations import Conversation as Thread",
    "Message": "from openai.types.conversations import Message",
}
_BLANK = (cst.EmptyLine(indent=False), cst.EmptyLine(indent=False))
_AZURE = frozenset({"AzureOpenAI", "AsyncAzureOpenAI"})


def check(draft: Draft, text: str) -> None:
    """Refuse programs whose client, or functions, are not of the SDK's plain kind."""
    facts = python_code.read(text)
    for site in facts.litellm:
        node = _node_at(draft, site.line)
        draft.refuse(
            node,
            "LiteLLM's functions find their client by themselves, and native code has none",
            "make a client of openai's, call client.beta.threads..., and eject that",
        )
        break
    for node in draft.flow.program.nodes:
        names = called(node)
        if names and names[-1] in _AZURE:
            draft.refuse(
                node,
                "a resource of Azure OpenAI has no Conversations API",
                "use OpenAI with the base_url of a Foundry project, .../openai/v1",
            )


def _node_at(draft: Draft, line: int) -> cst.CSTNode:
    for node in draft.flow.program.nodes:
        if draft.line(node) == line and isinstance(node, cst.BaseExpression | cst.ImportAlias):
            return node
    return draft.flow.program.module


def without_old(module: cst.Module) -> cst.Module:
    """The module without imports of what has gone."""
    return module.visit(_Cleaner(_used(module)))


def _used(module: cst.Module) -> set[str]:
    """The names that are read, imports aside."""
    found: set[str] = set()

    class Reader(cst.CSTVisitor):
        def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:  # noqa: ARG002 - libcst's
            return False

        def visit_Import(self, node: cst.Import) -> bool:  # noqa: ARG002 - libcst's
            return False

        def visit_Name(self, node: cst.Name) -> None:
            found.add(node.value)

    module.visit(Reader())
    return found


class _Cleaner(cst.CSTTransformer):
    def __init__(self, used: set[str]) -> None:
        super().__init__()
        self._used = used

    def leave_ImportFrom(
        self,
        original_node: cst.ImportFrom,  # noqa: ARG002 - libcst's signature
        updated_node: cst.ImportFrom,
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        source = code(updated_node.module) if updated_node.module else ""
        names = updated_node.names
        if isinstance(names, cst.ImportStar):
            return updated_node
        if (
            source == "time"
            and not {a.evaluated_alias or a.evaluated_name for a in names} & self._used
        ):
            return cst.RemoveFromParent()
        if not source.startswith(("openai", "shim")):
            return updated_node
        left = [each for each in names if not self._has_gone(source, each)]
        if not left:
            return cst.RemoveFromParent()
        left[-1] = left[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(names=left)

    def _has_gone(self, source: str, alias: cst.ImportAlias) -> bool:
        bound = alias.evaluated_alias or str(alias.evaluated_name)
        is_old = source.startswith(("openai.types.beta", "openai.lib.streaming", "shim"))
        return (alias.evaluated_name in _GONE or is_old) and (
            bound not in self._used or bound in OBJECTS
        )

    def leave_Import(
        self,
        original_node: cst.Import,  # noqa: ARG002 - libcst's signature
        updated_node: cst.Import,
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        names = [each.evaluated_name for each in updated_node.names]
        if names == ["time"] and "time" not in self._used:
            return cst.RemoveFromParent()
        return updated_node


def with_written(module: cst.Module, texts: Sequence[str], needed: Iterable[str]) -> str:
    """The text with imports and helpers behind its own imports."""
    head = _head(module)
    old, rest = list(module.body[:head]), list(module.body[head:])
    used = _used(module)
    classes = [line for name, line in _NATIVE.items() if name in used and _is_free(module, name)]
    first = next((n for n, line in enumerate(old) if _is_import(line)), len(old))
    body: list[cst.BaseStatement] = [*old]
    body[first:first] = [cst.parse_statement(line) for line in needed]
    body += [cst.parse_statement(line) for line in classes]
    for text in texts:
        statement = cst.parse_statement(text)
        body.append(statement.with_changes(leading_lines=_BLANK))
    if texts and rest:
        following = rest[0]
        leading = list(following.leading_lines)
        while leading and leading[0].comment is None:
            leading.pop(0)
        rest = [following.with_changes(leading_lines=[*_BLANK, *leading]), *rest[1:]]
    return module.with_changes(body=[*body, *rest]).code


def _is_import(line: cst.CSTNode) -> bool:
    """Whether a statement imports something, other than from the future."""
    text = code(line)
    return "import " in text and "__future__" not in text and not text.startswith(("'", '"'))


def _is_free(module: cst.Module, name: str) -> bool:
    """Whether nothing of the module binds a name that annotations use."""
    text = module.code
    return f"class {name}" not in text and f"import {name}" not in text


def _head(module: cst.Module) -> int:
    """How many statements the head of a module has: its docstring and imports."""
    count = 0
    for number, line in enumerate(module.body, 1):
        if not isinstance(line, cst.SimpleStatementLine):
            break
        first = line.body[0]
        if isinstance(first, cst.Import | cst.ImportFrom):
            count = number
        elif not (number == 1 and isinstance(first, cst.Expr)):
            break
    return count
