"""Wrapped keys: content keys that come again, and what does not decrypt too often (threats R14).

An honest sender draws a content key for each message. Who wants to learn something from how we
answer must send the same one again and again, each time with other octets around it or after it.
So each is remembered before a private key of ours is used on it, whatever comes of the message.
"""

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator

from django import db
from django.db import connection as database

from as2gateway.errors import DecryptionFailed
from audit.durability import synchronous_normal
from audit.models import AuditEvent
from audit.recording import Subject, record
from audit.tags import Tag
from messages.models import Direction, Message, WrappedKey

logger = logging.getLogger(__name__)

#: threats R14
KEPT = dt.timedelta(days=90)
_MANY = 20
_HOUR = dt.timedelta(hours=1)

#: One statement, since it is asked for each encrypted message. Of two at once one waits.
_REMEMBER = """
    INSERT INTO as2_messages_wrappedkey (sha256, wire_sha256, seen_at) VALUES (%s, %s, %s)
    ON CONFLICT (sha256) DO NOTHING
"""
#: The same as a transaction of its own that does not wait for the disk: the one that ends in an
#: answer comes later, waits, and makes both durable. A power cut in between forgets a key of
#: which nobody has learnt anything.
_REMEMBER_SOON = """
    INSERT INTO as2_messages_wrappedkey (sha256, wire_sha256, seen_at)
    SELECT %s, %s, CAST(%s AS timestamptz)
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS of_this_transaction
    ON CONFLICT (sha256) DO NOTHING
"""


class Sightings:
    """Remembers the wrapped keys of one request."""

    def __init__(self, wire_sha256: str, now: dt.datetime) -> None:
        self._wire_sha256 = wire_sha256
        self._now = now
        self._fault: db.Error | None = None

    def seen_elsewhere(self, digest: bytes) -> bool:
        """Whether a wrapped key came before in another request; from now on this one has it.

        The same octets again are a resend, and a second reading is no other request either.
        """
        try:
            if self._remember(digest.hex()):
                return False
            known = WrappedKey.objects.filter(pk=digest.hex()).first()
        except db.Error as fault:
            # An engine answers whatever happens with a verdict on the message; this one is ours.
            self._fault = fault
            return True
        return known is not None and known.wire_sha256 != self._wire_sha256

    def check(self) -> None:
        """Raise the database's fault, if it could not be asked."""
        if self._fault is not None:
            raise self._fault

    def _remember(self, sha256: str) -> bool:
        seen_at = database.ops.adapt_datetimefield_value(self._now)
        with _soon() as statement, database.cursor() as cursor:
            cursor.execute(statement, (sha256, self._wire_sha256, seen_at))
            return bool(cursor.rowcount)


@contextlib.contextmanager
def _soon() -> Iterator[str]:
    """Give the statement to use; if it commits by itself, it does not wait for the disk."""
    if database.in_atomic_block:
        yield _REMEMBER
    elif database.vendor == "postgresql":
        yield _REMEMBER_SOON
    else:
        with synchronous_normal():
            yield _REMEMBER


def forget(now: dt.datetime) -> int:
    """Forget what came long ago; how many."""
    return WrappedKey.objects.filter(seen_at__lt=now - KEPT).delete()[0]


def watch_failures(message: Message, now: dt.datetime) -> None:
    """Raise the alarm, once an hour, if too much of a connection does not decrypt.

    Nothing is turned away for it: anybody can send what does not decrypt under a partner's name,
    and must not be able to shut that partner out.
    """
    since = now - _HOUR
    failures = Message.objects.filter(
        direction=Direction.INBOUND,
        connection=message.connection_id,
        failure_code=DecryptionFailed.modifier,
        finished_at__gt=since,
    )
    count = failures.count()
    subject, tag = Subject.of(message.connection), Tag.CONNECTION_DECRYPTION_FAILING
    told = AuditEvent.objects.filter(tag=tag, subject_pk=subject.pk, at__gt=since)
    if count < _MANY or told.exists():
        return
    text = (
        f"{count} messages under the name of {message.partner_name} could not be decrypted within "
        f"an hour. Ask {message.partner_name} whether they have our certificate and sent them; if "
        "they did not, somebody is trying out our key: look at the addresses they came from."
    )
    record(tag, subject, text)
    logger.error("%s", text)
