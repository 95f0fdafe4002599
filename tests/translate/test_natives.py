"""Items of native code as records of a thread, and as what is sent to the model again."""

from __future__ import annotations

from typing import Any

from shim.core.records import Message, Native
from shim.translate import natives
from shim.translate.items import message_item

NOW = 1_795_660_510


def said(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": role, "content": list(parts), **more}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": value, "annotations": [], "logprobs": [], **more}


def message_of(item: dict[str, Any]) -> Message:
    record, _ = natives.record_of(item, "thread_1", NOW)
    assert isinstance(record, Message)
    return record


def native(key: str, **data: Any) -> Native:
    return Native(key, "thread_1", {"id": key, **data})


def call(key: str, call_id: str, kind: str = "function_call") -> Native:
    given = {"input": "x"} if kind == "custom_tool_call" else {"arguments": "{}"}
    return native(key, type=kind, call_id=call_id, name="f", status="completed", **given)


def output(key: str, call_id: str, kind: str = "function_call") -> Native:
    return native(key, type=f"{kind}_output", call_id=call_id, output=f"of {call_id}")


def kinds(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["type"], item["call_id"]) for item in items]


def test_a_text_is_a_message_that_is_sent_as_it_was() -> None:
    """Nothing is kept beside the content where that tells all of it."""
    record = message_of(said("assistant", text("Hello")))

    assert record.content == ({"type": "text", "text": {"value": "Hello", "annotations": []}},)
    assert (record.status, record.completed_at, record.native) == ("completed", NOW, None)
    assert message_item(record) == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
    }


def test_what_content_cannot_tell_is_sent_again_all_the_same() -> None:
    """The phase of a message, a file, and a detail that Assistants did not know."""
    phase = message_of(said("assistant", text("Hm"), phase="commentary"))
    image = {"type": "input_image", "file_id": "file-1", "image_url": None, "detail": "original"}
    file = {"type": "input_file", "file_id": "file-2", "filename": "a.pdf"}
    given = message_of(said("user", image, file))

    assert (message_item(phase) or {})["phase"] == "commentary"
    assert given.content == (
        {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "auto"}},
    )
    assert given.attachments == ({"file_id": "file-2", "tools": []},)
    sent = {"type": "input_image", "file_id": "file-1", "detail": "original"}
    assert (message_item(given) or {})["content"] == [sent, file]
    assert natives.unshown(given) == []


def test_an_image_whose_id_a_server_does_not_take_is_sent_itself() -> None:
    """As in messages that Assistants code wrote."""
    image = {"type": "input_image", "file_id": "file-1", "detail": "original"}
    record = message_of(said("user", image))

    sent = message_item(record, images={"file-1": "data:image/png;base64,AA"})

    url = {"type": "input_image", "detail": "original", "image_url": "data:image/png;base64,AA"}
    assert (sent or {})["content"] == [url]


def test_a_text_alone_is_of_the_kind_that_its_role_has() -> None:
    """Some servers show a content as a string."""
    user = message_of({"id": "msg_1", "type": "message", "role": "user", "content": "Hello"})
    assistant = message_of({"id": "msg_1", "role": "assistant", "content": "Hi"})

    assert (message_item(user) or {})["content"] == [{"type": "input_text", "text": "Hello"}]
    assert (message_item(assistant) or {})["content"] == [
        {"type": "output_text", "text": "Hi", "annotations": []}
    ]


def test_a_refusal_and_a_message_cut_off() -> None:
    """They are what they were in runs."""
    record = message_of(
        said("assistant", {"type": "refusal", "refusal": "No"}, status="incomplete")
    )

    assert record.content == ({"type": "refusal", "refusal": "No"},)
    assert (record.status, record.completed_at) == ("incomplete", None)
    assert record.incomplete_details == {"reason": "max_tokens"}


