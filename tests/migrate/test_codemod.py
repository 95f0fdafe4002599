"""`shim codemod`: which files it changes and why; there, back, and what is left."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trees

pytest.importorskip("libcst")
from shim.migrate import codemod, files
from shim.offline import Offline

OPENAI = "from openai import OpenAI\n"
CALL = "client.beta.threads.create()\n"


def plan(root):
    found = codemod.changes(root)
    return {each.path: each.why for each in found.changes}, dict(found.left)


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_only_clients_that_reach_calls_change(tmp_path):
    """A client for chat alone stays; those with calls, and those given to calls, change."""
    trees.write(
        tmp_path,
        chat_DOT_py=OPENAI + "c = OpenAI()\nc.chat.completions.create()\n",
        own_DOT_py=OPENAI + "client = OpenAI()\n" + CALL,
        made_DOT_py=OPENAI + "def make():\n    client = OpenAI()\n    return client\n",
        user_DOT_py="from made import make\nclient = make()\n" + CALL,
        passes_DOT_py=OPENAI + "from work import work\nwork(OpenAI())\n",
        work_DOT_py="def work(client):\n    " + CALL,
        typed_DOT_py=OPENAI + "def f(client: OpenAI) -> OpenAI: return client\n",
    )

    changed, left = plan(tmp_path)

    assert changed == {
        "own.py": "its client has calls here",
        "made.py": "its client reaches user.py",
        "passes.py": "its client reaches work.py",
    }
    assert left == {}


def test_the_import_is_changed_where_it_stands(tmp_path):
    """A class that another module hands on is changed in that module."""
    trees.write(
        tmp_path,
        sdk_DOT_py=OPENAI,
        app_DOT_py="from sdk import OpenAI\nclient = OpenAI()\n" + CALL,
    )

    assert plan(tmp_path)[0] == {"sdk.py": "app.py takes its client from here"}


def test_what_is_left_is_named(tmp_path):
    """Files that do not parse, and calls whose client comes from outside, are named."""
    (tmp_path / "latin.py").write_bytes(
        b"# coding: latin-1\n" + (OPENAI + "client = OpenAI()  # \xe9\n" + CALL).encode("latin-1")
    )
    trees.write(
        tmp_path,
        old_DOT_py=OPENAI + "print 'x'\n" + CALL,
        given_DOT_py="def f(client):\n    " + CALL,
    )

    changed, left = plan(tmp_path)

    assert changed == {}
    assert left["old.py"].startswith("it does not parse")
    assert left["latin.py"].startswith("it is not UTF-8")
    assert "shim.mount(client)" in left["given.py"]
    assert trees.shim("codemod", tmp_path).exit_code == 1


def test_there_and_back(tmp_path):
    """Nothing is written without --write; a second time changes nothing; --reverse is exact."""
    mixed = "from openai import (\n    APIError,\n    OpenAI,  # here\n)\nclient = OpenAI()\n"
    trees.write(
        tmp_path,
        a_DOT_py=mixed + CALL,
        b_DOT_py="import litellm\nlitellm.run_thread(), litellm.completion()\n",
    )
    windows = (OPENAI + "client = OpenAI()\n" + CALL).replace("\n", "\r\n")
    (tmp_path / "c.py").write_bytes(windows.encode())
    (tmp_path / "d.ipynb").write_text(
        trees.notebook("%pip install openai\n" + mixed, "!ls\n" + CALL, "%%bash\nls"),
        encoding="utf-8",
    )
    before = contents(tmp_path)

    dry = trees.shim("codemod", tmp_path)
    assert contents(tmp_path) == before
    assert "+from shim import OpenAI" in dry.output
    trees.shim("codemod", tmp_path, "--write")
    after = contents(tmp_path)
    again = trees.shim("codemod", tmp_path, "--write")
    assert contents(tmp_path) == after
    assert "nothing to change" in again.output
    assert {name for name in before if before[name] == after[name]} == set()
    trees.shim("codemod", tmp_path, "--reverse", "--write")

    assert contents(tmp_path) == before


def test_the_diff_is_one_that_git_takes(tmp_path):
    """What is printed can be applied, and taken back, by git."""
    trees.write(tmp_path, a_DOT_py=OPENAI + "client = OpenAI()\n" + CALL.strip())
    diff = "".join(each.diff() for each in codemod.changes(tmp_path).changes)

    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff, text=True, check=True)

    assert (tmp_path / "a.py").read_text().startswith("from shim import OpenAI\n")


def test_a_file_that_went_on_is_reversed(tmp_path):
    """What was written to a file since then stays when the import goes back."""
    path = trees.write(tmp_path, a_DOT_py=OPENAI + "client = OpenAI()\n" + CALL) / "a.py"
    trees.shim("codemod", tmp_path, "--write")
    path.write_text('"""New."""\n' + path.read_text() + "more = 1\n")
    trees.shim("codemod", tmp_path, "--write", "--reverse")

    assert path.read_text() == '"""New."""\n' + OPENAI + "client = OpenAI()\n" + CALL + "more = 1\n"
    assert not (tmp_path / files.RECORD).exists()


def test_the_changed_program_runs(tmp_path):
    """A program of openai's that is changed runs on the embedded upstream."""
    program = """
        import sys
        from openai import AssistantEventHandler, OpenAI

        client = OpenAI()

        class Handler(AssistantEventHandler):
            def on_text_delta(self, delta, snapshot):
                sys.stdout.write(delta.value)

        assistant = client.beta.assistants.create(model="gpt-6-luna")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hello!"}])
        ids = {"thread_id": thread.id, "assistant_id": assistant.id}
        with client.beta.threads.runs.stream(**ids, event_handler=Handler()) as stream:
            stream.until_done()
        client.close()
    """
    trees.write(tmp_path, app_DOT_py=program)
    trees.shim("codemod", tmp_path, "--write")
    root = Path(codemod.__file__).parents[2]
    with Offline().serve() as upstream:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "app.py"],
            cwd=tmp_path,
            env={
                "PYTHONPATH": str(root),
                "OPENAI_API_KEY": "k",
                "OPENAI_BASE_URL": upstream.url,
                "SHIM_DIALECT": "openai",
                "SHIM_DATABASE_URL": "sqlite:///shim.db",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_status_counts(tmp_path):
    """`shim status` tells the calls on openai's clients, on shim's, and native ones."""
    trees.write(
        tmp_path,
        a_DOT_py=OPENAI + "client = OpenAI()\n" + CALL,
        b_DOT_py="from shim import OpenAI\nclient = OpenAI()\n" + CALL + CALL,
        c_DOT_py=OPENAI + "client = OpenAI()\nclient.responses.create()\n",
        d_DOT_js="import OpenAI from 'openai';\nopenai.beta.threads.create();\n",
    )

    table = trees.shim("status", tmp_path)
    totals = json.loads(trees.shim("status", tmp_path, "--json").output)["totals"]

    assert totals == {"openai": 1, "unknown": 0, "other languages": 1, "shim": 2, "native": 1}
    assert "3 of 4 calls in Python have moved (75 %)." in table.output


def test_a_notebook_is_one_program(tmp_path):
    """What a cell imports and another uses is seen; a cell that does not parse is named."""
    cells = ("import openai", "client = openai.OpenAI()", "def f(:\n", CALL)
    other = ("import openai", "print(openai.__version__)", "client = openai.OpenAI()", CALL)
    (tmp_path / "whole.ipynb").write_text(trees.notebook(*cells), encoding="utf-8")
    (tmp_path / "named.ipynb").write_text(trees.notebook(*other), encoding="utf-8")

    result = trees.shim("codemod", tmp_path, "--write")

    assert '"import shim as openai"' in (tmp_path / "whole.ipynb").read_text(encoding="utf-8")
    named = (tmp_path / "named.ipynb").read_text(encoding="utf-8")
    assert '"import openai\\n"' in named
    assert '"import shim"' in named
    assert '"client = shim.OpenAI()"' in named
    assert "whole.ipynb: left: it does not parse: cell 3: " in result.output
    assert result.exit_code == 1


def test_a_client_that_is_nowhere_made_is_named_with_its_line(tmp_path):
    """A file may be changed and yet have a call whose client is not in the tree."""
    calls = "openai.beta.threads.create()\nother.beta.threads.create()\n"
    code = f"import openai\nfrom given import other\n{calls}"
    (tmp_path / "app.py").write_text(code, encoding="utf-8")

    result = trees.shim("codemod", tmp_path)

    assert "+import shim as openai" in result.output
    assert "app.py: left: the client of line 4 is made elsewhere" in result.output
