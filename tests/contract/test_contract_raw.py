"""Raw and streamed responses, headers, and clients made of clients."""

from __future__ import annotations

import json

import openai
import pytest
from contract_events import check_order, recorded


async def test_a_raw_response_has_the_headers_of_the_original(api):
    """And a body as it was printed."""
    answer = await api.threads.with_raw_response.create()

    thread = await answer.parse()
    content = answer.http_response.content
    assert content == json.dumps(json.loads(content), indent=2, ensure_ascii=False).encode()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["openai-version"] == "2020-10-01"
    assert answer.headers["openai-processing-ms"].isdigit()
    assert answer.headers["x-request-id"].startswith("req_")
    assert (answer.http_response.status_code, thread.object) == (200, "thread")


async def test_a_raw_response_can_be_a_stream(api):
    """`parse` gives the events."""
    assistant, thread = await api.scene("Hello")

    answer = await api.threads.runs.with_raw_response.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    told = await recorded(await answer.parse())

    check_order(told)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert told[-1][0] == "thread.run.completed"


async def test_a_response_can_be_streamed(api):
    """`with_streaming_response` reads a plain answer too."""
    async with api.threads.with_streaming_response.create(metadata={"a": "1"}) as answer:
        thread = await answer.parse()

    assert (await api.threads.retrieve(thread.id)).metadata == {"a": "1"}


async def test_lines_of_a_stream_can_be_read(api):
    """Programs that forward the stream to a browser do."""
    assistant, thread = await api.scene("Hello")

    async with api.threads.runs.with_streaming_response.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    ) as answer:
        lines = [line async for line in answer.iter_lines()]

    names = [line for line in lines if line.startswith("event: ")]
    assert names[0] == "event: thread.run.created"
    assert names[-1] == "event: done"
    assert [line for line in lines if line][-1] == "data: [DONE]"


@pytest.mark.parametrize("way", ["with_options", "copy"])
async def test_clients_made_of_a_client_share_what_it_has(api, way):
    """Other timeouts or headers, the same threads."""
    thread = await api.threads.create()

    other = getattr(api.client, way)(timeout=5, max_retries=1)
    read = await other.beta.threads.retrieve(thread.id)
    await other.beta.threads.messages.create(thread.id, role="user", content="Hi")

    assert read.id == thread.id
    assert await api.text(thread.id) == "Hi"


async def test_headers_of_a_client_may_name_the_version(api):
    """Some programs set the beta header once and for all."""
    other = api.client.with_options(default_headers={"OpenAI-Beta": "assistants=v2"})

    thread = await other.beta.threads.create()

    assert (await api.threads.retrieve(thread.id)).id == thread.id


async def test_a_client_asks_its_upstream_with_its_own_key(api):
    """The sender of the request pays for the response; the key is never kept."""
    assistant, thread = await api.scene("Hello")

    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    await api.rested(run)
    sent = api.offline.posts()[0].headers
    assert sent["authorization"] == "***"
    assert not any(name.startswith(("openai-beta", "x-stainless")) for name in sent)


async def test_what_is_not_of_the_assistants_api_passes_through(api):
    """The same client reaches the models and the responses of its upstream."""
    models = await api.client.models.list()
    answer = await api.client.post("/responses", cast_to=object, body=_question())

    assert len(models.data) == 1
    assert answer["output"][0]["content"][0]["text"] == "You said: Hi"


def _question():
    return {"model": "gpt-4o", "input": "Hi", "store": False}


async def test_a_request_has_an_id(api):
    """Answers and errors carry it."""
    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.retrieve("thread_000000000000000000000000")

    assert caught.value.request_id.startswith("req_")


async def test_notes_say_what_was_done_about_tools(api, runner):
    """A tool that could not be carried is named with the run, on every answer about it."""
    assistant, thread = await api.scene("Hello", tools=[{"type": "file_search"}])

    run = await runner.run(thread, assistant)

    answer = await api.threads.runs.with_raw_response.retrieve(run.id, thread_id=thread.id)
    again = await api.threads.runs.with_raw_response.retrieve(run.id, thread_id=thread.id)
    assert "file_search" in answer.headers["x-shim-notes"]
    assert again.headers["x-shim-notes"] == answer.headers["x-shim-notes"]
