"""The dialects known in advance. Knows which host speaks which; what a flag is for, the core knows.

A dialect is where one starts from; what a server then answers corrects it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from shim.core.ports import Dialect
from shim.errors import SettingsError

__all__ = ["AZURE", "GENERIC", "OPENAI", "by_name", "choose"]

OPENAI = Dialect(
    name="openai",
    conversations=True,
    background=True,
    store=True,
    retrieve=True,
    input_tokens=True,
    include=True,
    prompt_cache_key=True,
    metadata=True,
    obfuscation_switch=True,
    plain_history=False,
    file_search=True,
    code_interpreter=True,
    files=True,
)

AZURE = Dialect(
    name="azure",
    conversations=None,  # 404 on plain resources, there on Foundry projects (Responses spec 9)
    background=True,
    store=True,
    retrieve=True,
    input_tokens=False,
    include=True,
    prompt_cache_key=True,
    metadata=True,
    obfuscation_switch=False,  # it would save bytes, a refusal would cost the run
    plain_history=False,
    file_search=True,
    code_interpreter=True,
    files=True,
    image_ids=False,  # "Images can't be uploaded as a file and then referenced as input"
    deployments=True,
)

GENERIC = Dialect(name="generic", conversations=None, retrieve=False)

_NAMED = {dialect.name: dialect for dialect in (OPENAI, AZURE, GENERIC)}
_AZURE_SERVICES = ("openai", "cognitiveservices", "services.ai")
_AZURE_HOSTS = tuple(
    f".{service}.azure.{cloud}" for service in _AZURE_SERVICES for cloud in ("com", "us", "cn")
)


def by_name(name: str) -> Dialect:
    """The dialect a setting names."""
    try:
        return _NAMED[name]
    except KeyError:
        known = ", ".join(_NAMED)
        raise SettingsError(f"there is no dialect {name!r}; known are {known}") from None


def choose(base_url: str, name: str | None = None) -> Dialect:
    """The dialect of the server at the URL, unless a setting names another."""
    if name is not None:
        return by_name(name)
    host = (urlsplit(base_url).hostname or "").lower()
    if host == "api.openai.com" or host.endswith(".api.openai.com"):
        return OPENAI
    return AZURE if host.endswith(_AZURE_HOSTS) else GENERIC
