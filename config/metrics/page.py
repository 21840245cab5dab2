"""The page ``/metrics``: for whom, and what stands on it."""

import datetime as dt
import hmac
from collections.abc import Iterator
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from config.insiders import is_listed
from config.metrics import counting, machine, shared, traffic, trust

_SCHEME = "bearer"


class Figures(Collector):
    """Everything that is read at the moment it is asked for."""

    def __init__(self, now: dt.datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read and give it."""
        for source in (traffic.figures, trust.figures, machine.figures):
            yield from source(self._now)

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing ahead: the names would cost all the queries."""
        return []


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all figures; 404 unless metrics are switched on, 401 without the right."""
    if not shared.is_on():
        raise Http404
    if not (_shows_token(request) or is_listed(request)):
        fields = {"WWW-Authenticate": "Bearer"}
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers=fields)
    registry = CollectorRegistry()
    registry.register(Figures(timezone.now()))
    counting.add_to(registry)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


def _shows_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted: str = settings.AS2_METRICS_TOKEN
    return (
        bool(wanted)
        and scheme.lower() == _SCHEME
        and hmac.compare_digest(token.strip().encode(), wanted.encode())
    )
