"""Servers as sources, what `verify` finds, and the formats of `export`."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from old_data import assistant, dump, message, run, step, thread, written

from shim.migrate.readers.native import credentials
from shim.offline import Offline
from shim.testing import connect

FILES = dump(2, 6)


def answer(path, query, lists):
    """What a server of the old API says, or None; `lists` says whether it lists threads."""
    parts = path.strip("/").split("/")
    if parts == ["assistants"]:
        return listed([assistant(1), assistant(2)], query)
    if parts == ["threads"]:
        return listed([each["thread"] for each in FILES.values()], query) if lists else None
    file = FILES.get(parts[1])
    if file is None or len(parts) == 2:
        return file and file["thread"]
    if parts[2] == "messages":
        return listed(file["messages"], query)
    runs = file["runs"]
    if len(parts) == 3:
        return listed([{k: v for k, v in run.items() if k != "steps"} for run in runs], query)
    return listed(next(run["steps"] for run in runs if run["id"] == parts[3]), query)


def listed(held, query):
    """A page of two, oldest first as it is asked for."""
    assert query.get("order") == ["asc"] or query["limit"] == ["1"]
    ids = [each["id"] for each in held]
    begin = ids.index(query["after"][0]) + 1 if "after" in query else 0
    data = held[begin : begin + 2]
    return {"object": "list", "data": data, "has_more": begin + 2 < len(held)}


def foundry(path, query, _lists):
    """What a Foundry project says of its classic agents, where it is asked for a version."""
    if query.get("api-version") != ["v1"]:
        return None
    grounded = {"type": "bing_grounding", "bing_grounding": {"search_configurations": []}}
    head = thread(1, tool_resources=None)
    cited = {"type": "url_citation", "text": "[1]", "start_index": 3, "end_index": 6}
    cited["url_citation"] = {"url": "https://a.example", "title": "A"}
    value = {"value": "Is [1]", "annotations": [cited]}
    spoken = {"content": [{"type": "text", "text": value}], "run_id": "run_1"}
    ran = run(head["id"], "1", tools=[grounded])
    call = {"id": "call_1", "type": "bing_grounding", "bing_grounding": {"requesturl": "https://b"}}
    held = {
        "assistants": [assistant(0, tools=[grounded, {"type": "code_interpreter"}])],
        "threads": [head],
        f"threads/{head['id']}": head,
        f"threads/{head['id']}/messages": [
            message(head["id"], "1", "What is?"),
            message(head["id"], "2", role="assistant", at=1_700_000_001, **spoken),
        ],
        f"threads/{head['id']}/runs": [ran],
        f"threads/{head['id']}/runs/run_1/steps": [
            step(ran, "1", {"type": "tool_calls", "tool_calls": [call]}),
            step(
                ran, "2", {"type": "message_creation", "message_creation": {"message_id": "msg_2"}}
            ),
        ],
    }
    found = held.get(path.removeprefix("/api/projects/p/"))
    return listed(found, query) if isinstance(found, list) else found


@contextmanager
def native(*, lists=False, answer=answer):
    """A server that still speaks Assistants; gives its URL and the headers it got."""
    seen = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers.items()))
            asked = urlsplit(self.path)
            said = answer(asked.path.removeprefix("/v1"), parse_qs(asked.query), lists)
            body = json.dumps(said or {"error": {"message": "not here"}}).encode()
            self.send_response(200 if said else 404)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread_of_it = threading.Thread(target=server.serve_forever)
        thread_of_it.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", seen
        finally:
            server.shutdown()
            thread_of_it.join()


def test_a_server_is_read_by_the_ids_of_its_threads(sqlite_shell, tmp_path):
    """Pages are followed, a thread that is gone is told, and the key goes along."""
    ids = tmp_path / "users.csv"
    ids.write_text("user,thread\n" + "".join(f"u,{each}\n" for each in [*FILES, "thread_gone"]))

    with native() as (url, seen):
        source = ("--from", url, "--threads", ids, "--column", "thread", "--key", "sk-old-12345678")
        report, code = sqlite_shell.told("import", *source)
        again, _ = sqlite_shell.told("import", *source)

    assert code == 1
    assert report["outcomes"]["thread"] == {"missing": 1, "imported": 2}
    assert report["records"] == {"messages": 12, "runs": 6, "steps": 12}
    assert again["outcomes"]["thread"] == {"missing": 1, "unchanged": 2}
    assert seen[0]["authorization"] == "Bearer sk-old-12345678"
    assert seen[0]["openai-beta"] == "assistants=v2"


@pytest.mark.parametrize(("lists", "code"), [(True, 0), (False, 1)])
def test_threads_that_are_listed_need_no_ids(sqlite_shell, lists, code):
    """A Foundry project lists its threads; elsewhere it is said that ids are needed."""
    with native(lists=lists) as (url, _):
        result = sqlite_shell("import", "--from", url)

    assert result.exit_code == code, result.output
    assert ("give their ids" in result.output) is not lists


def test_the_classic_agents_of_a_project_come_over(sqlite_shell):
    """Agents, and threads without their ids; tools of Foundry's own stop it or are left out."""
    with native(answer=foundry) as (url, _):
        source = f"{url.removesuffix('/v1')}/api/projects/p?api-version=v1"
        refused = sqlite_shell("import", "--from", source)
        without = ("--from", source, "--without-tool", "bing_grounding")
        report, code = sqlite_shell.told("import", *without)
        verified, _ = sqlite_shell.told("verify", *without)

    assert "--without-tool bing_grounding leaves such tools and their calls out" in refused.output
    assert code == 0, report
    assert report["records"] == {"messages": 2, "runs": 1, "steps": 2}
    assert report["notes"] == [
        "left out: tool calls of the type bing_grounding (1 times)",
        "left out: tools of the type bing_grounding (2 times)",
    ]
    assert verified["differences"] == []
    with connect(Offline(), settings=sqlite_shell.settings) as client:
        agent = client.beta.assistants.retrieve(assistant(0)["id"])
        said = client.beta.threads.messages.list(thread(1)["id"]).data[0].content[0].text
    assert [tool.type for tool in agent.tools] == ["code_interpreter"]
    assert said.annotations[0].type == "url_citation"


