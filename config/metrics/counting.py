"""Counting: how many requests to the AS2 URL were answered, with which status, and how fast."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

from config.metrics import shared
from messages.endpoint import PATHS

Environ = dict[str, Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# When a counter began nobody asks, and several processes together do not tell it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types

#: of this process
_OWN: Final = CollectorRegistry()
_REQUESTS: Final = Counter(
    "as2_requests",
    "Requests to the AS2 URL, by the status they were answered.",
    ["status"],
    registry=_OWN,
)
#: From a small message to one of some hundred megabytes.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_SECONDS: Final = Histogram(
    "as2_request_seconds",
    "Seconds from the head of a request to the AS2 URL to its answer.",
    buckets=_BUCKETS,
    registry=_OWN,
)


class Counted:
    """A WSGI application that counts what another one answers to partners."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, and count; everything but the AS2 URL is passed on."""
        if environ.get("PATH_INFO") not in PATHS:
            return self._application(environ, start_response)
        begun = time.perf_counter()

        def start(status: str, *rest: Any) -> Any:
            _SECONDS.observe(time.perf_counter() - begun)
            _REQUESTS.labels(status[:3]).inc()
            return start_response(status, *rest)

        return self._application(environ, start)


def add_to(registry: CollectorRegistry) -> None:
    """Let a registry tell what was counted, by all web processes if there are several."""
    if shared.is_prepared():
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return
    for metric in (_REQUESTS, _SECONDS):
        registry.register(metric)
