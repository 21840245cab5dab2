"""Tasks: what workers do when they are woken. Each takes a primary key and is safe to run twice.

All memory is in the rows (docs/decisions/0005): a task that was lost is made good by ``sweep``, one
that runs twice finds nothing to claim. Hence no Celery retries, chains or ETAs.
"""

from celery import shared_task
from django.utils import timezone

from messages import (
    delivering,
    outbox,
    processing,
    redelivering,
    refusals,
    retention,
    returning,
    sending,
    silence,
    sweeping,
    unmatched,
)
from messages.admin import digest
from messages.dispatch import Wake, ring
from messages.webhooks import posting

#: Seconds. Leases are renewed while a document is read, copied or sent, so these tasks may take
#: as long as the largest one over a slow line: 16 GiB at 200 kB/s. What hangs is ended earlier, by
#: the time-outs of ``transport``, and what was frozen past its lease writes nothing.
LONG = 24 * 3600
#: Batches that one call hands over at the most.
_ROUNDS = 10
#: Seconds: a sweep holds no lease, and the next one follows at once.
SHORT = 600


@shared_task(acks_late=True, ignore_result=True, time_limit=LONG)
def send(message_pk: int) -> None:
    """Try once to send a message that is due, and then others of its connection."""
    sending.send_due(message_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=LONG)
def post_mdn(mdn_pk: int) -> None:
    """Try once to post an async MDN that is due, and then others of its connection."""
    returning.post_due(mdn_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=LONG)
def deliver(delivery_pk: int) -> None:
    """Hand over payloads that are due, many together; this one is among them."""
    for _ in range(_ROUNDS):
        if not delivering.deliver_due():
            return
    # Whatever else waits for a worker has its turn.
    ring(Wake.DELIVER, delivery_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=LONG)
def process(message_pk: int) -> None:
    """Read and judge a stored request whose sender awaits an async MDN, and others that wait."""
    processing.process_due(message_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def post_event(event_pk: int) -> None:
    """Try once to post an event to its webhook, and then others that are due for it."""
    posting.post_due(event_pk)


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def sweep() -> None:
    """Wake workers for whatever is due. Two beats at once are harmless."""
    sweeping.sweep()


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def purge() -> None:
    """Purge documents, and MDNs that match nothing, that are older than they are to be kept."""
    retention.purge(timezone.now())
    unmatched.purge(timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def match_redeliveries() -> None:
    """Let what has come answer what partners were asked to send again. Safe to run twice."""
    redelivering.match(timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def make_digest() -> None:
    """Write the day's digest once, when its hour has come. Safe to run twice."""
    digest.make(timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def note_silences() -> None:
    """Tell of partners that have fallen silent, once for each silence. Safe to run twice."""
    silence.note_silences(timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=SHORT)
def review_refusals() -> None:
    """Propose to suspend connections whose partner refuses everything. Safe to run twice."""
    refusals.review(timezone.now())


@shared_task(acks_late=True, ignore_result=True, time_limit=LONG)
def scan_outboxes() -> None:
    """Take over the files that stand in the outbox folders."""
    outbox.scan()
