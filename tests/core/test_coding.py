"""The code interpreter, what it makes and where it runs, through the SDK on the offline service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from code_runs import (
    AN_HOUR,
    CHART,
    CODE,
    CSV,
    FUNCTION,
    LINK,
    SALES,
    answer,
    begun,
    calls,
    dropping,
    mounted,
    run,
)

import shim
from shim.offline import Offline
from shim.offline.outputs import Call, Code, Failure, Reply, Say, Search
from shim.settings import Settings


@pytest.fixture
def offline() -> Iterator[Offline]:
    offline = Offline()
    yield offline
    offline.close()


@pytest.fixture
def client(offline: Offline) -> Iterator[openai.OpenAI]:
    sdk = mounted(offline)
    yield sdk
    sdk.close()


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_files_outlive_their_container(client: openai.OpenAI, offline: Offline, how: str) -> None:
    """A table and a chart that code made are there by their ids when the container is gone."""
    offline.script.mixed([Code(CSV), Code(CHART), Say(f"Here is {LINK}.")])
    thread_id, assistant_id = begun(client)

    done = run(client, thread_id, assistant_id, how)
    image, text = answer(client, thread_id)
    (annotation,) = text.text.annotations
    settle(client, annotation.file_path.file_id)
    offline.clock.advance(AN_HOUR)

    assert done.status == "completed"
    value = text.text.value
    assert value[annotation.start_index : annotation.end_index] == annotation.text
    assert annotation.text == "sandbox:/mnt/data/result.csv"
    table = client.files.content(annotation.file_path.file_id)
    assert table.read() == b"month,sales\nMar,5\n"
    assert client.files.content(image.image_file.file_id).read().startswith(b"\x89PNG")


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_files_that_are_linked_are_attached(
    client: openai.OpenAI, offline: Offline, how: str
) -> None:
    """As the original did: the files of the links, once each, and not the images shown."""
    offline.script.mixed([Code(CSV), Code(CHART), Say(f"Here is {LINK}.")])
    thread_id, assistant_id = begun(client)

    run(client, thread_id, assistant_id, how)
    (message,) = client.beta.threads.messages.list(thread_id, limit=1).data

    file_id = message.content[1].text.annotations[0].file_path.file_id
    (attached,) = message.to_dict()["attachments"]
    assert attached == {"file_id": file_id, "tools": [{"type": "code_interpreter"}]}


def settle(client: openai.OpenAI, file_id: str) -> None:
    """Wait for the copy of a file."""
    assert client.files.retrieve(file_id).status == "processed"


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_steps_tell_what_ran(client: openai.OpenAI, offline: Offline, how: str) -> None:
    """A step has the code with its logs; one that shows a chart has the image of the message."""
    offline.script.mixed([Code("print(1 + 1)"), Code(CHART), Code("x = 1"), Say("Done.")])
    thread_id, assistant_id = begun(client)

    done = run(client, thread_id, assistant_id, how)

    first, second, third = [call.code_interpreter for call in calls(client, thread_id, done.id)]
    assert (first.input, first.outputs[0].to_dict()) == (
        "print(1 + 1)",
        {"type": "logs", "logs": "2\n"},
    )
    (shown,) = second.outputs
    assert shown.image.file_id == answer(client, thread_id)[0].image_file.file_id
    assert third.outputs == []


def test_a_file_has_an_object_and_can_be_deleted(client: openai.OpenAI, offline: Offline) -> None:
    """The object is that of the Files API; what is deleted is unknown afterwards."""
    offline.script.code(CSV, then=LINK)
    thread_id, assistant_id = begun(client)
    run(client, thread_id, assistant_id)
    file_id = answer(client, thread_id)[0].text.annotations[0].file_path.file_id

    made = client.files.retrieve(file_id)
    raw = client.files.with_raw_response.retrieve(file_id).http_response.json()
    deleted = client.files.delete(file_id)

    assert (made.filename, made.bytes, made.purpose) == ("result.csv", 18, "assistants_output")
    assert list(raw)[:4] == ["object", "id", "purpose", "filename"]
    assert deleted.to_dict() == {"id": file_id, "object": "file", "deleted": True}
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file_id}"):
        client.files.content(file_id)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("table.csv", 'filename="table.csv"'),
        (
            "Übersicht 1.csv",
            "filename=\"?bersicht 1.csv\"; filename*=UTF-8''%C3%9Cbersicht%201.csv",
        ),
    ],
)
def test_a_download_has_the_name_of_its_file(
    client: openai.OpenAI, offline: Offline, name: str, told: str
) -> None:
    """Also one that a header cannot hold as it is, in the form that RFC 6266 gives it."""
    source = f"open('/mnt/data/{name}', 'w').write('x')"
    offline.script.code(source, then=f"[it](sandbox:/mnt/data/{name})")
    thread_id, assistant_id = begun(client)
    run(client, thread_id, assistant_id)
    (annotation,) = answer(client, thread_id)[0].text.annotations

    content = client.files.content(annotation.file_path.file_id)

    assert content.response.headers["content-disposition"] == f"attachment; {told}"


def test_other_files_are_the_upstreams(client: openai.OpenAI) -> None:
    """Uploads and what is asked of them go through as before."""
    uploaded = client.files.create(file=("sales.csv", SALES), purpose="assistants")

    assert client.files.retrieve(uploaded.id).filename == "sales.csv"
    assert uploaded.id in [each.id for each in client.files.list()]


def test_files_outlast_their_thread(
    client: openai.OpenAI, offline: Offline, tmp_path: Path
) -> None:
    """As the original's did: a thread takes its container with it, and leaves what was made."""
    kept = mounted(offline, str(tmp_path / "shim.db"), files=str(tmp_path / "made"))
    offline.script.mixed([Code(CSV), Code(CHART), Say(f"Look at {LINK}.")])
    thread_id, assistant_id = begun(kept)
    run(kept, thread_id, assistant_id)
    image, text = answer(kept, thread_id)
    made = [image.image_file.file_id, text.text.annotations[0].file_path.file_id]

    kept.beta.threads.delete(thread_id)
    content = kept.files.content(made[1]).read()
    for file_id in made:
        kept.files.delete(file_id)
    kept.close()

    assert content == b"month,sales\nMar,5\n"
    assert list((tmp_path / "made").iterdir()) == []
    assert client.get("/containers", cast_to=httpx.Response).json()["data"] == []


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_a_mixed_turn_keeps_its_order(client: openai.OpenAI, offline: Offline, how: str) -> None:
    """Text, a search, code and a function call in one response give their steps in that order."""
    uploaded = client.files.create(file=("foods.txt", b"Filip likes cake."), purpose="assistants")
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [uploaded.id]}]}}
    tools: Any = [{"type": "file_search"}, *CODE, FUNCTION]
    thread_id, assistant_id = begun(client, tools=tools, tool_resources=helper)
    turn = [Say("Let me look."), Search("cake"), Code("print(7)"), Call("rate", {})]
    offline.script.mixed(turn)

    waiting = run(client, thread_id, assistant_id, how)
    order = {"thread_id": thread_id, "order": "asc"}
    steps = client.beta.threads.runs.steps.list(waiting.id, **order).data

    assert waiting.status == "requires_action"
    assert [step.type for step in steps] == ["message_creation", *["tool_calls"] * 3]
    kinds = [call.type for call in calls(client, thread_id, waiting.id)]
    assert kinds == ["file_search", "code_interpreter", "function"]


