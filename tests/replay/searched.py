"""What files held and searches found in a recording, as the embedded upstream is told it.

Uploads were recorded without their bodies: a file's name, purpose and size are known from its
answer, its text from what a search found in it. Knows recorded answers and the upstream's items;
nothing of shim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from recordings import Exchange, Scenario

from shim.offline import Output, Raw, Reply, Say, Search, View

__all__ = [
    "carried_out",
    "cited",
    "clean",
    "found",
    "has_search",
    "named",
    "searches",
    "upload",
]

_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_RESULTS = "file_search_call.results"


def upload(exchange: Exchange, scenario: Scenario) -> str:
    """The form of a request that uploaded a file."""
    boundary = _BOUNDARY.search(exchange.headers["content-type"])
    assert boundary is not None
    file = exchange.answer
    parts = (
        f'name="file"; filename="{file["filename"]}"\r\n\r\n{_held(file, scenario)}',
        f'name="purpose"\r\n\r\n{file["purpose"]}',
    )
    said = (f"--{boundary[1]}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)
    return f"{''.join(said)}--{boundary[1]}--\r\n"


def _held(file: dict[str, Any], scenario: Scenario) -> str:
    """The text of a file, if a search found all of it; else as many bytes."""
    results = [one for call in _calls(scenario.shown("thread.run.step")) for one in _results(call)]
    texts = [_text(one) for one in results if one["file_id"] == file["id"]]
    whole = (text for text in texts if len(text.encode()) == file["bytes"])
    return next(whole, "." * file["bytes"])


def found(steps: Iterable[dict[str, Any]]) -> list[Raw]:
    """The searches that steps show, as the upstream's items."""
    return [Raw(_item(call)) for call in _calls(steps)]


def _calls(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    calls = [call for step in steps for call in step["step_details"].get("tool_calls", ())]
    return [call for call in calls if call["type"] == "file_search"]


def _results(call: dict[str, Any]) -> list[dict[str, Any]]:
    return list(call["file_search"]["results"])


def _text(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


def _item(call: dict[str, Any]) -> dict[str, Any]:
    results = [
        {
            "attributes": each["attributes"],
            "file_id": each["file_id"],
            "filename": each["file_name"],
            "score": each["score"],
            "text": _text(each),
        }
        for each in _results(call)
    ]
    kind = {"type": "file_search_call", "status": "completed"}
    return {**kind, "queries": ["The query was not recorded."], "results": results}


def clean(text: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """A text as the upstream has it: without the markers, their places in the annotations."""
    pieces: list[str] = []
    annotations: list[dict[str, Any]] = []
    done = 0
    for each in text["annotations"]:
        pieces.append(text["value"][done : each["start_index"]])
        annotations.append(cited(each, sum(map(len, pieces))))
        done = each["end_index"]
    return "".join([*pieces, text["value"][done:]]), annotations


def cited(annotation: dict[str, Any], index: int) -> dict[str, Any]:
    """A citation as the upstream makes it, at a place in the text."""
    filename = annotation["text"].partition("†")[2].removesuffix("】")
    file_id = annotation["file_citation"]["file_id"]
    return {"type": "file_citation", "file_id": file_id, "filename": filename, "index": index}


def has_search(reply: Reply) -> bool:
    """Whether the model searched files."""
    return any(map(_is_search, reply.outputs))


def carried_out(reply: Reply) -> Reply:
    """A reply whose searches are carried out, whatever they find."""
    outputs = tuple(Search() if _is_search(each) else each for each in reply.outputs)
    return replace(reply, outputs=outputs)


def _is_search(output: Output) -> bool:
    search = isinstance(output, Raw) and output.item["type"] == "file_search_call"
    return search or isinstance(output, Search)


def named(reply: Reply, ours: Callable[[str], str]) -> Reply:
    """A reply that speaks of our files where it spoke of the recorded ones."""

    def _ours(value: Any) -> Any:
        return json.loads(ours(json.dumps(value)))

    def _renamed(output: Output) -> Output:
        match output:
            case Raw():
                return replace(output, item=_ours(output.item))
            case Say():
                return replace(output, annotations=_ours(list(output.annotations)))
            case _:
                return output

    return replace(reply, outputs=tuple(map(_renamed, reply.outputs)))


def searches(scenario: Scenario, ours: Callable[[str], str]) -> Callable[[View], bool]:
    """Whether a request searches what the recorded run did, as it did, and wants the texts."""
    holders = [*scenario.shown("assistant"), *scenario.shown("thread")]
    resources = [each["tool_resources"].get("file_search", {}) for each in holders]
    stores = {ours(key) for each in resources for key in each.get("vector_store_ids", ())}
    wanted = next(
        tool["file_search"]
        for run in scenario.shown("thread.run")
        for tool in run["tools"]
        if tool["type"] == "file_search"
    )
    least = wanted["ranking_options"]["score_threshold"]

    def _asked(view: View) -> bool:
        tool = view.tool("file_search")
        return (
            tool is not None
            and set(tool["vector_store_ids"]) == stores
            and tool.get("max_num_results") == wanted.get("max_num_results")
            and (tool.get("ranking_options") or {}).get("score_threshold", 0.0) == least
            and _RESULTS in (view.body.get("include") or ())
        )

    return _asked
