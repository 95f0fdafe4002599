"""A run's notes as a header of its answers. Knows what headers can hold, not what is noted."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["header"]

_MOST = 3000
"""Proxies refuse answers whose headers are too long, some from four kilobytes on."""

_MORE = "and {0} more notes, which `shim threads show` lists"


def header(notes: Sequence[str]) -> dict[str, str]:
    """The header `x-shim-notes`: one line of ASCII, as headers must be, and not too long."""
    shown: list[str] = []
    for note in notes:
        line = " ".join(note.split()).encode("ascii", "replace").decode()
        if sum(map(len, shown)) + len(line) > _MOST:
            shown = shown or [f"{line[:_MOST]}..."]
            if left := len(notes) - len(shown):
                shown.append(_MORE.format(left))
            break
        shown.append(line)
    return {"x-shim-notes": "; ".join(shown)} if shown else {}
