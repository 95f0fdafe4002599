"""An old program, to be run in a process of its own: does what its words say and says what it sees.

Each line of its output is a JSON text. It never ends by itself after `hold`, so that it can be
killed where it stands.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from shim import OpenAI

KEPT = []
SAYING = threading.Lock()


def say(**what):
    """Tell the test."""
    with SAYING:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def hold():
    """Wait to be killed."""
    while True:
        time.sleep(60)


def create(client, thread_id, assistant_id, **more):
    """Make a run and wait."""
    run = client.beta.threads.runs.create(thread_id=thread_id, assistant_id=assistant_id, **more)
    say(id=run.id, status=run.status)
    hold()


def limited(client, thread_id, assistant_id):
    """Make a run whose input has to be counted first."""
    create(client, thread_id, assistant_id, max_prompt_tokens=256)


def poll(client, thread_id, assistant_id):
    """Make a run, poll it to where it rests, and wait."""
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread_id, assistant_id=assistant_id, poll_interval_ms=20
    )
    say(id=run.id, status=run.status)
    hold()


def stream(client, thread_id, assistant_id):
    """Stream a run, and wait at its end."""
    events = client.beta.threads.runs.create(
        thread_id=thread_id, assistant_id=assistant_id, stream=True
    )
    for event in events:
        say(event=event.event, id=getattr(event.data, "id", None))
    hold()


def submit(client, thread_id, run_id, *call_ids):
    """Submit outputs and wait."""
    outputs = [{"tool_call_id": call_id, "output": "sunny"} for call_id in call_ids]
    run = client.beta.threads.runs.submit_tool_outputs(
        run_id, thread_id=thread_id, tool_outputs=outputs
    )
    say(id=run.id, status=run.status)
    hold()


def contend(client, thread_id, assistant_id, threads):
    """Start a run from several threads, all at the time that is read, and say what each got."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    from openai import APIStatusError  # noqa: PLC0415

    client.beta.threads.retrieve(thread_id)  # so that all is imported when it counts
    say(ready=True)
    start_at = float(sys.stdin.readline())

    def attempt(_):
        time.sleep(max(0.0, start_at - time.time()))
        try:
            run = client.beta.threads.runs.create(thread_id=thread_id, assistant_id=assistant_id)
        except APIStatusError as error:
            return {"status": error.status_code, "message": error.body["message"]}
        return {"status": 200, "id": run.id}

    with ThreadPoolExecutor(int(threads)) as pool:
        for outcome in pool.map(attempt, range(int(threads))):
            say(**outcome)


def load(client, assistant_id, name, rounds):
    """Talk in four threads at once, and say what was acknowledged, call by call."""
    talkers = [
        threading.Thread(target=talk, args=(client, assistant_id, f"{name}{number}", int(rounds)))
        for number in range(4)
    ]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()


def talk(client, assistant_id, name, rounds):
    """Say something, run, polled or streamed in turn, and say it again with other words."""
    thread = client.beta.threads.create()
    say(thread=thread.id)
    for number in range(rounds):
        text = f"Echo {name} {number}"
        message = client.beta.threads.messages.create(thread.id, role="user", content=text)
        say(thread=thread.id, message=message.id, text=text)
        ids = {"thread_id": thread.id, "assistant_id": assistant_id}
        if number % 2:
            run = client.beta.threads.runs.create_and_poll(**ids, poll_interval_ms=20)
        else:
            with client.beta.threads.runs.stream(**ids) as stream:
                run = stream.get_final_run()
        say(thread=thread.id, run=run.id, status=run.status)


def remember(client):
    """Make an assistant at the time that is read, in a database that may not be there yet."""
    assert client.beta.assistants
    say(ready=True)
    time.sleep(max(0.0, float(sys.stdin.readline()) - time.time()))
    say(id=client.beta.assistants.create(model="gpt-4o").id)


def leave(client, thread_id, assistant_id):
    """Make a run and come to the end of the program."""
    run = client.beta.threads.runs.create(thread_id=thread_id, assistant_id=assistant_id)
    say(id=run.id)


def leave_stream(client, thread_id, assistant_id):
    """Come to the end of the program in the middle of a stream that is neither read nor closed."""
    events = client.beta.threads.runs.create(
        thread_id=thread_id, assistant_id=assistant_id, stream=True
    )
    for event in events:
        if event.event == "thread.message.delta":
            break
    (run,) = client.beta.threads.runs.list(thread_id)
    say(id=run.id)
    KEPT.append(events)


def fork(client, assistant_id):
    """Talk before a fork, then in both processes at once, with the one client."""
    converse(client, assistant_id, "before")
    child = os.fork()
    name = "parent" if child else "child"
    for number in range(4):
        converse(client, assistant_id, f"{name} {number}")
    if child == 0:
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)


def converse(client, assistant_id, word):
    """Run a thread of its own, and say what came of it."""
    thread = client.beta.threads.create(messages=[{"role": "user", "content": f"Echo {word}"}])
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant_id, poll_interval_ms=20
    )
    assert run.status == "completed", run.last_error
    (answer, _) = client.beta.threads.messages.list(thread.id)
    say(word=word, status=run.status, text=answer.content[0].text.value)


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    with OpenAI(api_key="sk-test", base_url=os.environ["UPSTREAM"], max_retries=0) as client:
        globals()[verb](client, *words)
