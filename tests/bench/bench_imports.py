"""What importing shim costs, and the first Assistants call: fresh processes, timed by themselves.

The clock of each process starts after the interpreter has started. It is the processor's, since
other work on the machine is not the import's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bench_rounds import Row, alternate, compared, ratio, spread

__all__ = ["first_call", "imports"]

_BEGIN = """
import json, sys, time
began = time.process_time()
"""
_END = """
spent = time.process_time() - began
print(json.dumps({"ms": spent * 1000, "modules": sorted(sys.modules)}))
"""

_FIRST = """
import sys, tempfile, warnings
warnings.simplefilter("ignore")
import openai
theirs = next(k for k in openai.DefaultHttpxClient.__mro__ if k.__module__ != "openai")
http = sys.modules[theirs.__module__.partition(".")[0]]
answer = {"id": "asst_1", "object": "assistant", "created_at": 1, "model": "m", "tools": []}
inner = http.Client(transport=http.MockTransport(lambda request: http.Response(200, json=answer)))
client = openai.OpenAI(api_key="k", http_client=inner)
folder = tempfile.TemporaryDirectory()
"""
_MOUNT = """
import shim
from shim.settings import Settings
shim.mount(client, Settings(database_url="sqlite:///" + folder.name + "/shim.db"))
"""
_CALL = 'client.beta.assistants.create(model="gpt-4o")'


def imports(rounds: int) -> list[Row]:
    """`import openai`, `from shim import OpenAI` and `import shim`, each in a fresh process."""
    codes = ("import openai", "from shim import OpenAI", "import shim")
    ran = alternate(rounds + 1, *(_process(code) for code in codes))
    theirs, ours, bare = map(_milliseconds, ran)
    added = len(set(ran[1][0]["modules"]) - set(ran[0][0]["modules"]))
    loaded = "openai" in ran[2][0]["modules"]
    return [
        spread("import openai", "ms", theirs),
        spread("from shim import OpenAI", "ms", ours),
        ratio("from shim import OpenAI / import openai", ours, theirs),
        spread("modules that it loads besides", "modules", [added]),
        spread("import shim", "ms", bare),
        spread("import shim loads openai", "times", [int(loaded)]),
    ]


def first_call(rounds: int) -> list[Row]:
    """The first Assistants call of a process: the SDK loads its resources, shim its engine."""
    alone = _process(_CALL, before=_FIRST)
    mounted = _process(_MOUNT + _CALL, before=_FIRST)
    theirs, ours = map(_milliseconds, alternate(rounds + 1, alone, mounted))
    return compared("first call", "ms", ours, theirs, "SDK alone")


def _milliseconds(ran: Sequence[dict[str, Any]]) -> list[float]:
    """The times of all runs but the first, which may have had to compile."""
    return [each["ms"] for each in ran[1:] or ran]


def _process(code: str, before: str = "") -> Callable[[], dict[str, Any]]:
    script = f"{before}{_BEGIN}{code}{_END}"

    def run() -> dict[str, Any]:
        done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run
