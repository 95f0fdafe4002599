"""Images shown to the model by an id that it cannot be told: sent in the request themselves.

What code drew is kept by shim under an id that only shim knows. A message that shows it by this id
is sent with the image itself, to every server that takes images. Some servers take no id of an
image at all, though it is a file of theirs. Knows the forms that images have.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import PurePath

from shim.core.ids import FILE, names_one
from shim.core.made_files import Contents
from shim.core.ports import Ledger, Request, Upstream
from shim.core.records import File, Message, Native, Step
from shim.core.wire import Target
from shim.errors import ApiError, Unreachable

__all__ = ["MOST_CHARACTERS", "fetched", "pictures", "refuse_no_picture", "shown_files"]

MOST_CHARACTERS = 20_971_520
"""How long an image may be as it is sent (Responses spec 6)."""

_FORMS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_FORMATS = ".jpg, .jpeg, .png, .gif, .webp"


def shown_files(entries: Iterable[Message | Native | Step]) -> list[str]:
    """The files of shim's own that messages show as images, each once."""
    return [file_id for file_id in _shown(entries) if file_id.startswith(FILE)]


def _shown(entries: Iterable[Message | Native | Step]) -> Iterable[str]:
    parts = [
        part["image_file"]["file_id"]
        for entry in entries
        if isinstance(entry, Message) and entry.role == "user"
        for part in entry.content
        if part["type"] == "image_file"
    ]
    return dict.fromkeys(parts)


async def fetched(
    upstream: Upstream, target: Target, entries: Iterable[Message | Native | Step]
) -> dict[str, str]:
    """The upstream's own images that messages show, as `data:` URLs; those that it gives."""
    made: dict[str, str] = {}
    for file_id in _shown(entries):
        if file_id.startswith(FILE) or not names_one(file_id):
            continue
        content = await _fetched(upstream, Request("GET", f"/files/{file_id}/content", target))
        if (kind := _kind(content)) is not None:
            made[file_id] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return made


async def _fetched(upstream: Upstream, request: Request) -> bytes:
    """The bytes of a file, as many as are an image that may be sent; none where there are none."""
    content = bytearray()
    try:
        async with aclosing(await upstream.download(request)) as download:
            if download.status >= 400:
                return b""
            async with aclosing(download.chunks()) as chunks:
                async for chunk in chunks:
                    content += chunk
                    if len(content) * 4 // 3 > MOST_CHARACTERS - 100:
                        return b""
    except Unreachable:
        return b""
    return bytes(content)


async def pictures(
    ledger: Ledger, contents: Contents, thread_id: str, entries: Iterable[Message | Native | Step]
) -> dict[str, str]:
    """The images that messages of a thread show, as `data:` URLs; those that are kept."""
    wanted = shown_files(entries)
    tenant = await ledger.tenant(thread_id) if wanted else None
    made: dict[str, str] = {}
    for file_id in wanted:
        file = None if tenant is None else await ledger.file(tenant, file_id)
        content = await contents.get(file_id) if file and file.status == "kept" else None
        if content is not None and (kind := _kind(content)) is not None:
            made[file_id] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return made


def refuse_no_picture(file: File, content: bytes) -> None:
    """Raise what the original said of a file that cannot be shown."""
    if _kind(content) is None:
        suffix = PurePath(file.filename).suffix or "none"
        raise ApiError(
            400,
            "Invalid message content: Expected file type to be a supported format: "
            f"{_FORMATS} but got {suffix}.",
        )
    if len(content) * 4 // 3 > MOST_CHARACTERS - 100:
        raise ApiError(400, f"Invalid message content: the image {file.id} is too large.")


def _kind(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _FORMS if content.startswith(start)), None)
