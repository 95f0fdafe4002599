"""Which of the modes of access the settings ask for."""

from __future__ import annotations

from shim.server.access import Access, Open
from shim.server.callers import Callers
from shim.server.keyholders import Keyholders
from shim.server.room import Room
from shim.storage.keyring import Keyring

__all__ = ["access_of"]


def access_of(room: Room) -> Access:
    """Who lets in the callers of a server.

    Where nothing says that keys are asked for, they are from the moment on that there is one.
    """
    settings = room.settings

    def keyring() -> Keyring:
        return Keyring(room.wired.database)

    match settings.access or ("keys" if settings.keys else ""):
        case "open":
            return Open(settings)
        case "callers":
            return Callers(settings, keyring, room.lines.send)
        case "keys":
            return Keyholders(settings, keyring)
        case _:
            return Keyholders(settings, keyring, otherwise=Open(settings))