def asked(offline: Offline) -> list[Any]:
    """The containers that the responses were asked for with."""
    posts = [post.body["tools"] for post in offline.posts()]
    return [tool["container"] for tools in posts for tool in tools]


def test_a_thread_keeps_its_container(client: openai.OpenAI, offline: Offline) -> None:
    """Variables live on from run to run, and files added meanwhile are there."""
    offline.script.code("x = 41", then="Noted.")
    thread_id, assistant_id = begun(client)
    run(client, thread_id, assistant_id)
    uploaded = client.files.create(file=("sales.csv", SALES), purpose="assistants")
    attachment: Any = {"file_id": uploaded.id, "tools": CODE}
    client.beta.threads.messages.create(
        thread_id, role="user", content="And now?", attachments=[attachment]
    )
    offline.script.code("import os\nprint(x + 1, os.listdir('/mnt/data'))", then="There.")

    done = run(client, thread_id, assistant_id)

    (call,) = calls(client, thread_id, done.id)
    logs = call.code_interpreter.outputs[0].logs
    assert logs == f"42 ['{uploaded.id}-sales.csv']\n"
    first, second = asked(offline)
    assert first == {"type": "auto"}
    assert second.startswith("cntr_")


@pytest.mark.parametrize("how", ["polled", "streamed"])
@pytest.mark.parametrize("more", [False, True])
def test_an_expired_container_is_made_anew(
    client: openai.OpenAI, offline: Offline, how: str, more: bool
) -> None:
    """The next run gets a new container with all of the thread's files, and notes it."""
    uploads = [
        client.files.create(file=(name, SALES), purpose="assistants").id for name in ("a", "b")
    ]
    first: Any = {"code_interpreter": {"file_ids": uploads[:1]}}
    thread_id, assistant_id = begun(client, tool_resources=first)
    offline.script.code("print(1)", then="One.")
    run(client, thread_id, assistant_id, how)
    offline.clock.advance(AN_HOUR)
    if more:
        client.beta.threads.update(
            thread_id, tool_resources={"code_interpreter": {"file_ids": uploads}}
        )
    client.beta.threads.messages.create(thread_id, role="user", content="Again?")
    offline.script.code("import os\nprint(len(os.listdir('/mnt/data')))", then="Two.")

    done = run(client, thread_id, assistant_id, how)

    (call,) = calls(client, thread_id, done.id)
    assert call.code_interpreter.outputs[0].logs == ("2\n" if more else "1\n")
    raw = client.beta.threads.runs.with_raw_response.retrieve(done.id, thread_id=thread_id)
    assert "the container in which the thread's code ran is gone" in raw.headers["x-shim-notes"]


