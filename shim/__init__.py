"""Keeps OpenAI Assistants API code running: `from shim import OpenAI`, and the rest as before."""

from __future__ import annotations

__version__ = "0.1.0"
