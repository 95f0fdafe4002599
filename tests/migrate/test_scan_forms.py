"""The forms that addresses and files have in programs: what of them a scan takes in."""

from __future__ import annotations

import json

import pytest
import trees

ADDRESSES = {
    "Ask.java": (
        """
        class OpenAiAsk {
          String u = getHost(config) + "/v1/threads/" + threadId + "/runs/" + runId;
          @GetMapping("/v1/threads") void own() {}
        }
        """,
        ["/threads/{thread_id}/runs/{run_id}"],
    ),
    "ask.go": (
        """
        req.Header.Set("OpenAI-Beta", "assistants=v2")
        a := fmt.Sprintf("%s/threads/%s/messages?limit=%d", base, id, limit)
        b := fmt.Sprintf("https://api.openai.com/v1/threads/%s/runs%s", id, query)
        c := fmt.Sprintf("https://api.openai.com/v1/assistants%s", query)
        """,
        ["/threads/{thread_id}/messages", "/threads/{thread_id}/runs", "/assistants"],
    ),
    "calls.http": (
        """
        POST https://api.openai.com/v1/threads/{{threadId}}/messages
        """,
        ["/threads/{thread_id}/messages"],
    ),
    "wrapped.php": (
        """
        <?php
        class OpenAIService {
          function f() {
            $this->api->send('POST', 'assistants', ['model' => 'm']);
            $this->api->send(
                'POST',
                "threads/{$thread->id}/runs/{$run->id}/submit_tool_outputs",
            );
            $this->view('threads', 'assistants');
          }
        }
        """,
        ["/assistants", "/threads/{thread_id}/runs/{run_id}/submit_tool_outputs"],
    ),
    "main.bicep": (
        """
        var script = 'curl -s "$ENDPOINT/openai/assistants?api-version=2024-05-01-preview"'
        """,
        ["/assistants"],
    ),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses_of_many_forms_are_found(tmp_path, name):
    """A base before `/v1`, a `%s` for the base or the query, and templates are addresses."""
    code, endpoints = ADDRESSES[name]

    trees.write(tmp_path, **{name.replace(".", "_DOT_"): code})

    assert [each.split(" ")[-1] for each in trees.texts(tmp_path)] == endpoints


def test_files_of_version_1_are_told_by_their_method(tmp_path):
    """The files of an assistant are listed, made and deleted; each is said as it is."""
    base = 'f"https://api.openai.com/v1/assistants/{a}/files'
    code = f'import httpx\nhttpx.get({base}")\nhttpx.post({base}")\nhttpx.delete({base}/{{f}}")\n'
    (tmp_path / "app.py").write_text(code, encoding="utf-8")

    found = [text.rpartition(".")[2] for text in trees.texts(tmp_path, "version-1")]

    assert found == ["list", "create", "delete"]


def test_the_header_alone_makes_a_file_matter(tmp_path):
    """A file that sends the header of version 1 is told, though its addresses stand elsewhere."""
    trees.write(tmp_path, comms_DOT_php="<?php\n$h = ['OpenAI-Beta: assistants=v1'];\n")

    assert trees.found(tmp_path) == [("comms.php", 2, "version-1", "assistants=v1")]


def test_the_word_retrieval_is_no_tool(tmp_path):
    """Only a tool of the type is version 1's: not a key, and not a comparison with it."""
    code = """
        from openai import OpenAI

        client = OpenAI()
        client.beta.threads.create()
        if tool.type == "retrieval" or file["retrieval"]:
            files.append({"retrieval": True})
        tools = [{"type": "retrieval"}]
    """

    trees.write(tmp_path, app_DOT_py=code)

    assert trees.found(tmp_path, "version-1") == [("app.py", 7, "version-1", '"type": "retrieval"')]


def test_each_node_of_a_workflow_is_found(tmp_path):
    """n8n's nodes for assistants are told one by one, as are requests whose address is hidden."""
    own = {"type": "@n8n/n8n-nodes-langchain.openAi", "parameters": {"resource": "assistant"}}
    header = {"parameters": [{"name": "OpenAI-Beta", "value": "assistants=v2"}]}
    request = {"type": "n8n-nodes-base.httpRequest"}
    base = "https://api.openai.com/v1"
    flow = [
        {"name": "Ask", **own},
        {"name": "Ask again", **own},
        {"name": "Chat", "type": "@n8n/n8n-nodes-langchain.openAi", "parameters": {}},
        {
            "name": "Runs",
            **request,
            "parameters": {"url": f"={base}/threads/{{{{ $json.id }}}}/runs"},
        },
        {
            "name": "Hidden",
            **request,
            "parameters": {"url": "={{ $env.URL }}", "headerParameters": header},
        },
        {
            "name": "File",
            **request,
            "parameters": {"url": f"{base}/files/1", "headerParameters": header},
        },
    ]
    text = json.dumps({"nodes": flow, "model": "gpt-4"}, indent=1)
    (tmp_path / "flow.json").write_text(text, encoding="utf-8")

    found = trees.texts(tmp_path, "library", "address")

    assert sorted(found) == ["/threads/{thread_id}/runs", "n8n", "n8n", "node 'Hidden'"]


def test_a_workflow_without_assistants_tells_no_models(tmp_path):
    """A workflow is no setting: its models are told where it uses assistants itself."""
    node = {"name": "x", "type": "n8n-nodes-base.openAi", "parameters": {"model": "gpt-4"}}
    (tmp_path / "flow.json").write_text(json.dumps({"nodes": [node]}), encoding="utf-8")
    trees.write(tmp_path, app_DOT_js="openai.beta.threads.create();\n")

    assert trees.texts(tmp_path, "ended-model") == []


def test_a_broken_cell_leaves_the_others(tmp_path):
    """A notebook's cell that does not parse is named; the calls of the others are found."""
    text = trees.notebook(
        "from openai import OpenAI\nclient = OpenAI()", "def f(:\n", "client.beta.threads.create()"
    )
    (tmp_path / "a.ipynb").write_text(text, encoding="utf-8")

    found = {(rule, each) for _, _, rule, each in trees.found(tmp_path)}

    assert ("python-call", "threads.create") in found
    assert any(rule == "unread" and each.startswith("cell 2: ") for rule, each in found)


def test_a_library_in_the_tree_is_no_use_of_it(tmp_path):
    """A library's own source imports itself; a program's import of it is a use."""
    library, program = tmp_path / "library", tmp_path / "program"
    trees.write(
        library,
        agency_swarm____init___DOT_py="from agency_swarm.agents import Agent\n",
        agency_swarm__agents_DOT_py="class Agent: ...\n",
    )
    trees.write(program, app_DOT_py="from agency_swarm import Agent\n")

    assert trees.texts(library, "library") == []
    assert trees.texts(program, "library") == ["Agency Swarm before 1.0"]


def test_recordings_and_bundles_are_not_read(tmp_path):
    """What tools wrote, cassettes of tests and minified code, is nobody's to change."""
    call = "openai.beta.threads.create();"
    (tmp_path / "cassettes").mkdir()
    (tmp_path / "cassettes" / "a.yml").write_text("id: asst_a1B2c3D4e5F6g7H8i9J0k1L2\n")
    (tmp_path / "bundle.js").write_text(call + "x();" * 500 + "\n", encoding="utf-8")
    (tmp_path / "app.js").write_text(call + "\n", encoding="utf-8")

    assert [each[0] for each in trees.found(tmp_path)] == ["app.js"]


def test_a_catalogue_of_models_is_no_setting(tmp_path):
    """A file of settings chooses a model; one that lists them all has nothing to change."""
    ended = ("gpt-4", "gpt-4-32k", "gpt-4-0314", "gpt-4-turbo", "o1-mini", "o1-preview", "o1")
    names = [*ended, "gpt-3.5-turbo", "chatgpt-4o-latest"]
    (tmp_path / "models.json").write_text(json.dumps(names), encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model": "gpt-4"}', encoding="utf-8")
    trees.write(tmp_path, app_DOT_js="openai.beta.threads.create();\n")

    assert [each[0] for each in trees.found(tmp_path, "ended-model")] == ["config.json"]
