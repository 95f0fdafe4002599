"""What code ran and showed in a recording, as the embedded upstream is told it.

Pictures were recorded by their ids alone: other bytes stand for each. Knows recorded answers and
the upstream's items; nothing of shim.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from recordings import Scenario

from shim.offline import Output, Raw, Reply, View

__all__ = ["UNSEEN", "has_code", "ran", "runs"]

_OUTPUTS = "code_interpreter_call.outputs"
_CALL = {"type": "code_interpreter_call", "status": "completed", "container_id": "cntr_unseen"}

UNSEEN = Raw({**_CALL, "code": "# It was not read in the recording.", "outputs": []})
"""Code of which the recording shows nothing."""


def ran(step: dict[str, Any], chunks: Sequence[str] | None = None) -> list[Raw]:
    """The code of a step with what it showed; `chunks` are its deltas."""
    calls = step["step_details"].get("tool_calls", ())
    told = [each["code_interpreter"] for each in calls if each["type"] == "code_interpreter"]
    return [Raw({**_CALL, "code": each["input"], "outputs": _shown(each)}, chunks) for each in told]


def _shown(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [_pictured(each) if each["type"] == "image" else each for each in told["outputs"]]


def _pictured(output: dict[str, Any]) -> dict[str, Any]:
    """A picture as the upstream shows it; the recorded id stands for its bytes."""
    data = b64encode(output["image"]["file_id"].encode()).decode()
    return {"type": "image", "url": f"data:image/png;base64,{data}"}


def has_code(reply: Reply) -> bool:
    """Whether the model ran code."""
    return any(map(_is_code, reply.outputs))


def _is_code(output: Output) -> bool:
    return isinstance(output, Raw) and output.item["type"] == "code_interpreter_call"


def runs(scenario: Scenario, ours: Callable[[str], str]) -> Callable[[View], bool]:
    """Whether a request lets code see the files it saw when recorded, and wants its outputs."""
    given = set(map(ours, _files([*scenario.shown("assistant"), *scenario.shown("thread")])))

    def _asked(view: View) -> bool:
        tool = view.tool("code_interpreter")
        return (
            tool is not None
            and set(tool["container"].get("file_ids") or ()) == given
            and _OUTPUTS in (view.body.get("include") or ())
        )

    return _asked


def _files(holders: Iterable[dict[str, Any]]) -> list[str]:
    resources = [each["tool_resources"].get("code_interpreter", {}) for each in holders]
    return [key for each in resources for key in each.get("file_ids", ())]
