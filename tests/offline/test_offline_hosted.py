"""Hosted tools inside a response: what they give, what is shown of it, and how it is cited."""

from __future__ import annotations

import httpx2
import openai
import pytest

from shim.offline import Call, Code, Offline, Say, Search

IDLE = 20 * 60
RESULTS = "file_search_call.results"
OUTPUTS = "code_interpreter_call.outputs"
FOODS = "Travis's favorite food is pizza. Summer likes apples."


def upload(client, name, content):
    """The id of an uploaded file."""
    return client.files.create(file=(name, content), purpose="assistants").id


@pytest.fixture
def search(client):
    """A file search tool over two files."""
    foods = upload(client, "foods.txt", FOODS.encode())
    pets = upload(client, "pets.md", b"# Pets\n\nTravis has a cat named Tom.")
    store = client.vector_stores.create(file_ids=[foods, pets])
    return {"type": "file_search", "vector_store_ids": [store.id]}


@pytest.fixture
def code(client):
    """A code interpreter with a table."""
    table = upload(client, "sales.csv", b"month,amount\nMay,2\nJune,4\n")
    return {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [table]}}


def message(response):
    """The text part of a response's last message."""
    return [item for item in response.output if item.type == "message"][-1].content[0]


def kinds(response):
    """The types of a response's items."""
    return [item.type for item in response.output]


def ask(client, text, *tools, **options):
    """A response to a text."""
    return client.responses.create(model="m", input=text, tools=list(tools), **options)


def test_a_question_is_searched_and_cited(client, search):
    """A question is answered from the files; the citation stands before the full stop."""
    response = ask(client, "What is Travis's favorite food?", search)

    call, part = response.output[0], message(response)
    assert kinds(response) == ["file_search_call", "message"]
    assert (call.queries, call.results) == (["What is Travis's favorite food?"], None)
    assert part.text == "Travis's favorite food is pizza."
    (citation,) = part.annotations
    assert (citation.type, citation.filename, citation.index) == ("file_citation", "foods.txt", 31)


def test_results_only_with_the_include(client, search):
    """The passages are in the item only if they are asked for, keys as recorded."""
    response = ask(client, "What is Travis's favorite food?", search, include=[RESULTS])

    result = response.output[0].model_dump(exclude_unset=True)["results"][0]
    assert sorted(result) == [
        "attributes",
        "file_id",
        "filename",
        "score",
        "text",
        "vector_store_id",
    ]
    assert (result["text"], result["filename"]) == (FOODS, "foods.txt")
    assert 0 < result["score"] <= 1


def test_both_stores_are_searched(client, search):
    """Two stores are searched together; a passage that is in both comes twice."""
    foods = upload(client, "foods.txt", FOODS.encode())
    second = client.vector_stores.create(file_ids=[foods])
    both = {**search, "vector_store_ids": [*search["vector_store_ids"], second.id]}

    response = ask(client, "Who likes apples?", both, include=[RESULTS])

    found = response.output[0].results
    assert [each.text for each in found] == [FOODS, FOODS]
    assert len({each.model_extra["vector_store_id"] for each in found}) == 2


def test_the_tool_limits_its_results(client, search):
    """Number, threshold and filters of the tool are obeyed."""
    few = ask(client, "What has Travis?", {**search, "max_num_results": 1}, include=[RESULTS])
    ranked = {**search, "ranking_options": {"ranker": "auto", "score_threshold": 0.99}}
    none = ask(client, "What has Travis?", ranked, include=[RESULTS])
    wanted = {"type": "eq", "key": "kind", "value": "a"}
    filtered = ask(client, "What has Travis?", {**search, "filters": wanted}, include=[RESULTS])

    assert len(few.output[0].results) == 1
    assert (none.output[0].results, filtered.output[0].results) == ([], [])
    assert none.output_text == "I found nothing about that in the files."


