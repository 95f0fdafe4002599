"""The examples in other languages than Python, each against a running server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from server_program import KEY, Served, Upstream, wait_until

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PAGE = "http://localhost:5173"
PROGRAM = """
import {{ Assistant }} from "{0}";
const assistant = new Assistant({{ base: "{1}", key: "sk-caller", assistant: "{2}" }});
await assistant.begin();
const words = [];
for await (const each of assistant.ask("Hello")) words.push(each);
console.log(JSON.stringify(words));
await new Assistant({{ base: "{1}", key: "sk-caller", assistant: "asst_{3}" }}).begin();
"""


@pytest.fixture
def place(tmp_path):
    """A server that the page's site may call, and an assistant there."""
    upstream = Upstream(tmp_path / "log", 0)
    served = Served(upstream.url, f"sqlite:///{tmp_path / 'shim.db'}", SHIM_CORS=PAGE)
    http = served.ready()
    assistant = http.post("/v1/assistants", json={"model": "gpt-4o"}).json()["id"]
    yield http, f"{served.root}/v1", assistant
    http.close()
    served.stop()
    upstream.close()


def test_the_page_reads_the_stream(place, tmp_path):
    """Its script, run by Node, gets the words in several pieces."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    _, base, assistant = place
    script = shutil.copy(EXAMPLES / "browser" / "assistant.js", tmp_path / "assistant.mjs")
    program = PROGRAM.format(script, base, assistant, "0" * 24)

    done = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    words = json.loads(done.stdout)
    assert "".join(words) == "You said: Hello"
    assert len(words) > 1


def test_the_page_may_call(place):
    """A browser asks first, for the headers that the script sends."""
    http, _, _ = place
    script = (EXAMPLES / "browser" / "assistant.js").read_text("utf-8")
    sent = re.search(r"this\.headers = \{(.*?)\};", script, re.DOTALL)[1]
    names = re.findall(r'^ +"?([a-z-]+)"?:', sent, re.MULTILINE)
    asked = {"origin": PAGE, "access-control-request-method": "POST"}

    answer = http.options(
        "/v1/threads", headers={**asked, "access-control-request-headers": ",".join(names)}
    )

    assert sorted(names) == ["authorization", "content-type", "openai-beta"]
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_the_n8n_workflow_runs(place):
    """Its requests, sent in the order of its connections, give the answer."""
    _, base, assistant = place
    flow = json.loads((EXAMPLES / "http" / "n8n.json").read_text("utf-8"))
    nodes = {node["name"]: node["parameters"] for node in flow["nodes"]}
    given = {"SHIM_BASE": base, "ASSISTANT": assistant, "QUESTION": 'Say "Hello"'}
    given["SHIM_KEY"] = KEY["authorization"].removeprefix("Bearer ")
    answers = {}

    def filled(text):
        known = {f"$env.{name}": value for name, value in given.items()}
        known |= {f"JSON.stringify({name})": json.dumps(value) for name, value in known.items()}
        known |= {f"$('{name}').item.json.id": each["id"] for name, each in answers.items()}
        return re.sub(r"\{\{ (.*?) \}\}", lambda match: known[match[1]], text.removeprefix("="))

    def send(name):
        node = nodes[name]
        pairs = node["headerParameters"]["parameters"]
        headers = {pair["name"]: filled(pair["value"]) for pair in pairs}
        headers["content-type"] = "application/json"
        body = filled(node["jsonBody"]) if "jsonBody" in node else None
        answer = httpx.request(node["method"], filled(node["url"]), headers=headers, content=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    for name in ("Create thread", "Run"):
        answers[name] = send(name)
    conditions = nodes["Still going?"]["conditions"]["conditions"]
    going = {each["rightValue"] for each in conditions}
    wait_until(lambda: send("Look")["status"] not in going)

    assert send("Messages")["data"][0]["content"][0]["text"]["value"] == 'You said: Say "Hello"'
    assert {*flow["connections"]} <= {*nodes}
