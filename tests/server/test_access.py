"""Who is let in, with which key, and where calls go upstream with it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from access_place import KEYS, Tenant
from click.testing import CliRunner
from server_place import BETA, wait_until
from starlette.responses import JSONResponse

from shim import drive
from shim.cli import main
from shim.errors import SettingsError
from shim.keys import digest_of
from shim.server import callers, keyholders
from shim.server.access import check_address
from shim.settings import Settings
from shim.storage.database import Statement
from shim.wiring import open_database
from shim.workers import BlockingWorkers

UPSTREAM = "sk-upstream-0123456789"
WRONG = {
    "message": "Incorrect API key provided: sk-of****6789. You can find your API key at X.",
    "type": "invalid_request_error",
    "param": None,
    "code": "invalid_api_key",
}


def shim(world, *arguments, **options):
    """Run a command on the server's database."""
    variables = {"SHIM_DATABASE_URL": world.settings.database_url}
    return CliRunner().invoke(main, arguments, env=variables, **options)


def rows_of(world):
    """All that the database has, as one text."""
    database = open_database(world.settings, BlockingWorkers())
    read = Statement("SELECT name FROM sqlite_master WHERE type = 'table'")
    try:
        (tables,) = drive.run(database.execute(read))
        found = (
            drive.run(database.execute(Statement(f"SELECT * FROM {row['name']}")))[0]
            for row in tables
        )
        return str([[tuple(each) for each in rows] for rows in found])
    finally:
        drive.run(database.aclose())


