"""Call sites in languages other than Python, and addresses in any: found by pattern.

Knows how SDKs of JavaScript, PHP, Ruby, C#, Go, Java and Rust write the API's methods, and what an
address of its looks like. Comments are blanked first. Knows no grammar: what is built from parts is
not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shim.migrate import vocabulary
from shim.migrate.python_code import Site

__all__ = ["addresses", "blanked", "calls", "native_calls"]

_HASH = frozenset(
    [
        ".py",
        ".rb",
        ".rake",
        ".sh",
        ".bash",
        ".zsh",
        ".ps1",
        ".yaml",
        ".yml",
        ".toml",
        ".php",
        ".ex",
        ".exs",
        ".env",
        ".cfg",
    ]
)
_SLASH = frozenset(
    [
        ".js",
        ".jsx",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".mts",
        ".cts",
        ".vue",
        ".svelte",
        ".php",
        ".cs",
        ".fs",
        ".go",
        ".java",
        ".kt",
        ".kts",
        ".scala",
        ".rs",
        ".dart",
        ".swift",
    ]
)
_STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`'
_CHAIN = re.compile(
    r"(?:\bbeta(?:\(\))?\s*\??(?:\.|->))?\s*\b(?P<chain>(?:(?:assistants?|threads|messages|runs|steps|files|run_?steps|thread_?(?:messages|runs|run_?steps))"
    r"(?:\([^()\n]*\))?\s*(?:\?\.|\.|->)\s*)+)(?P<method>\w+)\s*[!?]?(?=\s*[(<{]|\s*$|\s+\w+:)",
    re.IGNORECASE | re.MULTILINE,
)
_ALWAYS_BETA = frozenset(
    {".go", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte", ".py"}
)
"""Where the SDK has these resources below `beta` alone: others are of the program's own."""
_RUBY = re.compile(r"\(\s*thread_id:")
"""What ruby-openai's calls begin with, also in a file where a client is given and not named."""
_PARTS = {
    "run_steps": ("runs", "steps"),
    "thread_messages": ("threads", "messages"),
    "thread_runs": ("threads", "runs"),
    "thread_run_steps": ("threads", "runs", "steps"),
}
"""Resources that SDKs of Ruby and Java have in one word."""
_BETA = re.compile(r"\bbeta\b", re.IGNORECASE)
_ANYTHING = "x" * 8

_VERBS = {
    "CreateAssistant": "assistants.create",
    "GetAssistants": "assistants.list",
    "ListAssistants": "assistants.list",
    "GetAssistant": "assistants.retrieve",
    "RetrieveAssistant": "assistants.retrieve",
    "ModifyAssistant": "assistants.update",
    "UpdateAssistant": "assistants.update",
    "DeleteAssistant": "assistants.delete",
    "CreateThread": "threads.create",
    "GetThread": "threads.retrieve",
    "RetrieveThread": "threads.retrieve",
    "ModifyThread": "threads.update",
    "UpdateThread": "threads.update",
    "DeleteThread": "threads.delete",
    "CreateThreadAndRun": "threads.create_and_run",
    "CreateThreadAndRunStreaming": "threads.create_and_run_stream",
    "CreateMessage": "threads.messages.create",
    "GetMessages": "threads.messages.list",
    "ListMessage": "threads.messages.list",
    "ListMessages": "threads.messages.list",
    "GetMessage": "threads.messages.retrieve",
    "RetrieveMessage": "threads.messages.retrieve",
    "ModifyMessage": "threads.messages.update",
    "DeleteMessage": "threads.messages.delete",
    "CreateRun": "threads.runs.create",
    "CreateRunStreaming": "threads.runs.stream",
    "CreateThreadRun": "threads.runs.create",
    "GetRuns": "threads.runs.list",
    "ListRuns": "threads.runs.list",
    "GetRun": "threads.runs.retrieve",
    "RetrieveRun": "threads.runs.retrieve",
    "ModifyRun": "threads.runs.update",
    "CancelRun": "threads.runs.cancel",
    "SubmitToolOutputs": "threads.runs.submit_tool_outputs",
    "SubmitToolOutputsToRun": "threads.runs.submit_tool_outputs",
    "SubmitToolOutputsToRunStreaming": "threads.runs.submit_tool_outputs_stream",
    "GetRunSteps": "threads.runs.steps.list",
    "ListRunSteps": "threads.runs.steps.list",
    "GetRunStep": "threads.runs.steps.retrieve",
    "RetrieveRunStep": "threads.runs.steps.retrieve",
}
"""Verbs of OpenAI's and Azure's .NET, go-openai, and theokanning's and Azure's Java."""
_VERB = re.compile(r"(?:\.|\?\.)\s*(\w+)\s*\(")
_RECEIVER = re.compile(r"(?i)(?:client|service|api|sdk|assistants|openai|\bc)(?:\(\))?[!?]?\s*$")
"""What such a verb is asked of: not of a class of the program's own with a method of that name."""
_VERB_SDKS = re.compile(
    r"OpenAI\.Assistants|Azure\.AI\.OpenAI|AssistantClient|AssistantsClient|go-openai|theokanning"
    r"|azure\.ai\.openai\.assistants|rcaneppele|openai_dive|Azure\.AI\.Agents"
)
_BETALGO = re.compile(r"\.Beta\.(Assistants|Threads|Messages|Runs|RunSteps)\.(\w+)\s*\(")

