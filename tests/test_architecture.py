"""The layers of the package, read from its source: who may know what. Sizes are only told."""

from __future__ import annotations

import ast
import functools
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "shim"
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Lowest first: a module imports from its own layer and those below it (design, section 8). The
# longest name that fits a module says where it belongs.
LAYERS = (
    ("shim.errors", "shim.drive", "shim.process", "shim.signs"),
    ("shim.core.wire", "shim.core.ids", "shim.core.records", "shim.core.objects"),
    ("shim.core.ports", "shim.core.made_files", "shim.core.conversations"),
    ("shim.translate",),
    ("shim.core",),
    ("shim.storage", "shim.upstream", "shim.workers", "shim.turns"),
    (
        "shim.conversation",
        "shim.migrate.gathered",
        "shim.migrate.history",
        "shim.migrate.parts",
        "shim.migrate.shapes",
    ),
    ("shim.native",),
    (
        "shim.settings",
        "shim.wiring",
        "shim.configuration",
        "shim.lanes",
        "shim.providers",
        "shim.trials",
        "shim.values",
        "shim.keys",
    ),
    ("shim.doorway",),
    (
        "shim",
        "shim.client",
        "shim.transport",
        "shim.module_client",
        "shim.functions",
    ),
    ("shim.server",),
    ("shim.offline", "shim.testing"),
    ("shim.migrate", "shim.compare", "shim.parity"),
    ("shim.cli",),
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

PURE = ("shim.core", "shim.translate", "shim.drive", "shim.errors")
OUTSIDE_WORLD = {
    "anyio",
    "asyncio",
    "http",
    "httpx",
    "httpx2",
    "openai",
    "psycopg",
    "requests",
    "selectors",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "urllib.request",
}

READS_THE_ENVIRONMENT = {
    "shim.settings": "is the one reader of shim's own settings",
    "shim.server.serving": "tells prometheus-client, by its own variable, where processes count",
    "shim.module_client": "follows the SDK's module client, which reads the SDK's own variables",
    "shim.functions.accounts": "follows LiteLLM's functions, which read variables of their own",
}

VAGUE = {"util", "utils", "common", "base", "helper", "helpers", "misc"}
MOST_LINES, LONGEST_FUNCTION = 350, 60


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def guarded(module):
    """The nodes under `if TYPE_CHECKING`, which are no imports when the program runs."""
    tests = [
        n for n in ast.walk(module) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)
    ]
    positive = [n for n in tests if not isinstance(n.test, ast.UnaryOp)]
    return {id(child) for test in positive for node in test.body for child in ast.walk(node)}


@functools.cache
def imports(name):
    """The modules that a module imports when it runs, at its head or later, full names."""
    module = tree(SOURCES[name])
    unused = guarded(module)
    found = set()
    for node in ast.walk(module):
        if id(node) in unused:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative import"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one if one in SOURCES else str(node.module) for one in full}
    return found


def is_in(module, package):
    return module == package or module.startswith(f"{package}.")


def rank(module):
    """The layer of a module of ours, found by the longest name that fits it."""
    return RANKS[max((name for name in RANKS if is_in(module, name)), key=len)]


@pytest.mark.parametrize("name", SOURCES)
def test_imports_go_one_way(name):
    """A module imports nothing from a layer above its own."""
    above = [one for one in imports(name) if is_in(one, "shim") and rank(one) > rank(name)]

    assert not above, f"{name} imports {above}"


@pytest.mark.parametrize("name", [n for n in SOURCES if any(is_in(n, p) for p in PURE)])
def test_the_core_knows_no_outside_world(name):
    """No loop, thread, socket, database, HTTP library or SDK is imported where meaning is."""
    found = {one for one in imports(name) for out in OUTSIDE_WORLD if is_in(one, out)}

    assert not found


def test_parts_are_put_together_in_one_place():
    """Nothing but the wiring knows the engine, and the settings know no part of it."""
    users = {name for name in SOURCES if "shim.core.engine" in imports(name)}
    parts = ("shim.core", "shim.conversation", "shim.upstream")

    assert users == {"shim.wiring"}
    assert not [one for one in imports("shim.settings") if any(is_in(one, p) for p in parts)]


def test_the_embedded_upstream_is_for_tests_and_the_demo():
    """`shim.offline` is imported by the demo, the testing aids and itself alone."""
    users = {
        name
        for name in SOURCES
        if not is_in(name, "shim.offline") and any(is_in(i, "shim.offline") for i in imports(name))
    }

    assert users == {"shim.cli.demo", "shim.testing"}


def test_the_embedded_upstream_knows_nothing_of_shim():
    """It is the other side: it shares no code with what it answers."""
    ours = {
        one
        for name in SOURCES
        if is_in(name, "shim.offline")
        for one in imports(name)
        if is_in(one, "shim") and not is_in(one, "shim.offline")
    }

    assert ours == set()


@pytest.mark.parametrize("name", [n for n in SOURCES if is_in(n, "shim.translate")])
def test_translation_does_no_io(name):
    """There is no `await`, and no async function, in shim/translate."""
    kinds = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)

    assert not [node for node in ast.walk(tree(SOURCES[name])) if isinstance(node, kinds)]


def test_the_environment_is_read_in_one_place():
    """Who reads `os.environ` is named here, with the reason."""
    readers = {
        name
        for name, path in SOURCES.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    }

    assert readers == set(READS_THE_ENVIRONMENT)


def test_modules_have_telling_names():
    """No module is called utils, common, base or helpers."""
    assert not {name for name in SOURCES if set(name.split(".")) & VAGUE}


@pytest.mark.parametrize("name", SOURCES)
def test_each_module_says_what_it_knows(name):
    """A module has a docstring, unless it is an empty package file."""
    module = tree(SOURCES[name])

    assert not module.body or ast.get_docstring(module)


def test_modules_of_tests_have_names_of_their_own():
    """The folders of tests are no packages: of two modules of one name, Python would load one."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))

    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []


def test_tests_use_fakes():
    """No test replaces parts of a module with mocks."""
    users = [
        path.name
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "mock" in f"{getattr(node, 'module', '')} {[alias.name for alias in node.names]}"
    ]

    assert users == []


def test_sizes_are_told(capsys):
    """Long modules and functions are printed: a place to look, not a failure."""
    told = []
    for name, path in SOURCES.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        told += [f"{name}: {lines} lines"] if lines > MOST_LINES else []
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                told += [f"{name}.{node.name}: {length} lines"] if length > LONGEST_FUNCTION else []

    with capsys.disabled():
        sys.stdout.writelines(f"\nlonger than the house style asks: {line}" for line in told)
