"""Function tools: asked for, answered, asked for again."""

from __future__ import annotations

import json

import openai
import pytest
from contract_api import message_of
from contract_tools import PRICE, TIME, WEATHER, named, outputs_for, pending

from shim.offline import Call, Say


async def test_a_function_is_called_and_answered(api, runner):
    """The run waits with the call, and its answer quotes the output."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])

    waiting = await runner.run(thread, assistant)
    run = await runner.submit(waiting, outputs_for(waiting, "sunny"))

    (call,) = pending(waiting)
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments)["city"] == "Paris"
    assert call.id.startswith("call_")
    assert (waiting.usage, run.status, run.required_action) == (None, "completed", None)
    assert await api.text(thread.id) == "get_weather returned: sunny"


async def test_a_tool_step_waits_and_is_done(api, streamer):
    """It is in progress without an output until there is one; the tokens of both steps add up."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    waiting = await streamer.run(thread, assistant)
    list_steps = api.threads.runs.steps.list

    before = (await list_steps(waiting.id, thread_id=thread.id)).data
    run = await streamer.submit(waiting, outputs_for(waiting, "sunny"))
    after = (await list_steps(waiting.id, thread_id=thread.id)).data

    assert [(step.type, step.status, step.usage) for step in before] == [
        ("tool_calls", "in_progress", None)
    ]
    assert before[0].step_details.tool_calls[0].function.output is None
    assert [(step.type, step.status) for step in after] == [
        ("message_creation", "completed"),
        ("tool_calls", "completed"),
    ]
    assert after[1].id == before[0].id
    assert after[1].step_details.tool_calls[0].function.output == "sunny"
    assert run.usage.total_tokens == sum(step.usage.total_tokens for step in after)
    assert all(step.completed_at for step in after)


async def test_a_waiting_run_goes_on_from_where_it_was(api, streamer):
    """Same run, queued with its old start, then started anew; `expires_at` stays."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    waiting = await streamer.run(thread, assistant)

    run = await streamer.submit(waiting, outputs_for(waiting, "sunny"))

    assert waiting.expires_at == waiting.created_at + 600
    assert (run.id, run.created_at) == (waiting.id, waiting.created_at)
    assert run.started_at >= waiting.started_at
    queued = next(data for name, data in streamer.events if name == "thread.run.queued")
    assert queued["started_at"] == waiting.started_at
    assert queued["expires_at"] == waiting.expires_at


async def test_parallel_calls_share_a_step(api, streamer):
    """All are listed, and all are answered together."""
    assistant, thread = await api.scene("Weather and time", tools=[WEATHER, TIME])
    api.offline.script.calls([("get_weather", {"city": "Oslo"}, None), ("get_time", {}, None)])

    waiting = await streamer.run(thread, assistant)
    run = await streamer.submit(waiting, outputs_for(waiting, "snow", "noon"))

    steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc")).data
    functions = [call.function for call in steps[0].step_details.tool_calls]
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    assert [(f.name, f.output) for f in functions] == [
        ("get_weather", "snow"),
        ("get_time", "noon"),
    ]
    assert await api.text(thread.id) == "get_weather returned: snow get_time returned: noon"


async def test_parallel_calls_can_be_forbidden(api, runner):
    """The wish reaches the model."""
    assistant, thread = await api.scene("Weather and time", tools=[WEATHER, TIME])

    run = await runner.run(thread, assistant, parallel_tool_calls=False)

    assert api.asked[0]["parallel_tool_calls"] is False
    assert len(pending(run)) == 1


async def test_a_run_can_take_several_rounds(api, streamer):
    """Each round has a step of its own, and one more comes with the answer."""
    assistant, thread = await api.scene("Plan", tools=[WEATHER, TIME])
    script = api.offline.script
    script.call("get_weather", {"city": "Oslo"}).call("get_time").say("Wait until noon.")

    first = await streamer.run(thread, assistant)
    second = await streamer.submit(first, outputs_for(first, "snow"))
    run = await streamer.submit(second, outputs_for(second, "ten"))

    steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data
    kinds = [item["type"] for item in api.asked[2]["input"]]
    assert [step.type for step in steps] == ["message_creation", "tool_calls", "tool_calls"]
    assert [call.function.name for call in pending(second)] == ["get_time"]
    assert kinds == ["message", *["function_call", "function_call_output"] * 2]
    assert (run.status, await api.text(thread.id)) == ("completed", "Wait until noon.")


async def test_text_can_come_before_a_call(api, streamer):
    """The message has its step, and the calls have theirs."""
    assistant, thread = await api.scene("Plan", tools=[TIME])
    api.offline.script.mixed([Say("Let me look."), Call("get_time")])

    waiting = await streamer.run(thread, assistant)
    run = await streamer.submit(waiting, outputs_for(waiting, "ten"))

    steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc")).data
    messages = (await api.threads.messages.list(thread.id, run_id=run.id, order="asc")).data
    texts = [message.content[0].text.value for message in messages]
    assert [s.type for s in steps] == ["message_creation", "tool_calls", "message_creation"]
    assert texts == ["Let me look.", "get_time returned: ten"]


async def test_schemas_are_sent_as_not_strict(api, runner):
    """They were never meant to be, whatever the Responses API takes for granted."""
    assistant, thread = await api.scene("Hello", tools=[WEATHER, PRICE])

    await runner.run(thread, assistant)

    weather, price = api.asked[0]["tools"]
    assert weather == {"type": "function", **WEATHER["function"], "strict": False}
    assert (price["name"], price["strict"]) == ("Menu-price", False)
    assert price["parameters"] == {"type": "object", "properties": {}}


async def test_a_call_without_arguments_has_an_empty_object(api, runner):
    """Programs parse the arguments as JSON without looking."""
    assistant, thread = await api.scene("Hello", tools=[PRICE])
    api.offline.script.call("Menu-price", {})

    run = await runner.run(thread, assistant, tool_choice="required")

    (call,) = pending(run)
    assert (call.function.name, call.function.arguments) == ("Menu-price", "{}")


@pytest.mark.parametrize("choice", ["required", named("get_time")], ids=["required", "named"])
async def test_a_forced_choice_is_for_the_first_answer(api, streamer, choice):
    """Else the run would call for ever."""
    assistant, thread = await api.scene("Hello", tools=[WEATHER, TIME])

    waiting = await streamer.run(thread, assistant, tool_choice=choice)
    run = await streamer.submit(waiting, dict.fromkeys((c.id for c in pending(waiting)), "ten"))

    sent = {"type": "function", "name": "get_time"} if choice != "required" else "required"
    assert api.asked[0]["tool_choice"] == sent
    assert api.asked[1].get("tool_choice", "auto") == "auto"
    assert (run.status, run.model_dump(warnings=False)["tool_choice"]) == ("completed", choice)


async def test_later_runs_see_calls_with_their_outputs(api, streamer):
    """What was looked up is known in the next run."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    waiting = await streamer.run(thread, assistant)
    await streamer.submit(waiting, outputs_for(waiting, "sunny"))
    await api.threads.messages.create(thread.id, role="user", content="Thanks")

    await streamer.run(thread, assistant)

    kinds = [item["type"] for item in api.asked[2]["input"]]
    assert kinds == ["message", "function_call", "function_call_output", "message", "message"]


