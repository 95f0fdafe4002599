"""Ids of threads that nobody here knows: refused, taken in empty, or read from the user's table."""

from __future__ import annotations

import asyncio
import json

import httpx
import openai
import pytest
from click.testing import CliRunner
from server_place import Running

import shim
from shim.cli import main
from shim.errors import SettingsError
from shim.offline import Offline
from shim.server.app import asgi
from shim.settings import Settings

OLD = "thread_abcdefghijklmnopqrstuvwx"
TABLE = {
    OLD: [
        {"role": "user", "content": "Hello", "created_at": 1700000000, "metadata": {"n": "1"}},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "Hi"}],
            "created_at": 1700000001,
        },
    ]
}


def load_by_import(thread_id):
    """What a server finds by its import path."""
    return TABLE.get(thread_id)


@pytest.fixture
def upstream():
    """An upstream."""
    offline = Offline()
    served = offline.serve()
    yield served
    served.close()
    offline.close()


@pytest.fixture
def settings(upstream, tmp_path):
    """Make settings that say what becomes of unknown threads."""

    def make(unknown, **more):
        database = f"sqlite:///{tmp_path / 'shim.db'}"
        return Settings(
            unknown_threads=unknown,
            upstream_url=upstream.url,
            dialect="openai",
            database_url=database,
            **more,
        )

    return make


@pytest.fixture
def connect(settings):
    """Make blocking clients."""
    made = []

    def make(unknown):
        client = openai.OpenAI(api_key="sk-1", max_retries=0)
        made.append(shim.mount(client, settings(unknown)))
        return client

    yield make
    for client in made:
        client.close()


def texts(listed):
    """What was said."""
    return [(each.role, each.content[0].text.value) for each in listed]


def test_unknown_threads_are_refused_where_nothing_is_set(connect):
    """The original's 404 is the default."""
    with pytest.raises(openai.NotFoundError, match=f"No thread found with id '{OLD}'"):
        connect("").beta.threads.messages.create(OLD, role="user", content="Hello")


def test_an_unknown_thread_is_taken_in_empty(connect):
    """It goes on under its id, and the answer that took it in says so."""
    client = connect("adopt")

    first = client.beta.threads.messages.with_raw_response.create(OLD, role="user", content="Hello")
    second = client.beta.threads.messages.with_raw_response.list(OLD)
    assistant = client.beta.assistants.create(model="gpt-4o")
    run = client.beta.threads.runs.create_and_poll(
        thread_id=OLD, assistant_id=assistant.id, poll_interval_ms=20
    )

    assert "taken in without the messages" in first.headers["x-shim-notes"]
    assert "x-shim-notes" not in second.headers
    assert texts(second.parse()) == [("user", "Hello")]
    assert run.status == "completed"


@pytest.mark.parametrize(
    ("unknown", "how"),
    [("adopt", "without the messages"), (load_by_import, "with 2 messages from load_thread")],
)
def test_the_command_line_tells_how_a_thread_came_in(connect, settings, unknown, how):
    """Later, too: `shim threads show` has the note, and nothing of the kind for other threads."""
    client = connect(unknown)
    client.beta.threads.retrieve(OLD)
    other = client.beta.threads.create()
    variables = {"SHIM_DATABASE_URL": settings("").database_url}

    def shown(*words):
        return CliRunner().invoke(main, ["threads", "show", *words], env=variables).output

    assert f"note          The thread was not known here: it was taken in {how}" in shown(OLD)
    assert how in json.loads(shown(OLD, "--json"))["note"]
    assert "note" not in shown(other.id)
    assert json.loads(shown(other.id, "--json"))["note"] is None


def test_a_deleted_thread_is_not_taken_in_again(connect):
    """What was deleted here stays deleted, and what is no id is refused as ever."""
    client = connect("adopt")
    thread = client.beta.threads.create()

    client.beta.threads.delete(thread.id)

    with pytest.raises(openai.NotFoundError):
        client.beta.threads.retrieve(thread.id)
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.delete(OLD)
    with pytest.raises(openai.BadRequestError):
        client.beta.threads.retrieve("undefined")


