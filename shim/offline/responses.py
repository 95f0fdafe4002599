"""The endpoints of the Responses API. Rules are elsewhere; here is what happens in which order."""

from __future__ import annotations

from shim.offline import context, items, lists, objects, parameters, refusals
from shim.offline.carry import Draft, carry_out
from shim.offline.feed import JobFeed
from shim.offline.hosted import bench
from shim.offline.ids import Partition
from shim.offline.jobs import Job
from shim.offline.service import Request, Service, answer, stream
from shim.offline.state import Conversation
from shim.offline.view import View
from shim.offline.wire import Json, Refused, Response

__all__ = ["cancel", "count", "create", "delete", "input_items", "retrieve"]

_TINY_WINDOW = 200


def create(service: Service, request: Request) -> Response:
    """POST /responses."""
    body = request.object()
    parameters.check_create(body)
    draft = _draft(service, body)
    _check_context(service, draft)
    tools = bench(service.state, draft.view, draft.partition)
    draft.reply = service.script.take(draft.view)
    job = carry_out(draft, service.model, service.delay, tools)
    if draft.conversation is not None:
        draft.conversation.free()
    service.state.start(job, draft.conversation, stored=body.get("store") is not False)
    return _first_answer(service, job)


def _draft(service: Service, body: Json) -> Draft:
    """The request with its context: of the conversation, or the chain, and its own input."""
    state = service.state
    conversation = _conversation(service, body)
    earlier, partition = _earlier(service, body, conversation)
    minted = Partition(partition, stored=body.get("store") is not False)
    inputs = items.read(body.get("input") or [], "input", minted.item, state.item)
    view = View(body, (*earlier, *inputs))
    return Draft(body, minted, view, inputs, conversation)


def _conversation(service: Service, body: Json) -> Conversation | None:
    given = body.get("conversation")
    if given is None:
        return None
    key = given.get("id") if isinstance(given, dict) else given
    if key is None:
        raise refusals.missing("conversation.id")
    conversation = service.state.conversation(key)
    conversation.free()
    return conversation


def _earlier(
    service: Service, body: Json, conversation: Conversation | None
) -> tuple[list[Json], str | None]:
    if conversation is not None:
        return conversation.items, conversation.partition.hex
    key = body.get("previous_response_id")
    if key is None:
        return [], None
    if key not in service.state.jobs:
        text = f"Previous response with id '{key}' not found."
        raise Refused(text, param="previous_response_id", code="previous_response_not_found")
    job = service.state.jobs[key]
    return [*job.context, *job.object()["output"]], key.split("_")[-1][:16]


def _check_context(service: Service, draft: Draft) -> None:
    everything = list(draft.view.items)
    context.check_duplicates(everything)
    context.check_calls(everything)
    service.state.links.check(everything)
    if draft.view.format["type"] == "json_object":
        context.check_json_mode(everything)
    if "tiny-context" in draft.view.model and draft.price() > _TINY_WINDOW:
        _overflow(draft)


def _overflow(draft: Draft) -> None:
    if draft.body.get("truncation") == "auto":
        return
    text = (
        "Your input exceeds the context window of this model. "
        "Please adjust your input and try again."
    )
    raise Refused(text, param="input", code="context_length_exceeded")


def _first_answer(service: Service, job: Job) -> Response:
    if job.streamed:
        return stream(JobFeed(job, service.lock, service.state.settle))
    if job.background:
        return answer(job.course.events[0]["response"])
    failure = job.course.failure
    if failure is not None and failure.event:
        status = 429 if failure.code in ("rate_limit_exceeded", "insufficient_quota") else 500
        refused = Refused(failure.message, status=status, type=failure.code, code=failure.code)
        return answer(refused.body(), status, after=job.length)
    return answer(_whole(job.course.final), after=job.length, limits=True)


def _whole(made: Json) -> Json:
    """A whole answer has `billing`, events have not."""
    if made["status"] in ("queued", "in_progress", "cancelled"):
        return made
    whole: Json = {}
    for key, value in made.items():
        whole[key] = value
        if key == "background":
            whole["billing"] = {"payer": "developer"}
    return whole


def retrieve(service: Service, request: Request, key: str) -> Response:
    """GET /responses/{id}."""
    job = service.state.job(key)
    if request.query.get("stream", "").lower() != "true":
        return answer(_whole(job.object()))
    if not (job.background and job.streamed):
        text = "This response cannot be streamed because it was not created with background=true."
        raise Refused(text)
    begin = max(0, lists.whole_number(request.query, "starting_after", -1) + 1)
    return stream(JobFeed(job, service.lock, service.state.settle, begin=begin))


def cancel(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """POST /responses/{id}/cancel; repeating it is fine (spec 2.5)."""
    job = service.state.job(key)
    if not job.background:
        raise Refused("Cannot cancel a synchronous response.")
    if job.cancelled_at is None and job.over:
        status = job.object()["status"]
        article = "an" if status[0] in "aeiou" else "a"
        raise Refused(f"Cannot cancel {article} {status} response.")
    if job.cancelled_at is None:
        job.cancel()
        service.state.settle()
    return answer(job.object())


def delete(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """DELETE /responses/{id}."""
    service.state.job(key)
    del service.state.jobs[key]
    return answer(objects.deleted(key, "response"))


def input_items(service: Service, request: Request, key: str) -> Response:
    """GET /responses/{id}/input_items: the whole context (spec 2.6)."""
    return answer(lists.page(service.state.job(key).context, request.query))


def count(service: Service, request: Request) -> Response:
    """POST /responses/input_tokens."""
    body = request.object()
    parameters.check_count(body)
    price = _draft(service, {"model": "", **body}).price()
    return answer({"object": "response.input_tokens", "input_tokens": price})
