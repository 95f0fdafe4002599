"""Citations and file links in texts: markers, offsets, leaks, whole and in pieces."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from shim.core.records import Message
from shim.translate.annotated import Prose, annotated
from shim.translate.items import message_text
from shim.translate.leaks import LeakFilter

CITED = {"type": "file_citation", "file_id": "file-1", "filename": "foods.txt"}


class Files:
    """Ids that say where they come from; `known` is whether there is a container."""

    def __init__(self, *, known: bool = True) -> None:
        self._known = known

    def cited(self, citation: dict[str, Any]) -> str:
        return f"file-of-{citation['file_id']}"

    def linked(self, path: str) -> str | None:
        return f"file-at-{path}" if self._known else None


FILES = Files()


def in_pieces(
    text: str, annotations: list[dict[str, Any]], sizes: list[int]
) -> tuple[Prose, list[dict[str, Any]]]:
    """The text in pieces, each citation told no later than the text behind it, as streams do."""
    prose, told = Prose(4, FILES), []
    cited = [one for one in annotations if one["type"] == "file_citation"]
    cited.sort(key=lambda one: one["index"])
    start = 0
    for size in [*sizes, len(text)]:
        end = min(start + size, len(text))
        while cited and cited[0]["index"] < end:
            told += prose.annotate(cited.pop(0))
        told += prose.add(text[start:end])
        start = end
    for one in [*cited, *(a for a in annotations if a["type"] != "file_citation")]:
        told += prose.annotate(one)
    return prose, told + prose.finish()


def test_a_citation_becomes_a_marker_where_it_belongs() -> None:
    """As recorded: the marker stands before the full stop, offsets exactly around it."""
    text = annotated("Travis likes pizza.", [{**CITED, "index": 18}], 4, FILES)

    assert text == {
        "value": "Travis likes pizza【4:0†foods.txt】.",
        "annotations": [
            {
                "type": "file_citation",
                "text": "【4:0†foods.txt】",
                "start_index": 18,
                "end_index": 33,
                "file_citation": {"file_id": "file-1"},
            }
        ],
    }


def test_a_citation_without_a_place_stands_behind_the_text() -> None:
    """Whole and in pieces; a marker before the first word would belong to nothing."""
    cited = [{**CITED, "index": None}, {key: CITED[key] for key in ("type", "file_id")}]

    text = annotated("Pizza.", cited, 4, FILES)
    prose = Prose(4, FILES)
    told = [*prose.add("Piz"), *prose.annotate(cited[0]), *prose.annotate(cited[1])]
    told += [*prose.add("za."), *prose.finish()]

    assert text["value"] == "Pizza.【4:0†foods.txt】【4:1†source】"
    assert "".join(each["value"] for each in told) == text["value"]


def test_a_streamed_citation_is_one_delta_with_marker_and_annotation() -> None:
    """The recorded delta: marker text and annotation together, with index and an empty quote."""
    _, told = in_pieces("Pizza.", [{**CITED, "index": 5}], [5])

    assert told[1] == {
        "value": "【4:0†foods.txt】",
        "annotations": [
            {
                "index": 0,
                "type": "file_citation",
                "text": "【4:0†foods.txt】",
                "start_index": 5,
                "end_index": 20,
                "file_citation": {"file_id": "file-1", "quote": ""},
            }
        ],
    }
    assert [one["value"] for one in told] == ["Pizza", "【4:0†foods.txt】", "."]


def test_a_file_link_is_annotated_where_it_stands() -> None:
    """A marker before the link moves it; the annotation's text is the whole link."""
    raw = "See it here. [csv](sandbox:/mnt/data/a.csv)"
    link = {
        "type": "container_file_citation", "file_id": "cfile_1", "container_id": "cntr_1",
        "filename": "a.csv", "start_index": 19, "end_index": 42,
    }  # fmt: skip
    text = annotated(raw, [link, {**CITED, "index": 11}], 1, FILES)

    path = text["annotations"][1]
    assert path["text"] == "sandbox:/mnt/data/a.csv"
    assert text["value"][path["start_index"] : path["end_index"]] == path["text"]
    assert path["file_path"] == {"file_id": "file-of-cfile_1"}


