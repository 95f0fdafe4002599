"""The schemas of streamed events (Assistants spec 6.2 and 6.4). Data.

Says in JSON Schema what a stream sends: whole objects, those of plain answers, and deltas, in
which a key may be absent. Knows no order of events.
"""

from __future__ import annotations

from shim.core.wire import Json
from shim.server.answers import CITED, IMAGE_FILE, OUTPUTS
from shim.server.shapes import (
    INDEX,
    STRING,
    STRING_OR_NULL,
    an_object,
    either,
    exactly,
    list_of,
    one_of,
    ref,
)

__all__ = ["EVENTS"]

_QUOTED = an_object({"quote": STRING}, file_id=STRING_OR_NULL)
_CITATION_DELTA = an_object(
    index=INDEX, type=exactly("file_citation"), **CITED, file_citation=_QUOTED
)
_PATH_DELTA = an_object(
    index=INDEX, type=exactly("file_path"), **CITED, file_path=an_object(file_id=STRING)
)
_TEXT_DELTA = an_object(
    {"value": STRING, "annotations": list_of(either(_CITATION_DELTA, _PATH_DELTA))}
)

_DELTAS: Json = {
    "MessageDelta": an_object(
        id=STRING,
        object=exactly("thread.message.delta"),
        delta=an_object(
            content=list_of(
                either(
                    an_object(index=INDEX, type=exactly("text"), text=_TEXT_DELTA),
                    an_object(index=INDEX, type=exactly("image_file"), image_file=IMAGE_FILE),
                    an_object(index=INDEX, type=exactly("refusal"), refusal=STRING),
                )
            )
        ),
    ),
    "RunStepDelta": an_object(
        id=STRING,
        object=exactly("thread.run.step.delta"),
        delta=an_object(
            step_details=an_object(
                type=exactly("tool_calls"), tool_calls=list_of(ref("StepCallDelta"))
            )
        ),
    ),
    "StepCallDelta": either(
        an_object(
            {"id": STRING},
            index=INDEX,
            type=exactly("function"),
            function=an_object({"name": STRING, "arguments": STRING, "output": STRING_OR_NULL}),
        ),
        an_object(
            {"id": STRING},
            index=INDEX,
            type=exactly("code_interpreter"),
            code_interpreter=an_object(
                {
                    "input": STRING,
                    "outputs": list_of(either(*(an_object(index=INDEX, **one) for one in OUTPUTS))),
                }
            ),
        ),
        an_object(id=STRING, index=INDEX, type=exactly("file_search"), file_search=ref("Searched")),
    ),
}

_RUN_EVENTS = (
    "created",
    "queued",
    "in_progress",
    "requires_action",
    "completed",
    "incomplete",
    "failed",
    "cancelling",
    "cancelled",
    "expired",
)
_STEP_EVENTS = ("created", "in_progress", "completed", "failed", "cancelled", "expired")
_MESSAGE_EVENTS = ("created", "in_progress", "completed", "incomplete")


def _named(prefix: str, endings: tuple[str, ...], data: str) -> Json:
    names = [f"{prefix}.{ending}" for ending in endings]
    return an_object(event=one_of(*names), data=ref(data))


EVENTS: Json = {
    **_DELTAS,
    "StreamEvent": {
        "description": "One event of a stream: its name, and the JSON of its `data` line.",
        **either(
            an_object(event=exactly("thread.created"), data=ref("Thread")),
            _named("thread.run", _RUN_EVENTS, "Run"),
            _named("thread.run.step", _STEP_EVENTS, "RunStep"),
            _named("thread.run.step", ("delta",), "RunStepDelta"),
            _named("thread.message", _MESSAGE_EVENTS, "Message"),
            _named("thread.message", ("delta",), "MessageDelta"),
            an_object(event=exactly("error"), data=ref("Error")),
            an_object(event=exactly("done"), data=exactly("[DONE]")),
        ),
    },
}
"""The schema of a stream's event, and those of the deltas, by name."""
