"""Attachments that meet: of two calls on one thread neither loses what the other has brought."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from meeting import Meeting, uploaded, waited

BOTH: Any = [{"type": "file_search"}, {"type": "code_interpreter"}]
SEARCH: Any = [{"type": "file_search"}]


@pytest.fixture(params=["sqlite", "postgres"])
def offline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Meeting]:
    url = f"sqlite:///{tmp_path}/shim.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").schema()
    offline = Meeting(url)
    yield offline
    offline.close()


@pytest.fixture
def client(offline: Meeting) -> Iterator[openai.OpenAI]:
    with offline.client() as client:
        yield client


def attach(client: Any, thread_id: str, file_id: str, tools: Any = BOTH) -> Any:
    attachment: Any = {"file_id": file_id, "tools": tools}
    return client.beta.threads.messages.create(
        thread_id, role="user", content="Read this", attachments=[attachment]
    )


def resources(client: openai.OpenAI, thread_id: str) -> tuple[list[str], list[str]]:
    """The thread's stores and the files for its code."""
    given = client.beta.threads.retrieve(thread_id).tool_resources
    assert given is not None
    stores = given.file_search.vector_store_ids if given.file_search else []
    files = given.code_interpreter.file_ids if given.code_interpreter else []
    return stores or [], files or []


@pytest.mark.parametrize("moment", ["/vector_stores", "/files"])
def test_two_messages_that_meet_share_one_store(
    client: openai.OpenAI, offline: Meeting, moment: str
) -> None:
    """Whichever message comes first, both files are in the one store that is left, once each."""
    files = [uploaded(client, f"{name}.txt") for name in "abc"]
    thread_id = client.beta.threads.create().id
    if moment == "/files":
        attach(client, thread_id, files[2])
    with offline.client() as other:
        offline.meet("POST", moment, lambda: attach(other, thread_id, files[1]))

        attach(client, thread_id, files[0])

    expected = sorted(files if moment == "/files" else files[:2])
    (store_id,), read = resources(client, thread_id)
    assert sorted(read) == expected
    assert waited(lambda: offline.stores() == {store_id: expected})


def test_resources_replaced_meanwhile_are_extended(client: openai.OpenAI, offline: Meeting) -> None:
    """A message that meets an update extends what the update gave; nothing it made is left."""
    files = [uploaded(client, f"{name}.txt") for name in "ab"]
    own = client.post("/vector_stores", body={}, cast_to=object)
    thread_id = client.beta.threads.create().id
    given: Any = {
        "file_search": {"vector_store_ids": [own["id"]]},  # type: ignore[index]
        "code_interpreter": {"file_ids": [files[1]]},
    }
    with offline.client() as other:
        offline.meet(
            "POST",
            "/vector_stores",
            lambda: other.beta.threads.update(thread_id, tool_resources=given),
        )

        attach(client, thread_id, files[0])

    stores, read = resources(client, thread_id)
    assert (stores, read) == ([own["id"]], [files[1], files[0]])  # type: ignore[index]
    assert waited(lambda: offline.stores() == {stores[0]: [files[0]]})


def test_an_update_keeps_what_it_does_not_name(client: openai.OpenAI, offline: Meeting) -> None:
    """New metadata does not bring back the resources that were there before a message."""
    file_id = uploaded(client, "a.txt")
    thread_id = client.beta.threads.create().id
    attach(client, thread_id, file_id)

    client.beta.threads.update(thread_id, metadata={"k": "v"})

    assert resources(client, thread_id)[1] == [file_id]
    assert client.beta.threads.retrieve(thread_id).metadata == {"k": "v"}


def test_a_run_that_meets_a_message_brings_its_own(client: openai.OpenAI, offline: Meeting) -> None:
    """Messages given with a run are attached to the resources that are there by then."""
    files = [uploaded(client, f"{name}.txt") for name in "ab"]
    thread_id = client.beta.threads.create().id
    assistant = client.beta.assistants.create(model="gpt-4o", tools=BOTH)
    given: Any = {
        "role": "user",
        "content": "And this",
        "attachments": [{"file_id": files[0], "tools": BOTH}],
    }
    with offline.client() as other:
        offline.meet("POST", "/vector_stores", lambda: attach(other, thread_id, files[1]))

        run = client.beta.threads.runs.create_and_poll(
            thread_id=thread_id,
            assistant_id=assistant.id,
            additional_messages=[given],
            poll_interval_ms=20,
        )

    (store_id,), read = resources(client, thread_id)
    assert run.status == "completed"
    assert read == [files[1], files[0]]
    assert waited(lambda: offline.stores() == {store_id: sorted(files)})
    assert len(client.beta.threads.messages.list(thread_id).data) == 3


def test_a_message_refused_in_the_end_leaves_nothing(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """A run that begins while a store is made refuses the message, and the store is deleted."""
    file_id = uploaded(client, "a.txt")
    thread_id = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}]).id
    assistant = client.beta.assistants.create(model="gpt-4o")
    offline._service.delay = 2.0
    with offline.client() as other:
        offline.meet(
            "POST",
            "/vector_stores",
            lambda: other.beta.threads.runs.create(thread_id, assistant_id=assistant.id),
        )

        with pytest.raises(openai.BadRequestError, match="while a run run_"):
            attach(client, thread_id, file_id)

    assert waited(lambda: offline.stores() == {})
    assert resources(client, thread_id) == ([], [])


