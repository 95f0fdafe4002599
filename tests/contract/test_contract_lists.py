"""Lists: order, size, and walking them with either cursor."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of


async def _assistants(api, count):
    """The ids of new assistants, oldest first."""
    create = api.client.beta.assistants.create
    return [(await create(model="gpt-4o", name=str(n))).id for n in range(count)]


async def test_iterating_walks_all_pages(api):
    """Newest first, whether the SDK reads `has_more` or asks until a page is empty."""
    made = await _assistants(api, 25)

    walked = [each.id async for each in api.client.beta.assistants.list()]
    in_fours = [each.id async for each in api.client.beta.assistants.list(limit=4, order="asc")]

    assert walked == made[::-1]
    assert in_fours == made


async def test_a_page_says_what_it_is(api):
    """Twenty to a page, its first and last id, and whether more follow."""
    made = (await _assistants(api, 21))[::-1]

    page = await api.json(api.client.beta.assistants.with_raw_response.list)
    rest = await api.json(api.client.beta.assistants.with_raw_response.list, after=made[19])

    assert [each["id"] for each in page["data"]] == made[:20]
    assert (page["object"], page["has_more"]) == ("list", True)
    assert (page["first_id"], page["last_id"]) == (made[0], made[19])
    assert [each["id"] for each in rest["data"]] == made[20:]
    assert rest["has_more"] is False


async def test_an_empty_page_is_a_page(api):
    """Behind the last item there is nothing, and no error: old SDKs page until they get there."""
    made = await _assistants(api, 2)

    page = await api.json(api.client.beta.assistants.with_raw_response.list, after=made[0])

    assert page == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"limit": 2}, [4, 3]),
        ({"order": "asc", "limit": 2}, [0, 1]),
        ({"after": 3}, [2, 1, 0]),
        ({"after": 1, "order": "asc"}, [2, 3, 4]),
        ({"before": 3}, [4]),
        ({"before": 4}, []),
        ({"before": 1, "order": "asc"}, [0]),
        ({"before": 0, "limit": 2}, [2, 1]),
        ({"after": 4, "before": 1}, [3, 2]),
    ],
)
async def test_cursors_cut_the_list(api, query, expected):
    """`after` gives what follows in the order asked for, `before` what precedes, nearest kept."""
    made = await _assistants(api, 5)
    cursors = {key: made[query[key]] for key in ("after", "before") if key in query}

    page = await api.client.beta.assistants.list(**{**query, **cursors})

    assert [made.index(each.id) for each in page.data] == expected


async def test_messages_made_in_one_second_keep_their_order(api):
    """The order is that of insertion, not of whole seconds."""
    texts = [str(n) for n in range(8)]
    thread = await api.threads.create(messages=[{"role": "user", "content": t} for t in texts[:5]])
    for text in texts[5:]:
        await api.threads.messages.create(thread.id, role="user", content=text)

    newest_first = [
        message.content[0].text.value
        async for message in api.threads.messages.list(thread.id, limit=3)
    ]

    assert newest_first == texts[::-1]


async def test_messages_can_be_those_of_a_run(api):
    """`run_id` leaves out what users said and what other runs answered."""
    assistant, thread = await api.scene("One")
    runs = []
    for _ in range(2):
        run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
        runs.append(await api.rested(run))
    steps = await api.threads.runs.steps.list(runs[0].id, thread_id=thread.id)

    found = (await api.threads.messages.list(thread.id, run_id=runs[0].id)).data

    made = steps.data[0].step_details.message_creation.message_id
    assert [message.id for message in found] == [made]


async def test_empty_cursors_count_as_none(api):
    """Programs send `after=` and `before=` for what they do not have."""
    made = await _assistants(api, 2)

    page = await api.client.beta.assistants.list(extra_query={"after": "", "before": ""})

    assert [each.id for each in page.data] == made[::-1]


@pytest.mark.parametrize(
    ("limit", "text", "code"),
    [
        (
            101,
            (
                "Invalid 'limit': integer above maximum value. "
                "Expected a value <= 100, but got 101 instead."
            ),
            "integer_above_max_value",
        ),
        (
            0,
            (
                "Invalid 'limit': integer below minimum value. "
                "Expected a value >= 1, but got 0 instead."
            ),
            "integer_below_min_value",
        ),
    ],
)
async def test_a_page_has_one_to_a_hundred_items(api, limit, text, code):
    """Other sizes are refused in the original's words."""
    with pytest.raises(openai.BadRequestError) as caught:
        await api.client.beta.assistants.list(limit=limit)

    assert message_of(caught) == text
    assert (caught.value.param, caught.value.code) == ("limit", code)


async def test_an_unknown_order_is_refused(api):
    """There are two."""
    with pytest.raises(openai.BadRequestError) as caught:
        await api.client.beta.assistants.list(order="newest")

    assert message_of(caught) == "Invalid value: 'newest'. Supported values are: 'asc' and 'desc'."


async def test_an_unknown_cursor_is_not_found(api):
    """A cursor names an item of the list."""
    thread = await api.threads.create()

    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.messages.list(thread.id, after="msg_000000000000000000000000")

    assert message_of(caught) == "No message found with id 'msg_000000000000000000000000'."
