"""The task that shows that tasks are run."""

from typing import Final

from celery import shared_task
from celery.signals import beat_init

from config.models import Heartbeat

BACKGROUND: Final = "background"


@shared_task(acks_late=True, ignore_result=True, time_limit=30)
def heartbeat() -> None:
    """Write down that beat, broker, worker and database work together. Safe to run twice."""
    Heartbeat.beat(BACKGROUND)


@beat_init.connect
def beat_at_once(**_kwargs: object) -> None:
    """Show soon after a start that background work is done."""
    heartbeat.delay()
