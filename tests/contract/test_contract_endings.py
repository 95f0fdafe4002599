"""Runs that end otherwise than completed: cut short, refused, failed."""

from __future__ import annotations

from contract_tools import TIME, outputs_for

BOOM = {"code": "server_error", "message": "Boom."}
QUOTA = "You exceeded your current quota, please check your plan and billing details."


async def _ended(api, run):
    """The run's last message and its steps, newest first."""
    messages = await api.threads.messages.list(run.thread_id, limit=1, run_id=run.id)
    steps = await api.threads.runs.steps.list(run.id, thread_id=run.thread_id)
    return (messages.data or [None])[0], steps.data


async def test_a_run_ends_incomplete_at_its_token_limit(api, runner):
    """The message stays as far as it got; its step is completed."""
    assistant, thread = await api.scene("count to 500")

    run = await runner.run(thread, assistant, max_completion_tokens=16)

    message, steps = await _ended(api, run)
    assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_completion_tokens")
    assert (run.completed_at is None, run.failed_at, run.usage.completion_tokens) == (
        False,
        None,
        16,
    )
    assert (message.status, message.incomplete_details.reason) == ("incomplete", "max_tokens")
    assert message.incomplete_at >= message.created_at
    assert message.content[0].text.value.startswith("1 2 3")
    assert [step.status for step in steps] == ["completed"]


async def test_an_incomplete_run_leaves_the_thread_usable(api, runner):
    """The next run sees what there is of the message."""
    assistant, thread = await api.scene("count to 500")
    await runner.run(thread, assistant, max_completion_tokens=16)
    await api.threads.messages.create(thread.id, role="user", content="Go on")

    run = await runner.run(thread, assistant)

    assert run.status == "completed"
    assert [item["role"] for item in api.asked[1]["input"]] == ["user", "assistant", "user"]


async def test_a_run_ends_incomplete_where_its_prompt_does_not_fit(api, runner):
    """The model is not asked at all, and there is no message."""
    assistant, thread = await api.scene("word " * 1000)

    run = await runner.run(thread, assistant, max_prompt_tokens=256)

    assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_prompt_tokens")
    assert (run.usage.total_tokens, await _ended(api, run)) == (0, (None, []))
    assert api.asked == []


async def test_a_full_context_is_shortened(api, runner):
    """The oldest messages are left out, and the run says so; `auto` is the default."""
    assistant, thread = await api.scene("old " * 200, model="tiny-context")
    await api.threads.messages.create(thread.id, role="user", content="Hello")
    api.refusals = [400]

    run = await runner.run(thread, assistant)

    answer = await api.threads.runs.with_raw_response.retrieve(run.id, thread_id=thread.id)
    assert run.status == "completed"
    assert [item["content"][0]["text"] for item in api.asked[0]["input"]] == ["Hello"]
    assert "oldest messages were left out" in answer.headers["x-shim-notes"]


async def test_a_refusal_is_a_part_of_the_message(api, runner):
    """The run is completed, and its message says no."""
    assistant, thread = await api.scene("Do evil")
    api.offline.script.refuse("I will not.")

    run = await runner.run(thread, assistant)

    message, _ = await _ended(api, run)
    assert run.status == "completed"
    assert [part.type for part in message.content] == ["refusal"]
    assert message.content[0].model_dump()["refusal"] == "I will not."


async def test_a_model_that_fails_makes_the_run_fail(api, runner):
    """The run says why; creating it was no error."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.fail(**BOOM)

    run = await runner.run(thread, assistant)

    assert (run.status, run.last_error.model_dump()) == ("failed", BOOM)
    assert run.failed_at >= run.created_at
    assert (run.completed_at, run.expires_at) == (None, None)
    assert run.usage is not None


async def test_a_model_can_fail_in_the_middle(api, streamer):
    """What was begun is closed: the message incomplete, its step failed."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.fail(**BOOM, partial="Let me")

    run = await streamer.run(thread, assistant)

    message, steps = await _ended(api, run)
    assert (run.status, run.last_error.model_dump()) == ("failed", BOOM)
    assert (message.status, message.incomplete_details.reason) == ("incomplete", "run_failed")
    assert message.content[0].text.value == "Let me"
    assert [(step.status, step.last_error.code) for step in steps] == [("failed", "server_error")]


async def test_a_spent_quota_makes_the_run_fail(api, runner):
    """It is asked for once, and the upstream's text is kept."""
    assistant, thread = await api.scene("Hello")
    error = ("insufficient_quota", QUOTA, "insufficient_quota")
    api.offline.faults.add("/responses", method="POST", status=429, error=error)
    api.refusals = [429]

    run = await runner.run(thread, assistant)

    assert run.status == "failed"
    assert run.last_error.model_dump() == {"code": "rate_limit_exceeded", "message": QUOTA}


async def test_an_unknown_model_makes_the_run_fail(api, runner):
    """The run was created all the same."""
    assistant, thread = await api.scene("Hello", model="no-such-model")
    api.refusals = [400]

    run = await runner.run(thread, assistant)

    assert run.status == "failed"
    assert "no-such-model" in run.last_error.message


async def test_an_upstream_that_breaks_off_makes_the_run_fail(api, streamer):
    """A response that cannot be asked for again is not asked for twice."""
    assistant, thread = await api.scene("Hello")
    api.offline.faults.add("/responses", method="POST", kind="drop")

    run = await streamer.run(thread, assistant)

    assert (run.status, run.last_error.code) == ("failed", "server_error")
    assert len([e for e in api.offline.log if e.path == "/responses"]) == 1


async def test_a_failed_run_with_an_open_call_leaves_the_thread_usable(api, streamer):
    """The call without an output is never sent again."""
    assistant, thread = await api.scene("Hello", tools=[TIME])
    api.offline.script.call("get_time").fail(**BOOM)
    waiting = await streamer.run(thread, assistant)
    failed = await streamer.submit(waiting, outputs_for(waiting, "ten"))
    await api.threads.messages.create(thread.id, role="user", content="Again")

    run = await streamer.run(thread, assistant)

    assert (failed.status, run.status) == ("failed", "completed")
    kinds = [item["type"] for item in api.asked[2]["input"]]
    assert kinds == ["message", "function_call", "function_call_output", "message"]
