"""What is refused because of the state of things, in the original's words (spec 7.2, 7.5, 7.6).

Programs match these texts and cut ids out of them; not a full stop may change.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from shim.core.records import Run
from shim.errors import ApiError

__all__ = [
    "busy_for_messages",
    "busy_for_runs",
    "cannot_cancel",
    "cannot_update",
    "internal_error",
    "no_outputs_wanted",
    "no_such_file",
    "nothing_to_run",
    "unknown",
    "unusable",
    "wrong_outputs",
]


def unknown(kind: str, object_id: str, why: str = "") -> ApiError:
    """A 404 for an id; `kind` is spelled as the original did: `run step`, `thread`, ..."""
    more = f" {why}." if why else ""
    return ApiError(404, f"No {kind} found with id '{object_id}'.{more}")


def no_such_file(file_id: str, why: str | None = None) -> ApiError:
    """A 404 for a file, in the words of the Files API, and why where there is something to say."""
    more = f" ({why})" if why else ""
    return ApiError(404, f"No such File object: {file_id}{more}", param="id")


def busy_for_messages(run: Run) -> ApiError:
    """A message was to be added while a run is active."""
    return ApiError(400, f"Can't add messages to {run.thread_id} while a run {run.id} is active.")


def busy_for_runs(run: Run) -> ApiError:
    """A run was to be made while another is active."""
    return ApiError(400, f"Thread {run.thread_id} already has an active run {run.id}.")


def cannot_cancel(run: Run) -> ApiError:
    """The run has ended, or is being cancelled."""
    return ApiError(400, f"Cannot cancel run with status '{run.status}'.")


def cannot_update(run: Run) -> ApiError:
    """The run is being worked on."""
    return ApiError(400, f"Cannot update run with status '{run.status}'.")


def no_outputs_wanted(run: Run) -> ApiError:
    """The run is not waiting for outputs; the double quotes are the original's."""
    return ApiError(400, f'Runs in status "{run.status}" do not accept tool outputs.')


def wrong_outputs(expected: Iterable[str], got: Iterable[str]) -> ApiError:
    """Not exactly the open calls were answered; Python lists and no full stop, as recorded."""
    return ApiError(400, f"Expected tool outputs for call_ids {list(expected)}, got {list(got)}")


def nothing_to_run() -> ApiError:
    """Neither a user message nor instructions: nothing for a model to go by."""
    return ApiError(
        400,
        "Run creation requires a Thread with a user message or an assistant with instructions.",
        code="invalid_thread",
    )


def unusable(error: Exception) -> ApiError:
    """A 500 that the user can end: the error says what is wrong and what to do."""
    headers = {"x-should-retry": "false"}
    return ApiError(500, str(error), type="server_error", headers=headers)


def internal_error() -> ApiError:
    """A 500 of our own. SDKs would repeat a POST, which may have made a run: they are told."""
    request_id = f"req_{secrets.token_hex(16)}"
    return ApiError(
        500,
        "The server had an error processing your request. Sorry about that! You can retry your "
        "request, or contact us through our help center at help.openai.com if you keep seeing "
        f"this error. (Please include the request ID {request_id} in your email.)",
        type="server_error",
        headers={"x-should-retry": "false", "x-request-id": request_id},
    )
