"""What one tenant has is to another as if it were not there, at every endpoint of shim's own."""

from __future__ import annotations

import json
from itertools import chain, combinations

import pytest
from access_place import MODES, Tenant

from shim.core.routes import ROUTES

BODIES = {
    "assistants.create": {"model": "gpt-4o"},
    "messages.create": {"role": "user", "content": "Hello"},
    "runs.create": {"assistant_id": "{assistant_id}"},
    "runs.create_with_thread": {"assistant_id": "{assistant_id}"},
    "runs.submit": {"tool_outputs": [{"tool_call_id": "call_1", "output": "1"}]},
}
MISSING = {
    "assistant_id": "asst_000000000000000000000000",
    "thread_id": "thread_000000000000000000000000",
    "message_id": "msg_000000000000000000000000",
    "run_id": "run_000000000000000000000000",
    "step_id": "step_000000000000000000000000",
    "file_id": "file-shim00000000000000000000",
}
LISTS = {
    "/assistants": "assistant_id",
    "/threads/{thread_id}/messages": "message_id",
    "/threads/{thread_id}/runs": "run_id",
    "/threads/{thread_id}/runs/{run_id}/steps": "step_id",
}


@pytest.fixture(scope="module", params=MODES)
def tenants(request, tmp_path_factory):
    """Tenants A and B on a server, and what each has there."""
    from server_place import World  # noqa: PLC0415

    world = World(tmp_path_factory.mktemp("tenants"), **MODES[request.param])
    a, b = Tenant(world, "a"), Tenant(world, "b")
    yield a, a.scene(), b, b.scene()
    world.close()


def filled(body, ids):
    """A body with the ids in it."""
    if isinstance(body, dict):
        return {key: filled(value, ids) for key, value in body.items()}
    return body.format(**ids) if isinstance(body, str) else body


def told(tenant, method, path, body, ids, **options):
    """What a request with these ids is answered, the ids taken out."""
    answer = tenant.ask(method, path.format(**ids), filled(body, ids), **options)
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status_code, text


def named_by(route):
    """The ids that a request of a route names, in its path and its body."""
    asked = route.path + str(BODIES.get(route.does, ""))
    return [name for name in MISSING if f"{{{name}}}" in asked]


CASES = [
    (route, strange)
    for route in ROUTES
    for names in [named_by(route)]
    for strange in chain.from_iterable(
        combinations(names, count) for count in range(1, len(names) + 1)
    )
]


@pytest.mark.parametrize(
    ("route", "strange"), CASES, ids=[f"{route.does}-{'-'.join(names)}" for route, names in CASES]
)
def test_ids_of_others_are_as_missing_ones(tenants, route, strange):
    """With any of its ids another tenant's, a request is answered as with ids that are none."""
    a, of_a, b, of_b = tenants
    before = a.seen(of_a)
    body = BODIES.get(route.does, {}) if route.method == "POST" else None

    foreign = told(b, route.method, route.path, body, {**of_b, **{n: of_a[n] for n in strange}})
    missing = told(b, route.method, route.path, body, {**of_b, **{n: MISSING[n] for n in strange}})

    assert foreign == missing
    assert foreign[0] == 404
    assert a.seen(of_a) == before


@pytest.mark.parametrize("cursor", ["after", "before"])
@pytest.mark.parametrize(("path", "name"), LISTS.items())
def test_lists_begin_at_nothing_of_others(tenants, path, name, cursor):
    """A cursor that is another tenant's is as one that is none, and lists show none of its."""
    _, of_a, b, of_b = tenants

    foreign = told(b, "GET", path, None, {**of_b, name: of_a[name]}, params={cursor: of_a[name]})
    missing = told(
        b, "GET", path, None, {**of_b, name: MISSING[name]}, params={cursor: MISSING[name]}
    )
    listed = b.ask("GET", path.format(**of_b)).text

    assert foreign == missing
    assert foreign[0] == 404
    assert not [value for value in of_a.values() if value in listed]


def test_messages_of_anothers_run_are_none(tenants):
    """A list of messages by a run that is another tenant's is empty, as by one that is none."""
    _, of_a, b, of_b = tenants
    path = f"/threads/{of_b['thread_id']}/messages"

    foreign, missing = (
        b.ask("GET", path, params={"run_id": ids["run_id"]}).json() for ids in (of_a, MISSING)
    )

    assert foreign == missing
    assert foreign["data"] == []


def test_files_of_others_can_be_given_to_nothing(tenants):
    """A file of another tenant's cannot be shown, attached, or given to code."""
    _, of_a, b, of_b = tenants
    image = {"type": "image_file", "image_file": {"file_id": "{file_id}"}}
    tools = [{"type": "code_interpreter"}]
    attached = {"attachments": [{"file_id": "{file_id}", "tools": tools}]}
    given = {"tool_resources": {"code_interpreter": {"file_ids": ["{file_id}"]}}}
    said = {"role": "user", "content": "Hello"}
    thread = f"/threads/{of_b['thread_id']}"
    bodies = [
        ("/assistants", {"model": "gpt-4o", **given}),
        (f"/assistants/{of_b['assistant_id']}", given),
        ("/threads", given),
        ("/threads", {"messages": [{**said, **attached}]}),
        (thread, given),
        (f"{thread}/messages", {"role": "user", "content": [image]}),
        (f"{thread}/messages", {**said, **attached}),
        (
            f"{thread}/runs",
            {"assistant_id": of_b["assistant_id"], "additional_messages": [{**said, **attached}]},
        ),
        ("/threads/runs", {"assistant_id": of_b["assistant_id"], "thread": given}),
    ]

    for path, body in bodies:
        answers = []
        for ids in (of_a, MISSING):
            text = json.dumps(body).replace("{file_id}", ids["file_id"])
            answer = b.ask("POST", path, headers={"content-type": "application/json"}, content=text)
            answers.append((answer.status_code, answer.text.replace(ids["file_id"], "<file>")))

        assert answers[0] == answers[1], path
        assert answers[0][0] == 404, answers
