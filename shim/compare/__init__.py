"""Side by side: whether two lanes answer alike. Reads cases, runs them, and tells what differs."""

from shim.compare.comparing import compare

__all__ = ["compare"]
