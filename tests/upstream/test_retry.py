"""When a request is sent again, and after how long."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from time import time

import pytest

from shim import drive
from shim.core.ports import Answer, Request
from shim.core.wire import Target
from shim.errors import Unreachable
from shim.upstream.retry import repeat

TARGET = Target("https://api.openai.com/v1")
SENT, UNSENT = Unreachable("broken", sent=True), Unreachable("no route", sent=False)


def error(status, code=None, **headers):
    """An error answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": {"message": "no", "code": code}}, names)


def play(outcomes, *, method="POST", attempts=3):
    """The last outcome, the count of attempts and the waits, before a server of these outcomes."""
    left, sent, waits = list(outcomes), [], []

    async def send():
        sent.append(1)
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(seconds):
        waits.append(seconds)

    request = Request(method, "/responses", TARGET, attempts=attempts)
    try:
        ended = drive.run(repeat(send, request, sleep))
    except Unreachable as unreachable:
        ended = unreachable
    return ended, len(sent), waits


OK = Answer(200, {"id": "resp_1"})


@pytest.mark.parametrize("outcome", [UNSENT, error(429, "rate_limit_exceeded"), error(503)])
def test_what_was_certainly_not_carried_out_is_repeated(outcome):
    """No connection, a rate limit and an overloaded server are tried again."""
    ended, sent, waits = play([outcome, outcome, OK])

    assert (ended, sent) == (OK, 3)
    assert 0.5 <= waits[0] <= 1.0 <= waits[1] <= 1.5


@pytest.mark.parametrize(
    "outcome",
    [
        SENT,
        error(400),
        error(408),
        error(409),
        error(500),
        error(502),
        error(504),
        error(429, "insufficient_quota"),
        error(429, "organization_usage_limit_exceeded"),
        error(503, x_should_retry="false"),
    ],
)
def test_what_may_have_been_carried_out_is_not_repeated(outcome):
    """An ambiguous answer, a refusal and an empty purse are the caller's at once."""
    assert play([outcome, OK]) == (outcome, 1, [])


@pytest.mark.parametrize("outcome", [SENT, error(500), error(502), error(504)])
def test_a_get_may_be_repeated_after_an_ambiguous_answer(outcome):
    """Reading twice does no harm."""
    assert play([outcome, OK], method="GET")[:2] == (OK, 2)


def test_the_last_outcome_is_the_callers():
    """When the attempts are used up, the last answer or error is given."""
    assert play([error(503)] * 3)[0] == error(503)
    assert play([UNSENT] * 3)[:2] == (UNSENT, 3)
    assert play([UNSENT], attempts=1) == (UNSENT, 1, [])


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry_after": "7"}, 7, 7),
        ({"retry_after": "0.25"}, 0.25, 0.25),
        ({"retry_after": "7200"}, 60, 60),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5, 1.5),
        ({"retry_after": "soon"}, 0.5, 1),
    ],
)
def test_the_server_says_how_long_to_wait(headers, low, high):
    """Retry-After is honoured in each of its forms, up to a minute."""
    _, _, waits = play([error(429, **headers), OK])

    assert len(waits) == 1
    assert low <= waits[0] <= high


def test_the_server_may_name_a_time():
    """Retry-After as an HTTP date is waited for."""
    due = formatdate(time() + 50, usegmt=True)

    _, _, waits = play([error(429, retry_after=due), OK])

    assert 40 <= waits[0] <= 50


def test_waits_grow_to_eight_seconds():
    """Without advice the waits double, and stay below a bound."""
    _, _, waits = play([error(503)] * 9, attempts=9)

    assert waits[:4] == sorted(waits[:4])
    assert 7.5 <= max(waits) <= 8


def test_the_policy_suspends_when_the_sleep_does():
    """The same policy serves an event loop."""

    async def main():
        outcomes = [error(503), OK]

        async def send():
            await asyncio.sleep(0)
            return outcomes.pop(0)

        async def sleep(seconds):
            await asyncio.sleep(0)

        return await repeat(send, Request("POST", "/responses", TARGET, attempts=2), sleep)

    assert asyncio.run(main()) == OK
