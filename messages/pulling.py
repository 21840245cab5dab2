"""Pulling: documents that wait here until the business side fetches and acknowledges them.

At least once: a document is given as often as it is asked for, until it is acknowledged. The
delivery's number is the same each time, and by it a program knows a document that it has already.
"""

from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from audit.recording import Subject, record
from audit.tags import Tag
from messages.delivering import read_document
from messages.models import Delivery, DeliveryState


def read(delivery: Delivery) -> Iterator[bytes]:
    """Read a document for somebody far away. Raises DeliveryHeld, and OSError.

    One piece behind: should the octets have changed in the store, which shows at their end, they
    are never whole at the other end.
    """
    last = b""
    for piece in read_document(delivery):
        if last:
            yield last
        last = piece
    yield last


def acknowledge(delivery: Delivery, actor: str, address: str | None = None) -> bool:
    """Note that the business side has the document; False if it does not wait (any more)."""
    with transaction.atomic():
        waiting = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING)
        if waiting.update(state=DeliveryState.DONE, finished_at=timezone.now()) == 0:
            return False
        text = f"Fetched and acknowledged: {delivery.target}."
        subject = Subject.of(delivery.message)
        record(Tag.DELIVERY_PULL_ACKNOWLEDGED, subject, text, actor=actor, address=address)
    return True
