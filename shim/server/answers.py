"""The schemas of what is answered: objects, lists, deletions, errors. Data.

Says in JSON Schema what `shim.core.objects` and `shim.core.pages` make, with what `shim.translate`
puts into them; tests hold the two together. Where an answer echoes what was sent it refers to the
schema of the request. Knows no endpoint.
"""

from __future__ import annotations

from shim.core.wire import Json
from shim.server.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    COUNT_OR_NULL,
    INDEX,
    INTEGER,
    METADATA,
    NUMBER,
    STRING,
    STRING_OR_NULL,
    TIME,
    TIME_OR_NULL,
    an_object,
    either,
    exactly,
    list_of,
    one_of,
    or_null,
    page_of,
    ref,
)

__all__ = ["ANSWERS", "CITED", "IMAGE_FILE", "OUTPUTS"]


_FUNCTION_CALL = an_object(
    id=STRING, type=exactly("function"), function=an_object(name=STRING, arguments=STRING)
)

_TOOLS: Json = {
    "ToolShown": either(
        an_object(type=exactly("code_interpreter")),
        an_object(type=exactly("file_search"), file_search=ref("FileSearchShown")),
        an_object(
            type=exactly("function"),
            function=an_object(
                {"description": STRING}, name=STRING, parameters=ANY_OBJECT, strict=BOOLEAN
            ),
        ),
    ),
    "FileSearchShown": an_object(
        {"max_num_results": INTEGER},
        ranking_options=an_object(ranker=STRING, score_threshold=NUMBER, hybrid_search={}),
    ),
    "ResourcesShown": an_object(
        {
            "code_interpreter": an_object(file_ids=list_of(STRING)),
            "file_search": an_object(vector_store_ids=list_of(STRING)),
        }
    ),
    "ResponseFormatShown": either(exactly("auto"), ref("Format")),
}

_ASSISTANT = an_object(
    id=STRING,
    object=exactly("assistant"),
    created_at=TIME,
    name=STRING_OR_NULL,
    description=STRING_OR_NULL,
    model=STRING,
    instructions=STRING_OR_NULL,
    tools=list_of(ref("ToolShown")),
    top_p=NUMBER,
    temperature=NUMBER,
    reasoning_effort=STRING_OR_NULL,
    tool_resources=ref("ResourcesShown"),
    metadata=METADATA,
    response_format=ref("ResponseFormatShown"),
)

_THREAD = an_object(
    id=STRING,
    object=exactly("thread"),
    created_at=TIME,
    metadata=METADATA,
    tool_resources=ref("ResourcesShown"),
)

_MESSAGE_HEAD: Json = {
    "id": STRING,
    "object": exactly("thread.message"),
    "created_at": TIME,
    "assistant_id": STRING_OR_NULL,
    "thread_id": STRING,
    "run_id": STRING_OR_NULL,
    "status": one_of("in_progress", "incomplete", "completed"),
    "incomplete_details": or_null(an_object(reason=STRING)),
    "incomplete_at": TIME_OR_NULL,
    "completed_at": TIME_OR_NULL,
    "role": one_of("user", "assistant"),
    "content": list_of(ref("Content")),
}

IMAGE_FILE = an_object({"detail": STRING}, file_id=STRING)
CITED: Json = {"text": STRING, "start_index": INDEX, "end_index": INDEX}
_PATH_ANNOTATION = an_object(
    type=exactly("file_path"), **CITED, file_path=an_object(file_id=STRING)
)

_MESSAGES: Json = {
    "Message": an_object(
        **_MESSAGE_HEAD, attachments=list_of(ref("Attachment")), metadata=METADATA
    ),
    "MessageModified": {
        **an_object(**_MESSAGE_HEAD, file_ids={"type": "array", "maxItems": 0}, metadata=METADATA),
        "description": "A message as its change answers it: `file_ids` in place of `attachments`.",
    },
    "Content": either(
        an_object(
            type=exactly("text"),
            text=an_object(value=STRING, annotations=list_of(ref("Annotation"))),
        ),
        an_object(type=exactly("image_file"), image_file=IMAGE_FILE),
        an_object(type=exactly("image_url"), image_url=an_object(url=STRING, detail=STRING)),
        an_object(type=exactly("refusal"), refusal=STRING),
    ),
    "Annotation": either(
        an_object(
            type=exactly("file_citation"), **CITED, file_citation=an_object(file_id=STRING_OR_NULL)
        ),
        _PATH_ANNOTATION,
    ),
}

_USAGE = an_object(
    prompt_tokens=INTEGER,
    completion_tokens=INTEGER,
    total_tokens=INTEGER,
    prompt_token_details=an_object(cached_tokens=INTEGER),
    completion_tokens_details=an_object(reasoning_tokens=INTEGER),
)
_PROBLEM = or_null(an_object(code=STRING, message=STRING))

