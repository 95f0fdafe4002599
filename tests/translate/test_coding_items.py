"""Code, its outputs and its files as steps and messages, fed as lists, streamed and whole."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.core.records import File, Message, Run, Step
from shim.translate.changes import Change
from shim.translate.events import RunTranslator

RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=1)
PNG = b"\x89PNG picture"
URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
LOGS = {"type": "logs", "logs": "2\n"}
LINK = "sandbox:/mnt/data/out.csv"
TEXT = f"Here: [out]({LINK})."


def code_item(code: str, *outputs: Any, number: int = 0, given: bool = True) -> dict[str, Any]:
    return {
        "id": f"ci_{number:032d}",
        "type": "code_interpreter_call",
        "status": "completed",
        "code": code,
        "container_id": "cntr_1",
        "outputs": list(outputs) if given else None,
    }


def image(url: str = URL) -> dict[str, Any]:
    return {"type": "image", "url": url}


def cited(name: str, cfile: str, start: int = 0, end: int = 0) -> dict[str, Any]:
    return {
        "type": "container_file_citation",
        "container_id": "cntr_1",
        "file_id": cfile,
        "filename": name,
        "start_index": start,
        "end_index": end,
    }


PICTURE = cited("cfile_p.png", "cfile_p")
FILE = cited("out.csv", "cfile_o", TEXT.index(LINK), TEXT.index(LINK) + len(LINK))


def said(text: str, *annotations: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": list(annotations)}
    return {"id": "msg_u", "type": "message", "status": "completed", "content": [part]}


def ended(*items: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "status": "completed", "output": list(items), "usage": {}}
    return {"type": "response.completed", "response": response}


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, start = [], 0
    for size in [*sizes, len(text)]:
        pieces.append(text[start : start + size])
        start += size
    return [piece for piece in pieces if piece]


def streamed(items: list[Any], sizes: list[int], *, early: bool) -> list[dict[str, Any]]:
    """The events of a stream; `early` has annotations before the text, else behind it."""
    events: list[dict[str, Any]] = []
    for place, item in enumerate(items):
        at = {"output_index": place, "item_id": item["id"]}
        bare = {"content": [], "code": "", "outputs": None}
        begun = {**item, **{key: bare[key] for key in bare if key in item}}
        events.append({"type": "response.output_item.added", "output_index": place, "item": begun})
        if item["type"] == "message":
            part = item["content"][0]
            kind, text = "response.output_text", part["text"]
            at["content_index"] = 0
            notes = [
                {"type": f"{kind}.annotation.added", "annotation": one, **at}
                for one in part["annotations"]
            ]
            pieces = [{"type": f"{kind}.delta", "delta": one, **at} for one in cut(text, sizes)]
            events += pieces[:1] + notes + pieces[1:] if early else pieces + notes
        else:
            kind = "response.code_interpreter_call_code.delta"
            events += [{"type": kind, "delta": one, **at} for one in cut(item["code"], sizes)]
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    return [*events, ended(*items)]


def fed(*events: Any) -> list[Change]:
    translator = RunTranslator(RUN)
    return [change for event in events for change in translator.feed(event, 200.0)]


def shapes(changes: list[Change]) -> list[Any]:
    """What is left in the store, without ids of steps and messages."""
    final = {one.record.id: one.record for one in changes if one.record is not None}
    return [
        one.content if isinstance(one, Message) else one.step_details.get("tool_calls")
        for one in final.values()
    ]


def files(changes: list[Change]) -> list[File]:
    return [file for change in changes for file in change.files]


def calls(changes: list[Change]) -> list[Any]:
    """The entries of the deltas of steps."""
    told = [one.delta for one in changes if one.name == "thread.run.step.delta"]
    return [
        entry for delta in told if delta for entry in delta["delta"]["step_details"]["tool_calls"]
    ]


def parts(changes: list[Change]) -> list[Any]:
    """The entries of the deltas of messages."""
    told = [one.delta for one in changes if one.name == "thread.message.delta"]
    return [entry for delta in told if delta for entry in delta["delta"]["content"]]


def test_code_is_told_in_the_recorded_order() -> None:
    """The call empty, its code in pieces, its outputs at once, then the completed step (6.3 c)."""
    changes = fed(*streamed([code_item("print(2)", LOGS, image())], [5], early=False))

    (file,) = files(changes)
    first, *rest = calls(changes)
    assert first == {
        "index": 0,
        "id": f"call_{'0' * 24}",
        "type": "code_interpreter",
        "code_interpreter": {"input": "", "outputs": []},
    }
    outputs = [
        {"index": 0, **LOGS},
        {"index": 1, "type": "image", "image": {"file_id": file.id}},
    ]
    assert [one["code_interpreter"] for one in rest] == [
        {"input": "print"},
        {"input": "(2)"},
        {"outputs": outputs},
    ]
    assert [one.name for one in changes if one.name][-1] == "thread.run.step.completed"


def test_null_outputs_are_none() -> None:
    """What was not included is an empty list, and no delta."""
    changes = fed(*streamed([code_item("x = 1", given=False)], [], early=False))

    assert len(calls(changes)) == 2
    ((call,),) = shapes(changes)
    assert call["code_interpreter"] == {"input": "x = 1", "outputs": []}


def test_code_that_was_cut_off_is_kept_as_far_as_it_came() -> None:
    """A run that fails while code is written leaves a failed step with what there was."""
    translator = RunTranslator(RUN)
    for event in streamed([code_item("print(2)", LOGS)], [5], early=False)[:2]:
        translator.feed(event, 200.0)

    (change,) = translator.abort("failed", 201.0)

    step = change.record
    assert isinstance(step, Step)
    assert step.status == "failed"
    assert step.step_details["tool_calls"][0]["code_interpreter"]["input"] == "print"


def test_shown_images_come_first() -> None:
    """The images of the code begin the next message; their citations add nothing to it."""
    items = [code_item("draw", image()), said(TEXT, PICTURE, FILE)]

    changes = fed(*streamed(items, [7], early=True))

    shown, named = files(changes)
    entries = parts(changes)
    assert entries[0] == {"index": 0, "type": "image_file", "image_file": {"file_id": shown.id}}
    assert {entry["index"] for entry in entries[1:]} == {1}
    content = shapes(changes)[-1]
    assert [part["type"] for part in content] == ["image_file", "text"]
    assert content[1]["text"]["annotations"][0]["file_path"] == {"file_id": named.id}
    names = [one.name for one in changes if one.name]
    assert names.index("thread.message.delta") == names.index("thread.message.in_progress") + 1


def test_images_that_were_not_shown_come_last() -> None:
    """Where outputs are not included, the citation of a picture is all that tells of it."""
    items = [code_item("draw", given=False), said("Look.", PICTURE)]

    changes = fed(*streamed(items, [2], early=True))

    (file,) = files(changes)
    assert parts(changes)[-1] == {
        "index": 1,
        "type": "image_file",
        "image_file": {"file_id": file.id},
    }
    assert (file.status, file.container_id, file.source_id) == ("pending", "cntr_1", "cfile_p")


@pytest.mark.parametrize("after", [[], [said("")]], ids=["nothing", "an empty message"])
@pytest.mark.parametrize("stream", [True, False])
def test_an_image_without_words_gets_a_message(after: list[Any], stream: bool) -> None:
    """A response that ends with a picture still shows it."""
    items = [code_item("draw", image()), *after]

    changes = fed(*streamed(items, [], early=False)) if stream else fed(ended(*items))

    (file,) = files(changes)
    assert shapes(changes)[-1] == ({"type": "image_file", "image_file": {"file_id": file.id}},)


@pytest.mark.parametrize("stream", [True, False])
def test_an_image_before_a_function_call_gets_a_message(stream: bool) -> None:
    """The run waits for outputs then; what the code showed is among the messages before that."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f"}
    items = [code_item("draw", image()), {**call, "arguments": "{}", "status": "completed"}]
    events = [
        *streamed(items[:1], [], early=False)[:-1],
        {"type": "response.output_item.added", "output_index": 1, "item": items[1]},
        {"type": "response.output_item.done", "output_index": 1, "item": items[1]},
        ended(*items),
    ]

    changes = fed(*events) if stream else fed(ended(*items))

    (file,) = files(changes)
    _, picture, _, waiting = shapes(changes)
    assert picture is None
    names = [one.name for one in changes if one.name]
    assert names.index("thread.message.completed") < len(names) - names[::-1].index(
        "thread.run.step.created"
    )
    assert shapes(changes)[2] == ({"type": "image_file", "image_file": {"file_id": file.id}},)
    assert waiting[0]["type"] == "function"