def test_missing_stores_and_containers(client):
    """Stores and containers that are not there are refused in the service's words."""
    for tool, words in (
        (
            {"type": "file_search", "vector_store_ids": ["vs_a"]},
            "Vector store with id ['vs_a'] not found.",
        ),
        (
            {"type": "code_interpreter", "container": "cntr_a"},
            "Container with id 'cntr_a' not found.",
        ),
        (
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-a"]}},
            "No such File object: file-a",
        ),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(client, "Hi", tool)
        assert caught.value.body["message"] == words


@pytest.mark.parametrize(
    ("container", "param"),
    [
        ({"type": "manual"}, "tools[0].container.type"),
        ({"type": "auto", "files": ["file-a"]}, "tools[0].container.files"),
        ({"type": "auto", "file_ids": ["file-a"] * 51}, "tools[0].container.file_ids"),
        ({"type": "auto", "memory_limit": "3g"}, "tools[0].container.memory_limit"),
        (3, "tools[0].container"),
    ],
)
def test_containers_of_the_tool_are_checked(client, container, param):
    """The container of a code interpreter is an id, or `auto` with what that has."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "Hi", {"type": "code_interpreter", "container": container})

    assert caught.value.body["param"] == param


def test_code_of_the_user_is_run(client, code):
    """Python in a fence is run; what it shows is in the item only with the include."""
    fence = "Please run\n```python\nprint(6 * 7)\n```"

    shown = ask(client, fence, code, include=[OUTPUTS])
    hidden = ask(client, fence, code)

    assert kinds(shown) == ["code_interpreter_call", "message"]
    assert shown.output[0].code == "print(6 * 7)"
    assert shown.output[0].model_dump()["outputs"] == [{"type": "logs", "logs": "42\n"}]
    assert hidden.output[0].outputs is None
    assert hidden.output_text == "The code printed: 42"


def test_tables_are_analysed_and_drawn(client, code):
    """A request for numbers and a chart of a table makes both, and a file that can be read."""
    response = ask(client, "What is the total of sales.csv? Draw a chart.", code)

    part, box = message(response), response.output[0].container_id
    plot, linked = part.annotations
    assert "amount: sum 6, average 3" in part.text
    assert (plot.start_index, plot.end_index, plot.filename) == (0, 0, f"{plot.file_id}.png")
    assert part.text[linked.start_index : linked.end_index] == "sandbox:/mnt/data/chart.png"
    for each in part.annotations:
        content = client.containers.files.content.retrieve(each.file_id, container_id=box)
        assert content.read().startswith(b"\x89PNG")


def test_calculations_and_files(client, code):
    """A calculation is run as it stands; a file that is asked for is written and linked."""
    result = ask(client, "Calculate (3 + 4) * 2 for me", code)
    made = ask(client, "Make a csv file of sales.csv", code)

    assert result.output[0].code == "(3 + 4) * 2"
    assert result.output_text == "The code printed: 14"
    assert [each.filename for each in message(made).annotations] == ["result.csv"]


def test_a_container_is_kept_by_its_context(offline, client, code):
    """`auto` takes the container of the context: by chain, or by items that are sent back."""
    offline.script.code("x = 41", then="Done.").code("x + 1", then="So.").code("x", then="Yes.")
    first = ask(client, "a", code)

    chained = ask(client, "b", code, previous_response_id=first.id, include=[OUTPUTS])
    sent = [
        {"role": "user", "content": "a"},
        first.output[0].model_dump(exclude_unset=True),
        {"role": "user", "content": "c"},
    ]
    replayed = ask(client, sent, code, include=[OUTPUTS])
    fresh = ask(client, "```\n1\n```", code)

    box = first.output[0].container_id
    assert chained.output[0].container_id == replayed.output[0].container_id == box
    assert chained.output[0].outputs[0].logs == "42"
    assert replayed.output[0].outputs[0].logs == "41"
    assert fresh.output[0].container_id != box


def test_a_named_container_is_used(offline, client):
    """A container that was made before is used by its id; its files are there."""
    key = upload(client, "a.txt", b"Hello")
    box = client.containers.create(name="box", file_ids=[key])
    offline.script.code(f"open('/mnt/data/{key}-a.txt').read()", then="Done.")

    response = ask(
        client, "x", {"type": "code_interpreter", "container": box.id}, include=[OUTPUTS]
    )

    assert response.output[0].container_id == box.id
    assert response.output[0].outputs[0].logs == "'Hello'"


def test_expired_containers_are_refused(offline, client, code):
    """An expired container is refused by its id, and by `auto` if the context names it."""
    offline.script.code("1", then="One.")
    first = ask(client, "a", code)
    box = first.output[0].container_id

    offline.clock.advance(IDLE)

    for tool, options in (
        ({"type": "code_interpreter", "container": box}, {}),
        (code, {"previous_response_id": first.id}),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, "b", tool, **options)
        error = caught.value.body
        assert (error["message"], error["param"], error["code"]) == (
            "Container is expired.",
            None,
            None,
        )
    assert ask(client, "b", code).status == "completed"


def test_auto_opens_a_container_whether_or_not_code_runs(client, code):
    """As at the real service, `auto` makes a container a response (spec 13.2)."""
    ask(client, "Hello", code)
    ask(client, "Hello", code)

    assert [each.name for each in client.containers.list()] == ["auto", "auto"]


def streamed(client, text, *tools, **options):
    """The events of a streamed response, deltas of one kind in a row counted once."""
    events = list(ask(client, text, *tools, stream=True, **options))
    types = [event.type.removeprefix("response.") for event in events]
    kept = [
        n for n, kind in enumerate(types) if n == 0 or kind != types[n - 1] or "delta" not in kind
    ]
    return [types[n] for n in kept], events


def test_stream_of_a_mixed_turn(offline, client, search, code, weather):
    """Text, search, code, and a call in one response have the recorded events, in order."""
    offline.script.mixed(
        [
            Say("I look."),
            Search("pizza"),
            Code("print(1)"),
            Say("Pizza[[1]]."),
            Call("get_weather", {"city": "Oslo"}),
        ]
    )

    types, events = streamed(client, "x", search, code, weather, include=[RESULTS, OUTPUTS])

    text = ["output_item.added", "content_part.added", "output_text.delta"]
    end = ["output_text.done", "content_part.done", "output_item.done"]
    assert types == [
        "created",
        "in_progress",
        *text,
        *end,
        "output_item.added",
        "file_search_call.in_progress",
        "file_search_call.searching",
        "file_search_call.completed",
        "output_item.done",
        "output_item.added",
        "code_interpreter_call.in_progress",
        "code_interpreter_call_code.delta",
        "code_interpreter_call_code.done",
        "code_interpreter_call.interpreting",
        "code_interpreter_call.completed",
        "output_item.done",
        *text,
        "output_text.annotation.added",
        "output_text.delta",
        *end,
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert kinds(events[-1].response) == [
        "message",
        "file_search_call",
        "code_interpreter_call",
        "message",
        "function_call",
    ]


@pytest.mark.parametrize(("include", "begun"), [([], None), ([OUTPUTS], [])])
def test_outputs_when_code_begins(offline, client, code, include, begun):
    """With the include, outputs are an empty list at first; without it they are always null."""
    offline.script.code("1", then="One.")

    _, events = streamed(client, "x", code, include=include)

    added, done = (
        event.item.outputs
        for event in events
        if event.type.startswith("response.output_item") and "code" in event.item.type
    )
    assert added == begun
    assert (done is None) is (begun is None)


def test_annotations_of_files_come_after_the_text(offline, client, code):
    """Plots first, then links, in the order of the text; all after its last delta."""
    offline.script.code(
        "import shim_png\nopen('/mnt/data/a b.txt', 'w').write('x')\n"
        "open('/mnt/data/b.csv', 'w').write('x')\nshim_png.bars([1])",
        then="🎉 [b](sandbox:/mnt/data/b.csv), ![a](sandbox:/mnt/data/a%20b.txt), "
        "[c](sandbox:/mnt/data/missing.txt).",
    )

    types, events = streamed(client, "x", code)

    part = message(events[-1].response)
    assert types[-7:] == [
        *["output_text.annotation.added"] * 3,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [part.text[a.start_index : a.end_index] for a in part.annotations] == [
        "",
        "sandbox:/mnt/data/b.csv",
        "sandbox:/mnt/data/a%20b.txt",
    ]


def test_citations_by_number_and_by_name(offline, client, search):
    """Places in a text name a result by number or by file; what names none is left alone."""
    offline.script.search(
        ["pizza", "cat"], then="Food[[foods.txt]] and pets[[pets.md]][[1]], [[9]] [[x]]."
    )

    response = ask(client, "x", search)

    part = message(response)
    assert response.output[0].queries == ["pizza", "cat"]
    assert part.text == "Food and pets, [[9]] [[x]]."
    assert [(a.filename, a.index) for a in part.annotations][:2] == [
        ("foods.txt", 4),
        ("pets.md", 13),
    ]
    assert part.annotations[2].index == 13


@pytest.mark.parametrize("leak", ["whole", "split"])
def test_markers_may_leak(offline, client, search, leak):
    """The model's own marker can stay in the text, in one delta or over several."""
    offline.script.search("pizza", then=Say("It is pizza[[1]]. Good.", leak=leak))

    _, events = streamed(client, "x", search)

    marker = "\ue200filecite\ue202turn0file0\ue201"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    part = message(events[-1].response)
    assert part.text == f"It is pizza{marker}. Good." == "".join(deltas)
    assert part.annotations[0].index == 11
    begun = [delta for delta in deltas if "\ue200" in delta]
    assert ("\ue201" in begun[0]) is (leak == "whole")


def test_leaks_keep_chunks(offline, client, search):
    """Chunks that a script fixed stay the deltas, without the places of citations."""
    offline.script.search("pizza", then=Say("", chunks=["It is ", "pizza[[1]].", " Good."]))

    _, events = streamed(client, "x", search)

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["It is ", "pizza", ".", " Good."]


def test_the_model_goes_on_after_scripted_tools(offline, client, search):
    """A script that ends with a tool leaves the answer to the model, in the same response."""
    offline.script.think("Hm.", then=Search("favorite food"))

    response = ask(client, "Travis?", search)

    assert kinds(response) == ["reasoning", "file_search_call", "message"]
    assert "[[" not in response.output_text


def test_search_code_and_function_in_one_run(client, search, code, weather):
    """Unscripted, the order is search, code, function; the outputs are all told at the end."""
    text = "Who likes apples, what is 2 + 3, and the weather in Oslo?"
    first = ask(client, text, search, code, weather)
    output = {
        "type": "function_call_output",
        "call_id": first.output[-1].call_id,
        "output": "rain",
    }

    second = ask(client, [output], search, code, weather, previous_response_id=first.id)

    assert kinds(first) == ["file_search_call", "code_interpreter_call", "function_call"]
    assert kinds(second) == ["message"]
    assert "Summer likes apples" in second.output_text
    assert "The code printed: 5" in second.output_text
    assert "get_weather returned: rain" in second.output_text
    assert message(second).annotations[0].filename == "foods.txt"


def test_the_choice_of_hosted_tools(client, search, code, weather):
    """Hosted tools obey the tool choice: none, one by name, a set, and `required`."""

    def made(text, *tools, choice):
        return kinds(ask(client, text, *tools, tool_choice=choice))

    every = (search, code, weather)
    assert made("What is 1 + 1?", *every, choice="none") == ["message"]
    assert made("Hello", *every, choice={"type": "file_search"})[0] == "file_search_call"
    assert made("Hello", *every, choice={"type": "code_interpreter"})[0] == "code_interpreter_call"
    assert made("What is 1 + 1?", *every, choice={"type": "function", "name": "get_weather"}) == [
        "function_call"
    ]
    allowed = {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "code_interpreter"}],
    }
    assert made("What is 1 + 1?", *every, choice=allowed) == ["code_interpreter_call", "message"]
    assert made("Hello", code, choice="required") == ["code_interpreter_call", "message"]


