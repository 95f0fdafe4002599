"""When OpenAI's models end: one table, with the day on which it was checked, and against what.

Dates from 2026-10-23 on are those of OpenAI's page on deprecations and of `shutdown_date` in its
list of models; for the older ones, copies of the page were read (of June 2024, November 2025, May
and September 2026). Knows nothing of Azure's own dates: there, a program names deployments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

__all__ = ["CHECKED", "MODEL_NAME", "SOURCE", "Ending", "ending"]

CHECKED = date(2026, 11, 26)
SOURCE = "https://developers.openai.com/api/docs/deprecations"

MODEL_NAME = re.compile(
    r"(?:ft:)?(?:openai/|azure/)?"
    r"(?:gpt-(?:3\.5|4|4o|4\.1|4\.5|5|5\.\d+|6|6\.\d+)(?:-[a-z0-9.]+)*|o[134](?:-[a-z0-9]+)*"
    r"|chatgpt-4o-latest)(?::[\w:-]*)?"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The day on which a model ends, or ended, and what OpenAI names in its place."""

    model: str
    day: date
    instead: str

    def is_past(self, today: date) -> bool:
        """Whether requests with the model fail by now."""
        return self.day <= today


_TABLE = {
    "2024-09-13": ("gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-16k-0613", ""),
    "2024-12-06": ("gpt-4-vision-preview gpt-4-1106-vision-preview", ""),
    "2025-06-06": ("gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613", ""),
    "2025-07-14": ("gpt-4.5-preview gpt-4.5-preview-2025-02-27", ""),
    "2025-07-28": ("o1-preview o1-preview-2024-09-12", ""),
    "2025-10-27": ("o1-mini o1-mini-2024-09-12", ""),
    "2026-02-17": ("chatgpt-4o-latest", ""),
    "2026-03-26": ("gpt-4-0314 gpt-4-0125-preview gpt-4-turbo-preview", ""),
    "2026-09-28": ("gpt-3.5-turbo-1106 gpt-3.5-turbo-instruct", ""),
    "2026-10-23": (
        (
            "gpt-4 gpt-4-0613 gpt-4-1106-preview gpt-4-turbo gpt-4-turbo-2024-04-09 gpt-3.5-turbo "
            "gpt-3.5-turbo-0125 gpt-4o-2024-05-13 gpt-4.1-nano "
            "gpt-4.1-nano-2025-04-14 o1 o1-2024-12-17 o1-pro o1-pro-2025-03-19 o3-mini "
            "o3-mini-2025-01-31 o4-mini o4-mini-2025-04-16"
        ),
        "",
    ),
    "2026-12-11": (
        (
            "gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-mini-2025-08-07 gpt-5-nano "
            "gpt-5-nano-2025-08-07 gpt-5-pro gpt-5-pro-2025-10-06 o3 o3-2025-04-16 o3-pro "
            "o3-pro-2025-06-10"
        ),
        "",
    ),
    "2027-01-14": (
        (
            "gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20 gpt-4o-mini gpt-4o-mini-2024-07-18 gpt-4.1 "
            "gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-mini-2025-04-14"
        ),
        "gpt-6-luna",
    ),
    "2027-04-01": ("gpt-5.1 gpt-5.1-2025-11-13 gpt-5.4-nano", ""),
}
_ENDINGS = {
    model: Ending(model, date.fromisoformat(day), instead)
    for day, (names, instead) in _TABLE.items()
    for model in names.split()
}


def ending(name: str) -> Ending | None:
    """When a model ends; fine-tuned ones end with what they are made of."""
    base = name.removeprefix("ft:").split(":")[0]
    return _ENDINGS.get(base.removeprefix("openai/"))
