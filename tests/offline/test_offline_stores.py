"""Vector stores of the embedded upstream: life, indexing, expiry, search, refusals."""

from __future__ import annotations

import re

import httpx2
import openai
import pytest

from shim.offline import Offline

DAY = 86_400
FOODS = b"Travis's favorite food is pizza. Summer likes apples."


def upload(client, name="foods.txt", content=FOODS):
    """The id of an uploaded file."""
    return client.files.create(file=(name, content), purpose="assistants").id


def refused(caught):
    """The words, parameter and code of a refusal."""
    return caught.value.body["message"], caught.value.body["param"], caught.value.code


@pytest.fixture
def slow():
    """An upstream whose files take a minute to be indexed, and its client."""
    offline = Offline(indexing_delay=60)
    inner = httpx2.Client(transport=offline.transport(httpx2))
    with openai.OpenAI(api_key="x", http_client=inner, max_retries=0) as client:
        yield offline, client


def test_life_of_a_store(client):
    """A store is made empty and completed, changed, found, listed and deleted."""
    made = client.vector_stores.create(name="a", metadata={"k": "v"})
    other = client.vector_stores.create()
    changed = client.vector_stores.update(made.id, name="b", metadata={})
    listed = [each.id for each in client.vector_stores.list()]
    gone = client.vector_stores.delete(made.id)

    assert re.fullmatch(r"vs_[0-9a-f]{32}", made.id)
    assert (made.status, made.usage_bytes, made.file_counts.total) == ("completed", 0, 0)
    assert (changed.name, changed.metadata) == ("b", {})
    assert listed == [other.id, made.id]
    assert (gone.object, gone.deleted) == ("vector_store.deleted", True)
    with pytest.raises(openai.NotFoundError) as caught:
        client.vector_stores.retrieve(made.id)
    message = f"No vector store found with id '{made.id}'."
    assert refused(caught) == (message, "vector_store_id", None)


def test_files_are_in_progress_at_first(client):
    """The answer that makes a store shows its files in progress; the next look has them done."""
    made = client.vector_stores.create(file_ids=[upload(client)])
    found = client.vector_stores.retrieve(made.id)

    assert (made.status, made.usage_bytes) == ("in_progress", 0)
    assert (made.file_counts.in_progress, made.file_counts.total) == (1, 1)
    assert (found.status, found.usage_bytes) == ("completed", len(FOODS) + 1024)
    assert (found.file_counts.completed, found.file_counts.total) == (1, 1)


def test_indexing_takes_its_time(slow):
    """Until its time is over a file is in progress, and is not found."""
    offline, client = slow
    store = client.vector_stores.create(file_ids=[upload(client)])

    before = client.vector_stores.search(store.id, query="pizza").data
    offline.clock.advance(30)
    almost = client.vector_stores.retrieve(store.id).status
    offline.clock.advance(30)
    after = client.vector_stores.search(store.id, query="pizza").data

    assert (before, almost) == ([], "in_progress")
    assert [each.content[0].text for each in after] == [FOODS.decode()]


def test_files_of_a_store(client):
    """A file joins, shows its chunking and attributes, can get others, and leaves."""
    store, key = client.vector_stores.create(), upload(client)
    files = client.vector_stores.files
    static = {"max_chunk_size_tokens": 1200, "chunk_overlap_tokens": 250}

    made = files.create(
        store.id,
        file_id=key,
        attributes={"lang": "en"},
        chunking_strategy={"type": "static", "static": static},
    )
    changed = files.update(key, vector_store_id=store.id, attributes={"lang": "de", "n": 1.0})
    text = files.content(key, vector_store_id=store.id).data[0].text
    gone = files.delete(key, vector_store_id=store.id)

    assert (made.id, made.status, made.usage_bytes) == (key, "in_progress", 0)
    assert (made.attributes, made.last_error) == ({"lang": "en"}, None)
    assert made.chunking_strategy.static.model_dump() == static
    assert (changed.status, changed.attributes) == ("completed", {"lang": "de", "n": 1.0})
    assert text == FOODS.decode()
    assert (gone.object, gone.deleted) == ("vector_store.file.deleted", True)
    assert client.files.retrieve(key).id == key
    with pytest.raises(openai.NotFoundError, match="No file found with id"):
        files.retrieve(key, vector_store_id=store.id)


def test_the_automatic_chunking_is_shown_as_static(client):
    """`auto` comes to 800 tokens with 400 of overlap."""
    store = client.vector_stores.create()

    made = client.vector_stores.files.create(store.id, file_id=upload(client))

    assert made.chunking_strategy.model_dump() == {
        "type": "static",
        "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
    }


