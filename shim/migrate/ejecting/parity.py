"""The test that an ejected program does what it did: both ways are run on the same cases.

Knows how programs are started and which cases can be read from one. The test needs shim, which
carries the old way; the program does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import libcst as cst

from shim.migrate.definitions import Definition, shown
from shim.migrate.ejecting.flow import Flow
from shim.migrate.ejecting.scopes import Program
from shim.migrate.ejecting.syntax import called, code, string

__all__ = ["parity_test"]

_TYPED = "What is 3 + 4?\\nexit\\n"
_QUESTION = "What is 3 + 4?"
_TEXTS = ("question", "message", "prompt", "text", "query", "content", "input", "msg", "request")

_TEMPLATE = '''\
"""{after} does what {before} did, on the same cases.

The model is the one embedded in shim, which answers by fixed rules; no key is needed. Where no
case asks it anything, write one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shim.offline import Offline

HERE = Path(__file__).resolve().parent
BEFORE = HERE / "{before}"
AFTER = HERE / "{after}"

# A case is what is typed in, arguments, variables (environment), and where the file is a module,
# calls to make and print.
CASES = {{
{cases}
}}

# What may differ: ids have other prefixes{more}.
IGNORED = [
    (r"\\b(?:thread|conv|run|resp|msg|asst|step)_[0-9A-Za-z]{{8,}}", "ID"),
    (r"\\b(?:call|fc|ci|fs|file|cfile|vs|cntr)[_-][0-9A-Za-z]{{8,}}", "ID"),
{ignored}]

# The old way: the SDK's clients are shim's.
OLD = """
import openai, shim
for name in ("OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"):
    setattr(openai, name, getattr(shim, name))
openai.Client, openai.AsyncClient, openai.beta = shim.OpenAI, shim.AsyncOpenAI, shim.beta
"""
{assistants}{new}
START = """
import asyncio, runpy, sys
path, calls = sys.argv[1], sys.argv[2].splitlines()
sys.argv = [path, *sys.argv[3:]]
sys.path.insert(0, {folder})
names = runpy.run_path(path, run_name="parity" if calls else "__main__")
for call in calls:
    result = eval(call, names)
    print(asyncio.run(result) if asyncio.iscoroutine(result) else result)
"""


def run(way, path, case, folder):
    """A program's output, and how it ended; the model must have been asked."""
    upstream = Offline()
    with upstream.serve() as served:
{pushed}        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", way + START, str(path)]
            + ["\\n".join(case.get("calls", [])), *case.get("arguments", [])],
            input=case.get("typed", ""),
            env={{
                **os.environ,
                **case.get("environment", {{}}),
                "OPENAI_API_KEY": "sk-parity",
                "OPENAI_BASE_URL": served.url,
                "SHIM_DIALECT": "openai",
                "SHIM_DATABASE_URL": f"sqlite:///{{folder}}/parity.db",
            }},
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
    if not upstream.posts():
        pytest.fail(f"{{path.name}} asked the model nothing: {{done.stdout}}{{done.stderr}}")
    text = done.stdout
    for pattern, word in IGNORED:
        text = re.sub(pattern, word, text)
    end = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    return text, done.returncode, end


@pytest.mark.parametrize("name", CASES)
def test_both_ways_are_alike(name, tmp_path):
    """The output is the same, and so is the end."""
    before = run(OLD, BEFORE, CASES[name], tmp_path)

    after = run({way}, AFTER, CASES[name], tmp_path)

    assert after == before
