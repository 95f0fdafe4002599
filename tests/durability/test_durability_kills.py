"""`kill -9` in each window of a run: what a new process on the same database makes of it."""

from __future__ import annotations

import pytest
from durability_place import until

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

BOTH = pytest.mark.parametrize("dialect", ["openai", "generic"])
GENERIC = pytest.mark.parametrize("dialect", ["generic"])


def outputs_for(run):
    """An output for each open call."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": "sunny"} for call in calls]


def arrived(place, path="/responses"):
    """The requests that reached the upstream, whether or not they were carried out."""
    return [each for each in place.offline.log if (each.method, each.path) == ("POST", path)]


def only_run(client, thread_id):
    """The one run of a thread."""
    (run,) = client.beta.threads.runs.list(thread_id)
    return run


def texts(client, thread_id):
    """What was said in a thread, newest first."""
    messages = client.beta.threads.messages.list(thread_id)
    return [message.content[0].text.value for message in messages]


def submit(client, run):
    """Submit an output for each open call."""
    return client.beta.threads.runs.submit_tool_outputs(
        run.id, thread_id=run.thread_id, tool_outputs=outputs_for(run)
    )


def assert_abandoned(run):
    """The run failed and says that nobody could follow its response."""
    assert run.status == "failed"
    assert run.last_error.code == "server_error"
    assert "no response id was stored" in run.last_error.message


def test_killed_before_asking(place, client, chat, sound):
    """A run whose process dies before it asked the model fails and says so; nothing was asked."""
    place.offline.faults.add("/responses/input_tokens", kind="hang")
    program = place.program("limited", chat.thread, chat.assistant)
    until(lambda: arrived(place, "/responses/input_tokens"))

    program.kill()
    run = only_run(client, chat.thread)

    assert_abandoned(run)
    assert place.posts() == []
    sound(chat.thread, chat.assistant)


@BOTH
@pytest.mark.parametrize("carried_out", [False, True], ids=["unheard", "unanswered"])
def test_killed_before_the_id_is_stored(place, client, chat, sound, carried_out):
    """A run whose response id nobody has fails and says so, and is not asked for again."""
    place.offline.faults.add("/responses", method="POST", kind="hang", before=not carried_out)
    program = place.program("create", chat.thread, chat.assistant)
    until(lambda: arrived(place))

    program.kill()
    run = only_run(client, chat.thread)

    assert_abandoned(run)
    assert len(place.posts()) == int(carried_out)
    assert len(arrived(place)) == 1
    sound(chat.thread, chat.assistant)


def test_killed_after_the_id_is_stored(place, client, chat, sound, finished):
    """A background run is finished by whoever looks at it after its process has died."""
    program = place.program("create", chat.thread, chat.assistant)
    run_id = program.line()["id"]

    program.kill()
    run = finished(run_id, chat.thread)

    assert run.status == "completed"
    assert texts(client, chat.thread)[0].endswith("29 30")
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


@BOTH
@pytest.mark.parametrize("delay", [0.0])
def test_killed_between_requires_action_and_outputs(place, client, errand, sound, finished):
    """A run that waits for outputs goes on in the process that submits them."""
    program = place.program("poll", errand.thread, errand.assistant)
    run_id = program.line_with("status", "requires_action")["id"]

    program.kill()
    waiting = client.beta.threads.runs.retrieve(run_id, thread_id=errand.thread)
    submit(client, waiting)
    run = finished(run_id, errand.thread)

    assert waiting.status == "requires_action"
    assert run.status == "completed"
    assert texts(client, errand.thread)[0] == "get_weather returned: sunny"
    assert len(place.posts()) == 2
    sound(errand.thread, errand.assistant)


@pytest.mark.parametrize("delay", [0.0])
def test_killed_in_a_stream_at_requires_action(place, client, errand, sound, finished):
    """At the event that asks for outputs the run is stored as waiting for them already."""
    program = place.program("stream", errand.thread, errand.assistant)
    run_id = program.line_with("event", "thread.run.requires_action")["id"]

    program.kill()
    submit(client, client.beta.threads.runs.retrieve(run_id, thread_id=errand.thread))
    run = finished(run_id, errand.thread)

    assert run.status == "completed"
    assert len(place.posts()) == 2
    sound(errand.thread, errand.assistant)


@BOTH
@pytest.mark.parametrize("delay", [0.0])
def test_killed_after_the_outputs_before_the_next_id(place, client, errand, sound, finished):
    """Outputs that were taken are kept, and the run that lost its next response fails."""
    waiting = client.beta.threads.runs.create_and_poll(
        thread_id=errand.thread, assistant_id=errand.assistant, poll_interval_ms=20
    )
    call_ids = [each["tool_call_id"] for each in outputs_for(waiting)]
    place.offline.faults.add("/responses", method="POST", kind="hang", before=False)
    program = place.program("submit", errand.thread, waiting.id, *call_ids)
    until(lambda: len(arrived(place)) == 2)

    program.kill()
    run = finished(waiting.id, errand.thread)

    assert_abandoned(run)
    assert len(place.posts()) == 2
    (step,) = client.beta.threads.runs.steps.list(run.id, thread_id=errand.thread)
    assert step.status == "completed"
    assert step.step_details.tool_calls[0].function.output == "sunny"
    sound(errand.thread, errand.assistant)


@pytest.mark.parametrize("delay", [0.0])
def test_killed_after_the_outputs_before_asking(place, client, errand, sound, finished):
    """The answer to the outputs is never mistaken for the response that asked for them."""
    waiting = client.beta.threads.runs.create_and_poll(
        thread_id=errand.thread,
        assistant_id=errand.assistant,
        poll_interval_ms=20,
        max_prompt_tokens=256,
    )
    call_ids = [each["tool_call_id"] for each in outputs_for(waiting)]
    place.offline.faults.add("/responses/input_tokens", kind="hang")
    before = len(arrived(place, "/responses/input_tokens"))
    program = place.program("submit", errand.thread, waiting.id, *call_ids)
    until(lambda: len(arrived(place, "/responses/input_tokens")) > before)

    program.kill()
    run = finished(waiting.id, errand.thread)

    assert_abandoned(run)
    assert len(place.posts()) == 1
    sound(errand.thread, errand.assistant)


@BOTH
@pytest.mark.parametrize("delay", [0.8])
def test_killed_in_the_middle_of_a_stream(place, client, chat, sound, finished):
    """A stream that was cut is made whole from its response: one message, one step, one usage."""
    program = place.program("stream", chat.thread, chat.assistant)
    run_id = program.line_with("event", "thread.run.created")["id"]
    message_id = program.line_with("event", "thread.message.delta")["id"]

    program.kill()
    run = finished(run_id, chat.thread)

    assert run.status == "completed"
    (message,) = client.beta.threads.messages.list(chat.thread, run_id=run_id)
    assert message.id == message_id
    assert message.content[0].text.value.endswith("29 30")
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


@GENERIC
@pytest.mark.parametrize("delay", [0.8])
def test_killed_in_the_middle_of_a_call(place, client, errand, sound, finished):
    """Arguments that were cut are made whole, and the run waits for its outputs."""
    program = place.program("stream", errand.thread, errand.assistant)
    run_id = program.line_with("event", "thread.run.created")["id"]
    step_id = program.line_with("event", "thread.run.step.delta")["id"]

    program.kill()
    waiting = finished(run_id, errand.thread)
    (step,) = client.beta.threads.runs.steps.list(run_id, thread_id=errand.thread)
    submit(client, waiting)
    run = finished(run_id, errand.thread)

    assert (step.id, step.status) == (step_id, "in_progress")
    assert step.step_details.tool_calls[0].function.arguments == '{"city":"Paris"}'
    assert run.status == "completed"
    assert len(place.posts()) == 2
    sound(errand.thread, errand.assistant)


@GENERIC
@pytest.mark.parametrize("delay", [0.8])
def test_killed_while_a_thread_of_its_own_worked(place, client, chat, sound, finished):
    """A polled run that a worker thread carried is finished by its response id."""
    program = place.program("create", chat.thread, chat.assistant)
    run_id = program.line()["id"]
    until(lambda: place.rows("SELECT 1 FROM messages WHERE run_id = ?", run_id))

    program.kill()
    run = finished(run_id, chat.thread)

    assert run.status == "completed"
    assert texts(client, chat.thread)[0].endswith("29 30")
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


@GENERIC
@pytest.mark.parametrize("delay", [0.8])
@pytest.mark.parametrize("status", [404, 405])
def test_killed_where_responses_cannot_be_asked_for(
    place, client, chat, *, sound, finished, status
):
    """Where the upstream keeps no responses, the run fails at once and nothing stays open."""
    program = place.program("stream", chat.thread, chat.assistant)
    run_id = program.line_with("event", "thread.run.created")["id"]
    program.line_with("event", "thread.message.delta")
    place.offline.faults.add("/responses/", method="GET", status=status, times=1000)

    program.kill()
    run = finished(run_id, chat.thread)

    assert run.status == "failed"
    assert "no longer has its response" in run.last_error.message
    (message,) = client.beta.threads.messages.list(chat.thread, run_id=run_id)
    assert message.status == "incomplete"
    assert message.incomplete_details.reason == "run_failed"
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


@pytest.mark.parametrize("delay", [20.0])
@BOTH
def test_cancelled_after_its_process_was_killed(place, client, chat, sound):
    """A run whose process died in the middle of a stream can be cancelled there and then."""
    program = place.program("stream", chat.thread, chat.assistant)
    run_id = program.line_with("event", "thread.run.created")["id"]
    program.line_with("event", "thread.message.delta")

    program.kill()
    client.beta.threads.runs.cancel(run_id, thread_id=chat.thread)
    run = client.beta.threads.runs.retrieve(run_id, thread_id=chat.thread)

    assert run.status == "cancelled"
    (message,) = client.beta.threads.messages.list(chat.thread, run_id=run_id)
    assert message.incomplete_details.reason == "run_cancelled"
    sound(chat.thread, chat.assistant)


@GENERIC
def test_a_program_that_ends_by_itself(place, client, chat, sound, finished):
    """A program that comes to its end is not over before the run that it began."""
    program = place.program("leave", chat.thread, chat.assistant)
    run_id = program.line()["id"]

    assert program.process.wait(10) == 0

    assert place.run_row(run_id)["status"] == "completed"
    sound(chat.thread, chat.assistant)


@GENERIC
def test_a_program_that_ends_with_a_stream_in_hand(place, client, chat, sound, finished):
    """A program that ends before its stream does leaves a run that the next look finishes."""
    program = place.program("leave_stream", chat.thread, chat.assistant)
    run_id = program.line()["id"]

    assert program.process.wait(10) == 0

    assert finished(run_id, chat.thread).status == "completed"
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


@BOTH
def test_killed_in_the_middle_of_a_stream_that_fails(place, client, chat, *, sound, finished):
    """A response that fails after its reader was killed leaves nothing open either."""
    partial = " ".join(str(number) for number in range(30))
    place.offline.script.fail("server_error", "Boom", partial=partial, delay=0.8)
    program = place.program("stream", chat.thread, chat.assistant)
    run_id = program.line_with("event", "thread.run.created")["id"]
    program.line_with("event", "thread.message.delta")

    program.kill()
    run = finished(run_id, chat.thread)

    assert (run.status, run.last_error.message) == ("failed", "Boom")
    (message,) = client.beta.threads.messages.list(chat.thread, run_id=run_id)
    assert message.status == "incomplete"
    assert message.incomplete_details.reason == "run_failed"
    sound(chat.thread, chat.assistant)
