"""Bodies and headers that other people's programs and SDKs send, byte for byte in their ways."""

from __future__ import annotations

import json
import socket
import time

import pytest

from shim.offline import Offline

BASE = "https://api.openai.com/v1"
HEADERS = {"Authorization": "Bearer sk-1", "OpenAI-Beta": "assistants=v2"}
INCLUDE = "step_details.tool_calls[*].file_search.results[*].content"
FUNCTION = {"type": "function", "function": {"name": "Menu-price", "parameters": {}}}
NULLS = dict.fromkeys(
    [
        "model",
        "instructions",
        "additional_instructions",
        "additional_messages",
        "tools",
        "metadata",
        "temperature",
        "top_p",
        "stream",
        "max_prompt_tokens",
        "max_completion_tokens",
        "truncation_strategy",
        "tool_choice",
        "response_format",
        "parallel_tool_calls",
        "reasoning_effort",
    ]
)


class Raw:
    """Sends what it is given through the HTTP client under a mounted SDK client."""

    def __init__(self, http):
        self.http = http

    def send(self, method, path, content=b"", headers=None):
        """The answer to raw bytes."""
        request = self.http.build_request(
            method, BASE + path, content=content, headers=HEADERS if headers is None else headers
        )
        return self.http.send(request)

    def ok(self, method, path, body=None):
        """The object that a JSON body, or none, is answered with."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.send(method, path, content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, run):
        """A run, looked at until it rests."""
        path = f"/threads/{run['thread_id']}/runs/{run['id']}"
        for _ in range(400):
            if run["status"] not in ("queued", "in_progress"):
                break
            time.sleep(0.01)
            run = self.ok("GET", path)
        return run


@pytest.fixture
def raw(client):
    """Raw requests through a mounted client."""
    return Raw(client._client)


@pytest.fixture
def assistant(raw):
    """An assistant with every kind of tool."""
    tools = [{"type": "file_search"}, {"type": "code_interpreter"}, FUNCTION]
    return raw.ok("POST", "/assistants", {"model": "m", "instructions": "x", "tools": tools})


@pytest.mark.parametrize("content", [b"", b"  \n", b"null", b"{}", b'{"messages": null}'])
@pytest.mark.parametrize(
    "headers",
    [
        HEADERS,
        {name.upper(): value for name, value in HEADERS.items()},
        {name.lower(): value for name, value in HEADERS.items()},
        {**HEADERS, "OpenAI-Beta": "assistants=v2, realtime=v1", "Content-Type": "text/plain"},
        {**HEADERS, "astra-api-token": "t", "User-Agent": "OpenAI/PHP", "X-Stainless-Lang": "js"},
    ],
    ids=["titled", "upper", "lower", "two betas", "strange"],
)
def test_a_thread_is_made_of_nothing(raw, content, headers):
    """No body in any spelling, whatever the case and company of the headers."""
    answer = raw.send("POST", "/threads", content, headers)

    assert answer.status_code == 200
    assert answer.json()["metadata"] == {}


def test_an_assistant_goes_back_as_it_came(raw, assistant):
    """Funcrunner reads an assistant, drops its name and id, and posts all the rest."""
    own = ("id", "object", "created_at", "name", "description")
    body = {key: value for key, value in assistant.items() if key not in own}

    updated = raw.ok("POST", f"/assistants/{assistant['id']}", body)

    assert updated == assistant


def test_every_optional_field_may_be_null(raw, assistant):
    """langchain, agency-swarm and .NET send a run with a null for all they do not set."""
    thread = raw.ok("POST", "/threads", {"messages": [], "metadata": None, "tool_resources": None})

    path = f"/threads/{thread['id']}/runs"
    run = raw.ok("POST", path, {"assistant_id": assistant["id"], **NULLS})

    assert run["tools"] == assistant["tools"]
    assert raw.ended(run)["status"] == "completed"


@pytest.mark.parametrize(
    "query",
    [
        f"include[]={INCLUDE}",
        f"include={INCLUDE}",
        f"include[0]={INCLUDE}",
        "include%5B%5D=step_details.tool_calls%5B%2A%5D.file_search.results%5B%2A%5D.content",
        "include[]=",
    ],
)
def test_include_in_every_spelling(raw, assistant, query):
    """Go, PHP, .NET and Python each write an array in a query in their own way."""
    body = {"assistant_id": assistant["id"], "thread": None, "stream": False}
    run = raw.ok("POST", "/threads/runs", body)
    path = f"/threads/{run['thread_id']}/runs"
    raw.ended(run)

    again = raw.ok("POST", f"{path}?{query}", {"assistant_id": assistant["id"]})
    raw.ended(again)

    assert raw.ok("GET", f"{path}/{again['id']}/steps?{query}")["object"] == "list"


@pytest.mark.parametrize("query", ["", "?limit=&after=&before=&order=", "?after&before&run_id="])
def test_empty_list_parameters_are_none(raw, query):
    """n8n and form-driven clients send the parameters they have no value for."""
    thread = raw.ok("POST", "/threads", {"messages": [{"role": "user", "content": "Hi"}]})

    page = raw.ok("GET", f"/threads/{thread['id']}/messages{query}")

    assert len(page["data"]) == 1


def test_a_whole_thread_may_be_the_thread_of_a_run(raw, assistant):
    """Astra's programs post the Thread object that they were given."""
    thread = raw.ok("POST", "/threads", {"metadata": {"user": "u"}})

    run = raw.ok("POST", "/threads/runs", {"assistant_id": assistant["id"], "thread": thread})

    assert run["thread_id"] != thread["id"]
    assert raw.ok("GET", f"/threads/{run['thread_id']}")["metadata"] == {"user": "u"}


def test_functions_made_from_schemas_are_not_strict(raw, offline, assistant):
    """semantic-kernel's names have a dash, and its schemas are not fit for strict mode."""
    offline.script.call("Menu-price", {"item": "soup"}).say("Nine.")
    body = {"assistant_id": assistant["id"], "thread": {}}

    run = raw.ended(raw.ok("POST", "/threads/runs", body))
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
    outputs = [{"tool_call_id": call["id"], "output": None}]
    after = raw.ok("POST", path, {"tool_outputs": outputs, "stream": None})

    assert after["status"] == "queued"
    assert raw.ended(after)["status"] == "completed"
    functions = [tool for tool in offline.posts()[0].body["tools"] if tool["type"] == "function"]
    assert [tool["strict"] for tool in functions] == [False]


def test_half_a_request_is_none():
    """A client that is cancelled between its headers and its body has asked for nothing."""
    offline = Offline()
    with offline.serve() as served:
        head = b"POST /v1/conversations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"

        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(head + b"content-length: 5\r\n\r\n{")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(100)

    assert answer == b""
    assert offline.log == []
