"""Testing: an event that says nothing, posted at once, to see whether a webhook takes it."""

from django.db import transaction

from audit.recording import Subject, record
from audit.tags import Tag
from messages.models import WebhookEvent
from messages.webhooks import posting
from messages.webhooks.noting import note_test
from partners.models import Webhook


def try_out(webhook: Webhook, actor: str, address: str | None = None) -> WebhookEvent:
    """Post a test event, also to a webhook that is off, and return what became of it."""
    with transaction.atomic():
        row = note_test(webhook)
        record(
            Tag.WEBHOOK_EVENT_TESTED,
            Subject.of(webhook),
            f"A test event was posted to {webhook}.",
            actor=actor,
            address=address,
        )
    posting.post(row.pk)
    row.refresh_from_db()
    return row
