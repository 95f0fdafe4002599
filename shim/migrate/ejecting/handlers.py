"""The class that calls an event handler's methods, as text; no other methods than are used.

Written for asyncio, as all that is emitted. Knows the events of a response.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["handler"]

_ADDED = 'event.type == "response.output_item.added" and event.item.type'
_DONE = 'event.type == "response.output_item.done" and event.item.type'
_IS_CALL = '.endswith("_call")'
_IS_STEP = ' != "reasoning"'
_DELTA = 'event.type == "response.output_text.delta"'
_SHOWN = (
    'event.type == "response.output_text.annotation.added"'
    ' and event.annotation["type"] == "container_file_citation"'
    ' and event.annotation["start_index"] == event.annotation["end_index"]'
)
_PIECE = 'self.on_tool_call_delta(CallDelta("{}", {}), None)'

_BRANCHES: tuple[tuple[str, str, str], ...] = (
    (
        "on_text_created",
        'event.type == "response.content_part.added" and event.part.type == "output_text"',
        'self.on_text_created("")',
    ),
    ("on_text_delta", _DELTA, "self.on_text_delta(event.delta, self._text)"),
    ("on_message_delta", _DELTA, "self.on_message_delta(event, None)"),
    ("on_text_done", 'event.type == "response.output_text.done"', "self.on_text_done(event.text)"),
    ("on_message_created", f'{_ADDED} == "message"', "self.on_message_created(event.item)"),
    ("on_run_step_created", f"{_ADDED}{_IS_STEP}", "self.on_run_step_created(event.item)"),
    ("on_tool_call_created", f"{_ADDED}{_IS_CALL}", "self.on_tool_call_created(event.item)"),
    (
        "on_tool_call_delta",
        'event.type == "response.function_call_arguments.delta"',
        _PIECE.format("function", "arguments=event.delta"),
    ),
    (
        "on_tool_call_delta",
        'event.type == "response.code_interpreter_call_code.delta"',
        _PIECE.format("code_interpreter", "input=event.delta"),
    ),
    (
        "on_tool_call_delta",
        f'{_DONE} == "code_interpreter_call" and event.item.outputs',
        _PIECE.format("code_interpreter", "outputs=event.item.outputs"),
    ),
    ("on_tool_call_done", f"{_DONE}{_IS_CALL}", "self.on_tool_call_done(event.item)"),
    (
        "on_image_file_done",
        _SHOWN,
        "self.on_image_file_done(SimpleNamespace(**event.annotation))",
    ),
    ("on_message_done", f'{_DONE} == "message"', "self.on_message_done(event.item)"),
    ("on_run_step_done", f"{_DONE}{_IS_STEP}", "self.on_run_step_done(event.item)"),
)
_PARAMETERS = {
    "on_event": "event",
    "on_text_delta": "delta, snapshot",
    "on_message_delta": "delta, snapshot",
    "on_tool_call_delta": "delta, snapshot",
    "on_exception": "exception",
    "on_end": "",
}


def handler(name: str, methods: Iterable[str], *, events: str) -> str:
    """A class that calls methods for the events of a response, no others than are used."""
    used = [each for each in methods if each != "on_timeout"]  # responses do not expire
    lines = [f"class {name}:", '    """Calls a method for each event of a streamed response."""']
    lines += ["", "    current_run = None", '    _text = ""', ""]
    lines += ["    async def read(self, stream):", '        """Read a stream to its end."""']
    body = _reading(used, events)
    if "on_exception" in used:
        body = ["        try:", *(f"    {line}" for line in body)]
        body += ["        except Exception as error:", "            await self.on_exception(error)"]
        body += ["            raise"]
    lines += body
    if "on_end" in used:
        lines.append("        await self.on_end()")
    for method in used:
        parameters = _PARAMETERS.get(method, "given")
        head = f"    async def {method}(self{', ' if parameters else ''}{parameters}):"
        lines += ["", head, '        """Nothing, unless a class says what."""']
    return "\n".join(lines) + "\n"


def _reading(used: list[str], events: str) -> list[str]:
    lines = [f"        async for event in {events}(stream):"]
    lines += ['            self.current_run = getattr(event, "response", self.current_run)']
    if "on_event" in used:
        lines.append("            await self.on_event(event)")
    if "on_text_delta" in used:
        lines += ['            if event.type == "response.content_part.added":']
        lines += ['                self._text = ""', f"            if {_DELTA}:"]
        lines += ["                self._text += event.delta"]
    for method, test, action in _BRANCHES:
        if method in used:
            lines += _branch(test, action)
    return lines


def _branch(test: str, action: str) -> list[str]:
    """An `if`, its test over several lines where it is long."""
    parts = test.split(" and ")
    head = [f"            if {test}:"]
    if len(head[0]) > 100:
        rest = [f"                and {each}" for each in parts[1:]]
        head = ["            if (", f"                {parts[0]}", *rest, "            ):"]
    return [*head, f"                await {action}"]
