"""Files that code made, sent back by their ids: attached, given to code, searched, shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from meeting import Meeting, uploaded, waited

from shim import drive
from shim.core import wire as wires
from shim.offline.outputs import Call, Code, Say, Search
from shim.settings import Settings
from shim.testing import connect
from shim.upstream.http import BlockingUpstream
from shim.wiring import wire
from shim.workers import BlockingWorkers

TABLE = 'open("/mnt/data/result.csv", "w").write("month,sales\\nMar,5\\n")'
NOTES = 'open("/mnt/data/notes.md", "w").write("Filip likes cake. Summanus likes tacos.")'
CHART = "import shim_png\nshim_png.bars([3, 7, 5], title='sales')"
READ = "import glob\nprint([open(path).read() for path in sorted(glob.glob('/mnt/data/*.csv'))])"
CODE: Any = [{"type": "code_interpreter"}]
SEARCH: Any = [{"type": "file_search"}]


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Meeting]:
    offline = Meeting(f"sqlite:///{tmp_path}/shim.db")
    yield offline
    offline.close()


@pytest.fixture
def client(offline: Meeting) -> Iterator[openai.OpenAI]:
    with offline.client() as client:
        yield client


def thread_with(client: openai.OpenAI, content: Any, tools: Any = (), *files: str) -> str:
    """A thread with a question and what is attached to it."""
    attached: Any = [{"file_id": file_id, "tools": tools} for file_id in files]
    message: Any = {"role": "user", "content": content, "attachments": attached}
    return client.beta.threads.create(messages=[message]).id


def run(client: openai.OpenAI, thread_id: str, tools: Any, how: str = "polled") -> Any:
    """A run of an assistant with tools, ended."""
    assistant_id = client.beta.assistants.create(model="gpt-4o", tools=tools).id
    if how == "streamed":
        with client.beta.threads.runs.stream(
            thread_id=thread_id, assistant_id=assistant_id
        ) as stream:
            stream.until_done()
        return client.beta.threads.runs.list(thread_id).data[0]
    return client.beta.threads.runs.create_and_poll(
        thread_id=thread_id, assistant_id=assistant_id, poll_interval_ms=20
    )


def answer(client: openai.OpenAI, thread_id: str) -> Any:
    return client.beta.threads.messages.list(thread_id).data[0].content


def made(client: openai.OpenAI, offline: Meeting, code: str, name: str = "result.csv") -> str:
    """The id of a file that code made, and that is kept."""
    offline.script.code(code, then=f"[it](sandbox:/mnt/data/{name})")
    thread_id = thread_with(client, "Make it.")
    run(client, thread_id, CODE)
    file_id: str = answer(client, thread_id)[0].text.annotations[0].file_path.file_id
    assert client.files.retrieve(file_id).status == "processed"
    return file_id


def drawn(client: openai.OpenAI, offline: Meeting) -> str:
    """The id of a chart that code showed."""
    offline.script.mixed([Code(CHART), Say("Here it is.")])
    thread_id = thread_with(client, "Draw it.")
    run(client, thread_id, CODE)
    file_id: str = answer(client, thread_id)[0].image_file.file_id
    return file_id


def sent(offline: Meeting) -> list[dict[str, Any]]:
    """The forms with files that the upstream took."""
    return [entry.body for entry in offline.posts("/files")]


def logs(client: openai.OpenAI, thread_id: str, run_id: str) -> str:
    steps = client.beta.threads.runs.steps.list(run_id, thread_id=thread_id, order="asc").data
    details: Any = [step.step_details for step in steps if step.type == "tool_calls"]
    return str(details[0].tool_calls[0].code_interpreter.outputs[0].logs)


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_code_reads_what_other_code_made(client: openai.OpenAI, offline: Meeting, how: str) -> None:
    """Attached in another thread, the file is uploaded once; the caller sees the id it knows."""
    file_id = made(client, offline, TABLE)
    ends = []
    for _ in range(2):
        offline.script.mixed([Code(READ), Say("Read.")])
        thread_id = thread_with(client, "Read this.", CODE, file_id)
        ends.append((thread_id, run(client, thread_id, CODE, how)))

    for thread_id, done in ends:
        assert done.status == "completed"
        assert "Mar,5" in logs(client, thread_id, done.id)
        resources: Any = client.beta.threads.retrieve(thread_id).tool_resources
        assert resources.code_interpreter.file_ids == [file_id]
        message = client.beta.threads.messages.list(thread_id, order="asc").data[0]
        assert message.attachments is not None
        assert message.attachments[0].file_id == file_id
    assert sent(offline) == [
        {"purpose": "assistants", "file": {"filename": "result.csv", "bytes": 18}}
    ]


def test_a_container_that_is_there_gets_the_file_too(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """A file attached after the thread's code has run is laid into its container."""
    file_id = made(client, offline, TABLE)
    offline.script.mixed([Code("print(1)"), Say("One.")])
    thread_id = thread_with(client, "Count.")
    run(client, thread_id, CODE)
    attachment: Any = {"file_id": file_id, "tools": CODE}
    client.beta.threads.messages.create(
        thread_id, role="user", content="Read this.", attachments=[attachment]
    )
    offline.script.mixed([Code(READ), Say("Read.")])

    done = run(client, thread_id, CODE)

    assert "Mar,5" in logs(client, thread_id, done.id)


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_searches_cite_the_file_by_the_id_that_callers_know(
    client: openai.OpenAI, offline: Meeting, how: str
) -> None:
    """Citations and results name the file that was made, not the copy that was searched."""
    file_id = made(client, offline, NOTES, "notes.md")
    thread_id = thread_with(client, "What does Filip like?", SEARCH, file_id)

    done = run(client, thread_id, SEARCH, how)
    again = run(client, thread_id, SEARCH, how)

    assert (done.status, again.status) == ("completed", "completed")
    (text,) = answer(client, thread_id)
    assert [note.file_citation.file_id for note in text.text.annotations] == [file_id]
    steps = client.beta.threads.runs.steps.list(done.id, thread_id=thread_id).data
    details: Any = steps[-1].step_details
    searched = details.tool_calls[0].model_dump(warnings=False)["file_search"]
    assert [each["file_id"] for each in searched["results"]] == [file_id]
    assert client.files.content(file_id).read().startswith(b"Filip")


