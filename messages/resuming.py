"""Resuming, sending side: how much of a message goes out, when an attempt was cut (AS2 Restart).

Only on connections with ``restart`` on, from AS2_RESTART_MIN_SIZE on. The first attempt names its
transfer; one after a cut asks how much the partner holds, and sends the rest. What the partner does
not understand, or has thrown away, is sent whole.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings

from as2gateway import restart
from as2gateway.headers import Headers
from messages import transport
from messages.models import ErrorClass, Message
from messages.models.attempts import UNREACHABLE
from messages.outcomes import RESTART_BUSY
from messages.transport import Answer, PostOptions, TransportError

logger = logging.getLogger(__name__)

#: Faults after which some of the message may have arrived.
_CUT = (ErrorClass.CUT, ErrorClass.TIMEOUT, ErrorClass.LOST)


class StillBusy(TransportError):
    """The partner cannot say yet how much it holds."""


@dataclass(frozen=True, slots=True)
class NextPart:
    """What of a message goes out: its octets from ``offset`` on, ``length`` of them."""

    headers: Headers
    offset: int
    length: int

    def of(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Cut these octets out of the whole body."""
        skipped = self.offset
        for chunk in chunks:
            if rest := chunk[skipped:]:
                yield rest
            skipped = max(skipped - len(chunk), 0)


def next_part(message: Message, options: PostOptions) -> NextPart:
    """Say what to send of a message now; asks the partner if an earlier attempt was cut.

    Raises StillBusy, and TransportError if the partner cannot be reached.
    """
    if not _is_restartable(message):
        return NextPart(Headers(message.header_fields), 0, message.wire_size or 0)
    if not message.attempt_rows.filter(error_class__in=_CUT).exists():
        return whole(message)
    offset = _ask(message, options)
    if offset:
        text = f"Attempt {message.attempts} went on at byte {offset} of {message.wire_size}."
        message.settle(notes=[*message.notes, text])
        logger.info("%s: %s", message.message_id, text)
    return _part(message, offset)


def whole(message: Message) -> NextPart:
    """All of a message, named as a transfer that can go on if it is cut."""
    return _part(message, 0)


def was_wrong_part(answer: Answer) -> bool:
    """Whether the partner says that a part continues nothing there: all must go (RST-04)."""
    return answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def _is_restartable(message: Message) -> bool:
    size = message.wire_size or 0
    return message.connection.restart and 0 < size >= settings.AS2_RESTART_MIN_SIZE


def _part(message: Message, offset: int) -> NextPart:
    total = message.wire_size or 0
    fields = restart.part_fields(_transfer_id(message), offset, total)
    return NextPart(Headers((*message.header_fields, *fields)), offset, total - offset)


def _transfer_id(message: Message) -> str:
    return restart.new_transfer_id(message.message_id, message.wire_sha256)


def _ask(message: Message, options: PostOptions) -> int:
    question = restart.question(_transfer_id(message), Headers(message.header_fields))
    try:
        answer = transport.head(message.connection.url, question, options)
    except TransportError as error:
        if error.error_class in UNREACHABLE:
            raise
        # A server that does not know HEAD may do anything.
        logger.warning("%s: HEAD was not answered: %s", message.message_id, error.text)
        return 0
    held = answer.headers.get("Content-Length")
    offset = restart.resume_at(answer.status, held, message.wire_size or 0)
    if offset is not None:
        return offset
    if message.failure_code == RESTART_BUSY:
        return 0  # asked before: a server that never settles shall not keep the message here
    text = f"asked how much it holds of what was cut, the partner answered {answer.status}"
    raise StillBusy(ErrorClass.HTTP, text, answer.facts)