def linked(*items: Any, tools: Any = ()) -> dict[str, Any]:
    """A whole response whose envelope repeats its tools."""
    end = ended(*items)
    return {**end, "response": {**end["response"], "tools": list(tools)}}


def test_a_link_that_nobody_cited_is_annotated() -> None:
    """The file is named by its path in the container of the code, under an id made of both."""
    raw = "Here 😀: [my file](sandbox:/mnt/data/sub/my%20file.csv)."
    items = [code_item("save"), said(raw)]

    (file,) = files(fed(ended(*items)))
    content = shapes(fed(*streamed(items, [3], early=False)))[-1]

    (note,) = content[0]["text"]["annotations"]
    assert note["text"] == "sandbox:/mnt/data/sub/my%20file.csv"
    assert raw[note["start_index"] : note["end_index"]] == note["text"]
    assert note["file_path"] == {"file_id": file.id}
    assert (file.path, file.filename) == ("/mnt/data/sub/my file.csv", "my file.csv")
    assert (file.container_id, file.source_id, file.status) == ("cntr_1", None, "pending")


def test_a_link_is_of_the_container_that_the_request_named() -> None:
    """A later answer that runs no code still links what the thread's container holds."""
    tools = [{"type": "code_interpreter", "container": "cntr_9"}]

    (file,) = files(fed(linked(said(TEXT), tools=tools)))

    assert (file.container_id, file.path) == ("cntr_9", "/mnt/data/out.csv")


