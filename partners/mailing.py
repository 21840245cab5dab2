"""Mailing: notices by mail, each at most once.

A notice is claimed before it is handed to the mail server, and given back only if the server
refused it. A process that dies in between leaves it claimed: one reminder may be lost then, and
the next step's follows; none comes twice.
"""

import datetime as dt
import logging
import smtplib
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage

from partners.models import Notice

log = logging.getLogger(__name__)

#: A mail server that was away for longer is not worth flooding with what is no longer news.
FRESH: Final = dt.timedelta(days=3)
_FAILURES: Final = (OSError, smtplib.SMTPException)


def mail_notices(now: dt.datetime) -> int:
    """Send the notices that wait for it; how many went out."""
    if not settings.AS2_MAIL:
        return 0
    waiting = Notice.objects.filter(
        mailed_at__isnull=True, claimed_at__isnull=True, created_at__gt=now - FRESH
    )
    return sum(_mail(notice, now) for notice in waiting.order_by("pk"))


def _mail(notice: Notice, now: dt.datetime) -> bool:
    row = Notice.objects.filter(pk=notice.pk)
    if not notice.recipients:
        row.update(claimed_at=now, error="Nobody to write to: no address is set.")
        return False
    if row.filter(claimed_at__isnull=True).update(claimed_at=now) == 0:
        return False
    try:
        _message(notice).send()
    except _FAILURES as failure:
        log.warning("The mail server refused notice %s: %s", notice.pk, type(failure).__name__)
        row.update(claimed_at=None, error=f"{type(failure).__name__}: {failure}"[:500])
        return False
    row.update(mailed_at=now, error="")
    return True


def _message(notice: Notice) -> EmailMessage:
    headers = {"Auto-Submitted": "auto-generated"}  # no vacation answers (RFC 3834 §5)
    if notice.urgent:
        headers["Importance"] = "high"
    return EmailMessage(
        subject=" ".join(notice.title.split()),
        body=notice.text,
        to=notice.recipients,
        headers=headers,
    )