def test_a_refused_message_takes_its_file_out_of_the_threads_store(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """What other messages have attached stays."""
    files = [uploaded(client, f"{name}.txt") for name in "ab"]
    thread_id = client.beta.threads.create().id
    attach(client, thread_id, files[0])
    (store_id,), _ = resources(client, thread_id)
    assistant = client.beta.assistants.create(model="gpt-4o")
    offline._service.delay = 2.0
    with offline.client() as other:
        offline.meet(
            "POST",
            "/files",
            lambda: other.beta.threads.runs.create(thread_id, assistant_id=assistant.id),
        )

        with pytest.raises(openai.BadRequestError, match="while a run run_"):
            attach(client, thread_id, files[1])

    assert waited(lambda: offline.stores() == {store_id: [files[0]]})


def test_a_thread_that_is_not_made_leaves_no_store(client: openai.OpenAI, offline: Meeting) -> None:
    """Where a run with its thread is refused, the helper's store is deleted."""
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [uploaded(client, "a.txt")]}]}}
    assistant = client.beta.assistants.create(model="gpt-4o")

    with pytest.raises(openai.BadRequestError, match="Run creation requires"):
        client.beta.threads.create_and_run(
            assistant_id=assistant.id, thread={"tool_resources": helper}
        )

    assert waited(lambda: offline.stores() == {})


def test_many_threads_at_once_lose_nothing(client: openai.OpenAI, offline: Meeting) -> None:
    """Messages sent at the same moment from many places all arrive with their files."""
    files = [uploaded(client, f"{number}.txt") for number in range(8)]
    thread_id = client.beta.threads.create().id
    others = [offline.client() for _ in files]

    with ThreadPoolExecutor(len(files)) as pool:
        list(
            pool.map(
                lambda pair: attach(pair[0], thread_id, pair[1]), zip(others, files, strict=True)
            )
        )
    for other in others:
        other.close()

    (store_id,), read = resources(client, thread_id)
    assert sorted(read) == sorted(files)
    assert len(client.beta.threads.messages.list(thread_id).data) == len(files)
    assert waited(lambda: offline.stores() == {store_id: sorted(files)})


def test_many_tasks_at_once_lose_nothing(client: openai.OpenAI, offline: Meeting) -> None:
    """The same for async clients, with an update of the metadata among the messages."""
    files = [uploaded(client, f"{number}.txt") for number in range(6)]
    thread_id = client.beta.threads.create().id

    async def together() -> None:
        async with offline.async_client() as one, offline.async_client() as two:
            calls = [
                attach(other, thread_id, file_id)
                for other, file_id in zip([one, two] * 3, files, strict=True)
            ]
            changed = two.beta.threads.update(thread_id, metadata={"k": "v"})
            await asyncio.gather(*calls[:3], changed, *calls[3:])

    asyncio.run(together())

    (store_id,), read = resources(client, thread_id)
    assert sorted(read) == sorted(files)
    assert client.beta.threads.retrieve(thread_id).metadata == {"k": "v"}
    assert waited(lambda: offline.stores() == {store_id: sorted(files)})


def test_a_deleted_thread_takes_the_stores_made_for_it_along(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """Stores of attachments and of the thread's helper go; an assistant's and the user's stay."""
    file_id = uploaded(client, "a.txt")
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [file_id]}]}}
    client.beta.assistants.create(model="gpt-4o", tools=SEARCH, tool_resources=helper)
    own: Any = client.post("/vector_stores", body={}, cast_to=object)
    given: Any = {"file_search": {"vector_store_ids": [own["id"]]}}
    kept = set(offline.stores())
    threads = [
        client.beta.threads.create(tool_resources=helper),
        client.beta.threads.create(),
        client.beta.threads.create(tool_resources=given),
    ]
    attach(client, threads[1].id, file_id)
    assert len(offline.stores()) == len(kept) + 2

    for thread in threads:
        client.beta.threads.delete(thread.id)

    assert waited(lambda: set(offline.stores()) == kept)


def test_a_store_of_a_deleted_thread_is_deleted_once_that_can_be_done(
    client: openai.OpenAI, offline: Meeting
) -> None:
    """While the upstream fails, what is to be deleted is kept in mind."""
    thread_id = client.beta.threads.create().id
    attach(client, thread_id, uploaded(client, "a.txt"), SEARCH)
    offline.faults.add("/vector_stores", method="DELETE", times=1, status=500)

    client.beta.threads.delete(thread_id)

    assert waited(lambda: offline.stores() == {})


def test_deleting_a_thread_stops_what_runs(client: openai.OpenAI, offline: Meeting) -> None:
    """A response made in the background is cancelled before it is deleted."""
    thread_id = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}]).id
    assistant = client.beta.assistants.create(model="gpt-4o")
    offline._service.delay = 30.0
    client.beta.threads.runs.create(thread_id, assistant_id=assistant.id)

    client.beta.threads.delete(thread_id)

    def asked() -> list[str]:
        paths = [(entry.method, entry.path) for entry in offline.log if entry.accepted]
        return [
            "cancel" if path.endswith("/cancel") else "delete"
            for method, path in paths
            if path.startswith("/responses/") and method in ("POST", "DELETE")
        ]

    assert waited(lambda: len(asked()) == 2)
    assert asked() == ["cancel", "delete"]