def test_a_link_without_a_container_stays_text() -> None:
    """Where no container is known there is nothing to copy from."""
    changes = fed(linked(said(TEXT), tools=[{"type": "code_interpreter", "container": {}}]))

    assert files(changes) == []
    assert shapes(changes)[-1][0]["text"] == {"value": TEXT, "annotations": []}


def test_a_link_that_is_cited_once_and_stands_twice_is_one_file() -> None:
    """The second occurrence is annotated too, with the id of the first."""
    text = f"{TEXT} Again: {LINK}"

    changes = fed(ended(code_item("save"), said(text, FILE)))

    (file,) = files(changes)
    first, second = shapes(changes)[-1][0]["text"]["annotations"]
    assert file.source_id == "cfile_o"
    assert first["file_path"] == second["file_path"] == {"file_id": file.id}
    assert second["start_index"] == text.rindex(LINK)


def test_a_link_that_was_cut_off_names_no_file() -> None:
    """A message that a limit ended in the middle of a link has no annotation for it."""
    item = {**said(f"{TEXT} And {LINK[:-2]}"), "status": "incomplete"}
    end = ended(code_item("save"), item)
    reason = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    response = {**end["response"], **reason}

    changes = fed({"type": "response.incomplete", "response": response})

    (note,) = shapes(changes)[-1][0]["text"]["annotations"]
    assert note["text"] == LINK


def test_a_message_whose_end_is_not_told_has_its_links_annotated() -> None:
    """Nothing but pieces, then a response that says no more: what has arrived is the message."""
    events = streamed([code_item("save"), said(TEXT)], [4], early=False)

    changes = fed(*events[:-2], ended())

    (note,) = shapes(changes)[-1][0]["text"]["annotations"]
    assert note["text"] == LINK
    assert parts(changes)[-1]["text"]["annotations"] == [{"index": 0, **note}]


