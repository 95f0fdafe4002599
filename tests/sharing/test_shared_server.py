"""Shared threads through the server: one base URL for both APIs, and tenants kept apart."""

from __future__ import annotations

import threading

import openai
import pytest
from access_place import KEYS, MODES, Tenant
from click.testing import CliRunner
from server_place import World, wait_until

from shim.cli import main

NONE = "conv_" + "0" * 48
SAID = {"role": "user", "content": "Hello"}


@pytest.fixture
def make_world(tmp_path):
    """Make servers with settings of the test's own; they are closed after it."""
    made = []

    def make(**options):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(folder, **options))
        return made[-1]

    yield make
    for world in made:
        world.close()


def texts(tenant, key):
    """What was said on a thread, oldest first."""
    answer = tenant.ask("GET", f"/threads/{key}/messages?order=asc")
    assert answer.status_code == 200, answer.text
    return [each["content"][0]["text"]["value"] for each in answer.json()["data"]]


def run(tenant, key):
    """A run up to its end."""
    assistant = tenant.made("/assistants", {"model": "gpt-4o"})
    made = tenant.made(f"/threads/{key}/runs", {"assistant_id": assistant})
    at = f"/threads/{key}/runs/{made}"
    wait_until(lambda: tenant.ask("GET", at).json()["status"] == "completed")
    return made


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_both_apis_take_turns_through_one_base_url(request, make_world, database):
    """A stock client points at the server and speaks both APIs on one conversation."""
    kept = {}
    if database == "postgres":
        kept = {"database_url": request.getfixturevalue("postgres").schema()}
    world = make_world(**kept)
    client = world.client()
    conversation = client.conversations.create().id
    assistant = client.beta.assistants.create(model="gpt-4o")

    client.responses.create(model="gpt-4o", conversation=conversation, input="One")
    client.beta.threads.messages.create(conversation, role="user", content="Two")
    with client.beta.threads.runs.stream(
        thread_id=conversation, assistant_id=assistant.id
    ) as stream:
        stream.until_done()
    items = client.conversations.items.list(conversation, order="asc").data
    last = client.responses.create(model="gpt-4o", conversation=conversation, input="Three")
    listed = client.beta.threads.messages.list(conversation, order="asc").data

    assert [item.role for item in items] == ["user", "assistant", "user", "assistant"]
    assert [m.content[0].text.value for m in listed][-1] == last.output_text
    assert len(listed) == 6


def test_tenants_share_no_thread(make_world):
    """A conversation is the thread of the tenant that made it; to another it is unknown."""
    world = make_world(**MODES["keys"])
    a, b = Tenant(world, "a"), Tenant(world, "b")
    conversation = a.made("/conversations", {"items": [SAID]})
    before = len(world.offline.log)

    strange = b.ask("GET", f"/threads/{conversation}/messages")
    asked = world.offline.log[before:]
    run(a, conversation)
    thread = a.ask("GET", f"/threads/{conversation}").json()["id"]
    still = [b.ask("GET", f"/threads/{key}/messages") for key in (conversation, thread)]

    assert strange.status_code == 404
    assert strange.json()["error"]["message"] == f"No thread found with id '{conversation}'."
    assert asked == []
    assert [answer.status_code for answer in still] == [404, 404]
    assert len(texts(a, conversation)) == 2


def test_what_was_not_made_through_the_server_is_not_taken_by_guess(make_world):
    """A shared upstream key would read it to anybody; granted, it is the thread of that tenant."""
    world = make_world(**MODES["keys"])
    a, b = Tenant(world, "a"), Tenant(world, "b")
    body = b'{"items": [{"role": "user", "content": "Secret"}]}'
    headers = {"authorization": "k", "content-type": "application/json"}
    made = world.offline.handle("POST", "/conversations", {}, headers, body).json()["id"]
    variables = {"SHIM_DATABASE_URL": world.settings.database_url}

    guessed = [each.ask("GET", f"/threads/{made}/messages") for each in (a, b)]
    CliRunner().invoke(main, ["keys", "grant", "*", made], env=variables)
    everybodys = a.ask("GET", f"/threads/{made}/messages")
    CliRunner().invoke(main, ["keys", "grant", "b", made], env=variables)

    assert [answer.status_code for answer in guessed] == [404, 404]
    assert everybodys.status_code == 404
    assert texts(b, made) == ["Secret"]
    assert a.ask("GET", f"/threads/{made}/messages").status_code == 404


