"""The SDK's stream helpers and event handlers, which lean on every rule of a stream."""

from __future__ import annotations

from contract_events import check_order, plain
from contract_tools import TIME, WEATHER, pending


async def test_a_handler_is_called_for_all_of_a_text(api):
    """Its methods fire in order, with what has been gathered so far."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("", chunks=["Hel", "lo."])
    seen = []

    async def on_text_created(handler, text):
        seen.append(("text", text.value))

    async def on_text_delta(handler, delta, snapshot):
        seen.append(("delta", delta.value, snapshot.value))

    async def on_text_done(handler, text):
        seen.append(("text done", text.value))

    async def on_message_done(handler, message):
        seen.append(("message done", message.status))

    async def on_run_step_done(handler, step):
        seen.append(("step done", step.type))

    async def on_end(handler):
        seen.append(("end",))

    handler = api.handler(
        on_text_created=on_text_created,
        on_text_delta=on_text_delta,
        on_text_done=on_text_done,
        on_message_done=on_message_done,
        on_run_step_done=on_run_step_done,
        on_end=on_end,
    )
    async with api.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id, event_handler=handler
    ) as stream:
        await stream.until_done()

    assert seen[0][0] == "text"
    assert seen[1:] == [
        ("delta", "Hel", "Hel"),
        ("delta", "lo.", "Hello."),
        ("text done", "Hello."),
        ("message done", "completed"),
        ("step done", "message_creation"),
        ("end",),
    ]


async def test_a_helper_gives_what_came_of_the_run(api):
    """The final run, its messages and its steps."""
    assistant, thread = await api.scene("Hello")

    async with api.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        run = await stream.get_final_run()
        messages = await stream.get_final_messages()
        steps = await stream.get_final_run_steps()

    assert (run.status, run.usage.total_tokens > 0) == ("completed", True)
    assert [message.content[0].text.value for message in messages] == ["You said: Hello"]
    assert [step.type for step in steps] == ["message_creation"]


async def test_a_helper_gives_the_text_alone(api):
    """`text_deltas` is all that many programs read."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("", chunks=["Once", " upon", " a time."])

    async with api.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        texts = [text async for text in stream.text_deltas]

    assert texts == ["Once", " upon", " a time."]


async def test_a_thread_is_made_run_and_streamed_to_a_handler(api):
    """`create_and_run_stream` calls the same methods."""
    assistant = await api.client.beta.assistants.create(model="gpt-4o")
    texts = []

    async def on_text_done(handler, text):
        texts.append(text.value)

    async with api.threads.create_and_run_stream(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "Hello"}]},
        event_handler=api.handler(on_text_done=on_text_done),
    ) as stream:
        run = await stream.get_final_run()

    assert (texts, run.status) == (["You said: Hello"], "completed")


def _answering(api, thread, told, *, texts):
    """A handler that submits outputs when the run waits, in a stream of its own."""

    async def on_event(handler, event):
        told.append(plain(event))
        if event.event != "thread.run.requires_action":
            return
        outputs = [{"tool_call_id": call.id, "output": "sunny"} for call in pending(event.data)]
        inner = []
        async with api.threads.runs.submit_tool_outputs_stream(
            thread_id=thread.id,
            run_id=event.data.id,
            tool_outputs=outputs,
            event_handler=_answering(api, thread, inner, texts=texts),
        ) as stream:
            await stream.until_done()
        check_order(inner)

    async def on_text_done(handler, text):
        texts.append(text.value)

    return api.handler(on_event=on_event, on_text_done=on_text_done)


async def test_a_handler_submits_outputs_as_the_guides_show(api):
    """From inside `on_event`, with the first stream unread to its end."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    told, texts = [], []

    async with api.threads.runs.stream(
        thread_id=thread.id,
        assistant_id=assistant.id,
        event_handler=_answering(api, thread, told, texts=texts),
    ) as stream:
        await stream.until_done()

    run = (await api.threads.runs.list(thread.id)).data[0]
    check_order(told)
    assert (run.status, texts) == ("completed", ["get_weather returned: sunny"])


async def test_a_handler_submits_outputs_round_after_round(api):
    """Each inner stream may wait again."""
    assistant, thread = await api.scene("Plan", tools=[WEATHER, TIME])
    script = api.offline.script
    script.calls([("get_weather", {}, None), ("get_time", {}, None)]).call("get_time").say("Done.")
    told, texts = [], []

    async with api.threads.runs.stream(
        thread_id=thread.id,
        assistant_id=assistant.id,
        event_handler=_answering(api, thread, told, texts=texts),
    ) as stream:
        await stream.until_done()

    run = (await api.threads.runs.list(thread.id)).data[0]
    steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data
    assert (run.status, texts) == ("completed", ["Done."])
    assert [step.type for step in steps] == ["message_creation", "tool_calls", "tool_calls"]


async def test_a_handler_submits_outputs_when_a_call_is_done(api):
    """The last call of all is done when the run waits; outputs are taken right then."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    seen = []

    async def on_tool_call_created(handler, call):
        seen.append(("created", call.function.name, call.function.output))

    async def on_tool_call_done(handler, call):
        seen.append(("done", call.function.arguments))
        if handler.current_run.status != "requires_action":
            return
        outputs = [{"tool_call_id": call.id, "output": "sunny"}]
        async with api.threads.runs.submit_tool_outputs_stream(
            thread_id=thread.id, run_id=handler.current_run.id, tool_outputs=outputs
        ) as stream:
            seen.append(("run", (await stream.get_final_run()).status))

    handler = api.handler(
        on_tool_call_created=on_tool_call_created, on_tool_call_done=on_tool_call_done
    )
    async with api.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id, event_handler=handler
    ) as stream:
        await stream.until_done()

    assert seen[0] == ("created", "get_weather", None)
    assert seen[1][0] == "done"
    assert '"city":"Paris"' in seen[1][1].replace(" ", "")
    assert ("run", "completed") in seen


async def test_a_handler_gathers_the_arguments(api):
    """Deltas add up to what the run then waits for."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    pieces = []

    async def on_tool_call_delta(handler, delta, snapshot):
        pieces.append(delta.function.arguments)

    async with api.threads.runs.stream(
        thread_id=thread.id,
        assistant_id=assistant.id,
        event_handler=api.handler(on_tool_call_delta=on_tool_call_delta),
    ) as stream:
        run = await stream.get_final_run()

    assert "".join(pieces) == pending(run)[0].function.arguments


async def test_a_failed_run_reaches_the_handler(api):
    """As an event, not as an exception."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.fail("server_error", "Boom.", partial="Well")

    async with api.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        run = await stream.get_final_run()

    assert (run.status, run.last_error.message) == ("failed", "Boom.")