def test_leaked_marks_are_taken_out() -> None:
    """Private-use marks of the model disappear, however they are split, and offsets follow."""
    raw = "It is \ue200filecite\ue202turn0file0\ue201blue."

    whole = annotated(raw, [{**CITED, "index": len(raw) - 1}], 1, FILES)

    assert whole["value"] == "It is blue【1:0†foods.txt】."


TEXTS = st.text(alphabet=st.sampled_from("ab .é😀e\u0301\ue200\ue201\ue202cite"), max_size=40)


@given(text=TEXTS, sizes=st.lists(st.integers(1, 6), max_size=12))
def test_leaks_do_not_depend_on_pieces(text: str, sizes: list[int]) -> None:
    """The clean text is the same for every way to cut the raw one, and places are in order."""
    whole = LeakFilter()
    expected = whole.feed(text) + whole.finish()
    cut, start, pieces = LeakFilter(), 0, []
    for size in [*sizes, len(text)]:
        pieces.append(cut.feed(text[start : start + size]))
        start += size

    assert "".join(pieces) + cut.finish() == expected
    places = [whole.place(index) for index in range(len(text) + 1)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, len(expected))


NAMES = st.text(alphabet=st.sampled_from("ab ._-()é😀e\u0301"), min_size=1, max_size=8).filter(
    lambda name: name == name.strip(" .") and balanced(name) and set(name) - set("._-()")
)


def balanced(name: str) -> bool:
    depth = 0
    for character in name:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


@st.composite
def pieces_of_text(draw: st.DrawFn, marks: str = "") -> tuple[str, list[dict[str, Any]], int]:
    """A text with links, the upstream's annotations of it, and how many links it has."""
    plain = st.text(alphabet=st.sampled_from("ab .\n,é😀e\u0301" + marks), max_size=12)
    text, annotations, count = "", [], 0
    for name, known in draw(st.lists(st.tuples(NAMES, st.booleans()), max_size=3)):
        text += draw(plain)
        annotations += [{**CITED, "index": len(text)}] * draw(st.integers(0, 2))
        text += "[file]("
        written = name if draw(st.booleans()) else quote(name)
        start, count = len(text), count + 1
        text += f"sandbox:/mnt/data/{written}"
        if known:
            at = {"start_index": start, "end_index": len(text)}
            file = {"type": "container_file_citation", "file_id": f"cfile_{start}"}
            annotations.append({**file, "filename": name, **at})
        text += ")"
    text += draw(plain)
    places = draw(st.lists(st.just(len(text)), max_size=2))
    annotations += [{**CITED, "index": place} for place in places]
    web = {"type": "url_citation", "url": "https://example.com", "title": "a"}
    annotations += [{**web, "start_index": 0, "end_index": len(text)}] * draw(st.integers(0, 1))
    return text, annotations, count


SIZES = st.lists(st.integers(0, 9), max_size=20)


@given(made=pieces_of_text(), sizes=SIZES)
def test_every_link_and_citation_is_annotated_and_nothing_else(
    made: tuple[str, list[dict[str, Any]], int], sizes: list[int]
) -> None:
    """Links cited or not, several citations at a place, other annotations left out."""
    text, annotations, links = made

    whole = annotated(text, annotations, 4, FILES)
    _, told = in_pieces(text, annotations, sizes)

    kinds = [note["type"] for note in whole["annotations"]]
    assert kinds.count("file_path") == links
    assert kinds.count("file_citation") == sum(one["type"] == CITED["type"] for one in annotations)
    assert len(kinds) == sum(kinds.count(kind) for kind in ("file_path", "file_citation"))
    streamed = [note for one in told for note in one.get("annotations", ())]
    assert sorted(map(fields, streamed)) == sorted(map(fields, whole["annotations"]))
    assert [note["index"] for note in streamed] == list(range(len(kinds)))