_HEADER = re.compile(r"OpenAI-Beta|assistants=v[12]|openai\.azure\.com")
_URL = re.compile(
    r"(?P<host>(?:https?://[\w.{}$-]*openai[\w.-]*(?::\d+)?|/openai(?:/deployments/[^/\s\"'`]+)?)(?:/v1)?)?"
    r"(?P<path>/?(?<![\w.@-])(?:assistants|threads)(?:/(?:[$#]?\{[^{}]*\}|%[sdv]|[\w:.$+<>-])+)*)"
    r"(?P<end>/?(?=[\"'`?\s]|$))"
)
_METHOD = re.compile(
    r"\b(GET|POST|DELETE|get|post|delete|Get|Post|Delete)(?:Async|JsonAsync|AsJsonAsync|Json|Entity)?\b"
)
_PLACEHOLDER = re.compile(r"[$#]?\{[^{}]*\}|%[sdv]|:\w+|\$\w+|<[^<>]*>|x{8}")


def blanked(code: str, suffix: str) -> str:
    """Code without its comments: what stood there is blank, and every place the same."""
    kinds = [_STRING]
    kinds += [r"(?m:(?<![\w$&:/])//[^\n]*)", r"/\*.*?\*/"] if suffix in _SLASH else []
    kinds += [r"(?m:(?:^|(?<=\s))#[^\n]*)"] if suffix in _HASH else []
    if len(kinds) == 1:
        return code
    return re.sub("|".join(kinds), _blank, code, flags=re.DOTALL)


def _blank(found: re.Match[str]) -> str:
    text = found[0]
    return text if text[0] in "\"'`" else re.sub(r"[^\n]", " ", text)


def calls(code: str, suffix: str) -> list[Site]:
    """The calls of SDKs in code without comments, in the language of a file's suffix."""
    found = {site.line * 1000 + site.column: site for site in _found_calls(code, suffix)}
    return [found[key] for key in sorted(found)]


def _found_calls(code: str, suffix: str) -> Iterator[Site]:
    speaks = bool(re.search(r"openai", code, re.IGNORECASE))
    for match in _CHAIN.finditer(code):
        if not speaks and not _RUBY.match(code, match.end()):
            continue
        if suffix in _ALWAYS_BETA and not _BETA.match(match[0].lstrip()):
            continue
        names = [
            vocabulary.snake(n)
            for n in re.findall(r"(\w+)(?:\([^()\n]*\))?\s*(?:\?\.|\.|->)", match["chain"])
        ]
        method = _method(names, vocabulary.snake(match["method"]))
        if method and not _is_in_string(code, match.start()):
            yield _site(code, match.start("chain"), method)
    if _VERB_SDKS.search(code):
        for match in _VERB.finditer(code):
            name = match[1].removesuffix("Async")
            if not _RECEIVER.search(code[max(0, match.start() - 60) : match.start()]):
                continue
            if method := _VERBS.get(name[:1].upper() + name[1:]):
                yield _site(code, match.start(1), method)
    for match in _BETALGO.finditer(code):
        name = re.sub(r"^(Assistant|Thread|Message|RunStep|Run)", "", match[2])
        resource = {
            "Assistants": "assistants",
            "Threads": "threads",
            "RunSteps": "threads.runs.steps",
        }.get(match[1], f"threads.{match[1].lower()}")
        if (method := f"{resource}.{vocabulary.snake(name)}") in vocabulary.METHODS:
            yield _site(code, match.start(1), method)


