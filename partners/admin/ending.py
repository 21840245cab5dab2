"""Ending: lists of certificates narrowed by the days that are left."""

import datetime as dt
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.theme import DropdownFilter
from partners.models import PartnerCertificate

#: The steps of reminders, as far as a list needs them.
STEPS: Final = (1, 7, 14, 30, 60, 90)
ENDED: Final = "ended"


class DaysLeftFilter(DropdownFilter):
    """Certificates that end within some days, or have ended; retired ones are no trouble."""

    title = "days left"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the steps."""
        steps = [(str(days), f"at most {days}") for days in STEPS]
        return [(ENDED, "ended already"), *steps]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        wanted = ends_within(self.value(), timezone.now())
        return queryset if wanted is None else queryset.filter(wanted)


class CertificateDaysFilter(DaysLeftFilter):
    """Connections with a certificate of the partner that ends within some days."""

    title = "days of their certificate"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        wanted = ends_within(self.value(), timezone.now())
        if wanted is None:
            return queryset
        return queryset.filter(
            pk__in=PartnerCertificate.objects.filter(wanted).values("connection")
        )


def ends_within(chosen: str | None, now: dt.datetime) -> Q | None:
    """Say what a choice means; None for no choice, and for what is none."""
    accepted = Q(retires_at__isnull=True) | Q(retires_at__gt=now)
    if chosen == ENDED:
        return accepted & Q(not_after__lte=now)
    if chosen in {str(days) for days in STEPS}:
        limit = now + dt.timedelta(days=int(chosen or 0))
        return accepted & Q(not_after__gt=now, not_after__lte=limit)
    return None
