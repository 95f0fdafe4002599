"""Loops as well-known programs and libraries write them."""

from __future__ import annotations

import json

import openai
import pytest
from contract_lanes import SDK
from contract_tools import WEATHER, pending


async def test_the_quickstart_works(api):
    """Poll while queued or in progress, then read the newest message."""
    assistant = await api.client.beta.assistants.create(
        name="Math Tutor", instructions="Answer briefly.", model="gpt-4o"
    )
    thread = await api.threads.create()
    await api.threads.messages.create(thread_id=thread.id, role="user", content="Solve 3x + 11.")

    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    while run.status in ("queued", "in_progress"):
        await api.pause(0.02)
        run = await api.threads.runs.retrieve(thread_id=thread.id, run_id=run.id)

    messages = await api.threads.messages.list(thread_id=thread.id)
    assert run.status == "completed"
    assert messages.data[0].content[0].text.value.startswith("You said: Solve 3x + 11.")


async def test_a_loop_until_completed_gets_its_messages(api):
    """Programs like semantic-kernel build their answer from the completed steps, newest first."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    seen, texts = set(), []

    while run.status != "completed":
        run = await api.rested(run)
        if run.status == "requires_action":
            outputs = [
                {"tool_call_id": call.id, "output": json.loads(call.function.arguments)["city"]}
                for call in pending(run)
            ]
            run = await api.threads.runs.submit_tool_outputs(
                run.id, thread_id=thread.id, tool_outputs=outputs
            )
        steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data
        for step in sorted(
            (s for s in steps if s.completed_at is not None and s.id not in seen),
            key=lambda s: (s.created_at, s.id),
        ):
            seen.add(step.id)
            if step.type == "message_creation":
                message_id = step.step_details.message_creation.message_id
                message = await api.threads.messages.retrieve(message_id, thread_id=thread.id)
                texts += [part.text.value for part in message.content]

    assert texts == ["get_weather returned: Paris"]


async def test_answers_are_found_by_their_run(api):
    """Programs like langchain and ag2 walk the whole thread and keep what carries the run's id."""
    assistant, thread = await api.scene("One")
    for _ in range(3):
        run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
        await api.rested(run)

    answers = [
        message
        async for message in api.threads.messages.list(thread.id, order="asc", limit=2)
        if message.run_id == run.id and message.assistant_id == assistant.id
    ]

    assert [message.role for message in answers] == ["assistant"]
    assert [list(message.attachments) for message in answers] == [[]]
    assert [dict(message.metadata) for message in answers] == [{}]


async def test_annotations_are_replaced_in_the_text(api):
    """The usual loop over annotations runs, also where there are none."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)

    part = (await api.threads.messages.list(thread.id)).data[0].content[0].text
    text = part.value
    for annotation in part.annotations:
        text = text.replace(annotation.text, "")

    assert text == "You said: Hello"


async def test_an_assistant_is_found_again_by_its_name(api):
    """ag2 looks at the first page only: newest first, twenty of them."""
    for n in range(3):
        await api.client.beta.assistants.create(model="gpt-4o", name=f"helper-{n}")

    found = [each for each in (await api.client.beta.assistants.list()).data if each.name]

    assert [each.name for each in found] == ["helper-2", "helper-1", "helper-0"]


async def test_objects_can_be_dumped_and_validated(api):
    """What strictly typed SDKs need is there, for every kind of object."""
    assistant, thread = await api.scene("Hello", tools=[WEATHER], instructions="Be brief.")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    run = await api.rested(run)
    step = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data[0]
    message = (await api.threads.messages.list(thread.id)).data[0]

    for each in (assistant, thread, run, step, message):
        strict = type(each).model_validate(each.model_dump(warnings=False))
        assert strict.id == each.id


async def test_a_run_is_stopped_and_the_thread_reused(api):
    """Programs like marvin look for an active run, cancel it, and begin another."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    first = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(first)

    active = (await api.threads.runs.list(thread.id, limit=1)).data[0]
    stopped = await api.rested(await api.threads.runs.cancel(active.id, thread_id=thread.id))
    second = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, tool_choice="none"
    )

    assert (active.id, active.status) == (first.id, "requires_action")
    assert stopped.status == "cancelled"
    assert (await api.rested(second)).status == "completed"


async def test_vector_stores_are_reached_where_old_programs_look(api):
    """`client.beta.vector_stores` is there, whatever the SDK has, and asks the upstream."""
    if api.lane.workers and SDK >= (1, 66):
        pytest.skip("the SDK has dropped the name, and mounting alone puts it back")
    api.refusals = [404]

    with pytest.raises(openai.NotFoundError):
        await api.client.beta.vector_stores.retrieve("vs_1")

    assert [entry.path for entry in api.offline.log] == ["/vector_stores/vs_1"]
