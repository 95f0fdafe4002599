"""Whatever programs do and however the upstream fails: in the end the two are equal."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from places import WEATHER, Place

PATHS = ("/conversations", "/conversations/conv_")
LOCKED = ("conversation_locked", "Another process is operating.", "invalid_request_error")

FAULTS = st.one_of(
    st.builds(
        dict,
        status=st.sampled_from([500, 502, 503, 504, 408, 409]),
        before=st.booleans(),
    ),
    st.builds(dict, status=st.sampled_from([401, 403, 429])),
    st.just({"status": 400, "error": LOCKED}),
    st.builds(dict, kind=st.sampled_from(["timeout", "drop", "hang"]), before=st.booleans()),
    st.just({"kind": "refuse"}),
)


class Program(RuleBasedStateMachine):
    """A program at work on one thread, before an upstream that fails now and then."""

    @initialize(colour=st.sampled_from(["sync", "async"]), messages=st.integers(0, 45))
    def begin(self, colour, messages):
        """Make a thread."""
        self.folder = tempfile.mkdtemp()
        self.place = Place(colour, Path(self.folder) / "shim.db", timeout=0.05)
        self.thread = self.place.thread(*(f"Message {number}" for number in range(messages)))
        self.run = None
        self.said = 0

    @property
    def is_idle(self):
        """Whether no run of the thread is active."""
        return self.run is None

    @precondition(lambda self: self.is_idle)
    @rule(role=st.sampled_from(["user", "assistant"]), text=st.sampled_from(["Hi", "Same", "Ähm"]))
    def say(self, role, text):
        """Add a message; many are alike, so that none is told from another by its text."""
        self.place.say(self.thread, text, role=role)

    @rule(number=st.integers(0, 30))
    def delete(self, number):
        """Delete one of the newest messages."""
        messages = self.place.client.beta.threads.messages
        found = self.place.get(messages.list(self.thread)).data
        if found:
            self.place.delete(self.thread, found[number % len(found)].id)

    @precondition(lambda self: self.is_idle)
    @rule(calls=st.integers(0, 12))
    def call(self, calls):
        """A run that stops for calls, or speaks at once."""
        self.place.say(self.thread, "Go.")
        script = self.place.offline.script
        if calls:
            script.calls([("get_weather", {"city": str(n)}, None) for n in range(calls)])
        else:
            script.say("Done.")
        run = self.place.run(self.thread, WEATHER)
        self.run = run if calls else None

    @precondition(lambda self: not self.is_idle)
    @rule(again=st.booleans())
    def answer(self, again):
        """Answer the open calls; the run speaks, or calls once more."""
        script = self.place.offline.script
        _ = script.call("get_weather", {}) if again else script.say("Sunny.")
        run = self.place.answer(self.run)
        self.run = run if again else None

    @precondition(lambda self: not self.is_idle)
    @rule()
    def cancel(self):
        """Cancel the run that waits."""
        runs = self.place.client.beta.threads.runs
        self.place.get(runs.cancel(self.run.id, thread_id=self.thread))
        self.run = None

    @precondition(lambda self: self.is_idle)
    @rule(how=st.sampled_from(["incomplete", "failed"]))
    def end_badly(self, how):
        """A run that does not complete."""
        self.place.say(self.thread, "Go.")
        script = self.place.offline.script
        if how == "incomplete":
            script.incomplete("Once upon")
        else:
            script.fail("server_error", "Broken.", partial="I was")
        self.place.run(self.thread)

    @rule(fault=FAULTS, path=st.sampled_from(PATHS), times=st.sampled_from([1, 1, 2, 20]))
    def fail(self, fault, path, times):
        """Let some of the next requests to the Conversations API fail."""
        self.place.offline.faults.add(path, times=times, **fault)

    @rule()
    def lose(self):
        """The conversation is deleted behind our back."""
        self.place.conversations().clear()

    @rule()
    def rest(self):
        """Let what goes on in the background come to its end."""
        self.place.settle()

    @rule()
    def recover(self):
        """The upstream works again; the thread's next call makes both equal."""
        self.place.offline.faults.clear()
        if not self.is_idle:
            self.cancel()
        self.place.settle()
        self.place.say(self.thread, "Are you there?")
        self.place.settle()
        assert self.place.waiting(self.thread) == []
        assert self.place.differences(self.thread) == []

    def teardown(self):
        """In the end, all is recovered from; then the thread is deleted, with all it left."""
        if not hasattr(self, "place"):
            return
        try:
            self.recover()
            self.place.delete(self.thread)
            self.place.settle()
            # one whose making was not answered cannot be found again, and is empty
            assert [c.items for c in self.place.conversations().values() if c.items] == []
            assert self.place.waiting(self.thread) == []
        finally:
            self.place.close()
            shutil.rmtree(self.folder)


TestProgram = Program.TestCase
TestProgram.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # what goes on in the background does not happen the same way twice
)