def test_citations_have_markers_and_files_are_to_be_copied() -> None:
    """The text is annotated as that of a run; it is sent without its markers."""
    cited = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 3}
    link = "[x](sandbox:/mnt/data/x.csv)"
    made = {
        "type": "container_file_citation",
        "container_id": "cntr_1",
        "file_id": "cfile_1",
        "filename": "x.csv",
        "start_index": 4 + 4,
        "end_index": 4 + len(link) - 1,
    }
    item = said("assistant", text(f"Yes {link}", annotations=[cited, made]))

    record, files = natives.record_of(item, "thread_1", NOW)

    assert isinstance(record, Message)
    shown = record.content[0]["text"]
    assert [note["type"] for note in shown["annotations"]] == ["file_citation", "file_path"]
    for note in shown["annotations"]:
        assert shown["value"][note["start_index"] : note["end_index"]] == note["text"]
    (file,) = files
    assert (file.container_id, file.source_id, file.status) == ("cntr_1", "cfile_1", "pending")
    assert record.attachments[0]["file_id"] == file.id
    assert (message_item(record) or {})["content"][0]["text"] == f"Yes {link}"


def test_other_items_are_no_messages() -> None:
    """Whatever their type is, known or not, they stay as they are."""
    for item in (
        said("system", {"type": "input_text", "text": "x"}),
        {"id": "rs_1", "type": "reasoning", "summary": []},
        {"id": "x_1", "type": "of_the_future", "anything": [1]},
    ):
        record, files = natives.record_of(item, "thread_1", NOW)
        assert isinstance(record, Native)
        assert (record.data, files) == (item, ())


def test_calls_made_together_stay_together() -> None:
    """Their outputs follow them; reasoning between them is left out."""
    entries = [
        call("fc_1", "a"),
        native("rs_1", type="reasoning", summary=[]),
        call("fc_2", "b"),
        output("fc_3", "b"),
        output("fc_4", "a"),
        call("fc_5", "c"),
        output("fc_6", "c"),
    ]

    groups = natives.groups(entries, plain=False)

    assert {key: kinds(items) for key, items in groups.items()} == {
        "fc_1": [
            ("function_call", "a"),
            ("function_call", "b"),
            ("function_call_output", "a"),
            ("function_call_output", "b"),
        ],
        "fc_5": [("function_call", "c"), ("function_call_output", "c")],
    }
    assert groups["fc_1"][0] == {
        "type": "function_call",
        "call_id": "a",
        "name": "f",
        "arguments": "{}",
    }


def test_a_call_and_an_output_without_the_other_are_left_out() -> None:
    """Servers refuse both; an answer that came late stands behind its call."""
    message = Message("msg_1", NOW, "thread_1", "user", ())
    entries = [call("fc_1", "a"), call("fc_2", "b"), message, output("fc_3", "a")]
    entries += [output("fc_4", "z")]

    groups = natives.groups(entries, plain=False)

    assert {key: kinds(items) for key, items in groups.items()} == {
        "fc_1": [("function_call", "a"), ("function_call_output", "a")]
    }
    assert natives.unanswered(entries) == ["f"]


def test_custom_tools_are_for_servers_that_know_them() -> None:
    """A plain one is given function calls alone."""
    kind = "custom_tool_call"
    entries = [call("ctc_1", "a", kind), output("ctc_2", "a", kind)]

    assert kinds(natives.groups(entries, plain=False)["ctc_1"]) == [
        (kind, "a"),
        (f"{kind}_output", "a"),
    ]
    assert natives.groups(entries, plain=True) == {"ctc_1": []}


def test_the_time_of_an_item_is_read_from_its_id() -> None:
    """From either form, and only if it can be so."""
    stamp = f"{NOW:08x}"
    written, answered = f"msg_{stamp}{'a' * 40}", f"msg_{'b' * 16}00{stamp}{'c' * 24}"

    moments = [natives.moment_of(key, NOW - 9, NOW + 9) for key in (written, answered)]

    assert moments == [NOW, NOW]
    assert natives.moment_of(written, NOW + 100, NOW + 200) is None
    assert natives.moment_of(f"msg_{'z' * 48}", 0, NOW) is None
    assert natives.moment_of("msg_short", 0, NOW) is None
    assert natives.moment_of(written, NOW + 2, NOW + 9) == NOW + 2
