"""Shapes of values within requests that several endpoints and tools have. Knows no parameter."""

from __future__ import annotations

from typing import Any

from shim.offline import refusals

__all__ = ["strings"]


def strings(values: Any, param: str) -> list[str]:
    """The strings of an array of such; none where nothing was given."""
    if values is None:
        return []
    if not isinstance(values, list):
        raise refusals.wrong_type(param, "an array of strings", values)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise refusals.wrong_type(f"{param}[{index}]", "a string", value)
    return values
