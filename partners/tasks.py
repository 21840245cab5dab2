"""Tasks of partners: what time changes without anybody changing a setting."""

from celery import shared_task
from celery.signals import beat_init
from django.utils import timezone

from partners.compliance import verdicts
from partners.models import Connection


@shared_task(acks_late=True, ignore_result=True, time_limit=3600)
def reevaluate() -> None:
    """Judge every connection again: certificates age and deadlines pass. Safe to run twice."""
    verdicts.reevaluate(Connection.objects.all(), timezone.now())


@beat_init.connect
def reevaluate_at_once(**_kwargs: object) -> None:
    """Judge by what a new release brings as soon as it has started."""
    reevaluate.delay()
