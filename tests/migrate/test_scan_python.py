"""What a scan finds in Python, and whose client it takes a call to be of."""

from __future__ import annotations

import pytest
import trees

from shim.core import routes
from shim.migrate import vocabulary
from shim.migrate.scan import scan


def test_methods_are_those_of_the_route_table():
    """Each method's endpoint is a route that shim answers, and each route has a method."""
    known = {f"{r.method} {r.path}" for r in routes.ROUTES if not r.path.startswith("/files")}

    assert set(vocabulary.METHODS.values()) == known


def test_calls_are_found_with_their_places(tmp_path):
    """A call is found by its chain, over raw and streamed answers, aliases and references."""
    code = """
        import asyncio
        from openai import OpenAI

        client = OpenAI()
        threads = client.beta.threads
        runs = threads.runs
        beta = client.beta

        thread = threads.create()
        run = runs.create_and_poll(thread_id=thread.id, assistant_id="a")
        raw = client.beta.threads.messages.with_raw_response.list(thread.id)
        beta.assistants.list()
        asyncio.run(asyncio.to_thread(client.beta.threads.runs.retrieve, run.id))
        client.beta.chat.completions.parse(model="m", messages=[])
        client.chat.completions.create(model="m", messages=[])
        # client.beta.threads.delete("in a comment")
        text = "client.beta.threads.delete('in a string')"
    """
    trees.write(tmp_path, app_DOT_py=code)

    assert trees.found(tmp_path) == [
        ("app.py", 9, "python-call", "threads.create"),
        ("app.py", 10, "python-call", "threads.runs.create_and_poll"),
        ("app.py", 11, "python-call", "threads.messages.list"),
        ("app.py", 12, "python-call", "assistants.list"),
        ("app.py", 13, "python-call", "threads.runs.retrieve"),
    ]


@pytest.mark.parametrize(
    ("head", "client", "rule"),
    [
        ("import openai", "openai", "python-call"),
        ("import openai as ai\nc = ai.AzureOpenAI()", "c", "python-call"),
        ("from openai import *\nc = OpenAI()", "c", "python-call"),
        ("from openai import OpenAI as O\nc = O().with_options(timeout=1)", "c", "python-call"),
        ("import shim as openai", "openai", "on-shim"),
        ("from shim import OpenAI\nc = OpenAI()", "c", "on-shim"),
        ("import openai, shim\nc = shim.mount(openai.OpenAI())", "c", "on-shim"),
        ("def f(c): ...", "c", "module-call"),
    ],
)
def test_the_client_decides(tmp_path, head, client, rule):
    """Calls through openai's clients are to be moved, those through shim's are done."""
    trees.write(tmp_path, app_DOT_py=f"{head}\n{client}.beta.threads.create()\n")

    assert [each[2] for each in trees.found(tmp_path)] == [rule]


@pytest.mark.parametrize(("package", "rule"), [("openai", "python-call"), ("shim", "on-shim")])
def test_clients_are_followed_between_files(tmp_path, package, rule):
    """A client that is imported, or given to a function, is that of the file that makes it."""
    trees.write(
        tmp_path,
        app__clients_DOT_py=f"from {package} import OpenAI\nclient = OpenAI()\n",
        app__main_DOT_py="from app.clients import client\nfrom app.work import w\nw(client)\n",
        app__work_DOT_py="def w(api):\n    api.beta.threads.create()\n",
        app__direct_DOT_py="from .clients import client\nclient.beta.threads.create()\n",
    )

    assert {each[2] for each in trees.found(tmp_path)} == {rule}


def test_litellm_and_libraries_are_found(tmp_path):
    """LiteLLM's functions and libraries that use assistants are found by their imports."""
    code = """
        import litellm
        from langchain.agents.openai_assistant import OpenAIAssistantRunnable
        from litellm import completion, create_thread

        create_thread("openai")
        litellm.run_thread("openai", "t", "a")
        litellm.completion("m", [])
    """
    trees.write(
        tmp_path, app_DOT_py=code, other_DOT_py="from langchain.agents import AgentExecutor\n"
    )

    assert trees.found(tmp_path) == [
        ("app.py", 2, "library", "LangChain"),
        ("app.py", 5, "litellm", "create_thread"),
        ("app.py", 6, "litellm", "run_thread"),
    ]


def test_ids_models_and_version_1_are_found(tmp_path):
    """Ids of old objects, ended and ending models, and what version 1 had are found."""
    code = """
        from openai import OpenAI

        client = OpenAI()
        ASSISTANT, EXAMPLE = "asst_k5znPftzQtXVBdLNC5SSTuF5", "asst_abc123"
        client.beta.assistants.create(
            model="gpt-4-turbo", tools=[{"type": "retrieval"}], file_ids=["f"]
        )
        client.beta.assistants.update(
            ASSISTANT,
            model="gpt-4o",
            tool_resources={"code_interpreter": {"file_ids": ["f"]}},
        )
        client.beta.assistants.files.create(ASSISTANT, file_id="f")
    """
    trees.write(tmp_path, app_DOT_py=code, _DOT_env="MODEL=gpt-3.5-turbo\n")

    assert trees.texts(tmp_path, "hard-coded-id") == ["asst_k5znPftzQtXVBdLNC5SSTuF5"]
    assert trees.texts(tmp_path, "ended-model") == ["gpt-3.5-turbo", "gpt-4-turbo"]
    assert trees.texts(tmp_path, "ending-model") == ["gpt-4o"]
    assert trees.texts(tmp_path, "version-1") == [
        '"type": "retrieval"',
        "file_ids=",
        "assistants.files.create",
    ]


def test_notebooks_are_read(tmp_path):
    """A notebook's calls are found at their lines in the file; magics do no harm."""
    text = trees.notebook(
        "%pip install openai\n!ls\nfrom openai import OpenAI\nclient = OpenAI()",
        "%%bash\nclient.beta.threads.create()",
        "%%time\nthread = client.beta.threads.create()\nthread?",
    )
    (tmp_path / "book.ipynb").write_text(text, encoding="utf-8")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "thread = client" in each)

    assert trees.found(tmp_path) == [("book.ipynb", line, "python-call", "threads.create")]


def test_what_does_not_parse_is_named(tmp_path):
    """A file that Python does not understand is read by pattern, and named."""
    trees.write(
        tmp_path, old_DOT_py='from openai import OpenAI\nprint "x"\nclient.beta.threads.create()\n'
    )

    assert [each[1:3] for each in trees.found(tmp_path)] == [(1, "unread"), (3, "served-call")]


def test_a_library_of_version_1_has_another_cure(tmp_path):
    """What speaks version 1 by itself is not helped by a base URL, and is told so."""
    trees.write(tmp_path, app_DOT_py="from embedchain.store.assistants import OpenAIAssistant\n")

    found = scan(tmp_path, trees.TODAY).findings

    assert [each.text for each in found] == ["Embedchain"]
    assert "version 1" in found[0].cure