@pytest.fixture
def soon(monkeypatch):
    """What the server remembers of keys is read again at once."""
    monkeypatch.setattr(keyholders, "_READ_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(callers, "_READ_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(callers, "_REFUSED_SECONDS", 0.0)


# keys of shim's own


def test_a_key_is_asked_for_where_there_are_keys(make_world):
    """Without one, and with a wrong one, the answer is the original's 401."""
    world = make_world(keys=KEYS, upstream_key=UPSTREAM)

    answers = [
        world.http.get(path, headers={**BETA, "authorization": sent})
        for sent in ("", "Bearer", "Bearer sk-wrong", "Basic eA==")
        for path in ("/v1/assistants", "/assistants", "/v1/models")
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json()["error"]["message"].startswith("You didn't provide an API key.")
    assert answers[6].json()["error"]["code"] == "invalid_api_key"
    assert "sk-wrong" not in answers[6].text
    assert world.offline.log == []


def test_a_key_stands_for_a_tenant_and_an_upstream_key(make_world, echo):
    """Upstream goes the server's key, or that of the tenant; never the caller's."""
    given = {**KEYS, "c": {"key": "sk-of-c", "upstream_key": "sk-own-of-c"}}
    world = make_world(keys=given, upstream_key=UPSTREAM, upstream_url=echo.url)

    for key in (KEYS["a"], "sk-of-c"):
        world.http.get("/v1/models", headers={"authorization": f"Bearer {key}"})
    world.http.get("/v1/models", headers={"authorization": "", "api-key": KEYS["a"]})

    sent = [seen["headers"] for seen in echo.seen]
    keys = [headers["authorization"] for headers in sent]
    assert keys == [f"Bearer {UPSTREAM}", "Bearer sk-own-of-c", f"Bearer {UPSTREAM}"]
    assert not [key for key in ("sk-of-", "api-key") if key in str(sent)]


def test_the_engines_calls_go_with_the_keys_upstream_key(make_world, echo):
    """Runs are carried out with the key that the caller's key stands for."""
    world = make_world(keys=KEYS, upstream_key=UPSTREAM, upstream_url=echo.url)
    a = Tenant(world, "a")
    assistant, thread = a.made("/assistants", {"model": "m"}), a.made("/threads")
    said = {"role": "user", "content": "Hello"}
    a.made(f"/threads/{thread}/messages", said)

    a.made(f"/threads/{thread}/runs", {"assistant_id": assistant})

    wait_until(lambda: [seen for seen in echo.seen if seen["path"] == "/responses"])
    assert {seen["headers"]["authorization"] for seen in echo.seen} == {f"Bearer {UPSTREAM}"}


def test_keys_may_be_given_as_digests(make_world):
    """The settings need not hold a key itself."""
    world = make_world(keys={"a": f"sha256:{digest_of(KEYS['a'])}"}, upstream_key=UPSTREAM)

    assert Tenant(world, "a").ask("GET", "/assistants").status_code == 200
    assert Tenant(world, "b").ask("GET", "/assistants").status_code == 401


def test_keys_are_made_listed_and_removed_while_the_server_runs(make_world, soon):
    """A key that was added lets in, and closes the server to those without; until it is removed."""
    world = make_world(upstream_key=UPSTREAM)
    before = world.http.get("/v1/assistants", headers=BETA).status_code

    key = shim(world, "keys", "add", "alice").stdout.strip().splitlines()[-1]
    shim(world, "keys", "add", "bob")
    sent = {**BETA, "authorization": f"Bearer {key}"}
    wait_until(lambda: world.http.get("/v1/assistants", headers=BETA).status_code == 401)
    with_key = world.http.get("/v1/assistants", headers=sent).status_code
    listed = shim(world, "keys", "list")
    shim(world, "keys", "remove", "alice")

    assert (before, with_key) == (200, 200)
    assert "alice" in listed.output and "bob" in listed.output
    assert key not in listed.output and digest_of(key) not in listed.output
    assert key not in rows_of(world)
    assert world.http.get("/v1/assistants", headers=sent).status_code == 401


def test_a_key_is_replaced_by_another_of_its_tenant(make_world, soon):
    """Keys of one tenant see the same objects; the tenant '' has what was made before keys."""
    world = make_world(upstream_key=UPSTREAM)
    before = world.ask("POST", "/v1/threads", {}).json()["id"]

    for name in ("old", "new"):
        shim(world, "keys", "add", name, "--tenant", "", "--key", f"sk-{name}")

    for name in ("old", "new"):
        sent = {**BETA, "authorization": f"Bearer sk-{name}"}
        assert world.http.get(f"/v1/threads/{before}", headers=sent).status_code == 200


def test_a_dry_run_changes_no_keys(make_world):
    """It says what would be done."""
    world = make_world()

    said = shim(world, "keys", "add", "alice", "--dry-run").output

    assert said == "would add alice, for the tenant 'alice'\n"
    assert "alice" not in shim(world, "keys", "list").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "a/b"), "is no name"),
        (("add", "a", "--tenant", "*"), "cannot be *"),
        (("remove", "nobody"), "There is no key 'nobody'"),
        (("alias", "sk-x", "sk-y"), "Nothing was made with the old key"),
        (("alias", "sk-x", "sk-x"), "The two keys are the same"),
    ],
)
def test_commands_say_what_is_wrong(make_world, arguments, words):
    """An exit status, and a sentence."""
    result = shim(make_world(), "keys", *arguments)

    assert result.exit_code == 1
    assert words in result.output


def test_no_two_keys_have_one_name(make_world):
    """The second is refused."""
    world = make_world()
    shim(world, "keys", "add", "alice")

    result = shim(world, "keys", "add", "alice")

    assert result.exit_code == 1
    assert "already" in result.output


# the upstream's keys


def test_a_callers_key_is_verified_once_and_goes_upstream(make_world, echo):
    """One call to the upstream, before anything is served; then its word is kept."""
    world = make_world(access="callers", upstream_url=echo.url)
    a = Tenant(world, "a")

    answers = [a.ask("GET", "/assistants").status_code for _ in range(3)]

    assert answers == [200] * 3
    (seen,) = echo.seen
    assert (seen["method"], seen["path"]) == ("GET", "/models")
    assert seen["headers"]["authorization"] == a.headers["authorization"]


def test_a_verification_outlasts_the_server(make_world, echo):
    """What was verified is in the database, as a digest."""
    world = make_world(access="callers", upstream_url=echo.url)
    a = Tenant(world, "a")
    a.made("/threads")

    again = make_world(
        access="callers", upstream_url=echo.url, database_url=world.settings.database_url
    )
    Tenant(again, "a").made("/threads")

    assert len([seen for seen in echo.seen if seen["path"] == "/models"]) == 1
    assert KEYS["a"] not in rows_of(world)


