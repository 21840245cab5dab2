"""Tasks of partners: what time changes without anybody changing a setting."""

from celery import shared_task
from celery.signals import beat_init
from django.utils import timezone

from partners import mailing, noticing
from partners.compliance import verdicts
from partners.models import Connection
from partners.rollover import advancing
from partners.tls import retesting


@shared_task(acks_late=True, ignore_result=True, time_limit=3600)
def reevaluate() -> None:
    """Judge every connection again: certificates age and deadlines pass. Safe to run twice."""
    verdicts.reevaluate(Connection.objects.all(), timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=300)
def advance_rollovers() -> None:
    """Write down which certificates have taken over, and retire old ones. Safe to run twice."""
    advancing.advance(timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=900)
def send_notices() -> None:
    """Remind of what ends or is due, once for each step. Safe to run twice."""
    now = timezone.now()
    noticing.make_notices(now)
    mailing.mail_notices(now)


@shared_task(acks_late=True, ignore_result=True, time_limit=1800)
def retest_endpoints() -> None:
    """Test the TLS of endpoints that were tested long ago. Safe to run twice."""
    retesting.retest(timezone.now())


@beat_init.connect
def reevaluate_at_once(**_kwargs: object) -> None:
    """Judge by what a new release brings as soon as it has started."""
    reevaluate.delay()


@beat_init.connect
def catch_up_at_once(**_kwargs: object) -> None:
    """Make good what fell due while nothing ran; a start comes more often than the next hour."""
    advance_rollovers.delay()
    send_notices.delay()