def test_events_cite_the_file_by_the_id_that_callers_know(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """The deltas of a stream name no other file than the message that is stored."""
    file_id = made(client, offline, NOTES, "notes.md")
    thread_id = thread_with(client, "What does Filip like?", SEARCH, file_id)
    assistant = client.beta.assistants.create(model="gpt-4o", tools=SEARCH)

    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant.id) as stream:
        told = "".join(event.model_dump_json(warnings=False) for event in stream)

    assert file_id in told
    assert not [upload_id for upload_id in offline.uploads() if upload_id in told]


def test_a_call_between_two_responses_sends_the_upstreams_ids_back(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """What a run has found is handed to its next response as the upstream gave it."""
    file_id = made(client, offline, NOTES, "notes.md")
    thread_id = thread_with(client, "What does Filip like?", SEARCH, file_id)
    function: Any = {"type": "function", "function": {"name": "rate", "parameters": {}}}
    offline.script.mixed([Search("Filip cake"), Say("Cake[[1]]."), Call("rate")]).say("Five.")
    waiting = run(client, thread_id, [*SEARCH, function])
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls

    done = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=waiting.id,
        thread_id=thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "5"}],
        poll_interval_ms=20,
    )

    assert done.status == "completed"
    (upload_id,) = offline.uploads()
    body = str(offline.posts()[-1].body)
    assert upload_id in body
    assert file_id not in body


