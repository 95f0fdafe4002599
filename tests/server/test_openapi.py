"""The published document is true to the routes, the engine, and what they accept and answer."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from documented import DOCUMENT, answer_faults, event_faults
from jsonschema import Draft202012Validator

import shim
from shim.core.routes import ROUTES
from shim.server.openapi import document
from shim.server.operations import OPERATIONS
from shim.server.page import page

OPERATIONS_OF = {
    (method.upper(), path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def references(value):
    """All that is referred to anywhere in a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_each_route_is_documented():
    """The document has the operations of the route table, no fewer and no others."""
    assert set(OPERATIONS_OF) == {(route.method, route.path) for route in ROUTES}
    assert set(OPERATIONS) == {route.does for route in ROUTES}


def test_operations_have_names_of_their_own():
    """No two operations share the name that generated clients make a method of."""
    names = [operation["operationId"] for operation in OPERATIONS_OF.values()]

    assert len(set(names)) == len(names)


def test_the_document_is_the_same_each_time():
    """Two documents are equal to the byte, whatever was asked before, and carry shim's version."""
    first, second = json.dumps(document()), json.dumps(document())

    assert first == second
    assert document()["info"]["version"] == shim.__version__


def test_all_references_lead_somewhere():
    """What is referred to is there, and what is there is referred to."""
    told = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "parameters")
        for name in DOCUMENT["components"][kind]
    }

    assert set(references(DOCUMENT)) == told


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_each_schema_is_one(name):
    """Each schema is JSON Schema of the edition that OpenAPI 3.1 takes."""
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_bodies_tell_nothing_of_the_code():
    """No schema has pydantic's titles, defaults, or a name that begins with an underscore."""
    text = json.dumps(DOCUMENT["components"]["schemas"])

    assert '"title":' not in text
    assert not re.search(r'"_\w+":|schemas/_', text)


def test_paths_need_the_ids_that_they_name():
    """Each id in a path is a parameter that says how such an id begins."""
    for (_, path), operation in OPERATIONS_OF.items():
        ids = [one for one in operation["parameters"] if one.get("in") == "path"]
        assert [one["name"] for one in ids] == re.findall(r"\{(\w+)\}", path)
        assert all(one["required"] and one["schema"]["pattern"] for one in ids)


def test_undocumented_answers_are_noticed():
    """A key too many, one too few, and another event than those known are faults."""
    operation = OPERATIONS_OF["DELETE", "/threads/{thread_id}"]
    whole = {"id": "thread_1", "object": "thread.deleted", "deleted": True}

    assert answer_faults(operation, 200, "application/json", whole) == []
    assert answer_faults(operation, 200, "application/json", {**whole, "more": 1})
    assert answer_faults(operation, 200, "application/json", {"id": "thread_1"})
    assert answer_faults(operation, 404, "application/json", whole)
    assert event_faults(b"event: done\ndata: [DONE]\n\n") == []
    assert event_faults(b"event: thread.run.done\ndata: {}\n\n")


class _Page(HTMLParser):
    """What a page has: anchors, links, and everything that would load something."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.open = set(), set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given["id"]} if "id" in given else set()
        self.links |= {given["href"]} if "href" in given else set()
        if tag in ("script", "link", "img", "iframe", "object") or "src" in given:
            self.loads.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_shows_all_of_the_document_and_loads_nothing():
    """Each operation and schema has its place, every link leads to one, no resource is named."""
    text = page(DOCUMENT)

    seen = _Page(text)

    assert seen.open == [] and seen.loads == []
    assert "url(" not in text and "@import" not in text
    named = {operation["operationId"] for operation in OPERATIONS_OF.values()}
    assert seen.anchors == named | set(DOCUMENT["components"]["schemas"])
    assert seen.links <= {f"#{anchor}" for anchor in seen.anchors}
    for parameter in ("limit", "include[]", "OpenAI-Beta", "x-shim-notes"):
        assert f"<code>{parameter}</code>" in text


def test_the_page_takes_what_the_document_says_as_text():
    """Signs that mean something in HTML are shown, not obeyed."""
    told = document("/v1/<script>")

    assert "<script" not in page(told)