def test_files_are_what_the_upstream_says_of_them() -> None:
    """An image brings its bytes; one that came as an address is lost; ids are those of shim."""
    other = "https://example.com/a.png"

    shown, lost = files(fed(ended(code_item("draw", image(), image(other), image()))))

    assert (shown.content, shown.filename, shown.status) == (PNG, f"{shown.id}.png", "pending")
    assert (lost.content, lost.status) == (None, "lost")
    for file in (shown, lost):
        assert file.id.startswith("file-shim")
        assert len(file.id) == len("file-shim") + 20
        assert (file.thread_id, file.run_id) == ("thread_1", "run_1")


def test_who_translates_again_gives_the_same_ids() -> None:
    """A second worker on the response names the same files and calls, another response others."""
    items = [code_item("draw", image()), said(TEXT, FILE)]
    again = RunTranslator(Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=2))

    first, second = fed(ended(*items)), fed(*streamed(items, [], early=False))

    assert [file.id for file in files(first)] == [file.id for file in files(second)]
    others = {file.id for file in files(again.feed(ended(*items), 300.0))}
    assert others.isdisjoint(file.id for file in files(first))


def test_a_message_that_goes_on_is_not_broken_by_code() -> None:
    """Events of code wait until the message before them has ended."""
    events = streamed([said("Wait."), code_item("x", LOGS)], [], early=False)
    done = next(event for event in events if event["type"] == "response.output_item.done")
    events.remove(done)
    events.insert(len(events) - 2, done)

    names = [one.name for one in fed(*events) if one.name]

    assert names.index("thread.message.completed") < names.index("thread.run.step.delta")


OUTPUTS = st.lists(st.sampled_from([LOGS, image(), image(URL + "AAAA")]), max_size=3)


@given(
    cells=st.lists(st.tuples(st.text("ab😀\n", max_size=9), OUTPUTS), max_size=3),
    pictures=st.integers(0, 3),
    linked=st.booleans(),
    early=st.booleans(),
    sizes=st.lists(st.integers(1, 6), max_size=6),
)
def test_streamed_and_whole_are_equal(
    cells: list[Any], pictures: int, linked: bool, early: bool, sizes: list[int]
) -> None:
    """For any code, outputs, citations and pieces the records and the files are the same."""
    items = [code_item(code, *given, number=n) for n, (code, given) in enumerate(cells)]
    shown = [cited(f"cfile_{n}.png", f"cfile_{n}") for n in range(pictures)]
    items.append(said(TEXT, *shown, *([FILE] if linked else [])))

    stream, whole = fed(*streamed(items, sizes, early=early)), fed(ended(*items))

    assert shapes(stream) == shapes(whole)
    assert {file.id for file in files(stream)} == {file.id for file in files(whole)}
    last = 0
    for entry in parts(stream):
        assert entry["index"] in (last, last + 1)
        last = entry["index"]


def statuses(changes: list[Change]) -> list[tuple[str, str]]:
    final = {one.record.id: one.record for one in changes if one.record is not None}
    return [(type(one).__name__, one.status) for one in final.values()]


@pytest.mark.parametrize("open_item", ["message", "code"])
def test_a_failed_response_leaves_what_a_stream_of_it_would(open_item: str) -> None:
    """Polled, a run that fails keeps what the model did before, and what it was at."""
    whole = [said("Let me see."), code_item("print(2)", LOGS, image())]
    late = said("The result") if open_item == "message" else code_item("x = 3", number=1)
    items = [*whole, {**late, "status": "incomplete"}]
    over = {"type": "response.failed", "response": {"status": "failed", "output": items}}
    results = []

    for events in ([*streamed([*whole, late], [4], early=False)[:-2], over], [over]):
        translator = RunTranslator(RUN)
        changes = [change for event in events for change in translator.feed(event, 200.0)]
        changes += translator.abort("failed", 201.0)
        results.append((shapes(changes), statuses(changes), {file.id for file in files(changes)}))

    assert results[0] == results[1]
    assert [status for _, status in results[0][1]].count("completed") == 3
    assert results[0][1][-1][1] in ("failed", "incomplete")
