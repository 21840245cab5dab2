"""Webhooks for tests, the events that wait for them, and what a receiver makes of a request."""

import base64
import hashlib
import hmac
import json
from typing import Any

from django.utils import timezone

from messages.models import WebhookEvent
from messages.webhooks import posting
from partners.models import Webhook
from tests.messages.servers import Peer

SECRET = bytes(range(32))


def webhook(url: str = "https://hooks.example/as2", **fields: Any) -> Webhook:
    """Make an active webhook that wants everything, unless told otherwise."""
    row = Webhook(**{"name": f"hook {Webhook.objects.count() + 1}", "url": url, **fields})
    row.set_secret(SECRET, timezone.now())
    row.save()
    return row


def types(hook: Webhook) -> list[str]:
    """Types of the events that were made for a webhook, the first one first."""
    return list(hook.sent.order_by("pk").values_list("type", flat=True))


def told(row: WebhookEvent) -> dict[str, Any]:
    """What an event says."""
    found: dict[str, Any] = json.loads(row.body)
    return found


def post_due() -> None:
    """Do what workers do that a sweep has called."""
    for row in WebhookEvent.objects.due(timezone.now()):
        posting.post(row.pk)


def wait_over(row: WebhookEvent) -> None:
    """Let the time pass until the next attempt: of the row, and of its webhook's rest."""
    WebhookEvent.objects.filter(pk=row.pk).update(due_at=timezone.now(), tried_at=None)


def signature_of(peer: Peer, secret: bytes = SECRET) -> str:
    """The signature of the last request, made anew from what came over the wire."""
    content = f"{peer.header('webhook-id')}.{peer.header('webhook-timestamp')}.".encode()
    digest = hmac.new(secret, content + peer.bodies[-1], hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