def test_a_container_that_goes_within_a_run_is_made_anew(
    client: openai.OpenAI, offline: Offline
) -> None:
    """The run goes on after a function call although its container was deleted meanwhile."""
    tools: Any = [*CODE, FUNCTION]
    thread_id, assistant_id = begun(client, tools=tools)
    offline.script.mixed([Code("x = 1"), Call("rate", {})])
    waiting = run(client, thread_id, assistant_id)
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls
    (made,) = client.get("/containers", cast_to=httpx.Response).json()["data"]
    client.delete(f"/containers/{made['id']}", cast_to=httpx.Response)
    offline.script.code("print('x' in globals())", then="There.")

    done = client.beta.threads.runs.submit_tool_outputs_and_poll(
        thread_id=thread_id,
        run_id=waiting.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "5"}],
    )

    assert done.status == "completed", done.last_error
    last = calls(client, thread_id, done.id)[-1]
    assert last.code_interpreter.outputs[0].logs == "False\n"


def test_a_file_that_is_not_there_is_noted(client: openai.OpenAI, offline: Offline) -> None:
    """A container that lives does not take an unknown file; the run goes on without it."""
    offline.script.code("x = 1", then="One.")
    thread_id, assistant_id = begun(client)
    run(client, thread_id, assistant_id)
    unknown: Any = {"code_interpreter": {"file_ids": ["file-unknown"]}}
    client.beta.threads.update(thread_id, tool_resources=unknown)
    offline.script.code("print(x)", then="Two.")

    done = run(client, thread_id, assistant_id)

    (call,) = calls(client, thread_id, done.id)
    assert call.code_interpreter.outputs[0].logs == "1\n"
    raw = client.beta.threads.runs.with_raw_response.retrieve(done.id, thread_id=thread_id)
    assert "file-unknown was not given to the code" in raw.headers["x-shim-notes"]


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_a_new_container_goes_without_a_file_that_was_deleted(
    client: openai.OpenAI, offline: Offline, how: str
) -> None:
    """A thread whose table was cleared away can go on: with its other files, and a note."""
    gone, kept = (
        client.files.create(file=(name, SALES), purpose="assistants").id for name in ("a", "b")
    )
    files: Any = {"code_interpreter": {"file_ids": [gone, kept]}}
    thread_id, assistant_id = begun(client, tool_resources=files)
    client.files.delete(gone)
    offline.script.code("import os\nprint(os.listdir('/mnt/data'))", then="Two.")

    done = run(client, thread_id, assistant_id, how)

    assert done.status == "completed", done.last_error
    (call,) = calls(client, thread_id, done.id)
    assert call.code_interpreter.outputs[0].logs == f"['{kept}-b']\n"
    raw = client.beta.threads.runs.with_raw_response.retrieve(done.id, thread_id=thread_id)
    assert f"{gone} was not given to the code" in raw.headers["x-shim-notes"]


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_a_run_that_fails_keeps_the_code_that_ran(
    client: openai.OpenAI, offline: Offline, how: str
) -> None:
    """What the model said and did before is there, whether it was polled or streamed."""
    outputs = (Say("Let me see."), Code("print(6 * 7)"), Say("It"))
    offline.script.add(Reply(outputs, Failure("server_error", "Oh no.")))
    thread_id, assistant_id = begun(client)

    done = run(client, thread_id, assistant_id, how)

    assert (done.status, done.last_error.message) == ("failed", "Oh no.")
    (call,) = calls(client, thread_id, done.id)
    assert call.code_interpreter.outputs[0].logs == "42\n"
    said = client.beta.threads.messages.list(thread_id, order="asc").data[1]
    assert (said.content[0].text.value, said.run_id) == ("Let me see.", done.id)


