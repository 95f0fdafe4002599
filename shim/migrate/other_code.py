"""Call sites in languages other than Python: found by pattern.

Knows how SDKs of JavaScript, PHP, Ruby, C#, Go, Java and Rust write the API's methods. Comments are
blanked first. Knows no grammar: what is built from parts is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shim.migrate import receivers, vocabulary
from shim.migrate.python_code import Site

__all__ = ["blanked", "calls", "native_calls"]

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
    r"(?<![\w$])(?P<beta>beta\s*(?:\(\))?\s*[?!]?(?:\.|->)\s*)?(?P<chain>(?:"
    r"(?:assistants?|threads|messages|runs|steps|files|run_?steps|thread_?(?:messages|runs|run_?steps))"
    r"(?:\([^()\n]*\))?\s*(?:[?!&]?\.|\??->)\s*)+)"
    r"(?P<method>\w+)\s*[!?]?(?=\s*[(<{]|\s*$|\s+\w+:)",
    re.IGNORECASE | re.MULTILINE,
)
_LINK = re.compile(r"(\w+)(?:\([^()\n]*\))?\s*(?:[?!&]?\.|\??->)")
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
    "CreateThreadAndRunStream": "threads.create_and_run_stream",
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
    "CreateRunStream": "threads.runs.stream",
    "CreateRunStreaming": "threads.runs.stream",
    "CreateThreadRun": "threads.runs.create",
    "GetRuns": "threads.runs.list",
    "ListRuns": "threads.runs.list",
    "GetRun": "threads.runs.retrieve",
    "RetrieveRun": "threads.runs.retrieve",
    "ModifyRun": "threads.runs.update",
    "CancelRun": "threads.runs.cancel",
    "SubmitToolOutputs": "threads.runs.submit_tool_outputs",
    "SubmitToolOutputsStream": "threads.runs.submit_tool_outputs_stream",
    "SubmitToolOutputsToRun": "threads.runs.submit_tool_outputs",
    "SubmitToolOutputsToRunStreaming": "threads.runs.submit_tool_outputs_stream",
    "GetRunSteps": "threads.runs.steps.list",
    "ListRunSteps": "threads.runs.steps.list",
    "GetRunStep": "threads.runs.steps.retrieve",
    "RetrieveRunStep": "threads.runs.steps.retrieve",
    "AttachFile": "assistants.files.create",
    "CreateAssistantFile": "assistants.files.create",
    "ListAssistantFiles": "assistants.files.list",
    "RetrieveAssistantFile": "assistants.files.retrieve",
    "DeleteAssistantFile": "assistants.files.delete",
    "ListMessageFiles": "threads.messages.files.list",
    "RetrieveMessageFile": "threads.messages.files.retrieve",
}
"""Verbs of OpenAI's and Azure's .NET, go-openai, and theokanning's and Azure's Java."""
_VERB = re.compile(r"(?:\.|\?\.)\s*(\w+)\s*\(")
_VERB_SDKS = re.compile(
    r"OpenAI\.(?:Assistants|Threads)|Azure\.AI\.OpenAI|AssistantClient|AssistantsClient|go-openai"
    r"|theokanning|azure\.ai\.openai\.assistants|rcaneppele|openai_dive|Azure\.AI\.Agents"
)
_WITHOUT_ARGUMENTS = frozenset({"threads.create", "assistants.list"})
_EMPTY = re.compile(r"\s*\)")
"""A getter of the program's own has the name of a verb, and no argument."""
_OBJECT_SDK = re.compile(r"\busing\s+OpenAI\.(?:Assistants|Threads)\s*;")
_OBJECTS = {
    ("assistant", "Delete"): "assistants.delete",
    ("assistant", "CreateThreadAndRun"): "threads.create_and_run",
    ("assistant", "DeleteFile"): "assistants.files.delete",
    ("thread", "CreateMessage"): "threads.messages.create",
    ("thread", "CreateRun"): "threads.runs.create",
    ("thread", "ListMessages"): "threads.messages.list",
    ("thread", "ListRuns"): "threads.runs.list",
    ("thread", "Modify"): "threads.update",
    ("thread", "Delete"): "threads.delete",
    ("run", "WaitForStatusChange"): "threads.runs.poll",
    ("run", "SubmitToolOutputs"): "threads.runs.submit_tool_outputs",
    ("run", "Cancel"): "threads.runs.cancel",
    ("run", "ListMessages"): "threads.messages.list",
    ("run", "ListRunSteps"): "threads.runs.steps.list",
}
"""OpenAI-DotNet's objects ask by themselves."""
_BETALGO = re.compile(r"\.Beta\.(Assistants|Threads|Messages|Runs|RunSteps)\.(\w+)\s*\(")


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
    yield from _chained(code, suffix)
    yield from _aliased(code)
    if _VERB_SDKS.search(code):
        yield from _verbs(code, suffix)
    for match in _BETALGO.finditer(code):
        name = re.sub(r"^(Assistant|Thread|Message|RunStep|Run)", "", match[2])
        resource = {
            "Assistants": "assistants",
            "Threads": "threads",
            "RunSteps": "threads.runs.steps",
        }.get(match[1], f"threads.{match[1].lower()}")
        if (method := f"{resource}.{vocabulary.snake(name)}") in vocabulary.METHODS:
            yield _site(code, match.start(1), method)


