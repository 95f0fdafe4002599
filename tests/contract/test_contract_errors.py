"""Errors: the SDK's own exceptions, with the texts that programs look for."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of

NOWHERE = "0" * 24
BETA = {"headers": {"OpenAI-Beta": "assistants=v2"}}


def _asks(api, thread, run):
    """One request for an unknown id of each kind."""
    threads, of = api.threads, {"thread_id": thread.id}
    return {
        "assistant": api.client.beta.assistants.retrieve,
        "thread": threads.retrieve,
        "message": lambda x: threads.messages.retrieve(x, **of),
        "run": lambda x: threads.runs.retrieve(x, **of),
        "run step": lambda x: threads.runs.steps.retrieve(x, **of, run_id=run.id),
    }


PREFIXES = {
    "assistant": ("asst", "assistant_id"),
    "thread": ("thread", "thread_id"),
    "message": ("msg", "message_id"),
    "run": ("run", "run_id"),
    "run step": ("step", "step_id"),
}


@pytest.mark.parametrize("kind", PREFIXES)
async def test_an_unknown_id_is_not_found(api, kind):
    """Programs make a new thing when they read this text."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)
    unknown = f"{PREFIXES[kind][0]}_{NOWHERE}"

    with pytest.raises(openai.NotFoundError) as caught:
        await _asks(api, thread, run)[kind](unknown)

    error = caught.value
    text = f"No {kind} found with id '{unknown}'."
    assert text in str(error)
    assert list(error.response.json()["error"]) == ["message", "type", "param", "code"]
    assert error.body == {
        "message": text,
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    assert (error.status_code, error.code, error.param) == (404, None, None)


@pytest.mark.parametrize("kind", PREFIXES)
async def test_a_malformed_id_is_refused(api, kind):
    """`undefined` is what careless programs send."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)
    prefix, param = PREFIXES[kind]

    with pytest.raises(openai.BadRequestError) as caught:
        await _asks(api, thread, run)[kind]("undefined")

    assert message_of(caught) == (
        f"Invalid '{param}': 'undefined'. Expected an ID that begins with '{prefix}'."
    )
    assert (caught.value.param, caught.value.code) == (param, "invalid_value")


async def test_things_of_another_thread_are_not_found(api):
    """The inner id is the one that is missed."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)
    other = await api.threads.create()

    for ask in (
        lambda: api.threads.runs.retrieve(run.id, thread_id=other.id),
        lambda: api.threads.runs.cancel(run.id, thread_id=other.id),
        lambda: api.threads.runs.steps.list(run.id, thread_id=other.id),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            await ask()
        assert message_of(caught) == f"No run found with id '{run.id}'."


async def test_an_unknown_path_is_not_found(api):
    """Whatever comes after a thread."""
    thread = await api.threads.create()

    with pytest.raises(openai.NotFoundError) as caught:
        await api.client.get(f"/threads/{thread.id}/nothing", cast_to=object, options=BETA)

    assert message_of(caught) == f"Invalid URL (GET /v1/threads/{thread.id}/nothing)"


async def test_a_run_names_an_assistant_that_exists(api):
    """Also where the thread is made on the way, and then none is."""
    unknown = f"asst_{NOWHERE}"

    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.create_and_run(assistant_id=unknown)

    assert message_of(caught) == f"No assistant found with id '{unknown}'."


async def test_errors_are_not_repeated(api):
    """The SDK tries some statuses again; none of these."""
    thread_id = f"thread_{NOWHERE}"
    statuses = []
    for ask in (
        lambda: api.threads.retrieve(thread_id),
        lambda: api.threads.messages.create(thread_id, role="user", content="Hi"),
        lambda: api.threads.messages.create("undefined", role="user", content="Hi"),
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            await ask()
        statuses.append(caught.value.status_code)

    assert statuses == [404, 404, 400]
    assert api.offline.log == []
