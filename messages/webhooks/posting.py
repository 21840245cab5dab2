"""Posting: a webhook's event, the same octets under the same id until it is taken or given up.

Safe to run twice. A crash after the POST posts it again, which a receiver knows by ``webhook-id``.
"""

import datetime as dt
import ipaddress
import logging
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Subquery
from django.utils import timezone

from as2gateway.compliance.facts import Trust
from as2gateway.headers import Headers
from as2gateway.tls.trust import parse_authorities
from audit.recording import Subject, record
from audit.tags import Tag
from messages import backoff, failpoints, transport
from messages.dispatch import Wake, wake_event
from messages.models import WebhookEvent, WebhookEventState
from messages.transport import PostOptions, TransportError
from messages.turns import take_turn
from messages.webhooks import signing
from messages.webhooks.noting import CONTENT_TYPE
from partners.encryption import KeyRingError
from partners.event_types import EventType
from partners.models import Webhook
from partners.tls.contexts import ClientPolicy, client_context
from partners.tls.targets import ProbeError, Target, is_public, resolve

logger = logging.getLogger(__name__)

#: Attempts: with these gaps the last one is most of a day after the first.
MOST: Final = 12
_FIRST_GAP: Final = dt.timedelta(minutes=1)
#: How long a webhook is left alone after an attempt that came to nothing: however many events
#: wait, one that does not answer must not keep the workers.
_REST: Final = dt.timedelta(minutes=1)
#: Longer than resolving, connecting and posting may take.
_LEASE: Final = dt.timedelta(minutes=3)
#: Seconds.
_CONNECT, _IDLE, _TOTAL = 5.0, 10.0, 15.0
#: How long what was taken, or given up, is shown.
KEPT: Final = dt.timedelta(days=30)


class _Refused(Exception):
    """It was not taken: why, the status if there was an answer, and its Retry-After."""

    def __init__(
        self, text: str, status: int | None = None, asked: dt.timedelta | None = None
    ) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.asked = asked


def post_due(pk: int) -> None:
    """Try to post an event, then for a moment whatever else is due for its webhook."""
    take_turn(Wake.POST_EVENT, pk, post, _next_due)


def _next_due(pk: int) -> int | None:
    hook = WebhookEvent.objects.filter(pk=pk).order_by().values("webhook")
    due = WebhookEvent.objects.filter(webhook=Subquery(hook), due_at__lte=timezone.now())
    return due.order_by("pk").values_list("pk", flat=True).first()


def post(pk: int) -> None:
    """Try once to post an event that is due, to a webhook that is on; a test in any case."""
    now = timezone.now()
    due = WebhookEvent.objects.filter(pk=pk, state=WebhookEventState.QUEUED, due_at__lte=now)
    row = due.select_related("webhook").first()
    if row is None:
        return
    if row.type != EventType.WEBHOOK_TEST:
        if not row.webhook.active:
            return
        _let_rest(row.webhook, now)
    if not row.claim(now, _LEASE):
        return
    try:
        status = _post(row, now)
    except _Refused as refused:
        _settle_refused(row, refused)
    else:
        failpoints.hit("webhook.posted")
        ended = timezone.now()
        row.settle(
            state=WebhookEventState.TAKEN,
            due_at=None,
            http_status=status,
            failure_text="",
            tried_at=ended,
            finished_at=ended,
        )


def send_again(row: WebhookEvent, actor: str) -> bool:
    """Post an event anew that was given up, under the same id; False if it was not."""
    with transaction.atomic():
        failed = WebhookEvent.objects.filter(pk=row.pk, state=WebhookEventState.FAILED)
        changes: dict[str, Any] = {
            "state": WebhookEventState.QUEUED,
            "due_at": timezone.now(),
            "forgiven_attempts": row.attempts,
            "finished_at": None,
        }
        if failed.update(**changes) == 0:
            return False
        record(Tag.WEBHOOK_EVENT_RESENT, Subject.of(row), "Sent again.", actor=actor)
        wake_event(row.pk)
    return True


def forget(now: dt.datetime) -> int:
    """Forget what ended long ago; how many."""
    return WebhookEvent.objects.filter(finished_at__lt=now - KEPT).delete()[0]


