"""Messages: what may be in them, how they read, and how they change."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of

PICTURE = "data:image/png;base64,iVBORw0KGgo="


async def test_a_text_becomes_a_part(api):
    """A string in, one text part out; nothing that programs iterate over is null."""
    thread = await api.threads.create()

    made = await api.json(
        api.threads.messages.with_raw_response.create, thread.id, role="user", content="Hi"
    )

    assert made["id"].startswith("msg_")
    assert (made["object"], made["thread_id"]) == ("thread.message", thread.id)
    assert made["content"] == [{"type": "text", "text": {"value": "Hi", "annotations": []}}]
    assert (made["attachments"], made["metadata"]) == ([], {})
    assert [made[key] for key in ("assistant_id", "run_id")] == [None, None]
    assert made["status"] == "completed"
    assert made["completed_at"] == made["created_at"]
    assert [made[key] for key in ("incomplete_at", "incomplete_details")] == [None, None]


async def test_parts_are_kept_in_order(api):
    """Texts and pictures stand as they were given, with the detail that holds for them."""
    thread = await api.threads.create()
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
        {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "low"}},
    ]

    made = await api.json(
        api.threads.messages.with_raw_response.create, thread.id, role="user", content=parts
    )

    assert made["content"] == [
        {"type": "text", "text": {"value": "Look:", "annotations": []}},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "auto"}},
        {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "low"}},
    ]


async def test_pictures_are_sent_to_the_model(api, runner):
    """By address or by file id."""
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "high"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
    ]
    assistant, thread = await api.scene(parts)

    run = await runner.run(thread, assistant)

    assert run.status == "completed"
    assert api.asked[0]["input"][0]["content"] == [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "image_url": PICTURE, "detail": "high"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
    ]


async def test_an_assistant_message_can_be_written_by_the_program(api, runner):
    """It counts as context; it belongs to no run."""
    assistant, thread = await api.scene("Hi")
    await api.threads.messages.create(thread.id, role="assistant", content="Hello, what now?")
    await api.threads.messages.create(thread.id, role="user", content="Nothing")

    await runner.run(thread, assistant)

    assert [item["role"] for item in api.asked[0]["input"]] == ["user", "assistant", "user"]
    assert api.asked[0]["input"][1]["content"][0]["text"] == "Hello, what now?"


async def test_attachments_are_shown_as_given(api):
    """In their order, the same file twice if it was given twice."""
    thread = await api.threads.create()
    file = await api.client.files.create(file=("notes.txt", b"Notes"), purpose="assistants")
    attachments = [
        {"file_id": file.id, "tools": [{"type": "file_search"}]},
        {"file_id": file.id, "tools": [{"type": "code_interpreter"}]},
    ]

    made = await api.json(
        api.threads.messages.with_raw_response.create,
        thread.id,
        role="user",
        content="Read",
        extra_body={"attachments": attachments},
    )
    read = await api.json(
        api.threads.messages.with_raw_response.retrieve, made["id"], thread_id=thread.id
    )

    assert (made["attachments"], read) == (attachments, made)


async def test_a_message_can_have_nothing_but_nulls(api):
    """Explicit nulls are as good as absence."""
    thread = await api.threads.create()
    nulls = {"attachments": None, "metadata": None}

    made = await api.threads.messages.create(thread.id, role="user", content="Hi", extra_body=nulls)

    assert (made.model_dump(warnings=False)["attachments"], made.metadata) == ([], {})


async def test_the_metadata_of_a_message_is_replaced(api):
    """The answer has the older form, with `file_ids` for `attachments`."""
    _, thread = await api.scene("Hi")
    message = (await api.threads.messages.list(thread.id)).data[0]

    changed = await api.json(
        api.threads.messages.with_raw_response.update,
        message.id,
        thread_id=thread.id,
        metadata={"seen": "yes"},
    )

    read = await api.threads.messages.retrieve(message.id, thread_id=thread.id)
    assert changed["metadata"] == read.metadata == {"seen": "yes"}
    assert "attachments" not in changed
    assert changed["file_ids"] == []


async def test_a_deleted_message_is_gone(api):
    """From the list, and from what later runs are asked."""
    assistant, thread = await api.scene("One")
    two = await api.threads.messages.create(thread.id, role="user", content="Two")

    deleted = await api.client.delete(
        f"/threads/{thread.id}/messages/{two.id}",
        cast_to=object,
        options={"headers": {"OpenAI-Beta": "assistants=v2"}},
    )

    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.messages.retrieve(two.id, thread_id=thread.id)
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)
    assert deleted == {"id": two.id, "object": "thread.message.deleted", "deleted": True}
    assert message_of(caught) == f"No message found with id '{two.id}'."
    assert len(api.asked[0]["input"]) == 1


async def test_a_message_of_another_thread_is_not_found(api):
    """Threads do not see into each other."""
    _, thread = await api.scene("Mine")
    other = await api.threads.create()
    message = (await api.threads.messages.list(thread.id)).data[0]

    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.messages.retrieve(message.id, thread_id=other.id)

    assert message_of(caught) == f"No message found with id '{message.id}'."


@pytest.mark.parametrize(
    ("given", "text", "param", "code"),
    [
        (
            {"role": "system", "content": "Hi"},
            "Invalid value: 'system'. Supported values are: 'user' and 'assistant'.",
            "role",
            "invalid_value",
        ),
        (
            {"role": "user", "content": "x" * 256_001},
            (
                "Invalid 'content': string too long. Expected a string with maximum length 256000, "
                "but got a string with length 256001 instead."
            ),
            "content",
            "string_above_max_length",
        ),
        (
            {"role": "user", "content": "Hi", "metadata": {"seen": True}},
            "Invalid type for 'metadata.seen': expected a string, but got a boolean instead.",
            "metadata.seen",
            "invalid_type",
        ),
        (
            {"role": "user", "content": "Hi", "metadata": {str(n): "x" for n in range(17)}},
            (
                "Invalid 'metadata': too many properties. Expected an object with at most 16 "
                "properties, but got an object with 17 properties instead."
            ),
            "metadata",
            "object_above_max_properties",
        ),
        ({"role": "user", "content": ""}, "Message content must be non-empty.", "content", None),
        (
            {"role": "user", "content": "Hi", "extra_body": {"file_ids": []}},
            "Unknown parameter: 'file_ids'.",
            "file_ids",
            "unknown_parameter",
        ),
    ],
    ids=["role", "length", "type", "count", "empty", "unknown"],
)
async def test_a_wrong_message_is_refused(api, given, text, param, code):
    """In the original's words; the thread stays as it was."""
    thread = await api.threads.create()

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.messages.create(thread.id, **given)

    assert message_of(caught) == text
    assert (caught.value.param, caught.value.code) == (param, code)
    assert (await api.threads.messages.list(thread.id)).data == []
