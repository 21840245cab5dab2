"""Tasks: what workers do when they are woken. Each takes a primary key and is safe to run twice.

All memory is in the rows (DESIGN §5): a task that was lost is made good by ``sweep``, one that runs
twice finds nothing to claim. Hence no Celery retries, chains or ETAs.
"""

from celery import shared_task
from django.conf import settings

from messages import answering, delivering, outbox, receiving, sending, sweeping

#: Beyond the lease nobody is waiting for the task any more.
_TIME_LIMIT = settings.AS2_SEND_LEASE + 60


@shared_task(acks_late=True, ignore_result=True, time_limit=_TIME_LIMIT)
def send(message_pk: int) -> None:
    """Try once to send a message that is due."""
    sending.send(message_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=_TIME_LIMIT)
def post_mdn(mdn_pk: int) -> None:
    """Try once to post an async MDN that is due."""
    answering.post_mdn(mdn_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=_TIME_LIMIT)
def deliver(delivery_pk: int) -> None:
    """Try once to hand over a payload that is due."""
    delivering.deliver(delivery_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=_TIME_LIMIT)
def process(message_pk: int) -> None:
    """Read and judge a stored request whose sender awaits an async MDN."""
    receiving.process(message_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=_TIME_LIMIT)
def sweep() -> None:
    """Wake workers for whatever is due. Two beats at once are harmless."""
    sweeping.sweep()


@shared_task(acks_late=True, ignore_result=True, time_limit=_TIME_LIMIT)
def scan_outboxes() -> None:
    """Take over the files that stand in the outbox folders."""
    outbox.scan()
