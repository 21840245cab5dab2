"""Machine: whether programs live, and whether there is room."""

import datetime as dt
import time
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from config import pulse
from config.metrics.traffic import gauge
from config.models import Heartbeat
from config.tasks import BACKGROUND
from messages.store import get_store


def figures(now: dt.datetime) -> Iterator[GaugeMetricFamily]:
    """Give all of them."""
    yield gauge(
        "as2_store_free_bytes",
        "Bytes that may still be written to the store.",
        [((), get_store().free_bytes())],
    )
    yield gauge(
        "as2_pulse_age_seconds",
        "Seconds since the loop of a program on this machine went round.",
        _pulses(),
        ("program",),
    )
    last = Heartbeat.objects.filter(name=BACKGROUND).values_list("at", flat=True).first()
    yield gauge(
        "as2_background_age_seconds",
        "Seconds since scheduler, broker, a worker and the database worked together.",
        [((), (now - last).total_seconds())] if last else [],
    )


def _pulses() -> Iterator[tuple[tuple[str, ...], float]]:
    for program in ("worker", "beat"):
        try:
            touched = pulse.path_of(program).stat().st_mtime
        except FileNotFoundError:  # it runs on another machine
            continue
        yield (program,), time.time() - touched