_RUN = an_object(
    id=STRING,
    object=exactly("thread.run"),
    created_at=TIME,
    assistant_id=STRING,
    thread_id=STRING,
    status=one_of(
        "queued",
        "in_progress",
        "requires_action",
        "cancelling",
        "cancelled",
        "failed",
        "completed",
        "incomplete",
        "expired",
    ),
    started_at=TIME_OR_NULL,
    expires_at=TIME_OR_NULL,
    cancelled_at=TIME_OR_NULL,
    failed_at=TIME_OR_NULL,
    completed_at=TIME_OR_NULL,
    required_action=or_null(
        an_object(
            type=exactly("submit_tool_outputs"),
            submit_tool_outputs=an_object(tool_calls=list_of(_FUNCTION_CALL)),
        )
    ),
    last_error=_PROBLEM,
    model=STRING,
    instructions=STRING_OR_NULL,
    tools=list_of(ref("ToolShown")),
    tool_resources=ref("ResourcesShown"),
    metadata=METADATA,
    temperature=NUMBER,
    top_p=NUMBER,
    reasoning_effort=STRING_OR_NULL,
    max_completion_tokens=COUNT_OR_NULL,
    max_prompt_tokens=COUNT_OR_NULL,
    truncation_strategy=an_object(
        type=one_of("auto", "last_messages"), last_messages=COUNT_OR_NULL
    ),
    incomplete_details=or_null(an_object(reason=STRING)),
    usage=or_null(ref("Usage")),
    response_format=ref("ResponseFormatShown"),
    tool_choice=either(one_of("none", "auto", "required"), ref("NamedTool")),
    parallel_tool_calls=BOOLEAN,
)

OUTPUTS: tuple[Json, Json] = (
    {"type": exactly("logs"), "logs": STRING},
    {"type": exactly("image"), "image": an_object(file_id=STRING)},
)

_STEPS: Json = {
    "RunStep": an_object(
        id=STRING,
        object=exactly("thread.run.step"),
        created_at=TIME,
        run_id=STRING,
        assistant_id=STRING,
        thread_id=STRING,
        type=one_of("message_creation", "tool_calls"),
        status=one_of("in_progress", "completed", "cancelled", "failed", "expired"),
        cancelled_at=TIME_OR_NULL,
        completed_at=TIME_OR_NULL,
        expires_at=TIME_OR_NULL,
        failed_at=TIME_OR_NULL,
        expired_at=TIME_OR_NULL,
        last_error=_PROBLEM,
        step_details=either(
            an_object(
                type=exactly("message_creation"), message_creation=an_object(message_id=STRING)
            ),
            an_object(type=exactly("tool_calls"), tool_calls=list_of(ref("StepCall"))),
        ),
        usage=or_null(ref("Usage")),
        metadata=METADATA,
    ),
    "StepCall": either(
        an_object(
            id=STRING,
            type=exactly("function"),
            function=an_object(name=STRING, arguments=STRING, output=STRING_OR_NULL),
        ),
        an_object(
            id=STRING,
            type=exactly("code_interpreter"),
            code_interpreter=an_object(
                input=STRING, outputs=list_of(either(*(an_object(**one) for one in OUTPUTS)))
            ),
        ),
        an_object(id=STRING, type=exactly("file_search"), file_search=ref("Searched")),
    ),
    "Searched": an_object(
        ranking_options=an_object(ranker=STRING, score_threshold=NUMBER),
        results=list_of(
            an_object(
                {"content": list_of(an_object(type=exactly("text"), text=STRING))},
                file_id=STRING_OR_NULL,
                file_name=STRING_OR_NULL,
                score={"type": ["number", "null"]},
                attributes=ANY_OBJECT,
            )
        ),
    ),
}


_FILE = an_object(
    object=exactly("file"),
    id=STRING,
    purpose=exactly("assistants_output"),
    filename=STRING,
    bytes=INTEGER,
    created_at=TIME,
    expires_at=TIME_OR_NULL,
    status=one_of("uploaded", "processed", "error"),
    status_details=STRING_OR_NULL,
)

_ERROR = an_object(message=STRING, type=STRING, param=STRING_OR_NULL, code=STRING_OR_NULL)

ANSWERS: Json = {
    "Assistant": _ASSISTANT,
    "Deleted": an_object(
        id=STRING,
        object=one_of("assistant.deleted", "thread.deleted", "thread.message.deleted", "file"),
        deleted={"type": "boolean", "const": True},
    ),
    "Error": an_object(error=_ERROR),
    "File": _FILE,
    "Run": _RUN,
    "Thread": _THREAD,
    "Usage": _USAGE,
    **_MESSAGES,
    **_STEPS,
    **_TOOLS,
    **{f"{name}List": page_of(name) for name in ("Assistant", "Message", "Run", "RunStep")},
}
"""The schemas of all objects, by name."""