def test_a_function_gives_the_messages_of_an_unknown_thread(connect):
    """They are in their order with what was given of them; an id it does not know is a 404."""
    asked = []

    def load_thread(thread_id):
        asked.append(thread_id)
        return TABLE.get(thread_id)

    client = connect(load_thread)

    listed = client.beta.threads.messages.list(OLD, order="asc").data
    client.beta.threads.messages.create(OLD, role="user", content="More")

    assert texts(listed) == [("user", "Hello"), ("assistant", "Hi")]
    assert listed[0].metadata == {"n": "1"}
    assert client.beta.threads.retrieve(OLD).created_at == 1700000000
    assert len(client.beta.threads.messages.list(OLD).data) == 3
    assert asked == [OLD]
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.retrieve("thread_000000000000000000000000")


def test_an_async_function_serves_an_async_client(settings):
    """It is awaited; a blocking client says that it cannot."""

    async def load_thread(thread_id):
        await asyncio.sleep(0)
        return {"metadata": {"who": "Ada"}, "messages": TABLE[thread_id]}

    async def read():
        client = shim.mount(openai.AsyncOpenAI(api_key="sk-1"), settings(load_thread))
        thread = await client.beta.threads.retrieve(OLD)
        await client.close()
        return thread

    assert asyncio.run(read()).metadata == {"who": "Ada"}


def test_a_blocking_client_takes_no_async_function(connect):
    """The answer says what is wrong with it."""

    async def load_thread(thread_id):
        return TABLE[thread_id]

    with pytest.raises(openai.InternalServerError, match="load_thread is async"):
        connect(load_thread).beta.threads.retrieve(OLD)


@pytest.mark.parametrize(
    "given", [["Hello"], [{"role": "system", "content": "x"}], [{"role": "user"}]]
)
def test_what_is_no_message_is_told(connect, given):
    """The thread is not half taken in."""
    client = connect(lambda _: given)

    with pytest.raises(openai.InternalServerError, match="gave what is no message"):
        client.beta.threads.retrieve(OLD)
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.delete(OLD)


def test_a_server_finds_the_function_by_its_path(settings):
    """The import path of the setting is enough."""
    server = Running(asgi(settings(f"{__name__}:load_by_import")))
    headers = {"openai-beta": "assistants=v2", "authorization": "Bearer sk-1"}

    listed = httpx.get(f"{server.url}/threads/{OLD}/messages", headers=headers)
    server.close()

    assert len(listed.json()["data"]) == 2
    assert "2 messages" in listed.headers["x-shim-notes"]


def test_with_tenants_a_function_has_to_know_whose_thread_it_is(settings):
    """One that takes the id alone is refused, so that no tenant is given another's messages."""
    keys = {name: {"key": f"key-of-{name}-0123456789", "tenant": name} for name in ("a", "b")}

    def by_owner(thread_id, tenant):
        return TABLE[thread_id] if tenant == "a" else None

    def ask(load, name):
        server = Running(asgi(settings(load, keys=keys, upstream_key="u")))
        headers = {"authorization": f"Bearer {keys[name]['key']}", "openai-beta": "assistants=v2"}
        answer = httpx.get(f"{server.url}/threads/{OLD}", headers=headers)
        server.close()
        return answer.status_code

    assert ask(lambda thread_id: TABLE[thread_id], "b") == 500
    assert ask(by_owner, "b") == 404
    assert ask(by_owner, "a") == 200
    assert ask(by_owner, "b") == 404


@pytest.mark.parametrize("given", ["yes", 7, "module:"])
def test_other_values_are_refused(given):
    """The setting is adopt, or a function."""
    with pytest.raises(SettingsError, match="SHIM_UNKNOWN_THREADS"):
        Settings(unknown_threads=given)


def test_a_function_that_is_not_there_is_told(connect):
    """A path that leads nowhere is named."""
    with pytest.raises(openai.InternalServerError, match="no_such_module"):
        connect("no_such_module:load").beta.threads.retrieve(OLD)
