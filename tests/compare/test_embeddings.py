"""Texts compared by a model's embeddings: asked for once, kept, and never made up."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from driven_place import asked, case_of

from shim.compare.differences import differences
from shim.compare.embeddings import Embeddings
from shim.errors import SettingsError
from shim.native.cases import Outcome
from shim.settings import Settings

VECTORS = {"Yes, we are open.": [1.0, 0.1], "The shop has opened.": [0.9, 0.2], "No.": [0.0, 1.0]}


class Answers(BaseHTTPRequestHandler):
    """A server with embeddings."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        data = json.dumps({"data": [{"embedding": VECTORS[body["input"]]}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """The server, and what it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings(port):
    return Settings(upstream_url=f"http://127.0.0.1:{port}/v1", upstream_key="none")


def test_other_words_of_one_meaning_are_alike(server, tmp_path):
    """What words tell apart the vectors may not; each text is asked for once."""
    alike = Embeddings("e-1", settings(server.server_port), tmp_path / "kept.jsonl")
    yes, open_, no = (Outcome(status="completed", texts=(text,)) for text in VECTORS)
    turn = asked("Are you open?")

    def kinds(a, b, by):
        return {d.kind for d in differences(a, b, turn, case_of(turn), alike=by)}

    assert "text_diff" in {d.kind for d in differences(yes, open_, turn, case_of(turn))}
    assert "text_diff" not in kinds(yes, open_, alike)
    assert "text_diff" in kinds(yes, no, alike)
    assert len(server.asked) == 3
    again = Embeddings("e-1", settings(server.server_port), tmp_path / "kept.jsonl")
    assert "text_diff" in kinds(open_, no, again)
    assert len(server.asked) == 3


def test_no_server_is_an_error(tmp_path):
    """A likeness is never made up."""
    alike = Embeddings("e-1", settings(9), tmp_path / "kept.jsonl")

    with pytest.raises(SettingsError, match="no embeddings of e-1"):
        alike("one", "two")
