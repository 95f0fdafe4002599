"""A program for the code interpreter: its client on the offline service, and what it looks at.

Knows no test.
"""

from __future__ import annotations

from typing import Any

import httpx
import openai

import shim
from shim.offline import Offline
from shim.settings import Settings
from shim.wiring import wire

SALES = b"month,sales\nJan,3\nFeb,7\nMar,5\n"
CSV = 'open("/mnt/data/result.csv", "w").write("month,sales\\nMar,5\\n")\nprint("written")'
CHART = "import shim_png\nshim_png.bars([3, 7, 5], title='sales')"
LINK = "[the table](sandbox:/mnt/data/result.csv)"
CODE: Any = [{"type": "code_interpreter"}]
FUNCTION: Any = {"type": "function", "function": {"name": "rate", "parameters": {}}}
AN_HOUR = 3600


def mounted(offline: Offline, database: str = ":memory:", wiring: Any = None, **given: Any) -> Any:
    module: Any = httpx
    if not issubclass(openai.DefaultHttpxClient, httpx.Client):
        import httpx2 as module  # noqa: PLC0415 - what openai 3 brings
    http = module.Client(transport=offline.transport(module))
    sdk = openai.OpenAI(api_key="k", http_client=http, max_retries=0)
    settings = Settings.load({}, database_url=f"sqlite:///{database}", dialect="openai", **given)
    return shim.mount(sdk, settings, wiring=wiring)


def begun(client: openai.OpenAI, *, tools: Any = CODE, **thread: Any) -> tuple[str, str]:
    """A thread with a question, and an assistant with tools."""
    thread.setdefault("messages", [{"role": "user", "content": "Analyse the sales."}])
    made = client.beta.threads.create(**thread)
    return made.id, client.beta.assistants.create(model="gpt-4o", tools=tools).id


def run(client: openai.OpenAI, thread_id: str, assistant_id: str, how: str = "polled") -> Any:
    """The run, carried out; streamed, every event is read."""
    if how == "polled":
        return client.beta.threads.runs.create_and_poll(
            thread_id=thread_id, assistant_id=assistant_id, poll_interval_ms=20
        )
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
        stream.until_done()
    return client.beta.threads.runs.list(thread_id).data[0]


def answer(client: openai.OpenAI, thread_id: str) -> Any:
    return client.beta.threads.messages.list(thread_id).data[0].content


def calls(client: openai.OpenAI, thread_id: str, run_id: str) -> list[Any]:
    """The calls of the run's tool steps, oldest first."""
    steps = client.beta.threads.runs.steps.list(run_id, thread_id=thread_id, order="asc").data
    details: Any = [step.step_details for step in steps if step.type == "tool_calls"]
    return [call for each in details for call in each.tool_calls]


class Dropping:
    """Workers in a process that ends before it comes to what was put aside."""

    def __init__(self, workers: Any) -> None:
        self._workers = workers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workers, name)

    def spawn(self, work: Any, *, aside: bool = False) -> None:
        work.close() if aside else self._workers.spawn(work)


def dropping(settings: Any, upstream: Any, workers: Any) -> Any:
    return wire(settings, upstream, Dropping(workers))
