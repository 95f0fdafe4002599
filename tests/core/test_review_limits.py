"""A context that is too full, wherever the upstream says so; limits that images do not use up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from odd_upstream import Api, call, created, ended, last_run, message, plain, response, sse

from shim import drive
from shim.core.ports import Batch

TOO_LONG = {
    "type": "invalid_request_error",
    "code": "context_length_exceeded",
    "message": "Your input exceeds the context window of this model.",
    "param": "input",
}
NOTE = "the oldest messages were left out: the model's context was full"
FAILED = response(status="failed", error=TOO_LONG, usage=None)
IN_STREAM = {
    "error event": sse(created(), {"type": "error", "error": TOO_LONG, "sequence_number": 2}),
    "flat event": sse(created(), {**TOO_LONG, "type": "error"}),
    "failed": sse(created(), {"type": "response.failed", "response": FAILED}),
    "json": plain(FAILED),
    "http": plain({"error": TOO_LONG}, 400),
}


def long_thread(api: Api, **assistant: Any) -> tuple[str, dict[str, Any]]:
    path, body = api.begun("message 0", **assistant)
    for n in range(1, 8):
        api.ok("POST", f"{path}/messages", {"role": "user", "content": f"message {n}"})
    return path, body


def lengths(api: Api) -> list[int]:
    return [len([i for i in sent["input"] if i["type"] == "message"]) for sent in api.posted()]


@pytest.mark.parametrize("where", IN_STREAM)
@pytest.mark.parametrize("streamed", [True, False])
def test_a_stream_that_says_its_input_is_too_long_is_asked_for_with_less(
    streamed: bool, where: str
) -> None:
    """The real service says so in the stream: the oldest half goes, and nobody sees a failure."""
    api = Api(dialect="generic")
    path, body = long_thread(api)
    api.odd.posts.extend([IN_STREAM[where], IN_STREAM[where], sse(ended(message("ok")))])

    run = last_run(api.streamed(path, body)) if streamed else api.polled(path, body)
    reply = api.ask("GET", f"{path}/runs/{run['id']}")
    api.close()

    assert (run["status"], run["last_error"]) == ("completed", None)
    assert lengths(api) == [8, 4, 2]
    assert reply.headers["x-shim-notes"] == NOTE


@pytest.mark.parametrize("at_once", [True, False])
def test_a_polled_response_that_failed_so_is_asked_for_with_less(at_once: bool) -> None:
    """In background mode it is the response that tells, at once or when it is looked at."""
    api = Api()
    path, body = long_thread(api)
    queued = plain(response(status="queued", usage=None))
    api.odd.posts.extend([plain(FAILED) if at_once else queued, queued])
    api.odd.gets.extend([] if at_once else [plain(FAILED)])
    api.odd.gets.append(plain(response(message("ok"))))

    run = api.polled(path, body)
    waiting = run["status"]
    for _ in range(30):
        if run["status"] == "completed":
            break
        _second_later(api, run)
        run = api.ok("GET", f"{path}/runs/{run['id']}")
    reply = api.ask("GET", f"{path}/runs/{run['id']}")
    api.close()

    assert waiting in ("queued", "completed")
    assert run["status"] == "completed"
    assert lengths(api) == [8, 4]
    assert reply.headers["x-shim-notes"] == NOTE


def _second_later(api: Api, run: dict[str, Any]) -> None:
    """Let the upstream be asked again: it is at most once a second."""
    ledger: Any = api.handler._handler._endpoints["runs.retrieve"].__self__._world.ledger

    async def forgotten() -> None:
        stored = await ledger.run(run["thread_id"], run["id"])
        await ledger.save_run(replace(stored, looked_at=0.0), Batch())

    drive.run(forgotten())


@pytest.mark.parametrize("dialect", ["generic", "openai"])
@pytest.mark.parametrize(
    ("strategy", "asked"),
    [
        ({"type": "last_messages", "last_messages": 3}, [3]),
        ({"type": "auto"}, [8, 4, 2, 1]),
        (None, [8, 4, 2, 1]),
    ],
)
def test_what_cannot_be_made_to_fit_fails_with_the_upstreams_words(
    strategy: Any, asked: list[int], dialect: str
) -> None:
    """A strategy that says what to keep is kept to; the newest message is never left out."""
    api = Api(dialect=dialect)
    path, body = long_thread(api)
    answer = plain(FAILED) if dialect == "openai" else IN_STREAM["error event"]
    api.odd.posts.extend([answer] * 9)

    run = api.polled(path, {**body, "truncation_strategy": strategy})
    api.close()

    assert run["status"] == "failed"
    assert run["last_error"]["message"] == TOO_LONG["message"]
    assert lengths(api) == asked


def test_the_next_round_begins_with_what_did_fit() -> None:
    """After tool outputs the full thread is not tried again."""
    api = Api(dialect="generic")
    path, body = long_thread(api, tools=[{"type": "function", "function": {"name": "f"}}])
    rounds = [IN_STREAM["error event"], sse(ended(call())), sse(ended(message("ok")))]
    api.odd.posts.extend(rounds)

    run = last_run(api.streamed(path, body))
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "1"}]}
    api.events(f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)
    api.close()

    assert lengths(api) == [8, 4, 4]


def test_a_response_that_overflows_after_it_began_to_speak_fails() -> None:
    """What was told cannot be taken back."""
    api = Api(dialect="generic")
    path, body = long_thread(api)
    begun = {"type": "response.output_text.delta", "delta": "So"}
    api.odd.posts.append(sse(created(), begun, {"type": "error", "error": TOO_LONG}))

    run = last_run(api.streamed(path, body))
    api.close()

    assert run["status"] == "failed"
    assert lengths(api) == [8]


def test_the_bytes_of_an_image_are_not_its_tokens() -> None:
    """A data URL is long; where nobody counts, max_prompt_tokens is not used up by it."""
    api = Api(dialect="generic")
    path, body = api.begun("Look at this")
    url = "data:image/png;base64," + "A" * 400_000
    content = [{"type": "image_url", "image_url": {"url": url}}]
    api.ok("POST", f"{path}/messages", {"role": "user", "content": content})
    api.odd.posts.append(sse(ended(message("ok"))))

    run = last_run(api.streamed(path, {**body, "max_prompt_tokens": 2000}))
    api.close()

    assert run["status"] == "completed"
    assert lengths(api) == [2]
