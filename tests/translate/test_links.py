"""Where links to files of the code interpreter end, and which paths they name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.translate.links import links

S = "sandbox:/mnt/data/"


@pytest.mark.parametrize(
    ("text", "link", "path"),
    [
        (f"[a]({S}a.csv).", f"{S}a.csv", "a.csv"),
        (f"![a]({S}a.png)", f"{S}a.png", "a.png"),
        (f"[a]({S}my%20file.csv)", f"{S}my%20file.csv", "my file.csv"),
        (f"[a]({S}my file.csv) b)", f"{S}my file.csv", "my file.csv"),
        (f"[a]({S}plot (1).png) and", f"{S}plot (1).png", "plot (1).png"),
        (f'[a]({S}a.csv "The title")', f"{S}a.csv", "a.csv"),
        (f"[a](<{S}my file.csv>)", f"{S}my file.csv", "my file.csv"),
        (f"[{S}a.csv]", f"{S}a.csv", "a.csv"),
        (f"({S}a.csv)", f"{S}a.csv", "a.csv"),
        (f"(see {S}a(1).csv).", f"{S}a(1).csv", "a(1).csv"),
        (f"It is at {S}a.csv.", f"{S}a.csv", "a.csv"),
        (f"Is it at {S}a.csv?!", f"{S}a.csv", "a.csv"),
        (f"**{S}a.csv**, b", f"{S}a.csv", "a.csv"),
        (f"`{S}a.csv`", f"{S}a.csv", "a.csv"),
        (f'<a href="{S}a.csv">', f"{S}a.csv", "a.csv"),
        (f"'{S}a.csv' b's", f"{S}a.csv", "a.csv"),
        (f"{S}Bob's.csv b", f"{S}Bob's.csv", "Bob's.csv"),
        (f"|{S}a.csv|b|", f"{S}a.csv", "a.csv"),
        (f"{S}a.csv\u3002b", f"{S}a.csv", "a.csv"),
        (f"{S}a.csv\u30104:0\u2020b\u3011", f"{S}a.csv", "a.csv"),
        (f"{S}sub/\u4f50\u3005\u6728.csv\n", f"{S}sub/\u4f50\u3005\u6728.csv", "sub/\u4f50\u3005\u6728.csv"),  # noqa: E501
        (f"{S}data[1].csv", f"{S}data[1].csv", "data[1].csv"),
        (f"[a]({S}a.csv", f"{S}a.csv", "a.csv"),
    ],
)  # fmt: skip
def test_a_link_ends_where_a_reader_sees_it_end(text: str, link: str, path: str) -> None:
    """Brackets, quotes, titles and the punctuation behind it are no part of a link."""
    (found,) = links(text)

    assert (found.text, found.path) == (link, f"/mnt/data/{path}")
    assert text[found.start : found.end] == found.text
    assert found.name == path.rpartition("/")[2]


@pytest.mark.parametrize(
    "text",
    [
        S,
        f"{S}.",
        f"[a]({S})",
        f"{S}sub/",
        f"{S}../../etc/passwd",
        f"{S}%2e%2e/a.csv",
        f"{S}a%00b",
        "sandbox:/tmp/a.csv",
        "/mnt/data/a.csv",
    ],
)
def test_what_names_no_file_in_the_folder_is_no_link(text: str) -> None:
    """The folder itself, other folders, and paths that lead out of it."""
    assert list(links(text)) == []


def test_a_link_whose_label_is_the_link_is_two() -> None:
    """Both are found, one after the other."""
    text = f"[{S}a.csv]({S}a.csv)"

    assert [link.start for link in links(text)] == [1, text.rindex(S)]


PIECES = st.sampled_from([*"()[]<>'\" a.\n%20", S, "]("])


@given(st.lists(PIECES).map("".join))
def test_links_are_apart_and_in_order(text: str) -> None:
    """Whatever the text, a link is a slice of it, and the next begins behind it."""
    end = 0
    for link in links(text):
        assert link.start >= end
        end = link.end
        assert text[link.start : end] == link.text
        assert link.path.startswith("/mnt/data/")
