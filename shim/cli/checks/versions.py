"""Whether what is installed fits. Knows version numbers; imports none of what it looks at."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from shim import __version__
from shim.cli.checks.finding import Finding

__all__ = ["TESTED", "findings"]

TESTED = ("1.21.0", "1.109.1", "2.54.0", "3.57.0")
"""The versions of the SDK that the contract tests run on."""

_UPGRADE = "pip install 'openai>=1.21,<4'"


def findings() -> Iterator[Finding]:
    """Python, shim, the SDK, and the HTTP library under it."""
    yield Finding("shim", "ok", __version__)
    yield Finding("python", "ok", platform.python_version())
    openai = _installed("openai")
    if openai is None:
        yield Finding("openai", "problem", "not installed", _UPGRADE)
        return
    yield _openai(openai)
    yield from _http(openai)


def _openai(openai: str) -> Finding:
    if not (1, 21) <= _numbers(openai) < (4,):
        return Finding("openai", "problem", f"{openai} is not supported", _UPGRADE)
    return Finding("openai", "ok", f"{openai} (tested with {', '.join(TESTED)})")


def _http(openai: str) -> Iterator[Finding]:
    for name in ("httpx", "httpx2"):
        installed = _installed(name)
        if installed is None:
            continue
        # openai before 1.55.3 passes an argument that httpx 0.28 no longer has
        if name == "httpx" and _numbers(openai) < (1, 55, 3) and _numbers(installed) >= (0, 28):
            text = f"{installed} does not go with openai {openai}: no client can be made"
            yield Finding(name, "problem", text, "pip install 'httpx<0.28', or a later openai")
        else:
            yield Finding(name, "ok", installed)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version; what follows them does not matter here."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
