"""Live Responses traffic behind whole runs: what the caller is told and shown of it.

The recordings are not part of the project; SHIM_RECORDINGS names their folder. Refusals of models
and broken ends were never recorded: those streams are the embedded upstream's.
"""

from __future__ import annotations

import json

import pytest
from contract_api import Api, Runner
from contract_events import check_order, recorded
from contract_lanes import LANES
from recorded_responses import ENDED, FOLDER, Body, Recording, bodies, streams

from shim.offline import Offline, Refuse
from shim.offline.wire import Response

ABSENT = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="SHIM_RECORDINGS names no folder with recordings in `responses`"
)
STREAMS = streams() if FOLDER.is_dir() else []
BODIES = bodies() if FOLDER.is_dir() else []
WHOLE = [each for each in BODIES if each.is_response and each.body["status"] in ENDED]
REFUSALS = [each for each in BODIES if not each.is_response]

JSON = {"content-type": "application/json"}
KEPT = b"What code wrote was not recorded."


class Answering(Offline):
    """An upstream whose model gives a recorded answer, and whose containers have every file."""

    answer: Recording | Body

    def handle(self, method, path, *rest):
        """Answer as it was recorded."""
        if (method, path) == ("POST", "/responses"):
            return self._recorded()
        if path.startswith("/containers/") and path.endswith("/content"):
            return Response(200, {"content-type": "application/binary"}, KEPT)
        if path.startswith("/containers/"):
            nothing_more = {"object": "list", "data": [], "has_more": False}
            return Response(200, JSON, json.dumps(nothing_more).encode())
        return super().handle(method, path, *rest)

    def _recorded(self):
        if isinstance(self.answer, Recording):
            kind = "text/event-stream; charset=utf-8"
            return Response(200, {"content-type": kind}, self.answer.text.encode())
        body = json.dumps(self.answer.body).encode()
        return Response(self.answer.status, JSON, body)


@pytest.fixture(params=[lane for lane in LANES if lane.conversations == "local"], ids=str)
def api(request):
    """A client of each colour before an upstream that answers as recorded."""
    return Api(request.param, offline=Answering())


def named(answers):
    """A parameter for each answer, by its name; skipped where there are none."""
    given = [pytest.param(each, id=each.name) for each in answers]
    return pytest.mark.parametrize("answer", given or [pytest.param(None, marks=ABSENT)])


def made(name, write):
    """A stream that the embedded upstream gives where the script says so."""
    offline = Offline()
    write(offline.script)
    asked = json.dumps({"model": "gpt-4o", "input": "Hello", "stream": True}).encode()
    headers = {"authorization": "Bearer x", "content-type": "application/json"}
    answer = offline.handle("POST", "/responses", "", headers, asked)
    return Recording(name, b"".join(answer.body).decode())


MADE = [
    made("refusal", lambda script: script.refuse("I will not do that.")),
    made("refusal after thought", lambda script: script.think("Hm.", then=Refuse("No."))),
    made("cut off", lambda script: script.incomplete("As far as")),
    made("filtered", lambda script: script.incomplete("As far as", reason="content_filter")),
    made("failed", lambda script: script.fail("server_error", "Sorry.", partial="As far as")),
    made("error", lambda script: script.stream_error("server_error", "Sorry.", partial="As far")),
]


async def shown(api, run):
    """The contents of the run's messages, and the calls of its steps, oldest first."""
    messages = await api.threads.messages.list(run.thread_id, run_id=run.id, order="asc")
    steps = await api.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc")
    contents = [plain(message)["content"] for message in messages.data]
    calls = [plain(step)["step_details"].get("tool_calls") for step in steps.data]
    return contents, calls


def plain(record):
    """The keys that were sent."""
    return record.model_dump(exclude_unset=True, warnings=False)


def cited(contents):
    """The parts with annotations, and the ids of all files that the contents name."""
    texts = [part["text"] for content in contents for part in content if part["type"] == "text"]
    notes = [(text["value"], note) for text in texts for note in text["annotations"]]
    paths = [note["file_path"]["file_id"] for _, note in notes if note["type"] == "file_path"]
    images = [
        part["image_file"]["file_id"]
        for content in contents
        for part in content
        if part["type"] == "image_file"
    ]
    return notes, [*paths, *images]


async def check_contents(api, run):
    """Citations stand where they say, and every file of the answer can be had."""
    contents, _ = await shown(api, run)
    notes, files = cited(contents)
    assert all(value[n["start_index"] : n["end_index"]] == n["text"] for value, n in notes)
    for file_id in files:
        content = await api.client.files.content(file_id)
        assert content.read()


@named([*STREAMS, *MADE])
async def test_a_live_stream_is_told_in_order(api, answer):
    """What the caller is told obeys every rule, and is what is shown afterwards."""
    api.offline.answer = answer
    assistant, thread = await api.scene()

    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    told = await recorded(stream)

    check_order(told)
    run = await api.threads.runs.retrieve(told[-1][1]["id"], thread_id=thread.id)
    contents, _ = await shown(api, run)
    ended = ("thread.message.completed", "thread.message.incomplete")
    assert contents == [data["content"] for name, data in told if name in ended]
    assert told[-1][0] == f"thread.run.{run.status}"
    await check_contents(api, run)


@named(WHOLE)
async def test_a_live_response_is_shown_when_it_is_polled(api, answer):
    """The run ends as the response did, and has what it says; nobody cancelled the run itself."""
    api.offline.answer = answer
    assistant, thread = await api.scene()

    run = await Runner(api, "polled").run(thread, assistant)

    calls = any(item["type"] == "function_call" for item in answer.body["output"])
    ended = {"cancelled": "failed"}.get(answer.body["status"], answer.body["status"])
    assert run.status == ("requires_action" if calls else ended)
    usage = answer.body.get("usage") or {"input_tokens": 0, "output_tokens": 0}
    if run.usage is not None:
        assert run.usage.prompt_tokens == usage["input_tokens"]
        assert run.usage.completion_tokens == usage["output_tokens"]
    await check_contents(api, run)


@named(REFUSALS)
async def test_a_live_refusal_fails_the_run_in_its_words(api, answer):
    """The run exists, has failed, and says why."""
    api.offline.answer = answer
    assistant, thread = await api.scene()

    run = await Runner(api, "polled").run(thread, assistant)

    assert run.status == "failed"
    assert run.last_error.message == answer.body["error"]["message"]