def test_a_tenants_mirrored_thread_is_found_by_its_conversation(make_world):
    """Also one that was not recorded as made by the tenant; and by no other tenant."""
    world = make_world(**MODES["keys"])
    a, b = Tenant(world, "a"), Tenant(world, "b")
    thread = a.made("/threads", {"messages": [SAID]})
    (found,) = wait_for_conversations(world, 1)

    assert a.ask("GET", f"/threads/{found}").json()["id"] == thread
    assert b.ask("GET", f"/threads/{found}").status_code == 404


def wait_for_conversations(world, count):
    """The ids of the conversations, once there are that many with something in them."""
    held = world.offline._service.state.conversations
    wait_until(lambda: len([each for each in held.values() if each.items]) == count)
    return list(held)


def test_a_tenant_with_a_key_of_its_own_takes_what_that_reaches(make_world):
    """Where nobody else goes upstream with its key, the upstream decides."""
    world = make_world(keys={"a": KEYS["a"]}, upstream_key="sk-upstream-0123456789")
    a = Tenant(world, "a")
    headers = {"authorization": "k", "content-type": "application/json"}
    body = b'{"items": [{"role": "user", "content": "Mine"}]}'
    made = world.offline.handle("POST", "/conversations", {}, headers, body).json()["id"]

    assert texts(a, made) == ["Mine"]
    assert a.ask("GET", f"/threads/{NONE}").status_code == 404


def test_callers_with_keys_of_the_upstreams_share_no_thread(make_world):
    """The upstream would show it to both; the first to name it has it."""
    world = make_world(access="callers")
    a, b = Tenant(world, "a"), Tenant(world, "b")
    conversation = a.made("/conversations", {"items": [SAID]})

    first = a.ask("GET", f"/threads/{conversation}")
    second = b.ask("GET", f"/threads/{conversation}")

    assert (first.status_code, second.status_code) == (200, 404)


def test_tenants_who_name_a_conversation_at_once(make_world):
    """One of them has the thread, the other a 404, and there is one thread."""
    world = make_world(access="callers")
    tenants = [Tenant(world, name) for name in ("a", "b")]
    for _ in range(5):
        conversation = tenants[0].made("/conversations", {"items": [SAID]})
        barrier, statuses = threading.Barrier(2), []

        def take(tenant, conversation=conversation, barrier=barrier, statuses=statuses):
            barrier.wait()
            statuses.append(tenant.ask("GET", f"/threads/{conversation}").status_code)

        threads = [threading.Thread(target=take, args=(tenant,)) for tenant in tenants]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert sorted(statuses) == [200, 404]


def test_two_servers_take_a_conversation_at_once(request, make_world):
    """On PostgreSQL too it becomes one thread, with each item once, in their order."""
    kept = {"database_url": request.getfixturevalue("postgres").schema()}
    first = make_world(**kept)
    second = make_world(**kept, upstream_url=first.upstream.url)
    said = [{"role": "user", "content": f"Text {number}"} for number in range(20)]
    for _ in range(5):
        conversation = first.client().conversations.create(items=said).id
        barrier, seen = threading.Barrier(4), []

        def take(world, conversation=conversation, barrier=barrier, seen=seen):
            with world.client() as client:
                barrier.wait()
                messages = client.beta.threads.messages.list(conversation, limit=100)
            seen.append([(m.thread_id, m.id) for m in messages.data])

        threads = [threading.Thread(target=take, args=(w,)) for w in (first, second) * 2]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert [len(each) for each in seen] == [20] * 4
        assert all(each == seen[0] for each in seen)


def test_an_async_client_is_served_as_well(make_world):
    """The other colour of client, and a stream of its own."""
    import asyncio  # noqa: PLC0415 - for this test alone

    world = make_world()

    async def turns():
        async with world.async_client() as client:
            conversation = (await client.conversations.create()).id
            assistant = await client.beta.assistants.create(model="gpt-4o")
            await client.responses.create(model="gpt-4o", conversation=conversation, input="One")
            run = await client.beta.threads.runs.create_and_poll(
                thread_id=conversation, assistant_id=assistant.id, poll_interval_ms=20
            )
            listed = await client.beta.threads.messages.list(conversation)
            items = await client.conversations.items.list(conversation)
            return run.status, len(listed.data), len(items.data)

    assert asyncio.run(turns()) == ("completed", 3, 3)


def test_an_error_of_a_stream_is_no_stream(make_world):
    """A run of an unknown conversation is a plain 404 before the first event."""
    world = make_world()
    client = world.client()
    assistant = client.beta.assistants.create(model="gpt-4o")

    with pytest.raises(openai.NotFoundError, match="No thread found with id 'conv_"):
        client.beta.threads.runs.create(NONE, assistant_id=assistant.id, stream=True)
