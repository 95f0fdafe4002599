"""Definitions of assistants recovered from code: as the code would make them, or marked as open."""

from __future__ import annotations

from textwrap import dedent

import pytest
import trees
import yaml

from shim.errors import SettingsError
from shim.migrate import definitions
from shim.migrate.recovery import recover
from shim.offline import Offline
from shim.testing import connect

PROGRAM = '''
    import inspect
    import json
    import textwrap
    from textwrap import dedent

    import openai
    from openai import NOT_GIVEN, OpenAI
    from openai.types.beta import CodeInterpreterToolParam, FunctionToolParam

    MODEL = "gpt-4o"
    ROLE = "clerk"
    RULES = ["Be brief.", "Be kind."]
    LOOK = {
        "type": "function",
        "function": {
            "name": "look",
            "description": "Look something up" + " in the books",
            "parameters": {"type": "object", "properties": {}, "required": []},
        },
    }
    BASE = {"temperature": 0.2, "metadata": {"team": "a"}}

    class Config:
        TOP_P = 0.5
        TOOLS = [{"type": "code_interpreter"}, LOOK]

    INSTRUCTIONS = textwrap.dedent(f"""
        You are a {ROLE}.
            Answer in {2} lines.
    """).strip()


    def make(client):
        print(json.dumps(LOOK), RULES)
        yield client.beta.assistants.create(model=MODEL, name="Plain", instructions=INSTRUCTIONS)
        tools = [*Config.TOOLS, {"type": "file_search"}]
        yield client.beta.assistants.create(
            **BASE,
            name="Tools" + " " + "Man",
            model="gpt-4o",
            tools=tools,
            top_p=Config.TOP_P,
            description=NOT_GIVEN,
            instructions="\\n".join(RULES),
            response_format={"type": "json_object"},
            timeout=30,
        )
        settings = dict(model=MODEL, **BASE)
        made = client.beta.assistants.with_raw_response.create(
            **{**settings, "name": "Raw"},
            tools=[CodeInterpreterToolParam(type="code_interpreter"),
                   FunctionToolParam(type="function", function=LOOK["function"])],
            extra_body={"reasoning_effort": None, "temperature": 0.1},
            instructions=inspect.cleandoc("""One
                two"""),
        ).parse()
        yield made
        assistant = client.beta.assistants.create(model=MODEL, name="Later", temperature=1)
        yield client.beta.assistants.update(
            assistant_id=assistant.id, tools=[LOOK], instructions=dedent("  Changed"), metadata=None
        )
'''
SHOWN = (
    *("name", "description", "model", "instructions", "tools", "tool_resources", "metadata"),
    *("temperature", "top_p", "reasoning_effort", "response_format"),
)


def told(assistant):
    """What is defined of an assistant."""
    return {key: assistant.to_dict().get(key) for key in SHOWN}


def body(tmp_path, code):
    """The one definition that is recovered from a program."""
    (found,) = recover(trees.write(tmp_path, app_DOT_py=code)).found
    return found.body


def why(tmp_path, code):
    """Why the one thing that is open is open."""
    (found,) = recover(trees.write(tmp_path, app_DOT_py=code)).found
    ((_, left),) = found.open
    return left.why


def made_by(program, settings):
    """What a program's assistants are, by name, once it has run."""
    names = {}
    exec(compile(dedent(program), "program", "exec"), names)
    with connect(Offline(), settings=settings) as client:
        list(names["make"](client))
        return {each.name: told(each) for each in client.beta.assistants.list()}


def test_what_is_pushed_is_what_the_code_would_make(sqlite_shell, tmp_path):
    """Every field of every assistant is the same, whether the program ran or the files were."""
    trees.write(tmp_path / "code", app_DOT_py=PROGRAM)
    expected = made_by(PROGRAM, type(sqlite_shell)(f"sqlite:///{tmp_path}/other.db").settings)

    scanned = trees.shim("scan", tmp_path / "code", "--definitions", tmp_path / "files")
    pushed = sqlite_shell("assistants", "push", tmp_path / "files")

    with connect(Offline(), settings=sqlite_shell.settings) as client:
        made = {each.name: told(each) for each in client.beta.assistants.list()}
    assert pushed.exit_code == 0, (scanned.output, pushed.output)
    assert made == expected
    assert set(made) == {"Plain", "Tools Man", "Raw", "Later"}
    assert scanned.exit_code == 0, scanned.output
    assert "4 assistants, 4 of them ready to be pushed" in scanned.output


