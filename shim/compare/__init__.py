"""Side by side: whether two lanes answer alike. Reads cases, runs them, and tells what differs."""

from shim.compare.comparing import compare
from shim.compare.written import write_report

__all__ = ["compare", "write_report"]
