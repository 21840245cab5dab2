"""Trust: certificates and how long they last, rollovers, verdicts; settings rather than traffic."""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import Count, F, Value
from django.db.models.functions import Coalesce
from prometheus_client.core import GaugeMetricFamily

from config.metrics.traffic import gauge
from partners.models import (
    CertificateFacts,
    Confirmation,
    Connection,
    Organization,
    RolloverState,
    in_use,
)

_LABELS: Final = ("organization", "partner", "environment", "connection", "role", "fingerprint")
_OURS: Final = {"sign": "signs", "decrypt": "decrypts"}
_THEIRS: Final = {"verify": "verifies", "encrypt": "encrypts", "tls": "tls"}
_DAY: Final = dt.timedelta(days=1)


def figures(now: dt.datetime) -> Iterator[GaugeMetricFamily]:
    """Give all of them."""
    yield gauge(
        "as2_certificate_days_left",
        "Days until the certificate in use ends; below 0 it has ended. Ours have no partner.",
        _certificates(now),
        _LABELS,
    )
    waiting = Confirmation.objects.filter(
        confirmed_at__isnull=True, rollover__state=RolloverState.ACTIVE
    )
    yield gauge(
        "as2_rollovers_unconfirmed",
        "Rollovers that have begun and that some connection was not seen to use yet.",
        [((), waiting.aggregate(count=Count("rollover", distinct=True))["count"])],
    )
    rows = Connection.objects.order_by().annotate(
        judged=Coalesce(F("compliance__verdict"), Value("none"))
    )
    found = rows.values_list("environment", "state", "judged").annotate(Count("pk"))
    yield gauge(
        "as2_connections",
        "Connections, by environment, state and compliance verdict (none: without a profile).",
        [((environment, state, verdict), count) for environment, state, verdict, count in found],
        ("environment", "state", "verdict"),
    )


def _certificates(now: dt.datetime) -> Iterator[tuple[tuple[str, ...], float]]:
    for owner in Organization.objects.order_by("pk").prefetch_related("keys"):
        for role, row in _used(owner.keys.all(), _OURS, now):
            yield (str(owner), "", "", "", role, row.fingerprint[:16]), _days(row, now)
    links = Connection.objects.order_by("pk").select_related("organization", "partner")
    for link in links.prefetch_related("certificates"):
        names = (str(link.organization), str(link.partner), link.environment, str(link))
        for role, row in _used(link.certificates.all(), _THEIRS, now):
            yield (*names, role, row.fingerprint[:16]), _days(row, now)


def _used(
    rows: Iterable[CertificateFacts], roles: dict[str, str], now: dt.datetime
) -> Iterator[tuple[str, CertificateFacts]]:
    """Give the row that is used now for each role, if there is one."""
    for role, column in roles.items():
        for row in in_use([row for row in rows if getattr(row, column)], now)[:1]:
            yield role, row


def _days(row: CertificateFacts, now: dt.datetime) -> float:
    return round((row.not_after - now) / _DAY, 3)
