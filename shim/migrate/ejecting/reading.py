"""What is read of the API's objects - attributes, types, statuses, events - natively.

Knows kinds and one expression at a time.
"""

from __future__ import annotations

import re

import libcst as cst

from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.flow import class_events
from shim.migrate.ejecting.kinds import ATTRIBUTES, CLASSES, EVENTS, TYPES, Kind
from shim.migrate.ejecting.syntax import code, dotted, parsed, string, with_article

__all__ = ["attribute", "comparison", "instance_test", "part_of"]

_NOTED = {"text": "text", "required": "calls", "event": "events"}
_DUMPS = frozenset({"model_dump_json", "model_dump", "to_dict", "to_json", "json"})
_STREAMED = frozenset({"until_done", "get_final_run", "get_final_messages", "close"})
_ENDED_EVENTS = frozenset(
    {
        *("thread.created", "thread.run.cancelling", "thread.run.cancelled", "thread.run.expired"),
        *("thread.message.incomplete", "thread.run.step.failed", "thread.run.step.cancelled"),
        *("thread.run.step.expired", "done"),
    }
)
"""Events that do not come any more, or never came to programs."""


def attribute(
    draft: Draft, original: cst.Attribute, updated: cst.Attribute
) -> cst.BaseExpression | None:
    """What an attribute of an object of the API becomes; None for those of other objects."""
    kind = draft.flow.kind(original.value)
    name = original.attr.value
    if kind is None or kind.name in {"instance", "tuple"}:
        return None
    parent = draft.flow.program.parents.get(original)
    is_compared = isinstance(parent, cst.Comparison) and parent.left is original
    if name in {"type", "event"} and is_compared and _compared(parent):
        return None  # the comparison as a whole becomes another
    return part_of(draft, kind, name, original, code(updated.value))


def part_of(
    draft: Draft, kind: Kind, name: str, original: cst.CSTNode, value: str
) -> cst.BaseExpression | None:
    """An attribute of an object of a kind, which `value` is the code of; None where it stays."""
    if _stays(kind, name):
        return None
    if (kind.name, name) == ("event", "event") and not draft.is_shown(original):
        draft.refuse(original, "events have other names", "compare event.event with their names")
        return None
    text = _own_form(draft, kind.name, name, value)
    if text is None and (kind.name, name) == ("event", "data"):
        return _event_data(draft, original, value)
    if text is not None:
        return parsed(text)
    rule = ATTRIBUTES.get(kind.name, {}).get(name)
    if rule is None:
        noun = _NAMES.get(kind.name, kind.name)
        draft.refuse(original, f"{name} of {with_article(noun)} has no counterpart")
        return None
    draft.note(rule.note, _NOTED.get(kind.name, ""))
    if (kind.name, name) == ("run", "usage") and draft.flow.has_functions:
        draft.note("usage")
    becomes = rule.becomes
    if rule.helper:
        becomes = becomes.replace(rule.helper, draft.helper(rule.helper), 1)
    return parsed(becomes.replace("{}", value))


def _stays(kind: Kind, name: str) -> bool:
    """Whether an attribute is a method of a list, a text, or a stream, that is looked at there."""
    match kind.name:
        case "list":
            return hasattr(list, name)
        case "assistant_id" | "thread_id" | "run_id" | "said" | "made":
            return hasattr(str, name)
        case "stream":
            return name in _STREAMED
    return False


def _own_form(  # noqa: PLR0911 - a case for each
    draft: Draft, kind: str, name: str, value: str
) -> str | None:
    """An attribute whose form depends on the program, or is no attribute natively."""
    match kind, name:
        case ("list", "data") | ("assistant", "id"):
            return value
        case "assistant", "name" if draft.shown_is_given:
            return draft.assistant_name()
        case "stream", "text_deltas":
            deltas = 'if event.type == "response.output_text.delta"'
            return f"(event.delta for event in {value} {deltas})"
        case "assistant", ("model" | "instructions" | "tools" | "temperature" | "top_p"):
            return f'{value}["{name}"]'
        case "run", "status" if draft.flow.has_functions:
            draft.note("calls")
            return f"{draft.helper('status_of')}({value})"
        case "message", "content" if shows_images(draft):
            return f"{draft.helper('parts_of')}({value})"
        case "part", "text" if draft.flow.reads_citations:
            draft.note("citations")
            return f"{draft.helper('cited')}({value})"
        case (("call" | "step_call"), "type"):
            return f'{value}.type.removesuffix("_call")'
    return _shown_form(draft, kind, name, value)


