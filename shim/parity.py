"""For users' tests: their own program on two lanes, as an assertion and as a mark of pytest's.

    @pytest.mark.parity(a="recording:old.jsonl", b="shim,model=gpt-4.1")
    def test_bot(parity_client):
        assert "Oslo" in my_bot(parity_client, "What is the capital of Norway?")

The test runs once on each lane, and fails where B's runs are worse than A's. pytest loads this
module at its start, so nothing is imported before it is used.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

__all__ = ["assert_parity"]


def assert_parity(program: Any, *, a: Any, b: Any, **options: Any) -> Any:
    """Run `program(client)` on the lanes `a` and `b`; raises AssertionError where B is worse.

    `options` are `ignore` (kinds of differences), `repeat`, `limits` and `settings`; see
    `shim.compare.parity`. Gives the summary of the comparison.
    """
    from shim.compare import parity  # noqa: PLC0415 - loads the SDK and the engine

    return parity.assert_parity(program, a=a, b=b, **options)


with suppress(ModuleNotFoundError):  # programs have no need of pytest
    import pytest

    _NEEDED = "parity_client is for tests marked with @pytest.mark.parity(a=..., b=...)"

    def pytest_configure(config: pytest.Config) -> None:
        """Make the mark known."""
        config.addinivalue_line(
            "markers",
            "parity(a, b, ignore=..., repeat=1): run the test with parity_client on two lanes of "
            "shim's, and fail where B's runs are worse than A's",
        )

    @pytest.fixture
    def parity_client(request: pytest.FixtureRequest) -> Any:
        """The client of the lane in turn; the mark puts it in."""
        if request.node.get_closest_marker("parity") is None:
            raise pytest.UsageError(_NEEDED)
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
        """Run a marked test on both lanes."""
        mark = pyfuncitem.get_closest_marker("parity")
        if mark is None:
            return None
        names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001 - as pytest's own hook does
        given = {name: pyfuncitem.funcargs[name] for name in names if name != "parity_client"}
        assert_parity(_program(pyfuncitem.obj, given), *mark.args, **mark.kwargs)
        return True

    def _program(test: Any, given: dict[str, Any]) -> Any:
        """The test as a function of a client, of its own colour."""
        import inspect  # noqa: PLC0415 - only where a test is marked

        if not inspect.iscoroutinefunction(test):
            return lambda client: test(**given, parity_client=client)

        async def run(client: Any) -> None:
            await test(**given, parity_client=client)

        return run
