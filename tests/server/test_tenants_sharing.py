"""What is passed on for tenants who share an upstream key, and what is not looked at is not."""

from __future__ import annotations

import json

import pytest
from server_place import Echo, Running

from shim.server.app import asgi
from shim.settings import Settings

KEYS = {"a": "sk-of-a-0123456789", "b": "sk-of-b-0123456789"}
HEADERS = {"authorization": f"Bearer {KEYS['b']}"}
CHAT = "/chat/completions"
SCHEMA = {"type": "object", "properties": {"file_id": {"type": "string"}, "id": {"type": "string"}}}


@pytest.fixture(scope="module")
def place():
    """A server with two tenants before an upstream that tells what it is asked."""
    import httpx  # noqa: PLC0415

    echo = Echo()
    settings = Settings(
        upstream_url=echo.url,
        upstream_key="sk-upstream-0123456789",
        keys=KEYS,
        database_url="sqlite:///:memory:",
    )
    running = Running(asgi(settings))
    with httpx.Client(base_url=running.root, headers=HEADERS) as http:
        yield http, echo
    running.close()
    echo.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"model": "m", "messages": [{"role": "user", "content": "file_id"}]}),
        (CHAT, {"tools": [{"type": "function", "function": {"parameters": SCHEMA}}]}),
        (CHAT, {"metadata": {"file_id": "file-1"}}),
        ("/embeddings", {"input": ["a", "b"]}),
        ("/responses", {"input": "Hello", "previous_response_id": None, "conversation": None}),
        ("/responses", {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
        ("/responses", {"input": [{"role": "user", "content": "Hello", "id": "msg_1"}]}),
    ],
)
def test_what_names_nothing_of_others_is_passed_on(place, path, body):
    """It goes upstream with the server's key."""
    http, echo = place

    answer = http.post(f"/v1{path}", json=body)

    assert answer.status_code == 200, answer.text
    assert json.loads(echo.seen[-1]["body"]) == body
    assert echo.seen[-1]["headers"]["authorization"] == "Bearer sk-upstream-0123456789"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/files/file-1"),
        ("GET", "/files/file-1/content"),
        ("DELETE", "/files/file-1"),
        ("POST", "/uploads/upload_1/complete"),
        ("POST", "/vector_stores/vs_1/search"),
        ("GET", "/conversations/conv_1/items"),
        ("GET", "/responses/resp_1"),
        ("POST", "/responses/resp_1/cancel"),
        ("DELETE", "/responses/resp_1"),
        ("GET", "/containers/cntr_1/files"),
        ("GET", "/chat/completions"),
        ("GET", "/chat/completions/chatcmpl_1"),
        ("GET", "/responses"),
        ("GET", "/conversations"),
        ("POST", "/batches"),
        ("GET", "/batches/batch_1"),
        ("POST", "/fine_tuning/jobs"),
        ("POST", "/evals"),
        ("GET", "/realtime/sessions"),
        ("GET", "/models/a/b"),
        ("DELETE", "/models/ft-1"),
        ("GET", "/organization/admin_api_keys"),
        ("POST", "/models%2f..%2ffiles"),
        ("GET", "/models/%2e%2e/files"),
        ("GET", "/models//files"),
        ("GET", "/Files"),
        ("GET", "/files/file-1%2fcontent"),
        ("GET", "/%66iles/file-1"),
        ("GET", "/files/x/../file-1"),
        ("GET", "/files/x%2f..%2ffile-1"),
        ("GET", "/files/%252e%252e/file-1"),
        ("GET", "/files/file-1/"),
        ("GET", "//files/file-1"),
        ("GET", "/files;x/file-1"),
        ("GET", "/responses?previous_response_id=resp_1"),
        ("HEAD", "/files/file-1"),
        ("PUT", "/files/file-1"),
    ],
)
def test_what_is_kept_at_the_upstream_is_not_reached(place, method, path):
    """Nothing is asked of the upstream, whatever the path is written like."""
    http, echo = place
    asked = len(echo.seen)

    answer = http.request(method, f"/v1{path}")

    assert answer.status_code in (403, 404), answer.text
    if method != "HEAD":
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert len(echo.seen) == asked


@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
        {"tools": [{"type": "code_interpreter", "container": {"file_ids": ["file-1"]}}]},
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]},
        {"prompt": {"id": "pmpt_1", "variables": {"x": {"file_id": "file-1"}}}},
        {"prompt": {"id": None, "variables": {"x": {"type": "input_file", "file_id": "file-1"}}}},
        {"FILE_ID": "file-1"},
        {"tools": [{"type": "shell", "environment": {"skills": [{"skill_id": "skill_1"}]}}]},
    ],
)
def test_a_body_names_nothing_of_others(place, body):
    """What it names is as if it were not there, and the upstream is not asked."""
    http, echo = place
    asked = len(echo.seen)

    answer = http.post("/v1/responses", json=body)

    assert answer.status_code == (400 if "previous_response_id" in body else 404), answer.text
    assert "found" in answer.json()["error"]["message"] or "No such" in answer.text
    assert len(echo.seen) == asked


def test_a_name_that_is_there_twice_is_read_as_here(place):
    """The upstream may take the first of two, and gets only the one that was looked at."""
    http, echo = place
    body = '{"previous_response_id": "resp_1", "previous_response_id": null}'

    answer = http.post("/v1/responses", content=body)

    assert answer.status_code == 200
    assert echo.seen[-1]["body"] == '{"previous_response_id":null}'


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe{}"])
def test_a_body_that_cannot_be_read_is_refused(place, body):
    """What nobody has looked at does not go on."""
    http, _ = place

    answer = http.post("/v1/responses", content=body)

    assert answer.status_code == 400


def test_a_form_with_a_file_is_passed_on(place):
    """A recording to be written down is in the form itself."""
    http, echo = place

    answer = http.post(
        "/v1/audio/transcriptions", files={"file": ("a.wav", b"RIFF")}, data={"model": "m"}
    )

    assert answer.status_code == 200
    assert "RIFF" in echo.seen[-1]["body"]


@pytest.mark.parametrize(
    "name", ["file_id", "images[0][file_id]", "FILE_IDS[]", "images", "x", "container[file_ids][]"]
)
def test_a_form_names_nothing_of_others(place, name):
    """Fields of forms are looked at as JSON is, whatever their names are written like."""
    http, echo = place
    asked = len(echo.seen)
    value = '[{"file_id": "file-1"}]' if name in {"images", "x"} else "file-1"

    answer = http.post(
        "/v1/images/edits", files={"image": ("a.png", b"x" * 100_000)}, data={name: value}
    )

    assert answer.status_code == 404, answer.text
    assert len(echo.seen) == asked


def test_a_broken_form_is_refused(place):
    """What cannot be looked at does not go on as a whole."""
    http, echo = place
    asked = len(echo.seen)
    kind = {"content-type": "multipart/form-data; boundary=x"}

    answer = http.post("/v1/files", content=b"--y\r\nrubbish", headers=kind)

    assert answer.status_code == 400
    assert len(echo.seen) == asked
