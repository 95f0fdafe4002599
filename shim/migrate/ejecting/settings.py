"""An assistant's, or a run's, settings as those of a response: names, tools, formats.

What is written out is mapped while ejecting; what is computed, by a small function in the program.
"""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.syntax import code, entries, is_none, keywords, laid_out, string

__all__ = ["content", "items", "message", "messages", "output_entries", "settings", "tool_choice"]

Nodes = Mapping[str, cst.BaseExpression]
_SAME = ("model", "instructions", "temperature", "top_p")
_WITHOUT_PLACE = ("name", "description", "metadata")
_PARTS = frozenset({"text", "image_url", "image_file"})
_EMPTY_SCHEMA = '{"type": "object", "properties": {}}'


def settings(draft: Draft, given: Nodes, node: cst.CSTNode, *, made: bool) -> list[str]:
    """The entries of a dictionary of settings; `made` for those of a new assistant."""
    found = [f'"{name}": {code(given[name])}' for name in _SAME if _is_set(given.get(name))]
    sampling = {name for name in ("temperature", "top_p") if _is_set(given.get(name))}
    draft.echoed |= sampling
    if sampling:
        draft.note("sampling")
    if _is_set(given.get("reasoning_effort")):
        draft.echoed.add("reasoning")
        found.append(f'"reasoning": {{"effort": {code(given["reasoning_effort"])}}}')
    if (wanted := _format(draft, given.get("response_format"))) is not None:
        draft.echoed.add("text")
        found.append(f'"text": {wanted}')
    tools = _tools(draft, given, node)
    if tools is not None:
        found.append(f'"tools": {tools}')
    if made:
        found.append('"truncation": "auto"')
        if any(_is_set(given.get(name)) for name in _WITHOUT_PLACE):
            draft.note("left_out")
    known = {*_SAME, *_WITHOUT_PLACE, "reasoning_effort", "response_format", "tools"}
    for name in sorted(set(given) - known - {"tool_resources", "assistant_id", "timeout"}):
        draft.refuse(node, f"the setting {name} has no counterpart")
    return found


def _is_set(node: cst.BaseExpression | None) -> bool:
    return node is not None and not is_none(node)


def _format(draft: Draft, given: cst.BaseExpression | None) -> str | None:
    if given is None or is_none(given) or string(given) == "auto":
        return None
    found = entries(given)
    schema = entries((found or {}).get("json_schema"))
    if found is not None and set(found) == {"type"}:
        return f'{{"format": {code(given)}}}'
    if found is not None and schema is not None:
        parts = ['"type": "json_schema"']
        parts += [f'"{name}": {code(value)}' for name, value in schema.items()]
        if "strict" not in schema:
            parts.append('"strict": False')
        return f'{{"format": {laid_out("{", parts, "}", 2)}}}'
    return f"{draft.helper('text_format')}({code(given)})"


def _tools(draft: Draft, given: Nodes, node: cst.CSTNode) -> str | None:
    resources = given.get("tool_resources")
    tools = given.get("tools")
    if not _is_set(tools) and not _is_set(resources):
        return None
    if _is_set(resources):
        draft.note("resources")
    if not _is_set(tools):
        draft.refuse(node, "tools have their files with them, and the tools are not given here")
        return None
    plain = _resources(resources) if _is_set(resources) else {}
    written = _written_tools(draft, tools, plain or {})
    if _is_set(resources) and (plain is None or written is None):
        tools_text = written or _computed_tools(draft, tools)
        return f"{draft.helper('with_resources')}({tools_text}, {code(resources)})"  # type: ignore[arg-type]
    return written if written is not None else _computed_tools(draft, tools)


def _resources(node: cst.BaseExpression | None) -> dict[str, str] | None:
    """The stores and files of tools, where they are written out."""
    found = {}
    for tool, key in (("file_search", "vector_store_ids"), ("code_interpreter", "file_ids")):
        inner = entries((entries(node) or {}).get(tool))
        if inner and set(inner) == {key}:
            found[tool] = code(inner[key])
    return found if len(found) == len(entries(node) or {"": None}) else None


def _written_tools(
    draft: Draft, node: cst.BaseExpression | None, resources: Mapping[str, str]
) -> str | None:
    """A list of tools of which each is written out, or of which one can be mapped alone."""
    if not isinstance(node, cst.List) or not all(isinstance(e, cst.Element) for e in node.elements):
        return None
    kinds = [string((entries(each.value) or {}).get("type")) for each in node.elements]
    if resources and not set(resources) <= set(kinds):
        return None
    made = [_tool(draft, each.value, resources) for each in node.elements]
    return laid_out("[", [each for each in made if each], "]", 1)


def _computed_tools(draft: Draft, node: cst.BaseExpression | None) -> str:
    assert node is not None
    return f"[{draft.helper('response_tool')}(tool) for tool in {code(node)}]"


