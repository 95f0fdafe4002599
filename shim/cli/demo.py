"""`shim demo`: old code, run once. Knows which upstream answers, what is kept, what may fail."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from shim import __version__

if TYPE_CHECKING:
    from shim.cli.walkthrough import Walkthrough
    from shim.client import OpenAI
    from shim.offline import Offline
    from shim.settings import Settings

__all__ = ["command"]

MODEL = "gpt-6-luna"
_PATIENCE = 5.0

_EMBEDDED = """\
No key is set, so the embedded model {model} answers. It follows a few fixed rules and is no
language model; nothing leaves this machine. With OPENAI_API_KEY set, the same code asks the
real API."""
_REAL = "{url} answers, with the model {model} and your key. This costs a few hundred tokens."
_PROGRAM = """
from shim import OpenAI
client = OpenAI()"""
_NEXT = """
What to do next
    in your code        from openai import OpenAI   becomes   from shim import OpenAI
    with a real model   OPENAI_API_KEY=... shim demo
    see it kept         shim demo --keep   and then   shim threads list
    check this machine  shim doctor
    differences         README.md and MIGRATION.md"""


@click.command()
@click.option("--model", default=MODEL, show_default=True, help="The model to ask, with a key.")
@click.option("--keep", is_flag=True, help="Keep the thread, in the database of your settings.")
@click.option("--offline", is_flag=True, help="Use the embedded model although a key is set.")
@click.option("--seconds", default=120, show_default=True, help="Give up after so long.")
def command(*, model: str, keep: bool, offline: bool, seconds: int) -> None:
    """Run old Assistants code, with a transcript.

    It is carried by the Responses API. Without OPENAI_API_KEY an embedded model answers. Nothing
    is kept unless --keep says so.
    """
    click.echo(f"shim {__version__} demo: Assistants API code, carried by the Responses API\n")
    with ExitStack() as stack:
        settings = stack.enter_context(_settings(keep=keep))
        client = None if offline else _client(settings, seconds)
        if client is None:
            _embedded(settings, seconds, keep=keep)
        else:
            click.echo(_REAL.format(url=client.base_url, model=model))
            with client:
                _walk(client, settings, model, seconds, keep=keep)
            answered = settings.models.get(model, model)
            click.echo(f"\nAnswered by {answered} at {client.base_url}")
    click.echo(_NEXT)


@contextmanager
def _settings(*, keep: bool) -> Iterator[Settings]:
    """The settings in force, with a database that is gone afterwards unless it is to be kept."""
    from shim.settings import Settings

    if keep:
        yield Settings.load()
        return
    with TemporaryDirectory(prefix="shim-demo-") as folder:
        yield Settings.load(database_url=f"sqlite:///{folder}/shim.db")


def _client(settings: Settings, seconds: int) -> OpenAI | None:
    """A client of the real API, if there is a key."""
    from shim.cli.access import client_here
    from shim.client import mount

    client = client_here(settings, timeout=min(60.0, seconds), max_retries=1)
    return None if client is None else mount(client, settings)


def _embedded(settings: Settings, seconds: int, *, keep: bool) -> None:
    from shim.offline import MODEL as EMBEDDED
    from shim.offline import Offline
    from shim.settings import Settings
    from shim.testing import connect

    click.echo(_EMBEDDED.format(model=EMBEDDED))
    offline = Offline()
    own = Settings(database_url=settings.database_url, dialect="openai")
    with connect(offline, settings=own) as client:
        _walk(client, own, EMBEDDED, seconds, keep=keep)
    click.echo(f"\nAnswered by {EMBEDDED}, embedded in shim: no key, no network. It was asked:")
    _show_requests(offline)


def _walk(client: OpenAI, settings: Settings, model: str, seconds: int, *, keep: bool) -> None:
    """Walk through the API; whatever ends it early is said in one message."""
    from openai import OpenAIError

    from shim.cli.walkthrough import LateError, Walkthrough

    click.echo(_PROGRAM)
    ends = time.monotonic() + seconds
    walk = Walkthrough(client, model, lambda thread_id: _conversation(settings, thread_id), ends)
    try:
        walk.walk()
        _check(walk)
    except LateError as late:
        raise click.ClickException(
            f"The run {late} took longer than {seconds} seconds and was given up. `shim doctor` "
            "checks the connection; `--model NAME` asks another model."
        ) from late
    except OpenAIError as error:
        raise click.ClickException(
            f"The demo could not go on: {error}\n`shim doctor` checks the key and the connection."
        ) from error
    finally:
        if keep and walk.thread_id:
            click.echo(f"\nKept: shim threads show {walk.thread_id}")
        elif not keep:
            with suppress(OpenAIError):
                walk.tidy()


def _check(walk: Walkthrough) -> None:
    if walk.run.status == "completed":
        click.echo(f"\nThe run is completed; it used {walk.run.usage.total_tokens} tokens.")
        return
    error = walk.run.last_error
    reason = f": {error.message}" if error else ""
    raise click.ClickException(
        f"The run ended {walk.run.status}{reason}\n"
        "`shim doctor` checks the key; `shim demo --model NAME` asks another model."
    )


def _conversation(settings: Settings, thread_id: str) -> str:
    """The id of the thread's conversation, made just after the thread; waits a little for it."""
    from shim import drive
    from shim.cli.database import opened
    from shim.storage.outbox import Outbox

    ends = time.monotonic() + _PATIENCE
    with opened(settings) as database:
        while time.monotonic() < ends:
            mirrored = drive.run(Outbox(database).mirrored(thread_id))
            if mirrored is None:
                return "none: threads are kept in shim's database alone"
            if mirrored.conversation_id:
                return mirrored.conversation_id
            time.sleep(0.05)
    return "none yet: it is made when the upstream answers again"


def _show_requests(offline: Offline) -> None:
    """What the upstream was asked, ids left out."""
    asked = Counter(f"{entry.method} {_without_id(entry.path)}" for entry in offline.log)
    for request, times in asked.items():
        click.echo(f"    {request}" + (f"  ({times} times)" if times > 1 else ""))


def _without_id(path: str) -> str:
    return "/".join("{id}" if "_" in part[:6] else part for part in path.split("/"))