def test_a_limit_of_tool_calls(offline, client, search, code):
    """Calls beyond max_tool_calls are ignored."""
    offline.script.mixed([Search("pizza"), Code("1"), Code("2")])

    response = ask(client, "x", search, code, max_tool_calls=2)

    assert kinds(response) == ["file_search_call", "code_interpreter_call", "message"]


def test_tools_cost_tokens(client, search):
    """What tools give is counted as input."""
    bare = ask(client, "What is Travis's favorite food?")
    found = ask(client, "What is Travis's favorite food?", search)
    priced = client.responses.input_tokens.count(
        model="m", input="What is Travis's favorite food?", tools=[search]
    )

    assert found.usage.input_tokens > priced.input_tokens > bare.usage.input_tokens


@pytest.mark.parametrize("output", [Search("x"), Code("1")])
def test_a_script_cannot_use_tools_that_are_not_there(offline, output):
    """A scripted tool is an error of the test where the request does not have it."""
    offline.script.mixed([output])
    inner = httpx2.Client(transport=offline.transport(httpx2))

    with (
        openai.OpenAI(api_key="x", http_client=inner, max_retries=0) as client,
        pytest.raises((LookupError, openai.APIConnectionError)),
    ):
        ask(client, "x")


def test_code_over_http():
    """Over a real socket, in the background, code runs and its answer is polled."""
    with Offline().serve() as served, openai.OpenAI(api_key="x", base_url=served.url) as client:
        tool = {"type": "code_interpreter", "container": {"type": "auto"}}
        key = ask(client, "What is 2 * 21?", tool, background=True).id

        assert client.responses.retrieve(key).output_text == "The code printed: 42"
