"""Where objects of the API leave what is seen of a program: handed to others, stored, shown.

Such a place gets a native object, and what happens there with it is not known: it is refused.
"""

from __future__ import annotations

import builtins

import libcst as cst

from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.kinds import Kind, listed
from shim.migrate.ejecting.syntax import code, with_article

__all__ = ["check", "results"]

_PLAIN = frozenset({"thread_id", "run_id", "said", "instance", "tuple"})
"""What is the same for others: texts, and objects of the program itself."""
_KNOWN = frozenset(dir(builtins)) | {"append", "run", "gather", "deepcopy", "create_task"}
_NOUNS = {"assistant_id": "assistant's id", "made": "file that code made", "thread": "thread"}


def check(draft: Draft) -> None:
    """Refuse what leaves the program, and what is two things in one place."""
    for node in draft.flow.program.nodes:
        if isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript):
            kind = draft.flow.kind(node)
            if kind is not None and kind.name not in _PLAIN and kind != listed(None):
                _check_use(draft, node, kind)
    for node in draft.flow.unused():
        draft.refuse(node, "a method or resource is named, not called", "call it where it is named")
    for value in draft.flow.mixes("assistant"):
        draft.refuse(
            value,
            "an assistant comes from here by its id, and its settings are not known",
            "make the assistant in the program alone",
        )
    for place, names in draft.flow.conflicts.items():
        _check_conflict(draft, place, names)


def _check_use(draft: Draft, node: cst.CSTNode, kind: Kind) -> None:
    parent = draft.flow.program.parents.get(node)
    is_read = isinstance(parent, cst.Attribute | cst.Subscript | cst.For | cst.CompFor)
    if (
        is_read
        and isinstance(node, cst.Name)
        and kind.name != "thread"
        and draft.flow.is_mixed(node)
    ):
        draft.refuse(node, f"it may be something else than {_noun(kind)} here", "use two names")
    if isinstance(parent, cst.AssignTarget) and "environ" in code(node):
        draft.refuse(node, f"{_noun(kind)} goes into the environment")
    if kind.name in {"assistant_id", "made"} and not _moves_on(draft, node, parent):
        draft.refuse(node, f"{_noun(kind)} is read as a text, which it is not any more")
    if isinstance(parent, cst.DictElement):
        draft.refuse(node, f"{_noun(kind)} goes into a dictionary", "keep it in a variable")
    if not isinstance(parent, cst.Arg) or draft.is_shown(node):
        return
    call = draft.flow.program.parents.get(parent)
    if not isinstance(call, cst.Call) or _is_known(draft, call, kind):
        return
    draft.refuse(call, f"{_noun(kind)} is handed to what is not in this file")


def _moves_on(draft: Draft, node: cst.CSTNode, parent: cst.CSTNode | None) -> bool:
    """Whether a value is only kept, tested for being there, handed on or shown."""
    if draft.is_shown(node) or draft.flow.program.is_label(node):
        return True
    if isinstance(parent, cst.Comparison):
        return all(code(each.comparator) == "None" for each in parent.comparisons)
    if isinstance(parent, cst.Arg):
        call = draft.flow.program.parents.get(parent)
        return not (isinstance(call, cst.Call) and code(call.func) in dir(builtins))
    return not isinstance(parent, cst.Subscript | cst.BinaryOperation | cst.FormattedString)


def _noun(kind: Kind) -> str:
    return with_article(_NOUNS.get(kind.name, kind.name))


def _is_known(draft: Draft, call: cst.Call, kind: Kind) -> bool:
    program = draft.flow.program
    if draft.flow.api(call) is not None:
        return True
    if program.callee(call) is not None or program.cls_of(call) is not None:
        return True
    func = call.func
    name = func.attr.value if isinstance(func, cst.Attribute) else code(func)
    if kind.name == "made":
        return "files" in code(func)
    if isinstance(func, cst.Attribute) and _is_above(func.value):
        return True
    if isinstance(func, cst.Attribute):
        base = draft.flow.kind(func.value)
        if base is not None and base.name == "instance":
            return True
    return name in _KNOWN


def _is_above(node: cst.BaseExpression) -> bool:
    """Whether a method of the class above is meant."""
    return code(node).startswith("super(")


def _check_conflict(draft: Draft, place: str, names: set[str]) -> None:
    for node in draft.flow.program.nodes:
        is_it = isinstance(node, cst.Attribute) and draft.flow.program.place(node.value) == place
        if isinstance(node, cst.Attribute) and is_it and draft.flow.is_unsure(node.value):
            words = " and ".join(sorted(names))
            draft.refuse(node, f"{code(node.value)} is in turn {words}", "use two names")
            return


def results(draft: Draft) -> list[str]:
    """What functions give to callers that are not in this file, where that is another object."""
    program = draft.flow.program
    called = {program.callee(node) for node in program.nodes if isinstance(node, cst.Call)}
    found = []
    for name in program.functions:
        kind = draft.flow.returned(name)
        if kind is not None and kind.name not in _PLAIN and name not in called:
            found.append(f"{name} gives the native object for {_noun(kind)}: look at its callers")
    return found