@pytest.mark.parametrize(
    ("before", "value", "reason"),
    [
        ("import os", "os.environ['M']", "os is the module os"),
        ("", "prompt", "is a parameter of make()"),
        ("", "load()", "when the program runs"),
        ("", "'a' if client else 'b'", "when the program runs"),
        ("X = 'a'\nif 1:\n    X = 'b'", "X", "is bound 2 times"),
        ("X = 'a'\ndef f():\n    global X\n    X = 'b'", "X", "is bound 2 times"),
        ("X = 'a'\nX += 'b'", "X", "is bound 2 times"),
        ("for X in ['a']: pass", "X", "is a name of a loop"),
        ("X, Y = 'a', 'b'", "X", "assigned at once"),
        ("from prompts import X", "X", "is imported from prompts"),
        ("X = X", "X", "is told by itself"),
        ("X = 'a'", "f'{X!r}'", "formats what it puts in"),
        ("X = 1.5", "f'{X}'", "neither a text nor a whole number"),
        ("X = 'a'", "f'{X} {client}'", "is a parameter of make()"),
        ("def dedent(x): return x", "dedent(' a')", "when the program runs"),
        ("class C:\n    X = 'a'\nC.X = 'b'", "C.X", "is not set once in C"),
        ("X = 'a'\ndel X", "X", "is bound 2 times"),
    ],
)
def test_what_the_code_does_not_tell_is_marked(tmp_path, before, value, reason):
    """Nothing is guessed: the expression stands there, with why it is open and where."""
    code = (
        f"{before}\n\ndef make(client, prompt):\n"
        f"    client.beta.assistants.create(model='m', instructions={value})\n"
    )

    found = why(tmp_path, code)

    assert reason in found


@pytest.mark.parametrize(
    "change",
    [
        "TOOLS.append({'type': 'file_search'})",
        "TOOLS[0]['type'] = 'file_search'",
        "register(TOOLS)",
        "others = TOOLS\nothers.clear()",
        "for each in TOOLS:\n    each['type'] = 'x'",
        "def f():\n    TOOLS.append(1)",
        "held = {'tools': TOOLS}\nheld['tools'].append(1)",
        "for each in list(TOOLS):\n    each['type'] = 'x'",
        "for each in TOOLS[0].values():\n    each.append('x')",
        "def f(x):\n    x.append(1)\nf(TOOLS)",
        "def f(x, *y):\n    g(y)\nf(*TOOLS)",
        "def f(x):\n    return x\nheld = f(TOOLS)\nheld.append(1)",
        "@f\ndef g(x): pass\ng(TOOLS)",
        "TOOLS += [{'type': 'file_search'}]",
    ],
)
def test_a_list_that_may_be_changed_is_not_taken(tmp_path, change):
    """A name's list counts only where nothing in the file can have changed it."""
    code = f"TOOLS = [{{'type': 'code_interpreter'}}]\n{change}\n"
    call = "client.beta.assistants.create(model='m', tools=TOOLS)\n"

    reason = why(tmp_path, code + call)

    assert "change" in reason or "bound 2 times" in reason


@pytest.mark.parametrize(
    "use",
    [
        "def f(x):\n    print(x)\nf(TOOLS)",
        "def f(x):\n    return x\nheld = f(x=TOOLS)",
        "print(TOOLS)",
        "len(TOOLS)",
        "logger.info('x', TOOLS)",
        "TOOLS[0].get('type')",
        "x = TOOLS",
    ],
)
def test_a_list_that_is_only_looked_at_is_taken(tmp_path, use):
    """Reading changes nothing."""
    code = f"TOOLS = [{{'type': 'code_interpreter'}}]\n{use}\n"
    call = "client.beta.assistants.create(model='m', tools=TOOLS)\n"

    assert body(tmp_path, code + call)["tools"] == [{"type": "code_interpreter"}]


