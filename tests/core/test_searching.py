"""Vector stores, attachments and file search, through the SDK on the embedded upstream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

import shim
from shim.offline import Offline
from shim.settings import Settings

FOODS = b"Summanus likes tacos.\nTekakwitha likes pizza.\nFilip likes cake."


@pytest.fixture
def offline() -> Iterator[Offline]:
    offline = Offline()
    yield offline
    offline.close()


@pytest.fixture
def client(offline: Offline) -> Iterator[openai.OpenAI]:
    sdk = openai.OpenAI(api_key="k", http_client=_http(offline))
    yield shim.mount(sdk, Settings.load({}, database_url="sqlite:///:memory:", dialect="openai"))
    sdk.close()


def _http(offline: Offline) -> Any:
    module: Any = httpx
    if not issubclass(openai.DefaultHttpxClient, httpx.Client):
        import httpx2 as module  # noqa: PLC0415 - what openai 3 brings
    return module.Client(transport=offline.transport(module))


def upload(client: openai.OpenAI, name: str = "foods.txt") -> str:
    return client.files.create(file=(name, FOODS), purpose="assistants").id


def store_body(store_id: str, client: openai.OpenAI) -> Any:
    return client.get(f"/vector_stores/{store_id}", cast_to=httpx.Response).json()


def answer(client: openai.OpenAI, thread_id: str, assistant_id: str) -> Any:
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread_id, assistant_id=assistant_id, poll_interval_ms=50
    )
    assert run.status == "completed", run.last_error
    return client.beta.threads.messages.list(thread_id).data[0].content[0].text


@pytest.mark.parametrize("odd", ["", "..", "../files", "vs_1/files", "vs_1?x", "vs_1#", "vs 1"])
def test_an_odd_store_id_leads_to_no_other_place(
    client: openai.OpenAI, offline: Offline, odd: str
) -> None:
    """What can be no store's id is unknown, and no call goes to where it would lead."""
    file_id = upload(client)
    asked = len(offline.log)
    resources: Any = {"file_search": {"vector_store_ids": [odd]}}
    attached: Any = {"file_id": file_id, "tools": [{"type": "file_search"}]}
    message: Any = {"role": "user", "content": "?", "attachments": [attached]}

    with pytest.raises(openai.NotFoundError) as caught:
        client.beta.threads.create(messages=[message], tool_resources=resources)

    assert f"No vector store found with id '{odd}'." in str(caught.value)
    assert not [entry for entry in offline.log[asked:] if entry.accepted]


def test_a_null_in_the_helper_is_as_good_as_nothing(client: openai.OpenAI) -> None:
    """Programs write their optional keys out; the upstream would refuse some of the nulls."""
    store: Any = {"file_ids": None, "chunking_strategy": {"type": "auto", "static": None}}

    thread = client.beta.threads.create(tool_resources={"file_search": {"vector_stores": [store]}})

    assert thread.tool_resources is not None and thread.tool_resources.file_search is not None
    assert thread.tool_resources.file_search.vector_store_ids


def test_the_helper_makes_a_store_and_is_not_echoed(client: openai.OpenAI) -> None:
    """An assistant's store has no expiry, a thread's expires after seven idle days."""
    file_id = upload(client)
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [file_id]}]}}

    assistant = client.beta.assistants.create(
        model="gpt-4o", tools=[{"type": "file_search"}], tool_resources=helper
    )
    thread = client.beta.threads.create(tool_resources=helper)

    bodies = []
    for resources in (assistant.tool_resources, thread.tool_resources):
        (store_id,) = resources.file_search.vector_store_ids
        bodies.append(store_body(store_id, client))
    assert [body["expires_after"] for body in bodies] == [
        None,
        {"anchor": "last_active_at", "days": 7},
    ]
    assert "vector_stores" not in assistant.tool_resources.to_dict()["file_search"]


def test_footnotes_replace_the_markers(client: openai.OpenAI) -> None:
    """The classic loop over annotations finds each marker in the text and each file by its id."""
    file_id = upload(client)
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}])
    attachment: Any = {"file_id": file_id, "tools": [{"type": "file_search"}]}
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": "What does Filip like?", "attachments": [attachment]}]
    )

    text = answer(client, thread.id, assistant.id)

    value, notes = text.value, []
    for index, annotation in enumerate(text.annotations):
        assert value.count(annotation.text) == 1
        value = value.replace(annotation.text, f"[{index}]")
        cited = client.files.retrieve(annotation.file_citation.file_id)
        notes.append(f"[{index}] {cited.filename}")
    assert notes == ["[0] foods.txt"]
    assert "【" not in value