def test_a_wrong_key_is_the_upstreams_401(make_world, echo):
    """Nothing is served, and the words are the upstream's."""

    async def refuse(_):
        return JSONResponse({"error": WRONG}, 401)

    echo.answers["/models"] = refuse
    world = make_world(access="callers", upstream_url=echo.url)
    a = Tenant(world, "a")

    answers = [
        a.ask(*what)
        for what in (("GET", "/assistants"), ("POST", "/threads", {}), ("GET", "/models"))
    ]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert answers[0].json()["error"] == WRONG
    assert echo.seen == []


def test_a_key_that_may_not_list_models_is_a_key(make_world, echo):
    """OpenAI tells which scope a restricted key lacks, and so that it knows the key."""

    async def restricted(_):
        words = (
            "You have insufficient permissions for this operation. Missing scopes: api.model.read."
        )
        return JSONResponse({"error": {"message": words}}, 403)

    echo.answers["/models"] = restricted
    world = make_world(access="callers", upstream_url=echo.url)

    assert Tenant(world, "a").ask("GET", "/assistants").status_code == 200


@pytest.mark.parametrize("status", [500, 503, 404])
def test_an_upstream_that_says_nothing_of_a_key_is_a_5xx(make_world, echo, soon, status):
    """A key that cannot be verified is not called wrong, and is tried again."""

    async def broken(_):
        return JSONResponse({"error": {"message": "out of order"}}, status)

    world = make_world(access="callers", upstream_url=echo.url)
    echo.answers["/models"] = broken
    first = Tenant(world, "a").ask("GET", "/assistants")
    del echo.answers["/models"]

    assert first.status_code >= 500
    assert first.json()["error"]["type"] == "server_error"
    assert Tenant(world, "a").ask("GET", "/assistants").status_code == 200


def test_an_upstream_that_is_down_is_a_502(make_world):
    """The caller learns that the upstream did not answer."""
    world = make_world(access="callers", upstream_url="http://127.0.0.1:9/v1")

    answer = Tenant(world, "a").ask("GET", "/assistants")

    assert answer.status_code == 502
    assert "could not be verified" in answer.json()["error"]["message"]


def test_a_second_credential_is_not_sent(make_world, echo):
    """What the tenant was told by goes upstream: nobody calls as one and pays as another."""
    world = make_world(access="callers", upstream_url=echo.url)

    Tenant(world, "a").ask("GET", "/files", headers={"api-key": "sk-other"})

    assert "sk-other" not in str(echo.seen)


def test_an_alias_keeps_data_across_a_rotation(make_world, soon):
    """The new key sees what the old one made, and what it made itself before; no key is stored."""
    world = make_world(access="callers")
    a, b = Tenant(world, "a"), Tenant(world, "b")
    old, new = a.made("/threads"), b.made("/threads")
    before = b.ask("GET", f"/threads/{old}").status_code

    tried = shim(world, "keys", "alias", KEYS["a"], KEYS["b"], "--dry-run")
    still = b.ask("GET", f"/threads/{old}").status_code
    asked = shim(world, "keys", "alias", input=f"{KEYS['a']}\n{KEYS['b']}\n")

    assert (before, still) == (404, 404)
    assert tried.output == "the new key would see the old one's 1 assistants and threads\n"
    assert asked.exit_code == 0, asked.output
    for tenant in (a, b):
        assert [tenant.ask("GET", f"/threads/{each}").status_code for each in (old, new)] == [
            200
        ] * 2
    assert not [key for key in KEYS.values() if key in rows_of(world) or key in asked.output]


# settings


