"""What a tenant has at an upstream whose key it shares is to another as if it were not there."""

from __future__ import annotations

import json
import re

import pytest
from access_place import KEYS, MODES, Tenant
from click.testing import CliRunner
from server_place import World, wait_until

from shim.cli import main
from shim.server.allowed import RULES

MISSING = {
    "file": "file-000000000000000000000000",
    "vector_store": "vs_000000000000000000000000",
    "batch": "vsfb_000000000000000000000000",
    "conversation": "conv_000000000000000000000000",
    "response": "resp_000000000000000000000000",
    "container": "cntr_000000000000000000000000",
    "item": "msg_000000000000000000000000",
    "upload": "upload_000000000000000000000000",
    "model": "gpt-4o",
    "_": "file-000000000000000000000000",
}
NAMING = [rule for rule in RULES if re.search(r"\{(?!model)", rule.path)]
IMAGE = {"type": "image_file", "image_file": {"file_id": "{file}"}}
ATTACHED = [{"file_id": "{file}", "tools": [{"type": "file_search"}]}]
SAID = {"role": "user", "content": "Hello"}
SEARCH = {"tool_resources": {"file_search": {"vector_store_ids": ["{vector_store}"]}}}
MODEL = {"model": "gpt-4o", "input": "Hello"}
BODIES = [
    ("/responses", {**MODEL, "previous_response_id": "{response}"}),
    ("/responses", {**MODEL, "conversation": "{conversation}"}),
    ("/responses", {**MODEL, "conversation": {"id": "{conversation}"}}),
    ("/responses", {**MODEL, "input": [{"type": "item_reference", "id": "{item}"}]}),
    (
        "/responses",
        {**MODEL, "tools": [{"type": "file_search", "vector_store_ids": ["{vector_store}"]}]},
    ),
    (
        "/responses",
        {**MODEL, "tools": [{"type": "code_interpreter", "container": "{container}"}]},
    ),
    ("/responses/input_tokens", {**MODEL, "previous_response_id": "{response}"}),
    ("/conversations", {"items": [{"type": "item_reference", "id": "{item}"}]}),
    ("/vector_stores", {"file_ids": ["{file}"]}),
    ("/vector_stores/{mine}/files", {"file_id": "{file}"}),
    ("/vector_stores/{mine}/file_batches", {"file_ids": ["{file}"]}),
    ("/vector_stores/{mine}/file_batches", {"files": [{"file_id": "{file}"}]}),
    ("/containers", {"name": "c", "file_ids": ["{file}"]}),
    ("/chat/completions", {"messages": [{"content": [{"file": {"file_id": "{file}"}}]}]}),
    ("/assistants", {"model": "gpt-4o", **SEARCH}),
    (
        "/assistants",
        {
            "model": "gpt-4o",
            "tool_resources": {"file_search": {"vector_stores": [{"file_ids": ["{file}"]}]}},
        },
    ),
    ("/threads", SEARCH),
    ("/threads", {"messages": [{**SAID, "attachments": ATTACHED}]}),
    ("/threads", {"tool_resources": {"code_interpreter": {"file_ids": ["{file}"]}}}),
    ("/threads/{thread}/messages", {**SAID, "attachments": ATTACHED}),
    ("/threads/{thread}/messages", {"role": "user", "content": [IMAGE]}),
    ("/threads/{thread}", SEARCH),
    ("/threads/runs", {"assistant_id": "{assistant}", "thread": SEARCH}),
    ("/threads/runs", {"assistant_id": "{assistant}", **SEARCH}),
]