async def test_outputs_must_be_for_the_calls_that_wait(api):
    """Too few or others are refused with both lists, and the run goes on waiting."""
    assistant, thread = await api.scene("Weather and time", tools=[WEATHER, TIME])
    api.offline.script.calls([("get_weather", {}, "call_A"), ("get_time", {}, "call_B")])
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)
    wrong = {
        "['call_A']": ["call_A"],
        "['call_A', 'call_C']": ["call_A", "call_C"],
        "[]": [],
    }

    for got, ids in wrong.items():
        with pytest.raises(openai.BadRequestError) as caught:
            await api.threads.runs.submit_tool_outputs(
                run.id,
                thread_id=thread.id,
                tool_outputs=[{"tool_call_id": each, "output": ""} for each in ids],
            )
        assert message_of(caught) == (
            f"Expected tool outputs for call_ids ['call_A', 'call_B'], got {got}"
        )

    kept = await api.threads.runs.retrieve(run.id, thread_id=thread.id)
    assert [call.id for call in pending(kept)] == ["call_A", "call_B"]


async def test_outputs_are_strings(api):
    """Anything else is refused by its type."""
    assistant, thread = await api.scene("Hello", tools=[TIME])
    api.offline.script.call("get_time", {}, "call_A")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.runs.submit_tool_outputs(
            run.id, thread_id=thread.id, tool_outputs=[{"tool_call_id": "call_A", "output": 10}]
        )

    assert message_of(caught) == (
        "Invalid type for 'tool_outputs[0].output': expected a string, but got an integer instead."
    )
    assert caught.value.code == "invalid_type"


async def test_outputs_are_refused_where_none_are_waited_for(api):
    """With the status in double quotes, which programs look for."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.runs.submit_tool_outputs(
            run.id, thread_id=thread.id, tool_outputs=[{"tool_call_id": "call_A", "output": "x"}]
        )

    assert message_of(caught) == 'Runs in status "completed" do not accept tool outputs.'


async def test_outputs_can_be_submitted_and_polled(api):
    """`submit_tool_outputs_and_poll` gives back the run at its end."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    waiting = await api.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20
    )

    run = await api.threads.runs.submit_tool_outputs_and_poll(
        run_id=waiting.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": pending(waiting)[0].id, "output": "sunny"}],
        poll_interval_ms=20,
    )

    assert run.status == "completed"
    assert await api.text(thread.id) == "get_weather returned: sunny"


async def test_code_and_files_do_not_disturb_a_text(api, runner):
    """Assistants often have every tool there is."""
    tools = [{"type": "code_interpreter"}, {"type": "file_search"}, WEATHER]
    assistant, thread = await api.scene("Hello", tools=tools)

    run = await runner.run(thread, assistant)

    assert run.status == "completed"
    assert [tool.type for tool in run.tools] == ["code_interpreter", "file_search", "function"]
    assert await api.text(thread.id) == "You said: Hello"
