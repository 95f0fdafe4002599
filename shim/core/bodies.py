"""The bodies of requests: which keys each has, of which type, within which limits.

Knows Assistants spec section 3 and the limits of 7.4; every optional key may also be null. Refuses
to know how a body arrives, what it means, whether what it names exists, and how a refusal is
worded: what pydantic finds, and the errors raised here, are left to `shim.core.refusals`. What only
a validator of ours decides is said in JSON Schema beside it, for the published document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from shim.core.fields import (
    Instructions,
    Metadata,
    NewResources,
    Object,
    Resources,
    ResponseFormat,
    Schema,
    Tool,
    ToolChoice,
    Variant,
    by_kind,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "CreateAssistant",
    "CreateMessage",
    "CreateRun",
    "CreateThread",
    "CreateThreadAndRun",
    "SubmitToolOutputs",
    "UpdateAssistant",
    "UpdateMessage",
    "UpdateRun",
    "UpdateThread",
]


def _content(value: Any) -> Any:
    if not value:
        raise PydanticCustomError("empty_content", "empty content")
    return value


def _image_url(url: str) -> str:
    if not url.startswith(("https://", "http://", "data:image/")):
        raise PydanticCustomError("bad_url", "bad url")
    return url


class _Steering(Object):
    """What an assistant sets and a run overrides, alike in both."""

    instructions: Instructions = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    response_format: ResponseFormat = None
    metadata: Metadata = None


class UpdateAssistant(_Steering):
    """POST /assistants/{id}."""

    model: str = ""
    name: Annotated[str, Field(max_length=256)] | None = None
    description: Annotated[str, Field(max_length=512)] | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_resources: Resources | None = None


class CreateAssistant(UpdateAssistant):
    """POST /assistants."""

    model: str = Field()
    tool_resources: NewResources | None = None


class _ImageUrl(Object):
    url: Annotated[
        str,
        AfterValidator(_image_url),
        Field(json_schema_extra={"pattern": "^(https?://|data:image/)"}),
    ]
    detail: Literal["auto", "low", "high"] | None = None


class _ImageFile(Object):
    file_id: str
    detail: Literal["auto", "low", "high"] | None = None


class _Part(Variant):
    needed = ("text", "image_url", "image_file")

    type: Literal["text", "image_url", "image_file"]
    text: str | None = None
    image_url: _ImageUrl | None = None
    image_file: _ImageFile | None = None


class _AttachmentTool(Object):
    type: Literal["code_interpreter", "file_search"]


class _Attachment(Object):
    file_id: str
    tools: list[_AttachmentTool] | None = None


_NO_IMAGES_OF_ASSISTANTS: Schema = {
    "if": {"properties": {"role": {"const": "assistant"}, "content": {"type": "array"}}},
    "then": {"properties": {"content": {"items": {"properties": {"type": {"const": "text"}}}}}},
}


class CreateMessage(Object):
    """POST /threads/{id}/messages, and each message of a thread or run that is made with some."""

    model_config = ConfigDict(json_schema_extra=_NO_IMAGES_OF_ASSISTANTS)

    role: Literal["user", "assistant"]
    content: Annotated[
        Annotated[
            str,
            Field(max_length=256_000, json_schema_extra={"minLength": 1}),
            AfterValidator(_content),
            Tag("[string]"),
        ]
        | Annotated[
            list[_Part],
            Field(json_schema_extra={"minItems": 1}),
            AfterValidator(_content),
            Tag("[array]"),
        ],
        by_kind("one of a string or array of objects"),
    ]
    attachments: list[_Attachment] | None = None
    metadata: Metadata = None

    @model_validator(mode="after")
    def _shows_images_as_user(self) -> Self:
        if self.role != "user" and isinstance(self.content, list):
            for part in self.content:
                if part.type != "text":
                    form = "URL" if part.type == "image_url" else "file"
                    raise PydanticCustomError("misplaced_image", "image", {"form": form})
        return self


class UpdateMessage(Object):
    """POST /threads/{id}/messages/{id}."""

    metadata: Metadata = None


class UpdateThread(Object):
    """POST /threads/{id}."""

    tool_resources: Resources | None = None
    metadata: Metadata = None


class CreateThread(Object):
    """POST /threads."""

    messages: list[CreateMessage] | None = None
    tool_resources: NewResources | None = None
    metadata: Metadata = None


class _ThreadToRun(CreateThread):
    """Programs send back a thread they were given; what only the original sets is let through."""

    id: Any = None
    object: Any = None
    created_at: Any = None


_ITS_NUMBER: Schema = {
    "if": {"properties": {"type": {"const": "last_messages"}}},
    "then": {
        "required": ["last_messages"],
        "properties": {"last_messages": {"type": "integer"}},
    },
}


class _Truncation(Object):
    model_config = ConfigDict(json_schema_extra=_ITS_NUMBER)

    type: Literal["auto", "last_messages"]
    last_messages: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _has_its_number(self) -> Self:
        if self.type == "last_messages" and self.last_messages is None:
            raise PydanticCustomError("missing_key", "missing", {"key": "last_messages"})
        return self


class _Run(_Steering):
    """What both ways to make a run have in common."""

    assistant_id: Annotated[str, Field(json_schema_extra={"pattern": "^asst"})]
    model: str | None = None
    tools: Annotated[list[Tool], Field(max_length=20)] | None = None
    tool_choice: ToolChoice = None
    parallel_tool_calls: bool | None = None
    max_prompt_tokens: Annotated[int, Field(ge=256)] | None = None
    # The documented minimum is 256, the original took 16 (Assistants spec 3.4).
    max_completion_tokens: Annotated[int, Field(ge=16)] | None = None
    truncation_strategy: _Truncation | None = None
    stream: bool | None = None


class CreateRun(_Run):
    """POST /threads/{id}/runs."""

    additional_instructions: Instructions = None
    additional_messages: list[CreateMessage] | None = None


class CreateThreadAndRun(_Run):
    """POST /threads/runs."""

    thread: _ThreadToRun | None = None
    tool_resources: Resources | None = None


class UpdateRun(Object):
    """POST /threads/{id}/runs/{id}."""

    metadata: Metadata = None


class _ToolOutput(Object):
    tool_call_id: str
    output: str | None = None


class SubmitToolOutputs(Object):
    """POST /threads/{id}/runs/{id}/submit_tool_outputs."""

    tool_outputs: list[_ToolOutput]
    stream: bool | None = None