def _chained(code: str, suffix: str) -> Iterator[Site]:
    """Calls that name their resource: `client.beta.threads.create`, `$client->threads()->list`."""
    speaks = bool(re.search(r"openai", code, re.IGNORECASE))
    if not speaks and "thread_id:" not in code:
        return
    for match in _CHAIN.finditer(code):
        is_known = _RUBY.match(code, match.end()) is not None
        if not is_known and not (speaks and _is_asked_of_a_client(code, match, suffix)):
            continue
        names = [vocabulary.snake(n) for n in _LINK.findall(match["chain"])]
        method = _method(names, vocabulary.snake(match["method"]))
        if method and not _is_in_string(code, match.start()):
            yield _site(code, match.start("chain"), method)


def _is_asked_of_a_client(code: str, match: re.Match[str], suffix: str) -> bool:
    if match["beta"]:
        return True
    if suffix in _ALWAYS_BETA:
        return False
    return receivers.is_client(code, receivers.receiver(code, match.start()), suffix)


def _aliased(code: str) -> Iterator[Site]:
    """Calls of a name that stands for a resource: `threads = openai.beta.threads`."""
    known = receivers.aliases(code)
    if not known:
        return
    names = "|".join(re.escape(each) for each in known)
    pattern = (
        rf"(?<![\w$.#])(?:this\s*\.\s*)?(?P<name>{names})"
        r"(?P<rest>(?:\s*[?!]?\.\s*\w+(?:\(\))?)+)(?=\s*[(<])"
    )
    for match in re.finditer(pattern, code):
        *rest, last = re.findall(r"\w+", match["rest"])
        parts = [*known[match["name"]], *(vocabulary.snake(each) for each in rest)]
        method = f"{'.'.join(parts)}.{vocabulary.snake(last)}"
        if method in vocabulary.METHODS and not _is_in_string(code, match.start()):
            yield _site(code, match.start("name"), method)


def _verbs(code: str, suffix: str) -> Iterator[Site]:
    """Calls that name their resource in the method: `client.CreateThreadAsync`."""
    for match in _VERB.finditer(code):
        name = match[1].removesuffix("Async")
        asked = receivers.receiver(code, match.start(1))
        method = _VERBS.get(name[:1].upper() + name[1:])
        if method is None or not receivers.is_client(code, asked, suffix):
            method = _OBJECTS.get((_kind(asked), name)) if _OBJECT_SDK.search(code) else None
        elif method not in _WITHOUT_ARGUMENTS and _EMPTY.match(code, match.end()):
            continue
        if method is not None:
            yield _site(code, match.start(1), method)


def _kind(name: str) -> str:
    """What an object is, by its name: `threadResponse` is a thread."""
    found = re.search(r"(?i)(assistant|thread|run|message)(?:response)?$", name)
    return found[1].lower() if found else ""


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