def _method(names: list[str], method: str) -> str | None:
    """The method that a chain means: Ruby's `client.runs.create` is `threads.runs.create`."""
    names = [part for name in names if name != "beta" for part in _PARTS.get(name, (name,))]
    for resource in (
        ".".join(names),
        f"threads.{'.'.join(names)}",
        f"threads.runs.{'.'.join(names)}",
    ):
        full = f"{resource}.{method}"
        if full in vocabulary.METHODS or full in vocabulary.VERSION_1_METHODS:
            return full
    return None


def _is_in_string(code: str, position: int) -> bool:
    """Whether a place of a line follows an odd number of quotes."""
    before = code[code.rfind("\n", 0, position) + 1 : position]
    return any(before.count(quote) % 2 for quote in '"`')


def addresses(code: str) -> list[Site]:
    """The addresses of the API that code asks by HTTP of its own.

    A path without OpenAI's host counts in a file that sends the API's header or names its host, and
    where a base stands before it in a file that speaks of OpenAI.
    """
    if not re.search(r"openai", code, re.IGNORECASE):
        return []
    code = _joined(code)
    speaks = bool(_HEADER.search(code) or _BASE.search(code))
    found = []
    for match in _URL.finditer(code):
        if match["host"] is None and not _is_request(code, match, speaks=speaks):
            continue
        path = _PLACEHOLDER.sub(_ANYTHING, "/" + match["path"].strip("/"))
        method = _http_method(code, match.start(), match.end())
        if old := _VERSION_1.fullmatch(path):
            found.append(_site(code, match.start(), f"{old[1] or 'threads.messages'}.files.create"))
        elif endpoint := vocabulary.endpoint_of(method, path) or vocabulary.endpoint_of(None, path):
            found.append(_site(code, match.start(), endpoint))
    return found


_BASE = re.compile(r"(?i)(?:base|url|api)\w*\W{1,6}(?:https?://)?api\.openai\.com/v1/?[\"'`]")
_VERSION_1 = re.compile(r"/(?:(assistants)/\w+|threads/\w+/(messages)/\w+)/files(?:/\w+)?")
_JOIN = re.compile(
    r"[\"']\s*(?:\.(?=\s*[$\w]+(?:->|::|\s*\.|;|,|\)))|\+)\s*"
    r"(?:[\w$]|->|::|\.(?=\w)|\(\)|\[[^\]\n]*\])+(?:\s*[.+]\s*[\"']|)"
)


def _joined(code: str) -> str:
    """Strings that are put together of parts as one, with placeholders of the same length."""
    return _JOIN.sub(_placeholder, code)


def _placeholder(found: re.Match[str]) -> str:
    text = found[0]
    if "\n" in text or len(text) < 4:
        return text
    if text[-1] in "\"'":
        return "{" + "x" * (len(text) - 2) + "}"
    return "{" + "x" * (len(text) - 3) + "}" + text[0]


def _is_request(code: str, match: re.Match[str], *, speaks: bool) -> bool:
    """Whether a path without a host is asked of the API: not a route of the program's own."""
    if "/" not in match["path"]:
        return False
    before = code[max(0, match.start() - 80) : match.start()].rpartition("\n")[2]
    if re.search(r"(?i)@\w+\.\w+\(|\b(?:app|router|route)\W{1,2}\w+\(|\bfrom\b|\bimport\b", before):
        return False
    if re.search(r"[\w)\]}]\s*[.+]\s*[\"']$|\}/?$", before):
        return True
    return speaks and bool(re.search(r"[\"'`]/?$", before))


def _http_method(code: str, start: int, end: int) -> str | None:
    """The method beside an address: before it in its call, or among the options after it."""
    before = code[max(0, start - 120) : start].rpartition(";")[2]
    after = code[end : end + 200].partition(";")[0]
    named = re.search(r"(?i)(?:method|CUSTOMREQUEST)[\"']?\s*(?::|=>?|,)\s*[\"']?(\w+)", after)
    if named and named[1].upper() in {"GET", "POST", "DELETE"}:
        return named[1].upper()
    near = _METHOD.findall(before)
    return near[-1].upper() if near else None


def native_calls(code: str) -> list[Site]:
    """Calls of native Responses."""
    if not re.search(r"openai", code, re.IGNORECASE):
        return []
    pattern = r"\b(responses|conversations)(?:\(\))?\s*(?:\.|->)\s*(create|stream|parse|new)\s*\("
    return [
        _site(code, m.start(), f"{m[1]}.{m[2]}".lower())
        for m in re.finditer(pattern, code, re.IGNORECASE)
    ]


def _site(code: str, position: int, method: str) -> Site:
    line = code.count("\n", 0, position) + 1
    return Site(line, position - code.rfind("\n", 0, position), method, "")
