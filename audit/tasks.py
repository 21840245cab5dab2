"""Background work of the audit trail."""

from celery import shared_task

from audit import sealing


@shared_task(acks_late=True, ignore_result=True, time_limit=300)
def seal() -> None:
    """Seal the events that are not sealed yet. Safe to run twice, and by two at once."""
    sealing.seal()