def test_names_of_other_files_of_the_tree_are_followed(tmp_path):
    """By relative and absolute imports, and under another name."""
    prompts = "from .deep import MORE\nTEXT = 'Be kind.' + MORE\n"
    code = "from app.prompts import TEXT as WORDS\n"
    call = "client.beta.assistants.create(model='m', instructions=WORDS)\n"

    trees.write(
        tmp_path,
        app__prompts_DOT_py=prompts,
        app__deep_DOT_py="MORE = ' Or not.'\n",
        app____init___DOT_py="",
    )
    found = body(tmp_path, code + call)

    assert found["instructions"] == "Be kind. Or not."


def test_a_function_that_makes_assistants_makes_one_at_each_call(tmp_path):
    """Its parameters are what it is given there, or its defaults; calls may be in other files."""
    maker = """
        def make(client, name, tools=[], *, model="gpt-4o", **more):
            return client.beta.assistants.create(name=name, tools=tools, model=model, **more)

        BOTH = {"name": "Fourth", "tools": [{"type": "file_search"}]}
        make(client, *[], **BOTH)
    """
    other = """
        from maker import make as build

        NAME = "Third"
        one = make(client, "First", [{"type": "file_search"}])
        build(client, "Second", temperature=0.5, model="m")
        build(client, NAME, **settings)
        build(client, open(path).read())
    """
    trees.write(tmp_path, maker_DOT_py=maker, other_DOT_py=other)

    found = {each.title: each for each in recover(tmp_path).found}

    assert set(found) == {"second", "third", "make", "fourth"}
    assert found["fourth"].body == {
        "name": "Fourth",
        "tools": [{"type": "file_search"}],
        "model": "gpt-4o",
    }
    assert found["second"].body == {"name": "Second", "tools": [], "model": "m", "temperature": 0.5}
    assert found["second"].place == "other.py:5, by way of maker.py:2"
    assert [key for key, _ in found["third"].open] == ["tools", "model", "rest"]
    ((key, left),) = found["make"].open
    assert (key, left.why) == ("name", "is open(path).read(), which is made when the program runs")


@pytest.mark.parametrize(
    "more",
    ["@cached\ndef make", "def make(): pass\ndef make", "class C:\n  def make"],
)
def test_a_function_that_may_be_another_is_not_followed(tmp_path, more):
    """One that is decorated, defined twice, or a method keeps its parameters open."""
    code = (
        f"{more}(client, model):\n    client.beta.assistants.create(model=model)\n\n"
        "make(client, 'gpt-4o')\n"
    )

    assert why(tmp_path, code) == "is a parameter of make()"


def test_a_part_may_be_open_and_the_rest_is_told(sqlite_shell, tmp_path):
    """A push of such a file is refused until it is filled in, and the scan lists what is open."""
    code = """
        import os
        from openai import AsyncOpenAI

        async def make(client: AsyncOpenAI, **more):
            bot = await client.beta.assistants.create(
                model=os.environ["MODEL"], tools=[{"type": "file_search"}, extra()], **more
            )
    """
    trees.write(tmp_path / "code", app_DOT_py=code)

    scanned = trees.shim("scan", tmp_path / "code", "--definitions", tmp_path / "files")
    path = tmp_path / "files" / "bot.yaml"
    refused = sqlite_shell("assistants", "push", tmp_path / "files")
    text = path.read_text()
    lines = [line for line in text.splitlines() if "!unresolved" not in line or "#" in line]
    path.write_text("\n".join([*lines, "model: gpt-4o", ""]))
    pushed = sqlite_shell("assistants", "push", tmp_path / "files")

    assert scanned.exit_code == 1
    assert "1 assistants, 0 of them ready to be pushed" in scanned.output
    assert "to do: model: os.environ['MODEL']" in scanned.output
    assert "# from app.py:5, by `shim scan`" in text
    assert "- type: file_search\n" in text
    assert 'rest: !unresolved "more is a parameter of make() (app.py:6)"' in text
    assert refused.exit_code == 1
    assert "model, tools, rest: fill in what is marked !unresolved" in refused.output
    assert pushed.exit_code == 0, pushed.output


