"""`shim threads`: the threads in the database. Knows how they are shown; reads, never writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from shim.cli.tables import echo_json, echo_table
from shim.signs import visible

if TYPE_CHECKING:
    from shim.cli.stored import Record
    from shim.storage.lanes import Lane

__all__ = ["command"]

_MOST = 2000


@click.group()
def command() -> None:
    """List threads and show what is in them."""


@command.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_threads(*, limit: int, as_json: bool) -> None:
    """List the newest threads, with their conversations."""
    from shim.cli.stored import listed

    threads, more = listed(limit)
    if as_json:
        echo_json({"data": threads, "has_more": more})
        return
    head = ("thread", "created", "lane", "messages", "active run", "conversation")
    echo_table(head, [_row(thread) for thread in threads])
    if more:
        click.echo("There are more; use --limit.")


def _row(thread: dict[str, Any]) -> tuple[str, ...]:
    active, conversation = thread["active_run"] or "-", thread["conversation_id"] or "-"
    conversation += " (shared)" if thread["shared"] else ""
    messages = "-" if thread["messages"] is None else str(thread["messages"])
    created, lane = _time(thread["created_at"]), thread["lane"]
    return thread["id"], created, lane, messages, active, conversation


@command.command("show")
@click.argument("thread_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_thread(*, thread_id: str, as_json: bool) -> None:
    """Show a thread: messages, runs with their steps, usage and notes, and what waits."""
    from shim.cli.stored import lane, record

    found = record(thread_id)
    if found is None and (there := lane(thread_id)) is not None:
        _show_native(there, as_json=as_json)
        return
    if found is None:
        raise click.ClickException(
            f"No thread found with id '{thread_id}'. `shim threads list` shows those there are; "
            "`shim doctor` shows which database is in use."
        )
    if as_json:
        echo_json(found.as_json())
    else:
        _show(found)


def _show_native(there: Lane, *, as_json: bool) -> None:
    if as_json:
        known = {"id": there.thread_id, "created_at": there.made_at, "lane": there.lane}
        echo_json({**known, "problem": there.problem})
        return
    click.echo(f"thread        {there.thread_id}")
    click.echo(f"known since   {_time(there.made_at)}")
    click.echo("lane          native: its messages are at the server of SHIM_NATIVE_URL")
    if there.problem:
        click.echo(f"problem       {there.problem}")


def _show(found: Record) -> None:
    thread = found.thread
    click.echo(f"thread        {thread.id}")
    click.echo(f"created       {_time(thread.created_at)}")
    click.echo("lane          responses")
    click.echo(f"conversation  {thread.conversation_id or 'none'}")
    if thread.shared:
        click.echo("shared        with native code, which uses the conversation as well")
        click.echo(f"native        {found.natives} items of it that are no messages")
    click.echo(f"waiting       {found.waits()}")
    if found.note:
        click.echo(f"note          {found.note}")
    if thread.metadata:
        click.echo(f"metadata      {thread.metadata}")
    click.echo("\nmessages")
    for message in found.messages:
        click.echo(f"  {message['id']}  {_time(message['created_at'])}  {message['role']}")
        click.echo(_indented(_words(message["content"])))
    for run in found.runs:
        _show_run(run)


def _show_run(run: dict[str, Any]) -> None:
    click.echo(f"\nrun {run['id']}  {_time(run['created_at'])}  {run['status']}  {run['model']}")
    if version := run["assistant_version"]:
        click.echo(f"  by     {run['assistant_id']}, version {version}")
    if usage := run["usage"]:
        tokens = f"{usage['prompt_tokens']} prompt, {usage['completion_tokens']} completion"
        click.echo(f"  usage  {tokens}")
    if error := run["last_error"]:
        click.echo(f"  error  {error['code']}: {error['message']}")
    if details := run["incomplete_details"]:
        click.echo(f"  incomplete  {details['reason']}")
    for note in run["notes"]:
        click.echo(f"  note   {note}")
    for step in run["steps"]:
        click.echo(f"  step   {step['id']}  {step['type']}  {step['status']}")
        for call in step["step_details"].get("tool_calls", ()):
            _show_call(call)
    for file in run["files"]:
        _show_file(file)


def _show_file(file: dict[str, Any]) -> None:
    size = "" if file["bytes"] is None else f"  {file['bytes']} bytes"
    unnamed = "" if file["named"] else "  not named in the answer"
    problem = f": {file['problem']}" if file["problem"] else ""
    click.echo(
        f"  file   {file['id']}  {file['filename']}{size}  {file['status']}{problem}{unnamed}"
    )


def _show_call(call: dict[str, Any]) -> None:
    if call["type"] != "function":
        click.echo(f"    {call['type']}")
        return
    function = call["function"]
    click.echo(visible(f"    {call['id']}  {function['name']}({function['arguments']})"))
    if (output := function.get("output")) is not None:
        click.echo(_indented(output))


def _words(content: Sequence[dict[str, Any]]) -> str:
    return "\n".join(_part(part) for part in content)


def _part(part: dict[str, Any]) -> str:
    match part["type"]:
        case "text":
            return str(part["text"]["value"])
        case "refusal":
            return str(part["refusal"])
        case "image_file":
            return f"[image {part['image_file']['file_id']}]"
        case kind:
            return f"[{kind}]"


def _indented(text: str) -> str:
    cut = text if len(text) <= _MOST else f"{text[:_MOST]} ... (--json shows all)"
    return "\n".join(f"      {line}" for line in visible(cut).splitlines())


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