def test_batches(slow):
    """A batch counts its files, lists them, and is cancelled as far as it is not done."""
    offline, client = slow
    store = client.vector_stores.create()
    batches = client.vector_stores.file_batches
    early = batches.create(store.id, file_ids=[upload(client, f"{n}.md") for n in range(3)])
    offline.clock.advance(60)
    late = batches.create(store.id, files=[{"file_id": upload(client), "attributes": {"a": "b"}}])

    done = batches.retrieve(early.id, vector_store_id=store.id)
    cancelled = batches.cancel(late.id, vector_store_id=store.id)
    path = f"/vector_stores/{store.id}/file_batches/{early.id}/files?limit=2"
    page = client.get(path, cast_to=object)

    assert re.fullmatch(r"vsfb_ibj_[0-9a-f]{32}", early.id)
    assert (early.status, early.file_counts.in_progress) == ("in_progress", 3)
    assert (done.status, done.file_counts.completed) == ("completed", 3)
    assert (cancelled.status, cancelled.file_counts.cancelled) == ("cancelled", 1)
    assert (len(page["data"]), page["has_more"]) == (2, True)
    states = [each.status for each in client.vector_stores.files.list(store.id)]
    assert states == ["cancelled", "completed", "completed", "completed"]
    assert len(list(client.vector_stores.files.list(store.id, filter="completed"))) == 3


def test_polling_helpers_of_the_sdk(client):
    """The SDK's upload-and-poll helpers end, for a file and for a batch."""
    store = client.vector_stores.create()

    one = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("a.md", b"# Cats")
    )
    many = client.vector_stores.file_batches.upload_and_poll(
        store.id, files=[("b.md", b"# Dogs"), ("c.md", b"# Birds")]
    )

    assert one.status == "completed"
    assert (many.status, many.file_counts.completed) == ("completed", 2)


def test_stores_expire(offline, client):
    """An expired store shows that, and is refused; using it in time makes it live on."""
    after = {"anchor": "last_active_at", "days": 1}
    used = client.vector_stores.create(expires_after=after, file_ids=[upload(client)])
    unused = client.vector_stores.create(expires_after=after)

    offline.clock.advance(DAY - 10)
    client.vector_stores.search(used.id, query="pizza")
    offline.clock.advance(10)

    assert unused.expires_at == unused.last_active_at + DAY
    assert client.vector_stores.retrieve(used.id).status == "completed"
    assert client.vector_stores.retrieve(unused.id).status == "expired"
    with pytest.raises(openai.BadRequestError) as caught:
        client.vector_stores.files.create(unused.id, file_id=upload(client))
    assert refused(caught)[0] == f"Vector store '{unused.id}' has expired."
    tool = {"type": "file_search", "vector_store_ids": [unused.id]}
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="m", input="x", tools=[tool])
    assert refused(caught)[0] == f"Vector store {unused.id} is expired."


def test_tables_are_not_searched(client):
    """A file that file search cannot read is refused in the service's words."""
    key = upload(client, "a.csv", b"a,b")
    store = client.vector_stores.create()
    message = (
        "Files with extensions [.csv] are not supported for retrieval. See "
        "https://platform.openai.com/docs/assistants/tools/file-search/supported-files"
    )

    with pytest.raises(openai.BadRequestError) as made:
        client.vector_stores.create(file_ids=[upload(client), key])
    with pytest.raises(openai.BadRequestError) as added:
        client.vector_stores.files.create(store.id, file_id=key)
    with pytest.raises(openai.BadRequestError, match=r"extensions \[none\]"):
        client.vector_stores.create(file_ids=[upload(client, "README", b"x")])

    assert refused(made) == (message, "file_ids", "unsupported_file")
    assert refused(added) == (message, "file_id", "unsupported_file")