def fields(note: dict[str, Any]) -> tuple[Any, ...]:
    file = note.get("file_path") or note.get("file_citation") or {}
    return note["type"], note["start_index"], note["end_index"], note["text"], file["file_id"]


@given(
    made=pieces_of_text("\ue200\ue201\ue202c"),
    places=st.lists(st.integers(0, 80), max_size=4),
    sizes=SIZES,
)
def test_leaks_links_and_citations_anywhere_stream_as_the_whole(
    made: tuple[str, list[dict[str, Any]], int], places: list[int], sizes: list[int]
) -> None:
    """Also with leaked marks over several pieces, in links, and citations inside them."""
    text, annotations, _ = made
    annotations = [*annotations, *({**CITED, "index": min(at, len(text))} for at in places)]

    whole = annotated(text, annotations, 4, FILES)
    prose, told = in_pieces(text, annotations, sizes)

    assert "".join(one["value"] for one in told) == whole["value"]
    assert prose.whole()["value"] == whole["value"]
    streamed = [note for one in told for note in one.get("annotations", ())]
    assert sorted(map(fields, streamed)) == sorted(map(fields, whole["annotations"]))
    for note in whole["annotations"]:
        assert whole["value"][note["start_index"] : note["end_index"]] == note["text"]


@given(made=pieces_of_text("\ue200\ue201\ue202c"))
def test_what_is_replayed_has_no_markers(made: tuple[str, list[dict[str, Any]], int]) -> None:
    """Markers are stripped from the history, and links and everything else stay."""
    text, annotations, _ = made
    content = {"type": "text", "text": annotated(text, annotations, 4, FILES)}
    message = Message("msg_1", 1, "thread_1", "assistant", (content,))
    leaks = LeakFilter()

    replayed = message_text(message)

    assert replayed == leaks.feed(text) + leaks.finish()


def test_other_annotations_leave_the_text_as_it_is() -> None:
    """Assistants knew no citation of a web page: the text with its link stays, bare."""
    raw = "See [the page](https://example.com)."
    web = {"type": "url_citation", "url": "https://example.com", "title": "The page"}
    note = {**web, "start_index": 4, "end_index": 34}

    text = annotated(raw, [note], 1, FILES)
    _, told = in_pieces(raw, [note], [5])

    assert text == {"value": raw, "annotations": []}
    assert told == [{"value": raw[:5]}, {"value": raw[5:]}]


@given(
    text=st.text(alphabet=st.characters(exclude_characters="\ue200\ue201\ue202"), max_size=60),
    places=st.lists(st.integers(0, 60), max_size=5),
    sizes=st.lists(st.integers(0, 9), max_size=12),
    linked=st.booleans(),
)
def test_streamed_and_whole_texts_are_equal_and_annotations_fit(
    text: str, places: list[int], sizes: list[int], linked: bool
) -> None:
    """For any text, citations and pieces: the same value, and value[start:end] is what is cited."""
    annotations = [{**CITED, "index": min(place, len(text))} for place in places]
    if linked:
        start = len(text)
        text += "sandbox:/mnt/data/x.png"
        link = {"type": "container_file_citation", "file_id": "cfile_1", "filename": "x.png"}
        annotations.append({**link, "start_index": start, "end_index": len(text)})

    whole = annotated(text, annotations, 4, FILES)
    prose, told = in_pieces(text, annotations, sizes)

    assert "".join(one["value"] for one in told) == whole["value"] == prose.whole()["value"]
    assert len(whole["annotations"]) == len(annotations)
    streamed = [note for one in told for note in one.get("annotations", ())]
    for note in [*whole["annotations"], *streamed]:
        assert whole["value"][note["start_index"] : note["end_index"]] == note["text"]
