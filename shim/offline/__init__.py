"""The embedded upstream: an honest Responses and Conversations server with a rule-driven model.

For the demo without a key, for the project's tests and for users' tests. It enforces the real
service's rules and event order; it knows nothing of the Assistants API.

It has files, vector stores and containers as well. `file_search` finds passages by their words;
`code_interpreter` runs Python in a process of its own, under limits that keep accidents apart but
are no wall against code that means harm. Both work inside a response, unasked (a question is
searched for, Python in a fence is run, tables are added up and drawn) or by script:

>>> offline.script.search("opening hours", then="We open at nine[[1]].")
>>> offline.script.code("open('/mnt/data/a.csv', 'w').write('1')")  # the model goes on from there
>>> offline.script.mixed([Search("whales"), Code("1 + 1"), Say("So[[1]]."), Call("f")])

`[[1]]` cites the first passage found, `sandbox:/mnt/data/a.csv` in a text the file. Time passes by
`offline.clock.advance(seconds)`: files, stores and containers expire. A cell runs while its request
is answered, so other requests wait for it.
"""

from __future__ import annotations

from shim.offline.clock import Clock
from shim.offline.faults import Fault, Faults
from shim.offline.model import RuleModel
from shim.offline.models import MODEL
from shim.offline.outputs import (
    Call,
    Code,
    Failure,
    Incomplete,
    Output,
    Raw,
    Refuse,
    Reply,
    Say,
    Search,
    Think,
)
from shim.offline.script import Script
from shim.offline.served import Served
from shim.offline.service import Model
from shim.offline.upstream import Offline
from shim.offline.view import View
from shim.offline.wire import Entry, Response

__all__ = [
    "MODEL",
    "Call",
    "Clock",
    "Code",
    "Entry",
    "Failure",
    "Fault",
    "Faults",
    "Incomplete",
    "Model",
    "Offline",
    "Output",
    "Raw",
    "Refuse",
    "Reply",
    "Response",
    "RuleModel",
    "Say",
    "Script",
    "Search",
    "Served",
    "Think",
    "View",
]
