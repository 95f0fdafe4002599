"""Whose what is at the upstream, and keys and callers, on the database."""

from __future__ import annotations

import pytest

from shim import drive
from shim.core.ports import Batch
from shim.core.records import Thread
from shim.errors import Lost
from shim.storage.keyring import Caller, Key, Keyring
from shim.storage.ledger import Ledger
from shim.storage.owners import Owners


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, database_on):
    """An empty database of each kind."""
    return database_on(request.param)


def test_what_is_somebodys_becomes_nobody_elses(database):
    """The first maker of an id is its owner; what is granted is both's."""
    owners = Owners(database)
    drive.run(owners.add("a", {("file", "file-1"), ("file", "file-2")}))

    drive.run(owners.add("b", {("file", "file-1")}))
    drive.run(owners.grant("b", {("file", "file-2")}))

    asked = {("file", "file-1"), ("file", "file-2"), ("response", "file-1")}
    assert drive.run(owners.own("a", asked)) == {("file", "file-1"), ("file", "file-2")}
    assert drive.run(owners.own("b", asked)) == {("file", "file-2")}


def test_many_ids_are_looked_up(database):
    """More than a statement takes parameters."""
    owners = Owners(database)
    many = {("item", f"msg_{number}") for number in range(450)}

    drive.run(owners.add("a", many))

    assert drive.run(owners.own("a", many)) == many
    assert drive.run(owners.any("a", "item"))
    assert not drive.run(owners.any("b", "item"))


def test_what_is_everybodys_is_not_the_tenants_alone(database):
    """It may be used, and not be changed."""
    owners = Owners(database)
    drive.run(owners.grant("*", {("vector_store", "vs_1")}))

    assert drive.run(owners.own("a", {("vector_store", "vs_1")}))
    assert not drive.run(owners.own("a", {("vector_store", "vs_1")}, alone=True))


def test_the_secret_is_made_once(database):
    """Digests stay the same for good."""
    first = drive.run(Keyring(database).secret())

    assert first == drive.run(Keyring(database).secret())
    assert len(first) == 32


def test_a_name_and_a_digest_are_one_keys(database):
    """The second is refused, and nothing is written."""
    keyring = Keyring(database)
    drive.run(keyring.add(Key("a", "1", "a")))

    for key in (Key("a", "2", "a"), Key("b", "1", "b")):
        with pytest.raises(Lost):
            drive.run(keyring.add(key))
    with pytest.raises(Lost):
        drive.run(keyring.remove("b"))

    assert drive.run(keyring.keys()) == [Key("a", "1", "a")]


def test_an_alias_of_an_alias_is_the_first_ones(database):
    """Keys that follow each other have one tenant; a new verification changes nothing of that."""
    keyring = Keyring(database)
    drive.run(keyring.verified("1", 100))

    drive.run(keyring.alias("1", "2"))
    drive.run(keyring.alias("2", "3"))
    drive.run(keyring.verified("3", 200))

    assert drive.run(keyring.caller("3")) == Caller("1", 200)
    assert drive.run(keyring.caller("2")) == Caller("1", 0)


def test_what_a_new_key_had_made_moves_with_it(database):
    """What was made with either key is both's after an alias, at the upstream too."""
    keyring, owners = Keyring(database), Owners(database)
    drive.run(Ledger(database).add_thread("1", Thread("thread_1", 1), Batch()))
    drive.run(Ledger(database).add_thread("2", Thread("thread_2", 1), Batch()))
    drive.run(owners.add("2", {("file", "file-1")}))

    drive.run(keyring.alias("1", "2"))

    assert drive.run(keyring.counted("1")) == drive.run(keyring.counted("2")) == 2
    assert drive.run(owners.own("1", {("file", "file-1")}))
    assert not drive.run(owners.own("2", {("file", "file-1")}))
