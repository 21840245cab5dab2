"""Made-up audit events."""

import datetime as dt
import itertools
from typing import Any

from django.utils import timezone

from audit.models import AuditEvent, AuditSeal

_numbers = itertools.count(1)


def event(*, age: dt.timedelta = dt.timedelta(), **given: Any) -> AuditEvent:
    """Write an event as if its transaction had been ``age`` ago."""
    number = next(_numbers)
    return AuditEvent.objects.create(
        **{
            "at": timezone.now() - age,
            "tag": "message:outbound:sent",
            "actor": "system",
            "subject_kind": "message",
            "subject_pk": str(number),
            "subject_name": f"<{number}@example.com>",
            "text": "Sent.",
            "data": {"b": 1, "a": [1.5, None]},
            **given,
        }
    )


def sealed_ids() -> list[list[list[int]]]:
    """Return what each seal holds, the first seal first."""
    return [row.ranges for row in AuditSeal.objects.order_by("number")]
