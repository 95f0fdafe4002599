"""What a scan finds in other languages, by pattern."""

from __future__ import annotations

import pytest
import trees

CALLS = {
    "ts": (
        (
            "import OpenAI from 'openai';\nconst openai = new OpenAI();\n"
            "// openai.beta.threads.create()\n"
            "const t = await openai.beta.threads.create();\n"
            "await openai.beta.threads.runs.createAndPoll(t.id, {});\n"
            "await openai.beta.threads.runs.submitToolOutputsStream(r.id, {});\n"
            "await openai.beta.assistants.del(a);\n"
            "await openai.beta.threads.messages\n  .list(t.id);\n"
            "await db.threads.create({});\nopenai.threads = 1;\n"
            "await fetch(`/api/threads/${t.id}/messages`, {});\n"
        ),
        [
            "threads.create",
            "threads.runs.create_and_poll",
            "threads.runs.submit_tool_outputs_stream",
            "assistants.delete",
            "threads.messages.list",
        ],
    ),
    "php": (
        (
            "<?php\n$client = OpenAI::client($key);\n# $client->threads()->create();\n"
            "$t = $client->threads()->create([]);\n"
            "$client->threads()->messages()->create($t->id, []);\n"
            "$client->threads()->runs()->createStreamed($t->id, []);\n"
            "$client->threads()->runs()->submitToolOutputsStreamed($t->id, $r->id, []);\n"
        ),
        [
            "threads.create",
            "threads.messages.create",
            "threads.runs.stream",
            "threads.runs.submit_tool_outputs_stream",
        ],
    ),
    "rb": (
        (
            "client = OpenAI::Client.new\nthread = client.threads.create\n"
            "client.messages.create(thread_id: id, parameters: {})\n"
            "client.runs.create(thread_id: id, parameters: {})\n"
            "client.runs.submit_tool_outputs(thread_id: id, run_id: r)\n"
        ),
        [
            "threads.create",
            "threads.messages.create",
            "threads.runs.create",
            "threads.runs.submit_tool_outputs",
        ],
    ),
    "rb2": (
        (
            "r = client.runs.create(thread_id: current_thread_id)\nclient.runs.list(page: 1)\n"
            "client.run_steps.list(thread_id: t, run_id: r)\n"
        ),
        ["threads.runs.create", "threads.runs.steps.list"],
    ),
    "cs": (
        (
            "using OpenAI.Assistants;\nAssistantClient client = new();\n"
            "var t = await client.CreateThreadAsync();\n"
            "await foreach (var u in client.CreateRunStreamingAsync(t, a)) {}\n"
            "chat.CreateThread();\n"
        ),
        ["threads.create", "threads.runs.stream"],
    ),
    "go": (
        (
            'import "github.com/sashabaranov/go-openai"\nt, err := client.CreateThread(ctx, r)\n'
            "run, err := client.CreateRun(ctx, t.ID, rr)\n"
        ),
        ["threads.create", "threads.runs.create"],
    ),
    "go2": (
        (
            'import "github.com/openai/openai-go"\nt, err := client.Beta.Threads.New(ctx, p)\n'
            "run, err := client.Beta.Threads.Runs.NewAndPoll(ctx, t.ID, p, 0)\n"
        ),
        ["threads.create", "threads.runs.create_and_poll"],
    ),
    "java": (
        (
            "import com.openai.client.OpenAIClient;\nclient.beta().threads().create();\n"
            "client.beta().threads().runs().retrieve(params);\n"
        ),
        ["threads.create", "threads.runs.retrieve"],
    ),
}


@pytest.mark.parametrize("language", CALLS)
def test_calls_of_sdks_are_found(tmp_path, language):
    """Each SDK's spelling of a method is known; comments and routes of one's own are not calls."""
    code, methods = CALLS[language]
    (tmp_path / f"app.{language.rstrip('2')}").write_text(code, encoding="utf-8")

    assert trees.texts(tmp_path) == methods
    assert {each[2] for each in trees.found(tmp_path)} == {"served-call"}


ADDRESSES = {
    "app.rb": (
        (
            "class Run\n  H = {'OpenAI-Beta' => 'assistants=v2'}\n"
            '  @path = "/threads/#{thread_id}/runs" # as "/threads"\nend\n'
        ),
        ["/threads/{thread_id}/runs"],
    ),
    "curl.sh": (
        ('curl https://api.openai.com/v1/threads/$T/runs \\\n -H "OpenAI-Beta: assistants=v2"\n'),
        ["/threads/{thread_id}/runs"],
    ),
    "app.php": (
        (
            "<?php\nclass OpenAi {\n$url = $this->api::BASE.'threads/'.$id.'/runs';\n"
            "$img = '/img/threads/x.jpg';\n}\n"
        ),
        ["/threads/{thread_id}/runs"],
    ),
    "app.py": (
        (
            'import httpx\nH = {"OpenAI-Beta": "assistants=v2"}\n'
            'httpx.post(f"https://api.openai.com/v1/threads/{t}/messages", headers=H)\n'
            'httpx.get(f"{BASE}/threads/{t}", headers=H)\n'
            '@app.post("/threads/{thread_id}/runs")\ndef f(): ...\n'
        ),
        ["POST /threads/{thread_id}/messages", "GET /threads/{thread_id}"],
    ),
    "app.js": (
        (
            "const u = 'https://x.openai.azure.com/openai/threads?v=1';\n"
            "fetch(u, {method: 'POST'});\nconst d = 'https://platform.openai.com/docs/assistants';\n"
        ),
        None,
    ),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses_are_found(tmp_path, name):
    """Requests by HTTP are found with their endpoint; routes of one's own and documents are not."""
    code, endpoints = ADDRESSES[name]
    (tmp_path / name).write_text(code, encoding="utf-8")
    places = trees.found(tmp_path)

    assert {each[2] for each in places} == {"address"}
    if endpoints is None:
        assert len(places) == 1
    else:
        assert [each.split(" ")[-1] for *_, each in places] == [e.split(" ")[-1] for e in endpoints]


def test_flows_of_n8n_are_found(tmp_path):
    """An n8n workflow with OpenAI's assistants is a library's use, with its own cure."""
    node = '{"parameters": {"resource": "assistant"}, "type": "@n8n/n8n-nodes-langchain.openAi"}'
    (tmp_path / "flow.json").write_text(f'{{"nodes": [{node}]}}', encoding="utf-8")

    assert trees.texts(tmp_path) == ["n8n"]