def _let_rest(hook: Webhook, now: dt.datetime) -> None:
    """Let all that is due wait while its webhook rests from an attempt that came to nothing.

    Not what was tried last, and is sent again by hand, nor a test.
    """
    # What is dated ahead was dated by a clock that is set right now.
    tried = WebhookEvent.objects.filter(webhook=hook, tried_at__gt=now - _REST, tried_at__lte=now)
    last = tried.order_by("-tried_at").first()
    if last is None or last.tried_at is None or not last.failure_text:
        return
    others = WebhookEvent.objects.filter(webhook=hook, due_at__lte=now).exclude(pk=last.pk)
    with transaction.atomic():
        # One worker after the other: two that change many rows could wait for each other.
        Webhook.objects.select_for_update(no_key=True).get(pk=hook.pk)
        others.exclude(type=EventType.WEBHOOK_TEST).update(due_at=last.tried_at + _REST)


def _post(row: WebhookEvent, now: dt.datetime) -> int:
    """POST it, and return the status of a success. Raises _Refused."""
    webhook, body = row.webhook, row.body.encode()
    stamp = int(now.timestamp())
    try:
        signature = signing.signature(webhook.secrets(now), row.event_id, stamp, body)
        fields = (
            ("Content-Type", CONTENT_TYPE),
            ("User-Agent", "as2gateway"),
            ("webhook-id", row.event_id),
            ("webhook-timestamp", str(stamp)),
            ("webhook-signature", signature),
        )
        answer = transport.post(webhook.url, Headers(fields), [body], len(body), _options(webhook))
    except TransportError as error:
        raise _Refused(error.text.replace("the partner", "the receiver")) from error
    except (KeyRingError, ProbeError) as error:
        raise _Refused(str(error)) from error
    if answer.succeeded:
        return answer.status
    text = f"The receiver answered {answer.status}."
    if 300 <= answer.status < 400:  # noqa: PLR2004  the class of redirects
        text = f"{text} Redirects are not followed: set the address that it points to as the URL."
    asked = backoff.retry_after(answer.headers.get("Retry-After"), now)
    raise _Refused(text, answer.status, asked)


def _options(webhook: Webhook) -> PostOptions:
    """Say how long it may take, by which addresses and whom to trust. Raises ProbeError."""
    policy = ClientPolicy()
    if webhook.tls_ca.strip():
        policy = ClientPolicy(Trust.CUSTOM_CA, parse_authorities(webhook.tls_ca))
    return PostOptions(
        connect_timeout=_CONNECT,
        idle_timeout=_IDLE,
        total=_TOTAL,
        tls=client_context(policy),
        addresses=_addresses(webhook.url),
    )


def _addresses(url: str) -> tuple[str, ...]:
    """Look up where the URL leads; only those addresses are then connected to.

    Whoever may set a URL could reach by it what only this machine can reach. Raises ProbeError.
    """
    host = urlsplit(url).hostname or ""
    found = resolve(Target(host), allow_private=True)
    allowed = settings.AS2_WEBHOOK_ALLOW_PRIVATE
    public = tuple(each for each in found if allowed or is_public(ipaddress.ip_address(each)))
    if not public:
        raise ProbeError(
            f"{host} is {', '.join(found)}, which is not an address of the public internet. Set "
            "AS2_WEBHOOK_ALLOW_PRIVATE=1 to allow webhooks there."
        )
    return public


def _settle_refused(row: WebhookEvent, refused: _Refused) -> None:
    now = timezone.now()
    changes: dict[str, Any] = {
        "http_status": refused.status,
        "failure_text": refused.text[:1000],
        "tried_at": now,
    }
    most = 1 if row.type == EventType.WEBHOOK_TEST else MOST
    if row.tries < most:
        row.settle(**changes, due_at=now + backoff.gap(_FIRST_GAP, row.tries, refused.asked))
        logger.warning("%s was not taken, it is tried again: %s", row, refused.text)
        return
    with transaction.atomic():
        ended = {"state": WebhookEventState.FAILED, "due_at": None, "finished_at": now}
        if row.settle(**changes, **ended):
            text = f"{row.type} was given up after {row.tries} attempts: {refused.text}"
            record(Tag.WEBHOOK_EVENT_FAILED, Subject.of(row), text)
    logger.error("%s was given up: %s", row, refused.text)
