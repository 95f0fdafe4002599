"""Libraries that call the Assistants API for a program: how each is seen, and what to give it.

Data. A library is found where one of its names is imported or used; versions are not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LIBRARIES", "N8N", "Library", "by_import", "by_text"]


@dataclass(frozen=True, slots=True)
class Library:
    """A library: the modules it is imported from, the names that use Assistants, and the cure.

    Without names, importing the module is enough. `text` is how other languages show it.
    """

    name: str
    modules: str
    names: frozenset[str]
    cure: str
    text: re.Pattern[str] | None = None

    def is_imported(self, module: str, name: str | None) -> bool:
        """Whether importing a name of a module brings the library's assistants in."""
        if not re.fullmatch(rf"(?:{self.modules})(?:\..*)?", module):
            return False
        return not self.names or name in self.names


def _library(name: str, modules: str, names: str, cure: str, text: str = "") -> Library:
    pattern = re.compile(text) if text else None
    return Library(name, modules, frozenset(names.split()), cure, pattern)


_SERVER = "point its base URL, or OPENAI_BASE_URL, at `shim serve`"
_CLIENT = "give it a client of shim's (`client=`), or point OPENAI_BASE_URL at `shim serve`"
_OLD = "it speaks version 1 of the API, which no server answers: make its calls anew"

LIBRARIES = (
    _library(
        "LangChain",
        r"langchain|langchain_classic|langchain_community|langchain_experimental",
        "OpenAIAssistantRunnable OpenAIAssistantV2Runnable",
        _CLIENT,
        r"\b(?:new\s+)?(OpenAIAssistantRunnable)\b",
    ),
    _library("LlamaIndex", "llama_index", "OpenAIAssistantAgent", _SERVER),
    _library("AG2", "autogen|ag2", "GPTAssistantAgent", _SERVER),
    _library("AutoGen", "autogen_ext", "OpenAIAssistantAgent", _CLIENT),
    _library(
        "Semantic Kernel",
        "semantic_kernel",
        "OpenAIAssistantAgent AzureAssistantAgent",
        _CLIENT,
        r"\b(OpenAIAssistantAgent)\b",
    ),
    _library("Langroid", "langroid", "OpenAIAssistant OpenAIAssistantConfig", _SERVER),
    _library("Marvin", r"marvin\.beta", "Assistant Thread assistants", _SERVER),
    _library("Agency Swarm before 1.0", "agency_swarm", "", _SERVER),
    _library("phidata", r"phi\.assistant\.openai", "", _OLD),
    _library("Embedchain", "embedchain", "OpenAIAssistant", _OLD),
    _library("Astra Assistants", "astra_assistants", "", "take its `patch()` off, and use shim's"),
    _library("Azure AI Agents", r"azure\.ai\.agents", "", "point its endpoint at `shim serve`"),
    _library(
        "Azure AI Agents (.NET)", "(?!)", "", _SERVER, r"\b(PersistentAgentsClient|AgentsClient)\b"
    ),
    _library(
        "Vercel AI SDK",
        "(?!)",
        "",
        "point the route's OpenAI client (`baseURL`) at `shim serve`",
        r"\b(AssistantResponse|useAssistant|experimental_useAssistant)\b(?=\s*[(,}])",
    ),
    _library(
        "Experts.js",
        "(?!)",
        "",
        _SERVER,
        r"""(?:from|require\()\s*["'](experts|@metaskills/experts)["']""",
    ),
)

_WORDS = ("Assistant", "AgentsClient", "experts")
"""Each pattern of a library's has one of these."""
N8N = _library("n8n", "(?!)", "", "set the base URL of n8n's OpenAI credentials to `shim serve`")
"""Found node by node, by `shim.migrate.workflows`."""


def by_import(module: str, name: str | None) -> Library | None:
    """The library that an import brings in."""
    return next((each for each in LIBRARIES if each.is_imported(module, name)), None)


def by_text(code: str) -> list[tuple[Library, int]]:
    """The libraries that code of another language shows, each with its first place."""
    if not any(word in code for word in _WORDS):
        return []
    found = ((each, each.text.search(code)) for each in LIBRARIES if each.text is not None)
    return [(each, match.start()) for each, match in found if match]
