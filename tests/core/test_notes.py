"""Notes of a run as a header."""

from __future__ import annotations

import pytest

from shim.core.notes import header


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ((), {}),
        (("one", "two\n lines"), {"x-shim-notes": "one; two lines"}),
        (("caf\u00e9",), {"x-shim-notes": "caf?"}),
    ],
)
def test_notes_are_one_line_of_ascii(notes, expected):
    """What a header cannot hold is replaced; without notes there is none."""
    assert header(notes) == expected


def test_a_header_does_not_grow_without_end():
    """What is too much is counted; a single long note is cut."""
    (many,) = header([f"{number:04} {'x' * 95}" for number in range(100)]).values()
    (one,) = header(["y" * 9000]).values()

    assert many.endswith("; and 70 more notes, which `shim threads show` lists")
    assert len(many) < 4000
    assert one.endswith("yyyy...")
    assert len(one) < 4000
