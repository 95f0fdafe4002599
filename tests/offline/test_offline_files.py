"""The Files API of the embedded upstream, through the SDK."""

from __future__ import annotations

import re

import httpx2
import openai
import pytest

from shim.offline import Offline

HOUR = 3600


def upload(client, name="notes.txt", content=b"Hello", purpose="assistants", **options):
    """An uploaded file."""
    return client.files.create(file=(name, content), purpose=purpose, **options)


def refused(caught):
    """The words, parameter and code of a refusal."""
    return caught.value.body["message"], caught.value.body["param"], caught.value.code


def test_an_upload_is_shown_and_found(client):
    """A file has the recorded keys in their order, and is found as it was made."""
    made = upload(client)
    found = client.files.retrieve(made.id)
    raw = client.get(f"/files/{made.id}", cast_to=object)

    assert re.fullmatch(r"file-[1-9A-Za-z]{22}", made.id)
    assert (made.filename, made.bytes, made.purpose) == ("notes.txt", 5, "assistants")
    assert found == made
    assert " ".join(raw) == (
        "object id purpose filename bytes created_at expires_at status status_details"
    )


def test_deleting_a_file(client):
    """A deleted file is gone, and its vector stores have lost it."""
    made = upload(client)
    store = client.vector_stores.create(file_ids=[made.id])

    gone = client.delete(f"/files/{made.id}", cast_to=object)

    assert gone == {"object": "file", "deleted": True, "id": made.id}
    assert list(client.vector_stores.files.list(store.id)) == []
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(made.id)
    assert refused(caught) == (f"No such File object: {made.id}", "id", None)


@pytest.mark.parametrize("purpose", ["assistants", "user_data"])
def test_some_purposes_are_not_downloaded(client, purpose):
    """What was uploaded for assistants or as user data cannot be downloaded."""
    made = upload(client, purpose=purpose)

    with pytest.raises(openai.BadRequestError) as caught:
        client.files.content(made.id)

    assert refused(caught)[0] == f"Not allowed to download files of purpose: {purpose}"


@pytest.mark.parametrize("purpose", ["vision", "batch", "fine-tune", "evals"])
def test_other_purposes_are_downloaded(client, purpose):
    """Files of the other purposes come back byte for byte."""
    content = bytes(range(256)) + b"\r\n--x\r\n\r\n\n"
    made = upload(client, "ä b.bin", content, purpose)

    answer = client.files.content(made.id)

    assert answer.read() == content
    assert answer.response.headers["content-disposition"].endswith("''%C3%A4%20b.bin")


def test_files_are_listed(client):
    """Lists are newest first, in pages, and can be limited to a purpose."""
    keys = [upload(client, f"{n}.txt").id for n in range(3)]
    image = upload(client, "a.png", purpose="vision")

    page = client.files.list(limit=3)

    assert [each.id for each in page.data] == [image.id, keys[2], keys[1]]
    assert page.has_more
    assert [each.id for each in client.files.list(limit=1)][-1] == keys[0]
    assert [each.id for each in client.files.list(purpose="vision")] == [image.id]
    assert next(iter(client.files.list(order="asc"))).id == keys[0]


def test_files_expire(offline, client):
    """A file with an expiry is gone after it; batch files last for 30 days."""
    brief = upload(client, expires_after={"anchor": "created_at", "seconds": HOUR})
    batch = upload(client, purpose="batch")
    lasting = upload(client)

    offline.clock.advance(HOUR)

    assert brief.expires_at == brief.created_at + HOUR
    assert batch.expires_at == batch.created_at + 30 * 24 * HOUR
    assert lasting.expires_at is None
    assert {each.id for each in client.files.list()} == {batch.id, lasting.id}
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(brief.id)


def test_time_can_be_given():
    """Times come from the clock that the upstream was given."""
    offline = Offline(clock=lambda: 1_700_000_000.5)
    inner = httpx2.Client(transport=offline.transport(httpx2))

    with openai.OpenAI(api_key="x", http_client=inner) as client:
        assert upload(client).created_at == 1_700_000_000


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        ({"purpose": b"assistants"}, "'file' is a required property", "file"),
        ({"file": ("a.txt", b"x")}, "'purpose' is a required property", "purpose"),
        (
            {"file": ("a.txt", b"x"), "purpose": b"fun"},
            (
                "'fun' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', "
                "'evals'] - 'purpose'"
            ),
            "purpose",
        ),
        ({"file": ("a.txt", b""), "purpose": b"vision"}, "File is empty.", "file"),
        (
            {"file": ("a.txt", b"x"), "purpose": b"vision", "colour": b"red"},
            "Unknown parameter: 'colour'.",
            "colour",
        ),
        (
            {
                "file": ("a.txt", b"x"),
                "purpose": b"vision",
                "expires_after[anchor]": b"created_at",
                "expires_after[seconds]": b"10",
            },
            (
                "Invalid 'expires_after.seconds': integer below minimum value. "
                "Expected a value >= 3600, but got 10 instead."
            ),
            "expires_after.seconds",
        ),
    ],
)
def test_forms_are_checked(offline, fields, message, param):
    """An upload lacks nothing, and has nothing that is not known."""
    files = {k: v if isinstance(v, tuple) else (None, v) for k, v in fields.items()}
    with httpx2.Client(transport=offline.transport(httpx2)) as http:
        answer = http.post("http://x/v1/files", headers={"api-key": "x"}, files=files)

    error = answer.json()["error"]
    assert (answer.status_code, error["message"], error["param"]) == (400, message, param)


def test_forms_of_other_clients(offline):
    """Unquoted names, and file names by RFC 2231, are read as well."""
    body = (
        b"--b\r\nContent-Disposition: form-data; name=file; filename=a.txt; "
        b"filename*=utf-8''%C3%A4.txt\r\n\r\nHello\r\n--b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Disposition: form-data; name=purpose\r\n\r\nassistants\r\n--b--\r\n"
    )
    headers = {"api-key": "x", "Content-Type": 'multipart/form-data; boundary="b"'}

    made = offline.handle("POST", "/files", "", headers, body).json()

    assert (made["filename"], made["bytes"], made["purpose"]) == ("ä.txt", 5, "assistants")


def test_what_follows_a_form_is_no_part_of_it(offline):
    """Azure's JavaScript library ends a form with an empty line."""
    body = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHello\r\n'
        b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b--\r\n\r\n'
    )
    headers = {"api-key": "x", "Content-Type": "multipart/form-data; boundary=b"}

    made = offline.handle("POST", "/files", "", headers, body).json()

    assert (made["filename"], made["bytes"], made["purpose"]) == ("a.txt", 5, "assistants")


def test_a_name_with_slashes_is_kept(client):
    """A file is called as it was uploaded, as recorded; a container has it by the last part."""
    made = upload(client, name="text/csv")
    escaping = upload(client, name="../..\\x")

    box = client.containers.create(name="box", file_ids=[made.id, escaping.id])
    paths = [each.path for each in client.containers.files.list(box.id, order="asc")]

    assert (made.filename, escaping.filename) == ("text/csv", "../..\\x")
    assert paths == [f"/mnt/data/{made.id}-csv", f"/mnt/data/{escaping.id}-x"]


def test_the_log_names_files(offline, client):
    """The log has a form's fields, and of a file its name and size."""
    upload(client)

    assert offline.log[0].body == {
        "purpose": "assistants",
        "file": {"filename": "notes.txt", "bytes": 5},
    }
