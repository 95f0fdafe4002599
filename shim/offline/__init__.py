"""The embedded upstream: an honest Responses and Conversations server with a rule-driven model.

For the demo without a key, for the project's tests and for users' tests. It enforces the real
service's rules and event order; it knows nothing of the Assistants API.
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
