"""`shim keys`: shim's own keys, what tenants may use, and callers who have got a new key.

Shows a key once, when it is made; the database has its digest alone. Keys are asked for where they
are not given, so that they need not stand in a shell's history.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from shim import drive
from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from shim.storage.database import Database
    from shim.storage.keyring import Key, Keyring

__all__ = ["command"]

_KINDS = {
    "cntr": "container",
    "conv": "conversation",
    "file": "file",
    "pmpt": "prompt",
    "resp": "response",
    "skill": "skill",
    "vs": "vector_store",
}
"""What the upstream's ids name, by how they begin."""

_DRY = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


@click.group()
def command() -> None:
    """Make, list and remove the keys that callers of `shim serve` have."""


@command.command("add")
@click.argument("name")
@click.option("--tenant", help="Whose objects the key sees. Default: the name")
@click.option("--upstream", default="", help="Variable with the key its calls go upstream with")
@click.option("--key", help="The key, if it is not to be made; - asks for it")
@_DRY
def add(*, name: str, tenant: str | None, upstream: str, key: str | None, dry_run: bool) -> None:
    """Make a key and show it, this once; the database keeps a digest.

    Keys of one tenant see the same objects: to change a key, add one with the same tenant and
    remove the old one. The tenant '' has what was made before there were keys.
    """
    from shim.errors import Lost
    from shim.keys import digest_of
    from shim.storage.keyring import Key

    shown = _asked("Key") if key == "-" else key or f"sk-shim-{secrets.token_urlsafe(32)}"
    tenant = name if tenant is None else tenant
    made = Key(_checked(name, tenant), digest_of(shown), tenant, upstream, int(time.time()))
    if dry_run:
        click.echo(f"would add {_described(made)}")
        return
    with _keyring() as keyring:
        try:
            drive.run(keyring.add(made))
        except Lost:
            raise click.ClickException(
                f"There is a key with the name {name!r} already, or the key has another name: "
                "`shim keys list` shows them."
            ) from None
    click.echo(f"added {_described(made)}", err=True)
    if key is None:
        click.echo(shown)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(*, as_json: bool) -> None:
    """List the keys of the database and of the settings, none of which is shown."""
    rows = list(_listed())
    if as_json:
        echo_json({"data": rows})
    else:
        head = ("name", "tenant", "upstream key", "made")
        echo_table(head, [(r["name"], r["tenant"], r["upstream"], _time(r)) for r in rows])


@command.command("remove")
@click.argument("name")
@_DRY
def remove(*, name: str, dry_run: bool) -> None:
    """Remove a key. What its tenant made stays, for that tenant's other keys or a new one."""
    from shim.errors import Lost

    with _keyring() as keyring:
        if dry_run:
            there = any(key.name == name for key in drive.run(keyring.keys()))
            click.echo(f"would remove {name}" if there else f"there is no key {name}")
            return
        try:
            drive.run(keyring.remove(name))
        except Lost:
            raise click.ClickException(
                f"There is no key {name!r} in the database. Keys of the settings are removed there."
            ) from None
    click.echo(f"removed {name}; it is refused after some seconds")


@command.command("alias")
@click.argument("old", required=False)
@click.argument("new", required=False)
@_DRY
def alias(*, old: str | None, new: str | None, dry_run: bool) -> None:
    """Let a caller's NEW key see what was made with its OLD one (SHIM_ACCESS=callers).

    Both are keys of the upstream's; they are asked for where they are not given. Neither is stored.
    """
    from shim.server.callers import digest_with

    old, new = old or _asked("Old key"), new or _asked("New key")
    if old == new:
        raise click.ClickException("The two keys are the same.")
    with _keyring() as keyring:
        secret = drive.run(keyring.secret())
        pair = digest_with(secret, old), digest_with(secret, new)
        count = drive.run(keyring.counted(pair[0]))
        if not count:
            raise click.ClickException("Nothing was made with the old key: is it the right one?")
        if not dry_run:
            drive.run(keyring.alias(*pair))
    would = "would see" if dry_run else "now sees"
    click.echo(f"the new key {would} the old one's {count} assistants and threads")


@command.command("grant")
@click.argument("tenant")
@click.argument("ids", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(sorted(set(_KINDS.values()))), help="Default: by the ids")
@_DRY
def grant(*, tenant: str, ids: tuple[str, ...], kind: str | None, dry_run: bool) -> None:
    """Let a tenant use what was not made through shim: files, vector stores, prompts ...

    It is needed where tenants share an upstream key. The tenant * stands for all: they may use it
    and not change it.
    """
    from shim.storage.owners import Owners

    given = [(kind or _kind_of(each), each) for each in ids]
    if not dry_run:
        with _database() as database:
            drive.run(Owners(database).grant(tenant, given))
    whom = "all tenants" if tenant == "*" else repr(tenant)
    for each, key in given:
        click.echo(f"{whom} {'could' if dry_run else 'can'} use the {each.replace('_', ' ')} {key}")


def _kind_of(key: str) -> str:
    prefix = key.partition("-" if key.startswith("file-") else "_")[0]
    if prefix not in _KINDS:
        raise click.ClickException(f"{key} does not begin like an id that is known: say --kind.")
    return _KINDS[prefix]


def _listed() -> Iterator[dict[str, Any]]:
    from shim.keys import configured_keys
    from shim.settings import Settings

    for key in configured_keys(Settings.load().keys):
        upstream = "its own" if key.upstream_key else "the server's"
        yield {"name": key.name, "tenant": key.tenant, "upstream": upstream, "created_at": None}
    with _keyring() as keyring:
        for stored in drive.run(keyring.keys()):
            upstream = f"${stored.upstream}" if stored.upstream else "the server's"
            yield {
                "name": stored.name,
                "tenant": stored.tenant,
                "upstream": upstream,
                "created_at": stored.created_at,
            }


@contextmanager
def _keyring() -> Iterator[Keyring]:
    from shim.storage.keyring import Keyring

    with _database() as database:
        yield Keyring(database)


@contextmanager
def _database() -> Iterator[Database]:
    from shim.settings import Settings
    from shim.wiring import open_database
    from shim.workers import BlockingWorkers

    database = open_database(Settings.load(), BlockingWorkers())
    try:
        yield database
    finally:
        drive.run(database.aclose())


def _checked(name: str, tenant: str) -> str:
    """The name, which may be that of no key of the settings; raises SettingsError."""
    from shim.keys import configured_keys
    from shim.settings import Settings

    configured_keys({name: {"key": "any", "tenant": tenant}})
    if name in Settings.load().keys:
        raise click.ClickException(f"The settings have a key with the name {name!r} already.")
    return name


def _described(key: Key) -> str:
    whose = f"for the tenant {key.tenant!r}" if key.tenant else "for what was made without keys"
    return f"{key.name}, {whose}"


def _asked(what: str) -> str:
    found: str = click.prompt(what, hide_input=True, err=True)
    return found.strip()


def _time(row: dict[str, Any]) -> str:
    if row["created_at"] is None:
        return "in the settings"
    made = datetime.fromtimestamp(row["created_at"], timezone.utc)
    return made.strftime("%Y-%m-%d %H:%M:%SZ")