@pytest.mark.parametrize("where", ["assistant", "changed assistant", "thread", "changed thread"])
def test_resources_may_name_files_that_code_made(
    client: openai.OpenAI, offline: Meeting, where: str
) -> None:
    """They are shown as they were given, and the code of a run has them."""
    file_id = made(client, offline, TABLE)
    resources: Any = {"code_interpreter": {"file_ids": [file_id]}}
    of_assistant = resources if where == "assistant" else None
    assistant = client.beta.assistants.create(
        model="gpt-4o", tools=CODE, tool_resources=of_assistant
    )
    of_thread = resources if where == "thread" else None
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": "Read."}], tool_resources=of_thread
    )
    shown: Any = assistant if where == "assistant" else thread
    if where == "changed assistant":
        shown = client.beta.assistants.update(assistant.id, tool_resources=resources)
    if where == "changed thread":
        shown = client.beta.threads.update(thread.id, tool_resources=resources)
    offline.script.mixed([Code(READ), Say("Read.")])

    done = client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20
    )

    assert shown.tool_resources.code_interpreter.file_ids == [file_id]
    assert "Mar,5" in logs(client, thread.id, done.id)


def test_the_helper_takes_files_that_code_made(client: openai.OpenAI, offline: Meeting) -> None:
    """A store is made of them and of uploaded files alike."""
    files = [made(client, offline, NOTES, "notes.md"), uploaded(client, "more.md")]
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": files}]}}

    thread = client.beta.threads.create(tool_resources=helper)

    resources: Any = thread.tool_resources
    (store_id,) = resources.file_search.vector_store_ids
    assert len(offline.stores()[store_id]) == 2
    assert files[1] in offline.stores()[store_id]


