"""The headers that a request is known by, and in which of them a server looks for its key.

Knows names of headers; knows no key's worth, and neither who calls nor what is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shim.core.ports import Dialect

__all__ = ["CREDENTIALS", "fitted", "with_key"]

CREDENTIALS = ("authorization", "api-key", "openai-organization", "openai-project")

_BESIDE_A_KEY = ("api-key", "openai-organization", "openai-project")
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*")
"""A token of Entra ID, which keys of Azure's do not look like."""


def with_key(headers: Mapping[str, str], key: str) -> dict[str, str]:
    """The headers with that key for their credentials."""
    rest = {name: value for name, value in headers.items() if name not in _BESIDE_A_KEY}
    return {**rest, "authorization": f"Bearer {key}"}


def fitted(headers: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """The headers with the key in the one that a server of the dialect takes it from."""
    kind, _, sent = headers.get("authorization", "").partition(" ")
    bearer, key = sent.strip() if kind.lower() == "bearer" else "", headers.get("api-key")
    rest = {name: value for name, value in headers.items() if name != "api-key"}
    if not dialect.deployments:
        return {**rest, "authorization": f"Bearer {key}"} if key and not bearer else rest
    if bearer and not key and not _TOKEN.fullmatch(bearer):
        rest.pop("authorization")
        return {**rest, "api-key": bearer}
    return dict(headers)