def _tool(draft: Draft, node: cst.BaseExpression, resources: Mapping[str, str]) -> str:
    found = entries(node)
    kind = string((found or {}).get("type"))
    inner = entries((found or {}).get(kind or ""))
    if found is None or kind is None or (inner is None and kind in found):
        return f"{draft.helper('response_tool')}({code(node)})"
    parts = [f'"type": "{kind}"']
    for name, value in (inner or {}).items():
        if name == "ranking_options":
            parts.append(f'"{name}": {_ranking(value)}')
        elif name != "strict":
            parts.append(f'"{name}": {code(value)}')
    if kind == "function":
        if "parameters" not in (inner or {}):
            parts.append(f'"parameters": {_EMPTY_SCHEMA}')
        strict = (inner or {}).get("strict")
        parts.append(f'"strict": {code(strict) if strict is not None else "False"}')
    elif kind == "file_search":
        if "file_search" not in resources and not searches_later(draft):
            return ""
        parts.insert(1, f'"vector_store_ids": {resources.get("file_search", "[]")}')
    elif kind == "code_interpreter":
        files = resources.get("code_interpreter", "[]")
        parts.append(f'"container": {{"type": "auto", "file_ids": {files}}}')
    return laid_out("{", parts, "}", 2)


def searches_later(draft: Draft) -> bool:
    """Whether vector stores may come after the assistant is made."""
    return draft.has_files or draft.calls("assistants.update")


def _ranking(node: cst.BaseExpression) -> str:
    found = entries(node)
    if found is None:
        return f'{{**{code(node)}, "ranker": "auto"}}'
    parts = [f'"{name}": {code(value)}' for name, value in found.items() if name != "ranker"]
    return "{" + ", ".join(['"ranker": "auto"', *parts]) + "}"


def tool_choice(node: cst.BaseExpression) -> str:
    """A choice of a tool, flat."""
    found = entries(node)
    inner = entries((found or {}).get("function"))
    if inner is not None and "name" in inner:
        return f'{{"type": "function", "name": {code(inner["name"])}}}'
    return code(node)


def messages(draft: Draft, node: cst.BaseExpression) -> list[str] | None:
    """The items of a list of messages that is written out."""
    if not isinstance(node, cst.List):
        return None
    found = [entries(each.value) for each in node.elements if isinstance(each, cst.Element)]
    if len(found) != len(node.elements) or len(found) > 20:
        return None
    if not all(each and {"role", "content"} <= set(each) for each in found):
        return None
    return [message(draft, each) for each in found if each]


def message(draft: Draft, given: Nodes) -> str:
    """A message as an item."""
    if _is_set(given.get("metadata")):
        draft.note("metadata")
    role = code(given["role"])
    text = content(draft, given["content"], role)
    parts = ('"type": "message"', f'"role": {role}', f'"content": {text}')
    return laid_out("{", parts, "}", 2)


def content(draft: Draft, node: cst.BaseExpression, role: str) -> str:
    """The content of a message, its parts by their new names."""
    if isinstance(node, cst.List):
        parts = [_part(each.value, role) for each in node.elements]
        if all(parts):
            return laid_out("[", [each for each in parts if each], "]", 2)
    is_list = isinstance(node, cst.List | cst.ListComp)
    if not is_list and (_is_text(node) or not _has_parts(draft)):
        return code(node)
    return f"{draft.helper('content_of')}({code(node)}, {role})"


def _is_text(node: cst.BaseExpression) -> bool:
    return string(node) is not None or isinstance(node, cst.FormattedString)


def _has_parts(draft: Draft) -> bool:
    """Whether the program makes messages of several parts anywhere."""
    found = (entries(node) or {} for node in draft.flow.program.nodes)
    return any(string(each.get("type")) in set(each) & _PARTS for each in found)


def _part(node: cst.BaseExpression, role: str) -> str | None:
    found = entries(node)
    kind = string((found or {}).get("type"))
    if found is None:
        return None
    if kind == "text" and "text" in found:
        name = "output_text" if "assistant" in role else "input_text"
        return f'{{"type": "{name}", "text": {code(found["text"])}}}'
    inner = entries(found.get(kind or ""))
    if kind not in {"image_url", "image_file"} or inner is None:
        return None
    parts = ['"type": "input_image"']
    for name, value in inner.items():
        parts.append(f'"{"image_url" if name == "url" else name}": {code(value)}')
    if "detail" not in inner:
        parts.append('"detail": "auto"')
    return "{" + ", ".join(parts) + "}"


def output_entries(node: cst.CSTNode) -> Nodes | None:
    """An output of a function call that is written out, as a dictionary or a call."""
    found = entries(node)
    if found is None and isinstance(node, cst.Call):
        found = keywords(node)
    return found if found is not None and set(found) == {"tool_call_id", "output"} else None


def items(draft: Draft, node: cst.BaseExpression) -> str:
    """Messages, written out or computed, as a list of items."""
    found = messages(draft, node)
    if found is not None:
        return laid_out("[", found, "]", 1)
    return f"[{draft.helper('message_item')}(each) for each in {code(node)}]"
