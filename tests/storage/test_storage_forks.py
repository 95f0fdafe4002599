"""The gate before a fork: who waits for whom."""

from __future__ import annotations

import threading
import time

from shim.storage.forks import Gate


def test_a_fork_waits_until_all_are_out_and_lets_nobody_in():
    """Those who come while a fork waits go in after it, or it might wait for ever."""
    gate, seen = Gate(), []
    inside, leave = threading.Event(), threading.Event()

    def worker():
        with gate:
            inside.set()
            leave.wait(10)
            seen.append("out")

    def forker():
        gate.close()
        seen.append("fork")
        gate.open()

    def newcomer():
        with gate:
            seen.append("in")

    threads = [threading.Thread(target=each) for each in (worker, forker, newcomer)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    while not gate._closing:
        time.sleep(0.001)
    threads[2].start()
    threads[2].join(0.05)
    waiting = list(seen)
    leave.set()
    for thread in threads:
        thread.join(10)

    assert waiting == []
    assert seen == ["out", "fork", "in"]


def test_two_forks_at_once_are_one_after_the_other():
    """Each opens the gate again; it is open when both are done."""
    gate = Gate()

    def forker():
        gate.close()
        gate.open()

    with gate:
        threads = [threading.Thread(target=forker) for _ in range(2)]
        for thread in threads:
            thread.start()
        while gate._closing < 2:
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)

    with gate:
        assert gate._inside == 1


def test_a_child_finds_the_gate_open():
    """In a new process nobody is inside, and what the fork held is free."""
    gate = Gate()
    gate.close()

    gate.open_in_child()

    with gate:
        assert gate._inside == 1


def test_a_fork_in_a_signal_handler_does_not_wait_for_itself(monkeypatch):
    """A handler may run in the middle of its own thread's work; it goes ahead after a while."""
    monkeypatch.setattr("shim.storage.forks._PATIENCE", 0.01)
    gate = Gate()

    with gate:
        gate.close()
        gate.open()

    assert gate._inside == 0