def test_updates_are_told(tmp_path):
    """One that follows at once is part of what is made; others are files of their own, or notes."""
    code = """
        def one(client, wanted):
            made = client.beta.assistants.create(model="m", name="One")
            if wanted:
                client.beta.assistants.update(made.id, name="Two")
            client.beta.assistants.update(made.id, instructions="Be brief.")
            client.beta.assistants.update("asst_old", tools=[])
            client.beta.assistants.update(wanted, tools=[])
            return run(client.beta.assistants.create)
    """

    recovery = recover(trees.write(tmp_path, app_DOT_py=code))

    first, second = recovery.found
    assert first.body == {"model": "m", "name": "One", "instructions": "Be brief."}
    assert first.updates == ["app.py:5"]
    assert (second.id, second.body["tools"]) == ("asst_old", [])
    assert "does not say all" in second.body["rest"].why
    assert [each.partition(": ")[0] for each in recovery.notes] == [
        "app.py:8",
        "app.py:4",
        "app.py:7",
    ]
    assert "but not always" in recovery.notes[1]


def test_files_are_named_and_never_written_over(tmp_path):
    """By the assistant, the variable or the function; a second scan is the same or refused."""
    code = """
        import litellm

        litellm.create_assistants(custom_llm_provider="openai", model="m", name="My Bot!")
        helper = client.beta.assistants.create(model="m")
        helper.other = client.beta.assistants.create(model="m")
        def build():
            return client.beta.assistants.create(model="m", temperature=3)
        client.beta.assistants.create(model="m", name="My Bot?")
    """
    trees.write(tmp_path / "code", app_DOT_py=code, book_DOT_ipynb=trees.notebook("1\n2", CELL))
    scan = ("scan", tmp_path / "code", "--definitions", tmp_path / "files")

    dry = trees.shim(*scan, "--dry-run")
    nothing = (tmp_path / "files").exists()
    first, again = trees.shim(*scan), trees.shim(*scan)
    names = sorted(each.name for each in (tmp_path / "files").iterdir())
    (tmp_path / "files" / "helper.yaml").write_text("name: mine\n")
    refused = trees.shim(*scan)

    assert not nothing
    assert dry.output == first.output == again.output
    assert names == [
        "build.yaml",
        "helper.yaml",
        "in-cell.yaml",
        "my-bot-2.yaml",
        "my-bot.yaml",
        "other.yaml",
    ]
    assert "Invalid 'temperature': decimal above maximum value" in first.output
    assert "helper.yaml is there, and says something else" in refused.output
    assert (tmp_path / "files" / "helper.yaml").read_text() == "name: mine\n"


CELL = "in_cell = client.beta.assistants.create(model='m', tools=[{'type': 'code_interpreter'}])"


def test_options_that_do_not_go_together_are_refused(tmp_path):
    """A report and the files are two things; a scan alone has nothing to be dry about."""
    results = [
        trees.shim("scan", tmp_path, "--definitions", tmp_path / "x", "--json"),
        trees.shim("scan", tmp_path, "--dry-run"),
    ]

    assert [each.exit_code for each in results] == [2, 2]


def test_a_mark_is_read_as_a_mark(tmp_path):
    """Wherever it stands in a file; other tags stay refused."""
    path = tmp_path / "a.yaml"
    path.write_text('model: m\nmetadata: {a: !unresolved "x"}\n')

    with pytest.raises(SettingsError, match=r"a\.yaml: metadata: fill in"):
        definitions.read(tmp_path)
    path.write_text("model: !!python/name:os.system\n")
    with pytest.raises(SettingsError, match="no YAML"):
        definitions.read(tmp_path)
    assert yaml.safe_load("a: 1") == {"a": 1}


