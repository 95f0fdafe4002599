"""What a scan finds: rules with their cures, findings with their places, and how hard it is.

Data and counting. Knows no file and no way of showing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DIFFICULTIES", "RULES", "Finding", "Report", "Rule"]

DIFFICULTIES = ("nothing to do", "easy", "moderate", "hard")


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding: what shim does with it, how much work it is, and where that is told."""

    name: str
    says: str
    does: str
    cure: str
    difficulty: int
    anchor: str


_ALL = (
    Rule(
        "python-call",
        "A call through a client of openai's.",
        "works by the import",
        "`shim codemod` changes the import of the client",
        1,
        "in-your-code",
    ),
    Rule(
        "module-call",
        "A call through a client that is made outside of what was scanned.",
        "works by the import",
        "change the import where the client is made, or `shim.mount(client)`",
        1,
        "in-your-code",
    ),
    Rule(
        "served-call",
        "A call in a language other than Python.",
        "works by the base URL",
        "point the SDK's base URL at `shim serve`",
        1,
        "the-server",
    ),
    Rule(
        "address",
        "A request to an address of the API.",
        "works by the base URL",
        "replace `https://api.openai.com/v1` by the address of `shim serve`",
        2,
        "the-server",
    ),
    Rule(
        "litellm",
        "A function of LiteLLM's.",
        "works by the import",
        "`shim codemod` changes the import",
        1,
        "code-that-calls-litellms-functions",
    ),
    Rule(
        "library",
        "A library that calls the API by itself.",
        "works by the base URL",
        "point its base URL at `shim serve`",
        2,
        "other-peoples-libraries",
    ),
    Rule(
        "hard-coded-id",
        "The id of an object that was at OpenAI.",
        "needs a look",
        "make the object anew, or import it, and put its id in a setting",
        2,
        "hard-coded-ids",
    ),
    Rule(
        "ended-model",
        "A model that is gone.",
        "needs a setting",
        "name another, or map it with SHIM_MODELS",
        2,
        "models-that-end",
    ),
    Rule(
        "ending-model",
        "A model that will be gone.",
        "works until then",
        "name another in time, or map it with SHIM_MODELS",
        0,
        "models-that-end",
    ),
    Rule(
        "version-1",
        "Something of version 1 of the API, which was refused from 2024-12-18 on.",
        "needs a look",
        "write it as version 2 had it",
        3,
        "version-1-of-the-api",
    ),
    Rule(
        "unread",
        "A file that could not be read in full.",
        "needs a look",
        "look at it by hand",
        3,
        "files-that-are-not-read",
    ),
    Rule("on-shim", "A call through a client of shim's.", "done", "", 0, "in-your-code"),
    Rule(
        "native-call", "A call of native Responses or Conversations.", "done", "", 0, "in-your-code"
    ),
)
RULES = {rule.name: rule for rule in _ALL}


@dataclass(frozen=True, slots=True)
class Finding:
    """A place in a file that a rule speaks of; `text` is what stands there."""

    rule: str
    file: str
    line: int
    column: int
    text: str
    endpoint: str | None = None
    note: str = ""

    @property
    def cure(self) -> str:
        """What to do: the rule's words, or more exact ones."""
        return self.note or RULES[self.rule].cure

    @property
    def needs_work(self) -> bool:
        """Whether something is to be done before it works."""
        return RULES[self.rule].difficulty > 0

    def as_json(self) -> dict[str, Any]:
        """All of it, with what the rule says."""
        rule = RULES[self.rule]
        return {
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "text": self.text,
            "endpoint": self.endpoint,
            "does": rule.does,
            "cure": self.cure,
            "see": f"MIGRATION.md#{rule.anchor}",
        }


@dataclass(slots=True)
class Report:
    """The findings of a tree, and the features that its files use, with their first places."""

    root: str
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    features: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def without(self, rules: Iterable[str]) -> Report:
        """The same without some rules' findings."""
        left = [each for each in self.findings if each.rule not in set(rules)]
        return Report(self.root, self.files, left, self.features, self.notes)

    @property
    def needs_work(self) -> bool:
        """Whether anything is left to do."""
        return any(each.needs_work for each in self.findings)

    def counts(self) -> Counter[str]:
        """How many findings each rule has."""
        return Counter(each.rule for each in self.findings)

    def difficulty(self, file: str | None = None) -> str:
        """That of the hardest finding, of a file or of all."""
        mine = (f for f in self.findings if file in {None, f.file})
        return DIFFICULTIES[max((RULES[f.rule].difficulty for f in mine), default=0)]

    def as_json(self) -> dict[str, Any]:
        """The whole report."""
        files = sorted({each.file for each in self.findings})
        return {
            "root": self.root,
            "files_read": self.files,
            "difficulty": self.difficulty(),
            "counts": dict(self.counts()),
            "files": {name: self.difficulty(name) for name in files},
            "features": self.features,
            "findings": [each.as_json() for each in self.findings],
            "notes": self.notes,
        }