def made_and_dropped(offline: Offline, database: Path) -> tuple[str, str, str]:
    """A file whose run has ended and which was not copied: its thread, run and id."""
    client = mounted(offline, str(database), dropping)
    offline.script.code(CSV, then=LINK)
    thread_id, assistant_id = begun(client)
    done = run(client, thread_id, assistant_id)
    file_id = answer(client, thread_id)[0].text.annotations[0].file_path.file_id
    client.close()
    return thread_id, done.id, file_id


def test_a_copy_that_a_killed_process_owed_is_made_when_asked_for(
    offline: Offline, tmp_path: Path
) -> None:
    """Another process on the same database fetches the file as long as its container lives."""
    _, _, file_id = made_and_dropped(offline, tmp_path / "shim.db")
    client = mounted(offline, str(tmp_path / "shim.db"))

    content = client.files.content(file_id).read()
    offline.clock.advance(AN_HOUR)

    assert content == client.files.content(file_id).read() == b"month,sales\nMar,5\n"
    client.close()


def test_a_copy_that_a_killed_process_owed_is_made_by_a_look(
    offline: Offline, tmp_path: Path
) -> None:
    """Whoever reads the thread's messages begins the copy again."""
    thread_id, _, file_id = made_and_dropped(offline, tmp_path / "shim.db")
    looking = mounted(offline, str(tmp_path / "shim.db"))

    answer(looking, thread_id)
    looking.close()
    offline.clock.advance(AN_HOUR)

    client = mounted(offline, str(tmp_path / "shim.db"))
    assert client.files.content(file_id).read() == b"month,sales\nMar,5\n"
    client.close()


def test_a_file_that_was_lost_is_said_to_be(offline: Offline, tmp_path: Path) -> None:
    """With its container gone before the copy, the file answers 404 and its run has a note."""
    thread_id, run_id, file_id = made_and_dropped(offline, tmp_path / "shim.db")
    offline.clock.advance(AN_HOUR)
    client = mounted(offline, str(tmp_path / "shim.db"))

    with pytest.raises(openai.NotFoundError, match="its container had expired"):
        client.files.content(file_id)

    assert client.files.retrieve(file_id).status == "error"
    raw = client.beta.threads.runs.with_raw_response.retrieve(run_id, thread_id=thread_id)
    assert f"result.csv ({file_id}) is not kept" in raw.headers["x-shim-notes"]
    client.close()