SCRIPT = r"""
    import OpenAI from "openai";
    const openai = new OpenAI();

    export const MODEL = "gpt-4o";
    const ROLE: string = 'clerk'
    const LOOK = { type: "function", function: { name: "look", parameters: {}, strict: true, }, };
    const SAID = `You are a ${ROLE}.\n  "Yes" \u00e9 \` ${MODEL}`; // not ${this}

    export async function make(name: string, more: object) {
      const clerk = await openai.beta.assistants.create({
        model: MODEL, 'name': "Cl" + "erk" /* the one */, description: null, metadata: undefined,
        instructions: SAID, tools: [{ type: "code_interpreter" } as const, LOOK],
        temperature: 0.5, top_p: 1, tool_resources: { file_search: { vector_store_ids: ["vs_1"] } },
      }, { timeout: 5 });
      const other = await openai.beta.assistants.create({
        model: process.env.MODEL ?? "x", name, instructions: ROLE.trim(), ...more,
        tools: [make(1, 2), "a, b"],
      });
      await openai.beta.assistants.update("asst_1", { name: `Two` });
      await openai.beta.assistants.update(other.id, { name: "Three" });
      await openai.beta.assistants.create(more);
    }
"""


def test_object_literals_of_scripts_are_read(sqlite_shell, tmp_path):
    """Texts, templates, constants and nested values; what is open is marked, nothing is guessed."""
    recovery = recover(trees.write(tmp_path / "code", src__app_DOT_ts=SCRIPT))
    scanned = trees.shim("scan", tmp_path / "code", "--definitions", tmp_path / "files")
    for name in ("other", "two", "app"):
        (tmp_path / "files" / f"{name}.yaml").unlink()
    pushed = sqlite_shell("assistants", "push", tmp_path / "files")

    clerk, other, changed, given = recovery.found
    assert clerk.open == []
    assert clerk.body == {
        "model": "gpt-4o",
        "name": "Clerk",
        "instructions": 'You are a clerk.\n  "Yes" \u00e9 ` gpt-4o',
        "tools": [
            {"type": "code_interpreter"},
            {"type": "function", "function": {"name": "look", "parameters": {}, "strict": True}},
        ],
        "temperature": 0.5,
        "top_p": 1,
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}},
    }
    assert [(key, each.text) for key, each in other.open] == [
        ("model", 'process.env.MODEL ?? "x"'),
        ("name", "name"),
        ("instructions", "ROLE.trim()"),
        ("rest", "more"),
        ("tools", "make(1, 2)"),
    ]
    assert (changed.id, changed.body["name"], [key for key, _ in changed.open]) == (
        "asst_1",
        "Two",
        ["rest"],
    )
    assert [(key, each.text) for key, each in given.open] == [("rest", "more")]
    assert recovery.notes == [
        "src/app.ts:20: this update is not in a file: which assistant it changes is not told"
    ]
    assert "4 assistants, 1 of them ready to be pushed" in scanned.output
    assert pushed.exit_code == 0, pushed.output


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("let X = 'a';", "X"),
        ("const X = 'a'; function f(X) { g(X) }", "X"),
        ("const X = 'a'; const f = X => X;", "X"),
        ("const X = 'a';\nfor (const { X } of y) { z(X) }", "X"),
        ("const X = 'a'\n  .trim()", "X"),
        ("const X = 'a' + f();", "X"),
        ("const X = X;", "X"),
        ("import { X } from './x';", "X"),
        ("  const X = 'a';", "X"),
        ("const X = ['a']; X.push('b');", "X"),
        ("", "`a ${f(1)}`"),
        ("", "cond ? 'a' : 'b'"),
        ("", "dedent`a`"),
        ("", "'a'.trim()"),
        ("", "{ ['a' + b]: 1 }"),
        ("", "{ f() { return 1 } }"),
        ("", "[...y]"),
        ("", "() => 1"),
    ],
)
def test_what_a_script_does_not_tell_is_marked(tmp_path, before, value):
    """Names that may be others', and all that is worked out when the script runs."""
    code = f"import OpenAI from 'openai';\n{before}\n"
    call = f"openai.beta.assistants.create({{ model: 'm', instructions: {value}, name: 'n' }});\n"
    (tmp_path / "a.js").write_text(code + call)

    (found,) = recover(tmp_path).found

    assert [key for key, _ in found.open] == ["instructions"]
    assert (found.body["model"], found.body["name"]) == ("m", "n")