class Scene:
    """What a tenant has at the upstream, made through the server."""

    def __init__(self, tenant):
        self.tenant = tenant
        files = {"file": ("a.txt", b"The answer is 42.")}
        self.file = self.sent("/files", files=files, data={"purpose": "assistants"})["id"]
        self.store = tenant.made("/vector_stores", {"name": "s", "file_ids": [self.file]})
        batch = {"file_ids": [self.file]}
        self.batch = tenant.made(f"/vector_stores/{self.store}/file_batches", batch)
        self.conversation = tenant.made("/conversations", {})
        body = {**MODEL, "conversation": self.conversation}
        answer = tenant.ask("POST", "/responses", body).json()
        self.response, self.item = answer["id"], answer["output"][0]["id"]
        self.container = tenant.made("/containers", {"name": "c"})
        self.ids = {
            **MISSING,
            "file": self.file,
            "vector_store": self.store,
            "batch": self.batch,
            "conversation": self.conversation,
            "response": self.response,
            "container": self.container,
            "item": self.item,
            "_": self.file,
        }

    def sent(self, path, **options):
        """The answer to a form."""
        answer = self.tenant.ask("POST", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server whose tenants share an upstream key."""
    world = World(tmp_path_factory.mktemp("shared"), **MODES["keys"])
    yield world
    world.close()


@pytest.fixture(scope="module")
def a(world):
    """What the first tenant has."""
    return Scene(Tenant(world, "a"))


@pytest.fixture(scope="module")
def b(world):
    """What the second tenant has."""
    return Scene(Tenant(world, "b"))


def told(answer, ids):
    """An answer with the ids taken out."""
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>") if value else text
    return answer.status_code, re.sub(r"<_>|<file>", "<file>", text)


@pytest.mark.parametrize("rule", NAMING, ids=lambda rule: f"{rule.method} {rule.path}")
def test_paths_lead_to_nothing_of_others(world, a, b, rule):
    """At each path, another's id is as one that is none, and the upstream is not even asked."""
    before = len(world.offline.log)

    foreign, missing = (
        told(
            b.tenant.ask(
                rule.method, rule.path.format(**ids), {} if rule.method == "POST" else None
            ),
            ids,
        )
        for ids in (a.ids, MISSING)
    )

    assert foreign == missing
    assert foreign[0] == 404
    assert len(world.offline.log) == before


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_bodies_name_nothing_of_others(world, a, b, path, body):
    """In each body, another's id is as one that is none."""
    thread, assistant = b.tenant.made("/threads"), b.tenant.made("/assistants", {"model": "m"})
    path = path.format(thread=thread, mine=b.store)
    before = len(world.offline.log)
    answers = []

    for ids in (a.ids, MISSING):
        text = json.dumps(body).replace("{assistant}", assistant)
        for name, value in ids.items():
            text = text.replace(f"{{{name}}}", value)
        headers = {"content-type": "application/json"}
        answers.append(told(b.tenant.ask("POST", path, content=text, headers=headers), ids))

    assert answers[0] == answers[1]
    assert answers[0][0] in (400, 404)
    assert not [each for each in world.offline.log[before:] if each.path != "/conversations"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/files", "file"), ("/vector_stores", "vector_store"), ("/containers", "container")],
)
def test_lists_have_what_is_the_tenants_alone(a, b, path, kind):
    """Lists are complete, have nothing of others, and take no cursor of theirs."""
    for mine, other in ((a, b), (b, a)):
        listed = mine.tenant.ask("GET", path).json()
        ids = [each["id"] for each in listed["data"]]

        assert mine.ids[kind] in ids
        assert other.ids[kind] not in ids
        assert listed["has_more"] is False
        assert (listed["first_id"], listed["last_id"]) == (ids[0], ids[-1])
        for cursor in ("after", "before"):
            answers = [
                told(mine.tenant.ask("GET", path, params={cursor: ids[kind]}), ids)
                for ids in (other.ids, MISSING)
            ]
            assert answers[0] == answers[1]
            assert answers[0][0] == 404


def test_lists_go_on_page_by_page(make_world):
    """Pages are as long as was asked for, though others' objects lie between."""
    world = make_world(**MODES["keys"])
    a, b = Tenant(world, "a"), Tenant(world, "b")
    made = []
    for number in range(7):
        b.made("/vector_stores", {"name": f"b{number}"})
        made.append(a.made("/vector_stores", {"name": f"a{number}"}))

    seen, after = [], None
    while True:
        params = {"limit": 3, "order": "asc", **({"after": after} if after else {})}
        page = a.ask("GET", "/vector_stores", params=params).json()
        seen.append([each["id"] for each in page["data"]])
        after = page["last_id"]
        if not page["has_more"]:
            break
    back = a.ask("GET", "/vector_stores", params={"order": "asc", "limit": 2, "before": made[4]})

    assert seen == [made[:3], made[3:6], made[6:]]
    assert [each["id"] for each in back.json()["data"]] == made[2:4]


def test_a_tenant_works_with_what_is_its_own(a):
    """Everything that it made is there for it, in paths and in bodies."""
    ask = a.tenant.ask
    for path in (
        f"/files/{a.file}",
        f"/vector_stores/{a.store}",
        f"/vector_stores/{a.store}/files",
        f"/vector_stores/{a.store}/file_batches/{a.batch}",
        f"/conversations/{a.conversation}/items",
        f"/responses/{a.response}",
        f"/responses/{a.response}/input_items",
        f"/containers/{a.container}",
    ):
        assert ask("GET", path).status_code == 200, path
    for body in (
        {**MODEL, "previous_response_id": a.response},
        {**MODEL, "input": [{"type": "item_reference", "id": a.item}, SAID]},
        {**MODEL, "tools": [{"type": "file_search", "vector_store_ids": [a.store]}]},
    ):
        answer = ask("POST", "/responses", body)
        assert answer.status_code == 200, answer.text


def test_what_a_stream_makes_is_the_tenants(a, b):
    """The id of a streamed response is known as its asker's before it is told."""
    answer = a.tenant.ask("POST", "/responses", {**MODEL, "stream": True})
    made = re.search(r'"id": ?"(resp_\w+)"', answer.text)[1]

    assert a.tenant.ask("GET", f"/responses/{made}").status_code == 200
    assert b.tenant.ask("GET", f"/responses/{made}").status_code == 404
    follow = {**MODEL, "previous_response_id": made}
    assert a.tenant.ask("POST", "/responses", follow).status_code == 200
    assert b.tenant.ask("POST", "/responses", follow).status_code == 400


def test_what_the_engine_makes_is_the_tenants(a, b):
    """A store that was made for an attachment is its tenant's at the upstream as well."""
    made = a.tenant.ask(
        "POST",
        "/threads",
        {
            "messages": [
                {**SAID, "attachments": [{"file_id": a.file, "tools": [{"type": "file_search"}]}]}
            ]
        },
    )
    (store,) = made.json()["tool_resources"]["file_search"]["vector_store_ids"]

    assert a.tenant.ask("GET", f"/vector_stores/{store}").status_code == 200
    assert b.tenant.ask("GET", f"/vector_stores/{store}").status_code == 404


def test_what_was_there_before_can_be_granted(make_world):
    """A tenant, or all of them, get what was not made through shim; all may not change it."""
    world = make_world(**MODES["keys"])
    a, b = Tenant(world, "a"), Tenant(world, "b")
    store = a.made("/vector_stores", {"name": "old"})
    variables = {"SHIM_DATABASE_URL": world.settings.database_url}
    before = b.ask("GET", f"/vector_stores/{store}").status_code

    tried = CliRunner().invoke(main, ["keys", "grant", "*", store, "--dry-run"], env=variables)
    still = b.ask("GET", f"/vector_stores/{store}").status_code
    done = CliRunner().invoke(main, ["keys", "grant", "*", store], env=variables)

    assert (before, still) == (404, 404)
    assert tried.output == f"all tenants could use the vector store {store}\n"
    assert done.output == f"all tenants can use the vector store {store}\n"
    assert b.ask("GET", f"/vector_stores/{store}").status_code == 200
    assert b.ask("POST", f"/vector_stores/{store}/search", {"query": "x"}).status_code == 200
    assert store in b.ask("GET", "/vector_stores").text
    assert b.ask("DELETE", f"/vector_stores/{store}").status_code == 404
    assert b.ask("POST", f"/vector_stores/{store}", {"name": "x"}).status_code == 404


def test_one_tenant_alone_reaches_all_that_its_key_does(make_world):
    """Nothing is kept apart where nobody else goes upstream with the key; it is remembered."""
    world = make_world(keys={"a": KEYS["a"]}, upstream_key="sk-upstream-0123456789")
    a = Tenant(world, "a")
    scene = Scene(a)
    variables = {"SHIM_DATABASE_URL": world.settings.database_url}

    listed = a.ask("GET", "/files").json()["data"]
    CliRunner().invoke(main, ["keys", "add", "b", "--key", KEYS["b"]], env=variables)
    wait_until(lambda: Tenant(world, "b").ask("GET", "/models").status_code == 200)

    assert [each["id"] for each in listed] == [scene.file]
    assert a.ask("GET", f"/files/{scene.file}").status_code == 200
    assert Tenant(world, "b").ask("GET", f"/files/{scene.file}").status_code == 404


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.method} {rule.path}")
def test_callers_reach_what_their_own_key_does(callers, rule):
    """With keys of the upstream's, each goes upstream itself, which keeps them apart."""
    world, echo = callers
    b, asked = Tenant(world, "b"), len(echo.seen)

    b.ask(rule.method, rule.path.format(**MISSING), {} if rule.method == "POST" else None)

    seen = [each for each in echo.seen[asked:] if each["path"] == rule.path.format(**MISSING)]
    assert {each["headers"]["authorization"] for each in seen} == {f"Bearer {KEYS['b']}"}


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    """A server whose callers have keys of the upstream's, and the upstream."""
    from server_place import Echo  # noqa: PLC0415

    echo = Echo()
    folder = tmp_path_factory.mktemp("callers")
    world = World(folder, access="callers", upstream_url=echo.url)
    yield world, echo
    world.close()
    echo.close()
