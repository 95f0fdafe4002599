"""Two tenants on one server, and what the first of them has there."""

from __future__ import annotations

from server_place import BETA, wait_until

CODE = 'open("/mnt/data/a.csv", "w").write("a")'
KEYS = {"a": "sk-of-a-0123456789", "b": "sk-of-b-0123456789"}
MODES = {
    "keys": {"keys": KEYS, "upstream_key": "sk-upstream-0123456789"},
    "callers": {"access": "callers"},
}


class Tenant:
    """Asks the server with one tenant's key."""

    def __init__(self, world, name):
        self.world = world
        self.headers = {"authorization": f"Bearer {KEYS[name]}"}

    def ask(self, method, path, body=None, **options):
        """One request below `/v1`."""
        if body is not None:
            options["json"] = body
        headers = {**BETA, **self.headers, **options.pop("headers", {})}
        return self.world.http.request(method, f"/v1{path}", headers=headers, **options)

    def made(self, path, body=None):
        """The id of what a request makes."""
        answer = self.ask("POST", path, body or {})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def scene(self):
        """The ids of one object of each kind that the Assistants API has."""
        self.world.offline.script.code(CODE, then="Done.")
        tools = [{"type": "code_interpreter"}]
        assistant = self.made("/assistants", {"model": "gpt-4o", "tools": tools})
        said = {"messages": [{"role": "user", "content": "Write a file."}]}
        thread = self.made("/threads", said)
        run = self.made(f"/threads/{thread}/runs", {"assistant_id": assistant})
        at = f"/threads/{thread}/runs/{run}"
        wait_until(lambda: self.ask("GET", at).json()["status"] == "completed")
        found = self.world.room.wired
        wait_until(lambda: self.files(found, thread))
        return {
            "assistant_id": assistant,
            "thread_id": thread,
            "message_id": self.ask("GET", f"/threads/{thread}/messages").json()["first_id"],
            "run_id": run,
            "step_id": self.ask("GET", f"{at}/steps").json()["first_id"],
            "file_id": self.files(found, thread)[0],
        }

    def files(self, wired, thread):
        """The files that code made on a thread, which are kept."""
        from shim import drive  # noqa: PLC0415
        from shim.storage.database import Statement  # noqa: PLC0415

        sql = "SELECT id FROM files WHERE thread_id = :thread AND status = 'kept'"
        (rows,) = drive.run(wired.database.execute(Statement(sql, {"thread": thread})))
        return [row["id"] for row in rows]

    def seen(self, ids):
        """All that the tenant sees of a scene."""
        thread, run = f"/threads/{ids['thread_id']}", f"/runs/{ids['run_id']}"
        paths = [
            "/assistants",
            thread,
            f"{thread}/messages",
            f"{thread}/runs",
            f"{thread}{run}/steps",
            f"/files/{ids['file_id']}",
            f"/files/{ids['file_id']}/content",
        ]
        return [self.ask("GET", path).text for path in paths]
