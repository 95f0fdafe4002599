"""Functions of the user's that a setting names as `module:function`. Knows how they are found."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from shim.errors import SettingsError

__all__ = ["function"]


def function(variable: str, given: Any) -> Callable[..., Any]:
    """The function that a setting is or names; raises SettingsError where there is none."""
    if callable(given):
        return given  # type: ignore[no-any-return]
    module, _, name = str(given).partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{variable}={given!r} cannot be imported: {error}") from error
    if not callable(found):
        raise SettingsError(f"{variable}={given!r} is no function")
    return found  # type: ignore[no-any-return]
