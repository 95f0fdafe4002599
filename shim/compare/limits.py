"""What counts as a difference, and as how much of one. Numbers only, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from shim.errors import SettingsError

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds.

    `latency_ratio` and `latency_seconds`: an answer is slower, or faster, beyond both: networks
    vary, and nobody notices a tenth of a second. The same two hold for the first token.
    `length_ratio`: a text is longer, or shorter. `usage_ratio` and `usage_tokens`: a turn took more
    tokens beyond both. `similarity`: texts are alike from this share of common words on, in order.
    `language_letters`: shorter texts have no language that could be told.
    `regressed_share`: from this share of regressed turns on the verdict is `different`.
    `few`: with fewer turns the verdict says how little it shows.
    """

    latency_ratio: float = 1.5
    latency_seconds: float = 0.5
    length_ratio: float = 2.0
    usage_ratio: float = 1.5
    usage_tokens: int = 100
    similarity: float = 0.6
    language_letters: int = 40
    regressed_share: float = 0.05
    few: int = 20

    def set(self, text: str) -> Limits:
        """The limits with one of them as `NAME=NUMBER` says; raises SettingsError."""
        name, _, value = text.partition("=")
        known = {each.name: type(getattr(self, each.name)) for each in fields(self)}
        try:
            return replace(self, **{name.strip(): known[name.strip()](value)})
        except (KeyError, ValueError):
            names = ", ".join(known)
            raise SettingsError(f"--limit {text}: write NAME=NUMBER, NAME one of {names}") from None
