"""What goes wrong on the way to a server: texts, values, bodies, headers, queries. Data."""

from __future__ import annotations

from typing import Any

__all__ = [
    "BETAS",
    "FULL",
    "LARGE",
    "METHODS",
    "ODD_TEXTS",
    "ODD_VALUES",
    "QUERIES",
    "RAW",
    "TYPES",
]

ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "\x7f\r\n",
    "undefined",
    "null",
    "../../etc/passwd",
    "' OR 1=1 --",
    "{0}%s%n",
    "\u202e\u200b\ufeff",
    "e\u0301\U0001f469\u200d\U0001f680",
    "\U0010ffff",
    "\ud800",
    "x" * 65,
    "x" * 257,
    "\u00fc" * 513,
)
ODD_VALUES = (
    None,
    True,
    False,
    0,
    -1,
    15,
    2**31,
    2**63,
    10**40,
    0.5,
    -0.0,
    1e300,
    "300000 signs",
    "60 deep",
    "5000 items",
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"type": None},
    {"type": "function"},
    {"id": "x", "object": "thread"},
)
LARGE: dict[str, Any] = {"300000 signs": "y" * 300_000, "5000 items": [0] * 5000, "60 deep": "end"}
for _ in range(60):
    LARGE["60 deep"] = [{"a": LARGE["60 deep"]}]

FULL = {f"k{n}": "v" for n in range(17)}

RAW = (
    b"",
    b" \n",
    b"null",
    b'""',
    b"[]",
    b"7",
    b'"text"',
    b"{",
    b'{"model": "m",}',
    b"{'model': 'm'}",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b'{"temperature": NaN}',
    b'{"temperature": 1e999}',
    b'{"metadata": {"a": "\\ud800"}}',
    b'{"metadata": {}, "metadata": 1}',
    b'{"\\ud83d": 1}',
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b"model=m&name=n",
    b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x--\r\n',
    b'{"max_prompt_tokens": ' + b"9" * 5000 + b"}",
)

BETAS = (
    *["assistants=v2"] * 50,
    "assistants=v2, realtime=v1",
    "assistants=v1",
    "ASSISTANTS=V2",
    "",
)
TYPES = (
    *["application/json"] * 10,
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "\u00fc",
    "",
)
"""Types of content; programs send JSON under all of them, so that they are not looked at."""

METHODS = ("PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "BREW")
ANYTHING = [(text, True) for text in ODD_TEXTS if text != "\ud800"]
BAD_LIMITS = ("0", "101", "-1", "1.0", "1e1", "+5", " 5", "\u0661", "x", "9" * 40, "9" * 5000)

QUERIES = {
    "limit": [("1", True), ("100", True), ("", True), *((text, False) for text in BAD_LIMITS)],
    "order": [("asc", True), ("desc", True), ("", True), ("ASC", False), ("\u202e", False)],
    "after": [("[run]", True), ("[message]", True), ("[assistant]", True), *ANYTHING],
    "before": [("[run]", True), ("[message]", True), ("[bare]", True), ("[step]", True), *ANYTHING],
    "run_id": [("[run]", True), ("[waiting_run]", True), *ANYTHING],
    "include[]": [
        ("step_details.tool_calls[*].file_search.results[*].content", True),
        ("", True),
        ("step_details", False),
        ("\U0001f480", False),
    ],
    "unknown": ANYTHING,
}
"""Values of query parameters, and whether each is right where the parameter is documented."""