def test_a_public_address_needs_keys():
    """Either kind of keys will do."""
    public = Settings(host="0.0.0.0")

    with pytest.raises(SettingsError, match="SHIM_KEYS"):
        check_address(public)
    with pytest.raises(SettingsError, match="SHIM_KEYS"):
        check_address(replace(public, access="open"))
    check_address(replace(public, access="callers"))
    check_address(replace(public, keys=KEYS))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sk-secret-1", "no part|name:key"),
        ("alice:", "name:key"),
        ("alice:sk-secret-1,alice:sk-secret-2", "name twice"),
        ("alice:sk-secret-1,bob:sk-secret-1", "two names for one key"),
        ('{"alice": ', "no JSON"),
        ('{"alice": 1}', "is no key"),
        ('{"alice": {"kee": "sk-secret-1"}}', "is no key"),
        ('{"alice": {"key": ""}}', "empty"),
        ('{"a b": "sk-secret-1"}', "is no name"),
        ('{"a": {"key": "sk-secret-1", "tenant": "*"}}', "stands for all"),
    ],
)
def test_bad_keys_are_refused_without_being_told(text, words):
    """The error says what is wrong and how keys are written, and has no key in it."""
    with pytest.raises(SettingsError, match=words) as caught:
        Settings.load({"SHIM_KEYS": text})

    assert "sk-secret" not in str(caught.value)


def test_keys_are_written_as_pairs_or_as_json():
    """Both forms of SHIM_KEYS come to the same; no setting shows a key."""
    pairs = Settings.load({"SHIM_KEYS": "alice:sk-1, bob:sk-2"})
    written = Settings.load({"SHIM_KEYS": '{"alice": "sk-1", "bob": "sk-2"}'})

    assert pairs.keys == written.keys == {"alice": "sk-1", "bob": "sk-2"}
    assert "sk-1" not in repr(pairs)


def test_keys_and_another_mode_contradict_each_other():
    """Keys that would not be asked for are a mistake."""
    with pytest.raises(SettingsError, match="SHIM_ACCESS='open'"):
        Settings(access="open", keys=KEYS)


def test_a_litellm_master_key_is_a_key(tmp_path, make_world):
    """Its callers go on with the key they have."""
    file = tmp_path / "config.yaml"
    file.write_text("general_settings:\n  master_key: sk-1234\nshim:\n  keys: {b: os.environ/B}\n")
    settings = Settings.load({"SHIM_CONFIG": str(file), "B": KEYS["b"]})

    world = make_world(keys=settings.keys, upstream_key=UPSTREAM)

    sent = {**BETA, "authorization": "Bearer sk-1234"}
    assert world.http.get("/v1/assistants", headers=sent).status_code == 200
    assert Tenant(world, "b").ask("GET", "/assistants").status_code == 200
    assert Tenant(world, "a").ask("GET", "/assistants").status_code == 401


def test_no_key_is_logged_or_told(make_world, echo, caplog):
    """Whatever happens: keys are in no line of the log, no answer, no count and no row."""
    caplog.set_level(logging.DEBUG)

    async def break_off(_):
        return JSONResponse({"error": {"message": "no"}}, 500)

    echo.answers["/responses"] = break_off
    worlds = [
        make_world(keys=KEYS, upstream_key=UPSTREAM, upstream_url=echo.url),
        make_world(access="callers", upstream_url=echo.url),
        make_world(access="callers", upstream_url="http://127.0.0.1:9/v1"),
    ]
    answers = []
    for world in worlds:
        a = Tenant(world, "a")
        answers += [a.ask("POST", "/threads/runs", {"assistant_id": "asst_1"})]
        answers += [a.ask("GET", "/assistants?after=1"), a.ask("GET", "/batches")]
        answers += [
            world.http.get("/v1/assistants", headers={"authorization": "Bearer sk-wrong-01"})
        ]
        answers += [
            world.http.get(path) for path in ("/metrics", "/docs", "/openapi.json", "/readyz")
        ]

    told = "".join(answer.text for answer in answers if "headers" not in answer.text)
    texts = [caplog.text, told, *(rows_of(world) for world in worlds), repr(worlds[0].settings)]
    keys = [*KEYS.values(), UPSTREAM, "sk-wrong-01"]
    assert caplog.text
    assert not [key for key in keys for text in texts if key in text]