def _shown_form(draft: Draft, kind: str, name: str, value: str) -> str | None:
    """What is there under the same name, and says something else."""
    if (kind, name) == ("event", "event"):
        draft.note("named")
        return f"{value}.type"
    if kind in {"run", "thread", "message", "step"} and name in _DUMPS:
        draft.note("printed")
        return f"{value}.{name}"
    return None


_NAMES = {
    "said": "text",
    "cited": "text",
    "required": "required_action",
    "submitted": "required_action",
    "made_file": "file that code made",
    "made": "file that code made",
    "stream": "stream",
}


def shows_images(draft: Draft) -> bool:
    """Whether the program looks for images that code made."""
    nodes = draft.flow.program.nodes
    return any(isinstance(n, cst.Attribute) and n.attr.value == "image_file" for n in nodes)


def _event_data(draft: Draft, original: cst.CSTNode, value: str) -> cst.BaseExpression | None:
    kind = draft.flow.event_data(original)
    native = {"run": "response", "message": "item", "step": "item", "message_event": ""}
    if kind is None or kind.name not in native:
        draft.refuse(
            original,
            "of which event the data is, is not seen here",
            "test event.event right above",
        )
        return None
    draft.note("events")
    return parsed(f"{value}.{native[kind.name]}" if native[kind.name] else value)


def comparison(
    draft: Draft, original: cst.Comparison, updated: cst.Comparison
) -> cst.BaseExpression | None:
    """A test of an event's name, of a type, or of what a run waits for."""
    if len(original.comparisons) != 1:
        return None
    left, target = original.left, original.comparisons[0]
    is_not = isinstance(target.operator, cst.NotEqual | cst.NotIn | cst.IsNot)
    if code(target.comparator) == "None":
        return _none_test(draft, original, code(updated.left), is_not=is_not)
    kind = draft.flow.kind(left.value) if isinstance(left, cst.Attribute) else None
    words = _words(target.comparator)
    if kind is None or not words or not isinstance(left, cst.Attribute):
        return None
    test = _test(draft, original, (kind.name, left.attr.value), words, code(updated.left))
    return _negated(draft, original, test, is_not=is_not)


def _none_test(
    draft: Draft, original: cst.Comparison, text: str, *, is_not: bool
) -> cst.BaseExpression | None:
    """Whether there are function calls to answer: a list, where None was."""
    kind = draft.flow.kind(original.left)
    if kind is None or kind.name not in {"required", "submitted"}:
        return None
    return parsed(text if is_not else f"not {text}")


def _test(
    draft: Draft, node: cst.CSTNode, read: tuple[str, str], words: list[str], left: str
) -> str | None:
    """A comparison of an attribute with words; `left` is the attribute as it is now."""
    holder = left.rpartition(".")[0]
    match read:
        case "event", "event":
            return _event_test(draft, node, words, holder)
        case kind, "type":
            return _type_test(draft, node, kind, words, holder)
        case "run", "status" if words == ["requires_action"]:
            draft.note("calls")
            return left.replace(draft.helper("status_of"), _calls(draft), 1)
    return None


def _calls(draft: Draft) -> str:
    return draft.helper("function_calls")


def _compared(node: cst.CSTNode | None) -> list[str]:
    return _words(node.comparisons[0].comparator) if isinstance(node, cst.Comparison) else []


def _words(node: cst.BaseExpression) -> list[str]:
    if isinstance(node, cst.Tuple | cst.List | cst.Set):
        found = [string(each.value) for each in node.elements]
        return [each for each in found if each] if all(found) else []
    word = string(node)
    return [word] if word else []


