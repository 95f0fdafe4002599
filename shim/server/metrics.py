"""What the server counts, in the form that Prometheus reads.

Several processes count into files of one folder, which `PROMETHEUS_MULTIPROC_DIR` names from before
they begin; any of them then answers for all. Labels take few values: no id, no key and no path that
a caller makes up is one.
"""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shim.core.records import Run

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_RESOURCES = (
    "audio|batches|chat|completions|containers|conversations|embeddings|evals|files|fine_tuning"
    "|images|models|moderations|responses|uploads|vector_stores|videos"
)
_RESOURCE = re.compile(rf"(?:^|/)({_RESOURCES})(?:/|$)")


class Metrics:
    """The counts of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "shim_requests",
            "Requests answered, by route (`proxy`: passed on to the upstream) and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "shim_request_duration_seconds",
            "Time until the end of the answer; of a stream, until its last event.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._streams = Gauge(
            "shim_streams_active",
            "Event streams on their way to callers.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._runs = Counter(
            "shim_runs_ended",
            "Runs by the status they ended with.",
            ("status",),
            registry=self._registry,
        )
        self._asked = Counter(
            "shim_upstream_requests",
            "Requests to the upstream by its resource and status (or `unreachable`).",
            ("resource", "status"),
            registry=self._registry,
        )
        self._waited = Histogram(
            "shim_upstream_duration_seconds",
            "Time until the upstream's answer began.",
            ("resource",),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def run_ended(self, run: Run) -> None:
        """A run has ended."""
        self._runs.labels(run.status).inc()

    def upstream_asked(self, path: str, status: str, seconds: float) -> None:
        """The upstream has answered, or has not."""
        found = _RESOURCE.search(path)
        resource = found[1] if found else "other"
        self._asked.labels(resource, status).inc()
        self._waited.labels(resource).observe(seconds)

    def stream_began(self) -> None:
        """A stream is on its way."""
        self._streams.inc()

    def stream_ended(self) -> None:
        """A stream has ended, or its reader has left."""
        self._streams.dec()

    def text(self) -> bytes:
        """All counts, of all processes that share theirs."""
        registry = CollectorRegistry()
        try:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        except ValueError:  # no folder is named: this process counts for itself
            registry = self._registry
        return generate_latest(registry)
