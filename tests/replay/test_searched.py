"""How recorded searches are told to the embedded upstream, on answers made for the purpose."""

from __future__ import annotations

from recordings import Exchange, Scenario
from searched import clean, upload

from shim.offline.multipart import Upload, parse
from shim.translate.annotated import annotated

FORM = {"content-type": 'multipart/form-data; boundary="b"'}
FILE = {"id": "file-1", "filename": "a.txt", "purpose": "assistants", "bytes": 4}


def citation(index, filename):
    """A citation as the upstream makes it."""
    return {"type": "file_citation", "file_id": "file-1", "filename": filename, "index": index}


def uploaded(*texts):
    """The fields of the form that uploads the file, where a search found the texts in it."""
    found = [{"file_id": "file-1", "content": [{"text": text}]} for text in texts]
    call = {"type": "file_search", "file_search": {"results": found}}
    step = {"object": "thread.run.step", "step_details": {"tool_calls": [call]}}
    asked = Exchange("POST", "/files", FORM, "", 200, {}, FILE)
    read = Exchange("GET", "/", {}, "", 200, {}, step)
    form = upload(asked, Scenario("made", "", (asked, read)))
    return parse(FORM["content-type"], form.encode())


def test_the_markers_that_are_taken_out_are_those_that_are_put_in():
    """A text with two markers becomes the text and the citations of which it was made."""
    given = [citation(1, "a.txt"), citation(3, "b.txt")]
    whole = annotated("One.", given, 4, lambda _: None)

    text, annotations = clean(whole)

    assert text == "One."
    assert annotations == given


def test_a_file_holds_what_was_found_in_it():
    """A text of the file's size is its content; else it has as many bytes."""
    file = Upload("a.txt", b"Food")

    assert uploaded("Fo", "Food") == {"file": file, "purpose": "assistants"}
    assert uploaded("Fo")["file"].content == b"...."
