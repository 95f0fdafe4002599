"""Loops that wait for a run, and messages that go with one. Reads only."""

from __future__ import annotations

import libcst as cst

from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.kinds import Kind
from shim.migrate.ejecting.syntax import called, code, keywords, string

__all__ = ["is_wait", "join"]

_WAITING = frozenset({"queued", "in_progress", "cancelling"})
_SHOWING = frozenset({"print", "info", "debug", "log", "sleep"})


def is_wait(draft: Draft, loop: cst.While) -> bool:
    """Whether a loop does nothing but wait for a run that is awaited already."""
    if loop.orelse is not None or draft.calls("runs.cancel"):
        return False
    return _waits(draft, loop.test) and _only_waits(draft, loop.body)


def _waits(draft: Draft, test: cst.BaseExpression) -> bool:
    if isinstance(test, cst.BooleanOperation):
        return _waits(draft, test.left) and _waits(draft, test.right)
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return False
    left, target = test.left, test.comparisons[0]
    if not isinstance(left, cst.Attribute) or left.attr.value != "status":
        return False
    if draft.flow.kind(left.value) != Kind("run"):
        return False
    each = target.comparator
    words = {string(each)}
    if isinstance(each, cst.Tuple | cst.List | cst.Set):
        words = {string(element.value) for element in each.elements}
    if isinstance(target.operator, cst.Equal | cst.In):
        return words <= _WAITING
    return not draft.flow.has_functions and "completed" in words


def _only_waits(draft: Draft, body: cst.BaseSuite) -> bool:
    polls = False
    for line in body.body:
        if not isinstance(line, cst.SimpleStatementLine):
            return False
        for small in line.body:
            value = small.value if isinstance(small, cst.Assign | cst.Expr) else None
            value = value.expression if isinstance(value, cst.Await) else value
            api = draft.flow.api(value) if value is not None else None
            if api is not None and api.method == "threads.runs.retrieve":
                polls = True
            elif (
                isinstance(small, cst.Pass) or (called(value or small)[-1:] or [""])[0] in _SHOWING
            ):
                continue
            else:
                return False
    return polls


def join(draft: Draft) -> None:
    """Find the messages that stand right before the run that answers them."""
    for node in draft.flow.program.nodes:
        if isinstance(node, cst.IndentedBlock | cst.Module):
            for line, following in zip(node.body, node.body[1:], strict=False):
                _join(draft, line, following)


def _join(draft: Draft, line: cst.CSTNode, following: cst.CSTNode) -> None:
    small = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    if not isinstance(small, cst.Expr) or len(line.body) != 1:  # type: ignore[attr-defined]
        return
    value = small.value.expression if isinstance(small.value, cst.Await) else small.value
    message, run = draft.flow.api(value), _run_in(draft, following)
    if message is None or message.method != "threads.messages.create" or run is None:
        return
    given = keywords(message.node, ("thread_id",))
    same = code(given["thread_id"]) if "thread_id" in given else None
    plain = not {"attachments", "metadata"} & set(given) and {"role", "content"} <= set(given)
    if plain and same == code(keywords(run, ("thread_id",)).get("thread_id", value)):
        draft.merged[small] = run


def _run_in(draft: Draft, line: cst.CSTNode) -> cst.Call | None:
    """The run that a statement makes first of all."""
    expression: cst.CSTNode | None = None
    match line:
        case cst.SimpleStatementLine(body=[cst.Assign() | cst.Expr() | cst.Return() as small]):
            expression = small.value
        case cst.With(items=[item]):
            expression = item.item
    if isinstance(expression, cst.Await):
        expression = expression.expression
    api = draft.flow.api(expression) if expression is not None else None
    made = ("runs.create", "runs.create_and_poll", "runs.stream", "runs.create_and_stream")
    return api.node if api is not None and api.method.endswith(made) else None