def test_a_file_that_is_too_large_is_not_kept(offline: Offline) -> None:
    """The cap is a setting; the run's notes and the 404 say so."""
    client = mounted(offline, files_max_mb=0)
    offline.script.code(CHART, then="Look.")
    thread_id, assistant_id = begun(client)

    done = run(client, thread_id, assistant_id)

    raw = client.beta.threads.runs.with_raw_response.retrieve(done.id, thread_id=thread_id)
    assert "files of more than 0 are not kept" in raw.headers["x-shim-notes"]
    with pytest.raises(openai.NotFoundError, match="are not kept"):
        client.files.content(answer(client, thread_id)[0].image_file.file_id)
    client.close()


def test_a_copy_is_made_although_nobody_asks(offline: Offline, tmp_path: Path) -> None:
    """A client that is closed after its run has copied what the run made."""
    client = mounted(offline, str(tmp_path / "shim.db"))
    offline.script.code(CSV, then=LINK)
    thread_id, assistant_id = begun(client)
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
        (content,) = stream.get_final_messages()[0].content
    client.close()
    offline.clock.advance(AN_HOUR)

    again = mounted(offline, str(tmp_path / "shim.db"))
    file_id = content.text.annotations[0].file_path.file_id
    assert again.files.content(file_id).read() == b"month,sales\nMar,5\n"
    again.close()


def test_async_clients_get_the_same(offline: Offline) -> None:
    """Files come through the async door too."""

    async def program() -> bytes:
        module: Any = httpx
        if not issubclass(openai.DefaultHttpxClient, httpx.Client):
            import httpx2 as module  # noqa: PLC0415 - what openai 3 brings
        http = module.AsyncClient(transport=offline.async_transport(module))
        settings = Settings.load({}, database_url="sqlite:///:memory:", dialect="openai")
        async with shim.mount(
            openai.AsyncOpenAI(api_key="k", http_client=http), settings
        ) as client:
            threads = client.beta.threads
            assistant = await client.beta.assistants.create(model="gpt-4o", tools=CODE)
            messages: Any = [{"role": "user", "content": "Analyse."}]
            run = await threads.create_and_run_poll(
                assistant_id=assistant.id, thread={"messages": messages}, poll_interval_ms=20
            )
            text: Any = (await threads.messages.list(run.thread_id)).data[0].content[0]
            file = await client.files.content(text.text.annotations[0].file_path.file_id)
            return file.content

    offline.script.code(CSV, then=LINK)

    assert asyncio.run(program()) == b"month,sales\nMar,5\n"


def test_the_sdks_handler_puts_the_pieces_together(client: openai.OpenAI, offline: Offline) -> None:
    """What a stream's handler has in the end, of calls and of messages, is what is stored."""
    offline.script.mixed([Code("print(1 + 1)"), Code(CHART), Code(CSV), Say(f"See {LINK}.")])
    thread_id, assistant_id = begun(client)

    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
        steps = stream.get_final_run_steps()
        messages = stream.get_final_messages()

    run_id = steps[0].run_id
    stored = calls(client, thread_id, run_id)
    streamed: Any = [step.step_details for step in steps if step.type == "tool_calls"]
    called = [call for each in streamed for call in each.tool_calls]
    assert bare(called) == bare(stored)
    assert bare([message.content for message in messages]) == bare([answer(client, thread_id)])


def bare(shown: Any) -> Any:
    """What is shown, as JSON without the places that the SDK keeps of what came in pieces."""
    if isinstance(shown, list):
        return [bare(each) for each in shown]
    if isinstance(shown, dict):
        return {key: bare(value) for key, value in shown.items() if key != "index"}
    return bare(shown.to_dict()) if hasattr(shown, "to_dict") else shown