def test_a_file_without_text_fails(client):
    """What no text can be read from ends failed, with a reason."""
    store = client.vector_stores.create()
    key = upload(client, "scan.pdf", b"%PDF-1.4 nothing")
    client.vector_stores.files.create(store.id, file_id=key)

    found = client.vector_stores.files.retrieve(key, vector_store_id=store.id)

    assert (found.status, found.last_error.code) == ("failed", "invalid_file")
    assert client.vector_stores.retrieve(store.id).file_counts.failed == 1


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"colour": "red"}, "colour", "unknown_parameter"),
        ({"file_ids": "file-a"}, "file_ids", "invalid_type"),
        ({"file_ids": ["file-a"]}, "file_ids", None),
        ({"file_ids": ["file-a"] * 501}, "file_ids", "array_above_max_length"),
        ({"expires_after": {"days": 1}}, "expires_after.anchor", "missing_required_parameter"),
        (
            {"expires_after": {"anchor": "created_at", "days": 1}},
            "expires_after.anchor",
            "invalid_value",
        ),
        (
            {"expires_after": {"anchor": "last_active_at", "days": 366}},
            "expires_after.days",
            "integer_above_max_value",
        ),
        (
            {"expires_after": {"anchor": "last_active_at", "days": 0}},
            "expires_after.days",
            "integer_below_min_value",
        ),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"chunking_strategy": {"type": "magic"}}, "chunking_strategy.type", "invalid_value"),
        (
            {
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0},
                }
            },
            "chunking_strategy.static.max_chunk_size_tokens",
            "integer_below_min_value",
        ),
        (
            {
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
                }
            },
            "chunking_strategy.static.chunk_overlap_tokens",
            "integer_above_max_value",
        ),
    ],
)
def test_stores_are_checked(client, body, param, code):
    """Files, expiry and chunking of a new store are checked."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.post("/vector_stores", body=body, cast_to=object)

    assert refused(caught)[1:] == (param, code)


def test_batches_are_checked(client):
    """A batch names files in one way; if one of them is not there, none comes in."""
    store = client.vector_stores.create()
    path, key = f"/vector_stores/{store.id}/file_batches", upload(client)

    with pytest.raises(openai.BadRequestError) as neither:
        client.post(path, body={}, cast_to=object)
    with pytest.raises(openai.BadRequestError) as both:
        client.post(path, body={"file_ids": [key], "files": []}, cast_to=object)
    with pytest.raises(openai.NotFoundError, match="File batch with id 'vsfb_a' not found"):
        client.vector_stores.file_batches.retrieve("vsfb_a", vector_store_id=store.id)

    with pytest.raises(openai.NotFoundError):
        client.vector_stores.file_batches.create(store.id, file_ids=[key, "file-a"])

    assert client.vector_stores.retrieve(store.id).file_counts.total == 0
    assert refused(neither)[1] == "file_ids"
    assert refused(both)[2] == "mutually_exclusive_parameters"


def test_search_ranks_and_limits(client):
    """The best passage comes first; limit and threshold cut the rest."""
    texts = {
        "whales.md": b"Whales eat krill in the cold sea.",
        "cats.md": b"Cats eat fish. Cats sleep a lot.",
        "cars.md": b"Cars need fuel.",
    }
    keys = {name: upload(client, name, text) for name, text in texts.items()}
    store = client.vector_stores.create(file_ids=list(keys.values()))
    search = client.vector_stores.search

    found = search(store.id, query="What do whales eat?").data
    first = search(store.id, query="What do whales eat?", max_num_results=1).data
    strict = search(
        store.id, query="What do whales eat?", ranking_options={"score_threshold": 0.7}
    ).data
    both = search(store.id, query=["fuel", "krill"]).data

    assert [each.filename for each in found] == ["whales.md", "cats.md"]
    assert 1 >= found[0].score > found[1].score > 0
    assert [each.filename for each in first] == ["whales.md"]
    assert [each.filename for each in strict] == ["whales.md"]
    assert {each.filename for each in both} == {"cars.md", "whales.md"}
    assert search(store.id, query="violins").data == []


def test_search_filters_by_attributes(client):
    """Only files whose attributes pass a filter are searched."""
    store = client.vector_stores.create()
    for year, lang in ((2024, "en"), (2025, "de"), (2026, "en")):
        client.vector_stores.files.create(
            store.id,
            file_id=upload(client, f"{year}.md", b"report of the year"),
            attributes={"year": year, "lang": lang},
        )
    recent = {"type": "gte", "key": "year", "value": 2025}
    english = {"type": "eq", "key": "lang", "value": "en"}

    def names(wanted):
        found = client.vector_stores.search(store.id, query="report", filters=wanted).data
        return sorted(each.filename for each in found)

    assert names(recent) == ["2025.md", "2026.md"]
    assert names({"type": "and", "filters": [recent, english]}) == ["2026.md"]
    assert names({"type": "or", "filters": [recent, english]}) == ["2024.md", "2025.md", "2026.md"]
    assert names({"type": "in", "key": "year", "value": [2024]}) == ["2024.md"]
    assert names({"type": "nin", "key": "nothing", "value": ["a"]}) == names(None)
    assert names({"type": "lt", "key": "lang", "value": 3}) == []


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"max_num_results": 0}, "max_num_results"),
        ({"max_num_results": 51}, "max_num_results"),
        ({"ranking_options": {"ranker": "default_2024_08_21"}}, "ranking_options.ranker"),
        ({"ranking_options": {"score_threshold": 1.5}}, "ranking_options.score_threshold"),
        ({"filters": {"type": "like", "key": "a", "value": "b"}}, "filters.type"),
        ({"filters": {"type": "and"}}, "filters.filters"),
        ({"filters": {"type": "eq", "key": "a"}}, "filters.value"),
    ],
)
def test_searches_are_checked(client, options, param):
    """Wrong limits, rankers and filters are refused, at the endpoint and in the tool."""
    store = client.vector_stores.create()
    tool = {"type": "file_search", "vector_store_ids": [store.id], **options}
    path = f"/vector_stores/{store.id}/search"

    with pytest.raises(openai.BadRequestError) as direct:
        client.post(path, body={"query": "x", **options}, cast_to=object)
    with pytest.raises(openai.BadRequestError) as by_tool:
        client.responses.create(model="m", input="x", tools=[tool])

    assert refused(direct)[1] == param
    assert refused(by_tool)[1] == f"tools[0].{param}"
