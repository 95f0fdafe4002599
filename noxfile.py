"""The tests on each SDK and each Python that is supported.

    nox --list                       the sessions
    nox -s "tests-3.12(2.54.0)"      one Python, one SDK
    nox -s tests-3.10                one Python, all SDKs
    nox -s tests-3.10 -- -x -k lock  the same, with arguments for pytest

A Python that is not installed is skipped, and nox says so.
"""

from __future__ import annotations

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
NEWEST = "3"
SDKS = {
    "1.21.0": ["openai==1.21.0", "httpx<0.28"],  # it passes an argument that httpx 0.28 dropped
    "1.109.1": ["openai==1.109.1"],
    "2.54.0": ["openai==2.54.0"],
    NEWEST: ["openai>=3,<4"],
}
FOR_EVERY_SDK = ["tests/contract", "tests/client"]
"""The doors; what lies behind them is the same whichever SDK is in front."""

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
@nox.parametrize("openai", [nox.param(version, id=version) for version in SDKS])
def tests(session: nox.Session, openai: str) -> None:
    """Everything on the newest SDK, the client's doors on the older ones."""
    session.install(".[test]", *SDKS[openai])
    folders = ["tests"] if openai == NEWEST else FOR_EVERY_SDK
    session.run("pytest", "-q", *folders, *session.posargs)