@pytest.mark.parametrize(
    ("url", "key", "name"),
    [
        ("https://r.openai.azure.com/openai?api-version=2024-05-01-preview", "abc", "api-key"),
        ("https://r.openai.azure.com/openai", "eyJhbGciOi.x.y", "authorization"),
        ("https://r.services.ai.azure.com/api/projects/p", "eyJhbGciOi.x.y", "authorization"),
        ("http://localhost:4010/v1", "abc", "authorization"),
    ],
)
def test_a_key_goes_where_its_server_looks(url, key, name):
    """Azure's keys have a header of their own, its tokens and all other keys the usual one."""
    assert [each for each in credentials(url, key) if each != "openai-beta"] == [name]


def test_verify_names_what_differs(sqlite_shell, tmp_path):
    """A missing message, another text and another order are each told; the exit code is 1."""
    file = next(iter(dump(1, 6).values()))
    path = tmp_path / "data.json"
    path.write_text(json.dumps(file))
    sqlite_shell("import", path)
    messages = file["messages"]
    messages[0]["content"][0]["text"]["value"] = "Other words"
    messages[3]["id"] = "msg_new"
    messages[4]["created_at"] -= 10
    path.write_text(json.dumps(file))

    found, code = sqlite_shell.told("verify", path)

    problems = {each["id"]: each["problem"] for each in found["differences"]}
    assert code == 1
    assert "has another text" in problems[messages[0]["id"]]
    assert "is here 0 times" in problems["msg_new"]
    assert "are in another order" in problems[thread(0)["id"]]


def test_verify_asks_the_upstream_for_files(sqlite_shell, tmp_path):
    """With --upstream, files and stores that are not there are named."""
    folder = written(tmp_path / "dump", threads=1, messages=2)
    sqlite_shell("import", folder)

    with Offline().serve() as served:
        variables = {"OPENAI_BASE_URL": served.url, "OPENAI_API_KEY": "sk-of-the-test-1234567890"}
        result = sqlite_shell("verify", folder, "--upstream", **variables)

    assert result.exit_code == 1
    assert "file-a: is not at the upstream (files answered 404)" in result.output
    assert "vs_1: is not at the upstream" in result.output


def test_threads_become_lines_for_other_purposes(sqlite_shell, tmp_path):
    """Fine-tuning gets chats with calls and their outputs, evals the last answer, without marks."""
    sqlite_shell("import", written(tmp_path / "dump", threads=2, messages=2, seed=3))
    chosen = ("--thread", thread(0)["id"])

    lines = {
        form: json.loads(sqlite_shell("export", "-", "--format", form, *chosen).stdout)
        for form in ("finetune", "evals", "responses")
    }

    roles = [each["role"] for each in lines["finetune"]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]
    assert lines["finetune"]["tools"][0]["function"]["name"] == "look"
    assert lines["finetune"]["messages"][-1]["content"] == "Answer."
    assert lines["evals"]["item"]["expected"] == "Answer."
    kinds = [each["type"] for each in lines["responses"]["input"]]
    assert kinds == ["message", "function_call", "function_call_output", "message"]


def test_an_export_can_be_of_some(sqlite_shell, tmp_path):
    """By assistant, by day and by tenant; a folder that is in use is not written into."""
    sqlite_shell("import", written(tmp_path / "dump", threads=3, messages=2))

    def count(*options):
        return sqlite_shell("export", tmp_path / "out", "--dry-run", *options).output.split()[0]

    assert count() == "3"
    assert count("--assistant", assistant(0)["id"]) == "3"
    assert count("--assistant", assistant(1)["id"]) == "0"
    assert count("--since", "2024-01-01") == "0"
    assert count("--tenant", "other") == "0"
    assert "is there already" in sqlite_shell("export", tmp_path).output
