"""What went wrong at the upstream while a call was answered, as that call's error.

The upstream's refusal is passed on as it is. Where it was not reached, or may have acted without an
answer, SDKs are told not to repeat the call. Knows no endpoint.
"""

from __future__ import annotations

from shim.core.ports import Answer
from shim.errors import ApiError, Unreachable
from shim.translate.failures import error_of

__all__ = ["refused", "unreached"]


def refused(answer: Answer, otherwise: str) -> ApiError:
    """The upstream's own error; `otherwise` is said where it says nothing."""
    error = error_of(answer.body)
    return ApiError(
        answer.status,
        str(error.get("message") or otherwise),
        type=str(error.get("type") or "invalid_request_error"),
        param=error.get("param"),
        code=error.get("code"),
    )


def unreached(what: str, error: Unreachable) -> ApiError:
    """A 500 for what could not be done."""
    headers = {"x-should-retry": "false"}
    return ApiError(500, f"{what}: {error}", type="server_error", headers=headers)
