"""What all tests share: an environment without settings, and the recordings where there are any."""

from __future__ import annotations

import logging
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import certifi
import pytest

# before any of them is imported, by whichever folder is collected first
pytest.register_assert_rewrite(
    *("contract_api", "contract_events", "equality", "places", "rollout_place"),
    *("server_place", "sharing_place"),
)

_OURS = ("SHIM_", "OPENAI_", "AZURE_OPENAI_")
_FOR_TESTS = ("SHIM_RECORDINGS", "SHIM_TEST_")
_LOGGERS = ("shim", "uvicorn")
_END = "-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True, scope="session")
def bare_environment(tmp_path_factory):
    """No key, address or database of whoever runs the tests is seen by them.

    Each client of the SDK reads all certificates of authorities that it would trust, which takes
    longer than most of the calls here; no test trusts any, and one is read as if it were all.
    """
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith(_OURS) and not name.startswith(_FOR_TESTS):
                environment.delenv(name)
        environment.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition(_END)
        (trusted := tmp_path_factory.mktemp("trusted") / "one.pem").write_text(first + end)
        environment.setenv("SSL_CERT_FILE", str(trusted))
        yield


class _Keys(logging.Handler):
    """Looks for keys in all that is logged; those of the tests look like OpenAI's."""

    pattern = re.compile(r"(?<!\w)sk-[\w-]{6,}")

    def __init__(self):
        super().__init__()
        self.found = []

    def emit(self, record):
        """Note a line that has a key in it, or an error's traceback that has."""
        line = logging.Formatter().format(record)
        if self.pattern.search(line):
            self.found.append(line)


@pytest.fixture(autouse=True)
def no_logged_keys():
    """Whatever a test does, no key stands in the log; what it does to the log ends with it."""
    handler = _Keys()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
    assert handler.found == []


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server; without one its tests are skipped, or fail where it is `required`."""
    missing = pytest.fail if os.environ.get("SHIM_TEST_POSTGRES") == "required" else pytest.skip
    try:
        import postgres_server  # noqa: PLC0415 - loads the driver, which is an extra
    except ModuleNotFoundError as error:
        missing(f"pip install '.[test]' brings PostgreSQL's driver ({error})")
    with ExitStack() as stack:
        try:
            server = postgres_server.server(stack)
        except postgres_server.Unstartable as error:
            missing(str(error))
        yield server


@pytest.fixture(scope="session")
def recordings():
    """The folder of recorded traffic; a test that needs it is skipped where it is not given."""
    folder = os.environ.get("SHIM_RECORDINGS")
    if not folder:
        pytest.skip("SHIM_RECORDINGS names no folder of recorded traffic")
    return Path(folder)


@pytest.fixture
def identity(monkeypatch):
    """A library in the place of azure-identity; `scopes` are those that tokens were asked for."""
    identity = ModuleType("azure.identity")
    identity.scopes, identity.problem = [], None

    class CredentialUnavailableError(Exception):
        """What azure-identity raises."""

        __module__ = "azure.identity._exceptions"

    def get_bearer_token_provider(credential, scope):
        def token():
            if identity.problem:
                raise CredentialUnavailableError(identity.problem)
            identity.scopes.append(scope)
            return f"{credential}.token.{len(identity.scopes)}"

        return token

    identity.DefaultAzureCredential = lambda: "default"
    identity.get_bearer_token_provider = get_bearer_token_provider
    monkeypatch.setitem(sys.modules, "azure", ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.identity", identity)
    return identity
