"""Whether the upstream is there and takes the key. Asks it once, for its list of models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import openai

from shim.cli.access import base_url_here, client_here
from shim.cli.checks.configuration import without_password
from shim.cli.checks.finding import Finding
from shim.errors import SettingsError
from shim.settings import Settings
from shim.upstream.dialect import choose

__all__ = ["findings"]

_SECONDS = 10.0
_OLD_CLIENT = (
    "api.openai.com answers 404 for /assistants and /threads since 2026-08-26. A program that "
    "still gets that 404 uses the plain client"
)
_NEW_CLIENT = (
    "`from shim import OpenAI` in place of `from openai import OpenAI`, or shim.mount(client)"
)
_SET_KEY = "set OPENAI_API_KEY (or SHIM_UPSTREAM_KEY) to a valid key"
_SIGN_IN = "sign in (`az login`), or set the variables that azure-identity reads"
_CONNECT = (
    "check OPENAI_BASE_URL or SHIM_UPSTREAM_URL, and the proxy; `--offline` skips the question"
)


def findings(settings: Settings, *, ask: bool) -> Iterator[Finding]:
    """Where calls go, in which dialect, and what one question to it says."""
    url = base_url_here(settings)
    dialect = choose(url, settings.dialect or None)
    yield Finding("upstream", "ok", f"{without_password(url)}, dialect {dialect.name}")
    if (urlsplit(url).hostname or "").endswith("api.openai.com"):
        yield Finding("upstream", "note", _OLD_CLIENT, _NEW_CLIENT)
    try:
        client = client_here(settings, timeout=_SECONDS, max_retries=0)
    except SettingsError as error:
        yield Finding("key", "problem", str(error), _SIGN_IN)
        return
    if client is None:
        text = "not set here, so the upstream was not asked; `shim demo` needs none"
        yield Finding("key", "note", text)
        return
    with client:
        yield _asked(client) if ask else Finding("key", "note", "set; not tried (--offline)")


def _asked(client: openai.OpenAI) -> Finding:
    if re.search(r"[^!-~]", client.api_key):
        text = "has characters that no key has, such as white space or a line's end"
        return Finding("key", "problem", text, _SET_KEY)
    try:
        count = len(client.models.list().data)
    except openai.OpenAIError as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        # a server may quote the key it refuses
        words = " ".join(f"{error}{cause}".split()).replace(client.api_key, "***")[:300]
        return _refused(error, words, without_password(str(client.base_url)))
    return Finding("key", "ok", f"taken; the upstream lists {count} models")


def _refused(error: openai.OpenAIError, words: str, url: str) -> Finding:
    match error:
        case openai.AuthenticationError():
            return Finding("key", "problem", f"the upstream does not take it: {words}", _SET_KEY)
        case openai.PermissionDeniedError():
            return Finding("key", "note", f"taken, but may not list models: {words}")
        case openai.NotFoundError():
            return Finding("key", "note", "not tried: the upstream has no list of models")
        case openai.RateLimitError():
            cure = "wait, or check the quota of the key's project"
            return Finding("key", "warning", f"the upstream refuses for now: {words}", cure)
        case openai.APIConnectionError():
            return Finding("upstream", "problem", f"{url} was not reached: {words}", _CONNECT)
        case _:
            return Finding("upstream", "problem", f"it answered: {words}", _CONNECT)