def _negated(
    draft: Draft, node: cst.CSTNode, text: str | None, *, is_not: bool
) -> cst.BaseExpression | None:
    """A test in brackets, where what is around it needs them."""
    if text is None:
        return None
    if is_not:
        return parsed(f"not ({text})" if " " in text else f"not {text}")
    is_alone = isinstance(draft.flow.program.parents.get(node), cst.If | cst.While)
    return parsed(text if is_alone or not re.search(r" (?:and|or) ", text) else f"({text})")


def _event_test(draft: Draft, node: cst.CSTNode, words: list[str], holder: str) -> str | None:
    tests = []
    for word in words:
        if word in _ENDED_EVENTS:
            draft.note("never")
        elif word not in EVENTS:
            draft.refuse(node, f"the event {word} has no counterpart", "read the response's events")
            return None
        else:
            draft.note("events")
            tests.append(_event(draft, word).replace("{}", holder))
    return " or ".join(dict.fromkeys(tests)) or "False"


def _event(draft: Draft, word: str) -> str:
    test = EVENTS[word][0]
    if "call_delta" in test:
        return test.replace("call_delta", draft.helper("call_delta"), 1)
    if "function_calls" not in test:
        return test
    if word == "thread.run.completed" and not draft.flow.has_functions:
        return test.partition(" and ")[0]
    return test.replace("function_calls", _calls(draft))


def _type_test(
    draft: Draft, node: cst.CSTNode, kind: str, words: list[str], holder: str
) -> str | None:
    tests = [TYPES.get((kind, word)) for word in words]
    if not all(tests):
        draft.refuse(
            node, f"{with_article(kind)} is compared with {words}, which it can not be any more"
        )
        return None
    if kind == "part":
        draft.note("text")
    return " or ".join(each.replace("{}", holder) for each in tests if each)


def instance_test(draft: Draft, original: cst.Call, updated: cst.Call) -> cst.BaseExpression | None:
    """`isinstance`, `hasattr` and `getattr` of an object of the API."""
    if len(original.args) < 2:
        return None
    kind = draft.flow.kind(original.args[0].value)
    if kind is None or kind.name in {"instance", "tuple"}:
        return None
    value = code(updated.args[0].value)
    match dotted(original.func):
        case ["isinstance"]:
            return _isinstance(draft, original, kind, value)
        case ["hasattr"]:
            return _hasattr(draft, original, kind, value)
        case ["getattr"]:
            default = code(updated.args[2].value) if len(updated.args) > 2 else None
            return _getattr(draft, original, kind, value, default)
    return None


def _hasattr(draft: Draft, original: cst.Call, kind: Kind, value: str) -> cst.BaseExpression | None:
    word = string(original.args[1].value)
    test = TYPES.get((kind.name, word or ""))
    if test is None:
        draft.refuse(original, f"whether it has {word} says nothing any more")
        return None
    return parsed(test.replace("{}", value))


def _getattr(
    draft: Draft, original: cst.Call, kind: Kind, value: str, default: str | None
) -> cst.BaseExpression | None:
    word = string(original.args[1].value)
    if word is None:
        draft.refuse(original, "which attribute is read is computed")
        return None
    part = part_of(draft, kind, word, original, value)
    test = TYPES.get((kind.name, word))
    if part is None or test is None or default is None:
        return part
    return parsed(f"({code(part)} if {test.replace('{}', value)} else {default})")


def _isinstance(
    draft: Draft, original: cst.Call, kind: Kind, value: str
) -> cst.BaseExpression | None:
    cls = code(original.args[1].value).rpartition(".")[2]
    if kind.name == "event" and (events := class_events(cls)):
        return _negated(draft, original, _event_test(draft, original, events, value), is_not=False)
    if cls in CLASSES and (test := TYPES.get((kind.name, CLASSES[cls][1]))) is not None:
        return parsed(test.replace("{}", value))
    draft.refuse(original, f"which {kind.name} is {with_article(cls)} is not known")
    return None
