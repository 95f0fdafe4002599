"""Both colours of an SDK behind one face, so that a test is written once.

Knows what is to be awaited, iterated or entered, in whichever colour it comes, and which arguments
an SDK is too old to name. Knows nothing of assistants.
"""

from __future__ import annotations

import inspect

import pydantic

__all__ = ["Either"]

_HTTP = ("httpx", "httpx2")
_LATER = "extra_body"


class Either:
    """A thing of the SDK, used as if it were async; plain values come out as they are.

    `notice` is shown each value that comes out of a call or an iteration.
    """

    def __init__(self, thing, notice):
        self._thing = thing
        self._notice = notice

    def __getattr__(self, name):
        return self._faced(getattr(self._thing, name))

    def __call__(self, *args, **options):
        return Either(self._thing(*args, **_fitting(self._thing, options)), self._notice)

    def __await__(self):
        value = self._thing
        if inspect.isawaitable(value):
            value = yield from value.__await__()
        self._notice(value)
        return self._faced(value)

    def __aiter__(self):
        return _Walk(self._thing, self._notice)

    async def __aenter__(self):
        if hasattr(self._thing, "__aenter__"):
            return self._faced(await self._thing.__aenter__())
        return self._faced(self._thing.__enter__())

    async def __aexit__(self, *error):
        if hasattr(self._thing, "__aexit__"):
            return await self._thing.__aexit__(*error)
        return self._thing.__exit__(*error)

    def _faced(self, value):
        return value if _is_plain(value) else Either(value, self._notice)


class _Walk:
    """Iterates over either colour, and holds nothing open when it is left."""

    def __init__(self, thing, notice):
        self._async = hasattr(thing, "__aiter__")
        self._items = aiter(thing) if self._async else iter(thing)
        self._notice = notice

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = await anext(self._items) if self._async else self._next()
        self._notice(item)
        return item

    def _next(self):
        try:
            return next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None


def _is_plain(value):
    root = type(value).__module__.partition(".")[0]
    if isinstance(value, pydantic.BaseModel) or root in _HTTP:
        return True
    moves = callable(value) or hasattr(value, "__next__") or inspect.isawaitable(value)
    return root == "builtins" and not moves


def _fitting(method, options):
    """The options, with those that this SDK does not name put into the body as they are."""
    if not options or isinstance(method, type):
        return options
    named = inspect.signature(method).parameters
    if _LATER not in named:
        return options
    strange = {key: value for key, value in options.items() if key not in named}
    if not strange:
        return options
    known = {key: value for key, value in options.items() if key in named}
    return {**known, _LATER: {**(known.get(_LATER) or {}), **strange}}
