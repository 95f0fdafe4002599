"""How Azure lays out its URLs: the v1 API beside the one whose versions have a date.

Knows URLs of `httpx` and `httpx2`, and imports neither; knows no settings.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from shim.upstream.dialect import AZURE, choose

__all__ = ["DATED", "base_url", "undated"]

DATED = re.compile(r"\d{4}-\d\d-\d\d.*")
"""A version of the older API; those of the v1 API have no date."""

_BASE = re.compile(r"(?P<root>.*?)/+openai(?:/deployments/[^/]+|/v1)?")
_FILES = re.compile(
    r"(?P<root>.*?/openai)(?:/deployments/[^/]+)?/(?P<path>(?:files|vector_stores)(?:/.*)?)",
    re.DOTALL,
)


def base_url(url: Any, base: str) -> str:
    """What comes before `/responses`, for a URL and its base: on Azure that of the v1 API."""
    origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
    match = _BASE.fullmatch(base)
    azure, version = choose(origin) is AZURE, url.params.get("api-version", "")
    query = f"?api-version={quote(version)}" if version and not DATED.fullmatch(version) else ""
    if match and (azure or version):
        return f"{origin}{match['root']}/openai/v1{query}"
    return f"{origin}{base}/openai/v1{query}" if azure else origin + base


def undated(request: Any) -> Any:
    """The request, for files and stores at the v1 API, where Responses looks for them.

    Those of the older API belonged to its Assistants API, and its versions are going.
    """
    url = request.url
    match = _FILES.fullmatch(url.path)
    if match and DATED.fullmatch(url.params.get("api-version", "")) and _is_azure(url):
        bare = url.copy_remove_param("api-version")
        request.url = bare.copy_with(path=f"{match['root']}/v1/{match['path']}")
    return request


def _is_azure(url: Any) -> bool:
    return choose(f"{url.scheme}://{url.host}") is AZURE