def images(offline: Meeting) -> list[dict[str, Any]]:
    """The images in what the model was asked last."""
    contents = [item.get("content") for item in offline.posts()[-1].body["input"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [part for part in parts if part["type"] == "input_image"]


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_a_chart_is_shown_to_the_model(
    client: openai.OpenAI, offline: Meeting, dialect: str
) -> None:
    """The image is sent itself, to any server; the message and the conversation show it too."""
    file_id = drawn(client, offline)
    part: Any = {"type": "image_file", "image_file": {"file_id": file_id, "detail": "low"}}
    settings = Settings(database_url=offline.settings.database_url, dialect=dialect)
    with connect(offline, settings=settings, max_retries=0) as other:
        thread_id = thread_with(other, [{"type": "text", "text": "What is this?"}, part])

        done = run(other, thread_id, [])

    assert done.status == "completed"
    (image,) = images(offline)
    assert image["image_url"].startswith("data:image/png;base64,iVBOR")
    assert (image["detail"], sorted(image)) == ("low", ["detail", "image_url", "type"])
    shown: Any = client.beta.threads.messages.list(thread_id, order="asc").data[0].content[1]
    assert shown.image_file.file_id == file_id
    told = [str(e.body) for e in offline.log if e.path.startswith("/conversations") and e.accepted]
    assert waited(lambda: any("data:image/png" in body for body in told))


def test_an_image_deleted_since_is_left_out_with_a_note(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """The thread stays usable, and the run says what the model did not see."""
    file_id = drawn(client, offline)
    part: Any = {"type": "image_file", "image_file": {"file_id": file_id}}
    thread_id = thread_with(client, [{"type": "text", "text": "What is this?"}, part])
    client.files.delete(file_id)

    done = run(client, thread_id, [])

    assert (done.status, images(offline)) == ("completed", [])
    raw = client.beta.threads.runs.with_raw_response.retrieve(done.id, thread_id=thread_id)
    assert f"the image {file_id} was left out" in raw.headers["x-shim-notes"]


def test_a_file_deleted_since_is_not_given_to_the_code(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """The run goes on without it, and says so; nothing of it is left at the upstream."""
    file_id = made(client, offline, TABLE)
    thread_id = thread_with(client, "Read this.", CODE, file_id)
    assert len(offline.uploads()) == 1
    client.files.delete(file_id)
    offline.script.mixed([Code("print(1)"), Say("Done.")])

    done = run(client, thread_id, CODE)

    assert (done.status, offline.uploads()) == ("completed", [])
    raw = client.beta.threads.runs.with_raw_response.retrieve(done.id, thread_id=thread_id)
    assert f"{file_id} was not given to the code" in raw.headers["x-shim-notes"]


def test_an_upload_that_cannot_be_deleted_now_is_deleted_later(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """It is not forgotten: the next deletion, or the next upload, tries again."""
    one, other = made(client, offline, TABLE), made(client, offline, TABLE)
    thread_with(client, "Read this.", CODE, one)
    (upload_id,) = offline.uploads()
    offline.faults.add("/files", method="DELETE", times=1, status=500)

    client.files.delete(one)
    assert offline.uploads() == [upload_id]
    thread_with(client, "Read this.", CODE, other)

    assert waited(lambda: upload_id not in offline.uploads())
    assert len(offline.uploads()) == 1


def test_a_file_outlasts_its_thread_for_tools_too(client: openai.OpenAI, offline: Meeting) -> None:
    """What a deleted thread's code made can still be given to the code of another."""
    offline.script.code(TABLE, then="[it](sandbox:/mnt/data/result.csv)")
    thread_id = thread_with(client, "Make it.")
    run(client, thread_id, CODE)
    file_id = answer(client, thread_id)[0].text.annotations[0].file_path.file_id
    client.beta.threads.delete(thread_id)
    offline.script.mixed([Code(READ), Say("Read.")])
    thread_id = thread_with(client, "Read this.", CODE, file_id)

    done = run(client, thread_id, CODE)

    assert "Mar,5" in logs(client, thread_id, done.id)
    assert client.files.content(file_id).read() == b"month,sales\nMar,5\n"


def test_unknown_files_are_refused(client: openai.OpenAI, offline: Meeting) -> None:
    """Wherever such an id is given, the answer is the original's 404, and nothing is made."""
    unknown = "file-shim00000000000000000000"
    attached: Any = [{"file_id": unknown, "tools": SEARCH}]
    shown: Any = [{"type": "image_file", "image_file": {"file_id": unknown}}]
    resources: Any = {"code_interpreter": {"file_ids": [unknown]}}
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [unknown]}]}}
    thread = client.beta.threads.create()
    threads, assistants = client.beta.threads, client.beta.assistants
    calls: list[Any] = [
        lambda: threads.messages.create(thread.id, role="user", content="Hi", attachments=attached),
        lambda: threads.messages.create(thread.id, role="user", content=shown),
        lambda: threads.create(tool_resources=resources),
        lambda: threads.update(thread.id, tool_resources=resources),
        lambda: threads.create(tool_resources=helper),
        lambda: assistants.create(model="gpt-4o", tool_resources=resources),
        lambda: assistants.create(model="gpt-4o", tool_resources=helper),
    ]

    for call in calls:
        with pytest.raises(openai.NotFoundError, match=f"No file found with id '{unknown}'."):
            call()

    assert client.beta.threads.messages.list(thread.id).data == []
    assert (offline.stores(), sent(offline)) == ({}, [])


def test_what_is_no_image_cannot_be_shown(client: openai.OpenAI, offline: Meeting) -> None:
    """A table is refused as the original refused it."""
    part: Any = {
        "type": "image_file",
        "image_file": {"file_id": made(client, offline, TABLE)},
    }

    with pytest.raises(openai.BadRequestError, match=r"supported format: .* but got \.csv\."):
        thread_with(client, [part])


def test_a_server_without_files_refuses_them(client: openai.OpenAI, offline: Meeting) -> None:
    """Where nothing can be uploaded the error says so."""
    file_id = made(client, offline, TABLE)
    settings = Settings(database_url=offline.settings.database_url, dialect="generic")

    with (
        connect(offline, settings=settings, max_retries=0) as other,
        pytest.raises(openai.BadRequestError, match="no Files API"),
    ):
        thread_with(other, "Read this.", CODE, file_id)


def test_the_upstreams_refusal_of_an_upload_is_the_callers(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """A file that cannot be searched is refused in the upstream's words; the upload is kept."""
    file_id = made(client, offline, TABLE)
    offline.faults.add("/files", method="POST", times=1, status=413)

    with pytest.raises(openai.APIStatusError) as refused:
        thread_with(client, "Read this.", CODE, file_id)
    with pytest.raises(openai.BadRequestError, match="not supported for retrieval"):
        thread_with(client, "Read this.", SEARCH, file_id)

    assert refused.value.status_code == 413
    assert offline.stores() == {}


def test_an_upload_that_somebody_deleted_is_made_again(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """Programs delete what files they find; what shim keeps can still be given to tools."""
    file_id = made(client, offline, NOTES, "notes.md")
    thread_with(client, "Read.", SEARCH, file_id)
    for each in client.files.list():
        client.files.delete(each.id)

    thread_id = thread_with(client, "What does Filip like?", SEARCH, file_id)
    done = run(client, thread_id, SEARCH)

    assert (done.status, len(sent(offline))) == ("completed", 2)
    assert answer(client, thread_id)[0].text.annotations[0].file_citation.file_id == file_id


def test_one_upload_is_left_of_two_that_meet(client: openai.OpenAI, offline: Meeting) -> None:
    """Calls that need the same file at the same moment share one upload."""
    file_id = made(client, offline, TABLE)
    others = [offline.client() for _ in range(4)]
    offline.meet("POST", "/files", lambda: thread_with(client, "Read.", CODE, file_id))

    with ThreadPoolExecutor(len(others)) as pool:
        list(pool.map(lambda other: thread_with(other, "Read.", CODE, file_id), others))
    for other in others:
        other.close()

    assert len(offline.uploads()) == 1


def test_async_clients_send_files_back_too(client: openai.OpenAI, offline: Meeting) -> None:
    """The same through the async door."""
    file_id = made(client, offline, NOTES, "notes.md")
    chart = drawn(client, offline)

    async def asked() -> Any:
        async with offline.async_client() as other:
            attached: Any = [{"file_id": file_id, "tools": SEARCH}]
            content: Any = [
                {"type": "image_file", "image_file": {"file_id": chart}},
                {"type": "text", "text": "What does Filip like?"},
            ]
            message: Any = {"role": "user", "content": content, "attachments": attached}
            assistant = await other.beta.assistants.create(model="gpt-4o", tools=SEARCH)
            thread = await other.beta.threads.create(messages=[message])
            await other.beta.threads.runs.create_and_poll(
                thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20
            )
            await other.files.delete(file_id)
            return (await other.beta.threads.messages.list(thread.id)).data[0].content

    (text,) = asyncio.run(asked())

    assert text.text.annotations[0].file_citation.file_id == file_id
    assert len(images(offline)) == 1
    assert offline.uploads() == []


def test_another_tenants_file_is_unknown(client: openai.OpenAI, offline: Meeting) -> None:
    """Whoever knows the id of somebody else's file cannot have it read by tools or shown."""
    ours, chart = made(client, offline, TABLE), drawn(client, offline)
    before = len(sent(offline))
    attached = {"file_id": ours, "tools": CODE}
    shown = [{"type": "image_file", "image_file": {"file_id": chart}}]
    bodies: list[Any] = [
        {"messages": [{"role": "user", "content": "Hi", "attachments": [attached]}]},
        {"messages": [{"role": "user", "content": shown}]},
        {"tool_resources": {"code_interpreter": {"file_ids": [ours]}}},
    ]

    answers = [asked_by("somebody else", offline, body) for body in bodies]

    assert [reply.status for reply in answers] == [404, 404, 404]
    assert len(sent(offline)) == before
    assert asked_by("", offline, bodies[0]).status == 200


def asked_by(tenant: str, offline: Meeting, body: Any) -> wires.Reply:
    """The answer to a tenant who makes a thread."""
    workers = BlockingWorkers()
    target = wires.Target("https://api.openai.com/v1", {"authorization": "Bearer k"})
    with httpx.Client(transport=offline.transport(httpx)) as http:
        handler = wire(offline.settings, BlockingUpstream(http, workers.sleep, "openai"), workers)
        content, headers = json.dumps(body).encode(), {"openai-beta": "assistants=v2"}
        call = wires.Call("POST", "/threads", target, (), content, headers, tenant)
        reply = drive.run(handler(call))
        workers.flush(10)
        drive.run(handler.aclose())
    return reply