'''

_NEW = '''
# The new way: shim cannot be imported.
NEW = """
import sys
sys.modules["shim"] = None
"""
'''
_PUSHED = """\
        for name, text in ASSISTANTS.items():
            (folder / "assistants").mkdir(exist_ok=True)
            (folder / "assistants" / f"{name}.yaml").write_text(text, encoding="utf-8")
        subprocess.run(
            [sys.executable, "-c", "from shim.cli import main; main()"]
            + ["assistants", "push", str(folder / "assistants")],
            env={**os.environ, "SHIM_DATABASE_URL": f"sqlite:///{folder}/parity.db"},
            check=True,
            capture_output=True,
        )
"""
_TOKENS = r"""    # the usage is that of one response, a run's was the sum: tokens are not compared
    (r"(?im)^(.*?)\d+(.*tokens?.*)$", r"\1N\2"),
    (r"(?im)^(.*tokens?\D*)\d+(.*)$", r"\1N\2"),
"""


class _Ejected(Protocol):
    """An ejection: `in_part` says that shim stays, `shown` what stands for an assistant's id."""

    before: str
    in_part: bool
    shown: str | None
    definitions: Sequence[Definition]


def parity_test(found: _Ejected, before: Path, after: Path) -> str:
    """The test's text."""
    program = Program(cst.parse_module(found.before))
    flow = Flow(program)
    counts = flow.has_functions and any(
        isinstance(node, cst.Attribute) and node.attr.value == "usage" for node in program.nodes
    )
    return _TEMPLATE.format(
        before=before.name,
        after=after.name,
        cases="\n".join(_cases(flow, found)),
        more=", and so does usage" if counts else "",
        ignored=(_TOKENS if counts else "") + _name(found.shown),
        new="" if found.in_part else _NEW,
        way="OLD" if found.in_part else "NEW",
        assistants=_assistants(found.definitions),
        pushed=_PUSHED if found.definitions else "",
        folder="__import__('os').path.dirname(path)",
    )


def _assistants(definitions: Sequence[Definition]) -> str:
    """The assistants that the old way finds in shim's database, as files."""
    if not definitions:
        return ""
    files = {each.id: shown(each.id, each.body) for each in definitions}
    return f"\n# The assistants that are made elsewhere, for the old way.\nASSISTANTS = {files!r}\n"


def _name(word: str | None) -> str:
    """What an assistant's id is taken for, where something else is shown."""
    pattern = json.dumps(re.escape(word or ""), ensure_ascii=False)
    return f'    ({pattern}, "ID"),  # assistants have no id\n' if word else ""


def _cases(flow: Flow, found: _Ejected) -> Iterator[str]:
    """The cases that a program shows: run as it is, or its functions called."""
    calls = [] if _does_something(flow) else list(_calls(flow))
    typed = any(called(node) == ["input"] for node in flow.program.nodes)
    entries = []
    if calls:
        entries.append(f'"calls": {calls!r}')
    if variables := _variables(flow, found.definitions):
        entries.append(f'"environment": {variables!r}')
    if typed:
        entries.append(f'"typed": "{_TYPED}"')
    yield f'    "as it stands": {{{", ".join(entries)}}},'


def _variables(flow: Flow, definitions: Sequence[Definition]) -> dict[str, str]:
    """Variables of the environment that hold the id of the one assistant that is given."""
    if len(definitions) != 1:
        return {}
    words = (string(node) for node in flow.program.nodes)
    names = {
        word
        for word in words
        if word and re.fullmatch(r"[A-Z0-9_]*(ASSISTANT|ASST)[A-Z0-9_]*", word)
    }
    return dict.fromkeys(sorted(names), definitions[0].id)


def _does_something(flow: Flow) -> bool:
    """Whether a program calls the API when it is run, and not only defines what does."""
    program = flow.program
    return any(
        isinstance(node, cst.Call)
        and not program.function_of(node)
        and (flow.api(node) or program.callee(node) or called(node) == ["asyncio", "run"])
        for node in program.nodes
    ) and not _is_setup_only(flow)


def _is_setup_only(flow: Flow) -> bool:
    """Whether no run is made by the statements outside of functions."""
    program = flow.program
    for node in program.nodes:
        if isinstance(node, cst.Call) and not program.function_of(node):
            api = flow.api(node)
            if (api is not None and "runs" in api.method) or program.callee(node):
                return False
            if called(node) == ["asyncio", "run"] or (api and "run" in api.method):
                return False
    return True


def _calls(flow: Flow) -> Iterator[str]:
    """Calls of the functions that nothing else calls, where their arguments can be guessed."""
    program = flow.program
    inner = {program.callee(node) for node in program.nodes if isinstance(node, cst.Call)}
    for name, node in program.functions.items():
        if "." in name or name in inner:
            continue
        arguments = [_argument(each) for each in node.params.params if each.default is None]
        if all(arguments):
            yield f"{name}({', '.join(each for each in arguments if each)})"


def _argument(param: cst.Param) -> str | None:
    annotation = code(param.annotation.annotation) if param.annotation else ""
    name = param.name.value.lower()
    is_text = annotation == "str" or string(param.annotation) == "str" or not annotation
    return repr(_QUESTION) if is_text and any(each in name for each in _TEXTS) else None