def test_attachments_make_and_extend_the_threads_store(client: openai.OpenAI) -> None:
    """The first attachment makes the store, the next one goes into it; both are echoed."""
    thread = client.beta.threads.create()
    first, second = upload(client), upload(client, "more.md")
    tools: Any = [{"type": "file_search"}, {"type": "code_interpreter"}]
    for file_id in (first, second):
        attachment: Any = {"file_id": file_id, "tools": tools}
        message = client.beta.threads.messages.create(
            thread.id, role="user", content="Read this", attachments=[attachment]
        )
        assert message.to_dict()["attachments"] == [attachment]

    resources = client.beta.threads.retrieve(thread.id).tool_resources
    (store_id,) = resources.file_search.vector_store_ids
    assert resources.code_interpreter.file_ids == [first, second]
    assert store_body(store_id, client)["file_counts"]["total"] == 2


def test_the_texts_found_are_shown_to_those_who_ask(client: openai.OpenAI) -> None:
    """Steps have the results always, their content only with the include (spec 5)."""
    thread = client.beta.threads.create(
        tool_resources={"file_search": {"vector_stores": [{"file_ids": [upload(client)]}]}},
        messages=[{"role": "user", "content": "What does Filip like?"}],
    )
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}])
    answer(client, thread.id, assistant.id)
    (run,) = client.beta.threads.runs.list(thread.id).data
    path = f"/threads/{thread.id}/runs/{run.id}/steps"
    headers = {"OpenAI-Beta": "assistants=v2"}

    def results(query: dict[str, Any]) -> Any:
        options: Any = {"params": query, "headers": headers}
        steps = client.get(path, cast_to=httpx.Response, options=options).json()["data"]
        return steps[-1]["step_details"]["tool_calls"][0]["file_search"]["results"]

    bare = results({})
    full = results({"include[]": "step_details.tool_calls[*].file_search.results[*].content"})
    assert [sorted(one) for one in bare] == [["attributes", "file_id", "file_name", "score"]]
    assert "Filip" in full[0]["content"][0]["text"]


def test_missing_and_too_many_stores_are_refused(client: openai.OpenAI) -> None:
    """A run that cannot be searched for is refused when it is created."""
    stores = [client.beta.vector_stores.create().id for _ in range(3)]
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        instructions="Search.",
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [stores[0]]}},
    )
    thread = client.beta.threads.create(
        tool_resources={"file_search": {"vector_store_ids": ["vs_" + "0" * 32]}}
    )

    with pytest.raises(openai.NotFoundError, match="No vector store found with id 'vs_000"):
        client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
    with pytest.raises(openai.BadRequestError, match="at most 2 vector stores"):
        client.beta.threads.create_and_run(
            assistant_id=assistant.id,
            thread={"tool_resources": {"file_search": {"vector_store_ids": [stores[1]]}}},
            tool_resources={"file_search": {"vector_store_ids": [stores[2]]}},
        )


def test_files_still_being_read_are_waited_for() -> None:
    """A run on a fresh store begins once its files are searchable, and finds them."""
    offline = Offline(indexing_delay=1.5)
    sdk = openai.OpenAI(api_key="k", http_client=_http(offline))
    client = shim.mount(sdk, Settings.load({}, database_url="sqlite:///:memory:", dialect="openai"))
    helper: Any = {"file_search": {"vector_stores": [{"file_ids": [upload(client)]}]}}
    thread = client.beta.threads.create(
        tool_resources=helper, messages=[{"role": "user", "content": "What does Filip like?"}]
    )
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}])

    assert answer(client, thread.id, assistant.id).annotations
    client.close()
    offline.close()


def test_replayed_answers_have_no_markers(client: openai.OpenAI, offline: Offline) -> None:
    """What the model is shown of its own answers has no markers to imitate."""
    thread = client.beta.threads.create(
        tool_resources={"file_search": {"vector_stores": [{"file_ids": [upload(client)]}]}},
        messages=[{"role": "user", "content": "What does Filip like?"}],
    )
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}])
    answer(client, thread.id, assistant.id)
    client.beta.threads.messages.create(thread.id, role="user", content="What else?")
    answer(client, thread.id, assistant.id)

    assert "【" not in str(offline.posts()[-1].body["input"])
