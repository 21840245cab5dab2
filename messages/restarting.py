"""Restarting, receiving side: what came of a message that was cut is kept until the rest comes.

Only for connections with ``restart`` on, from a size on at which it pays (AS2_RESTART_MIN_SIZE),
for so long (AS2_RESTART_KEEP_HOURS) and so much (AS2_RESTART_MAX_HELD). Octets count as held once
they are durable. Nothing is read of a message before all of it is here; then it is received as if
it had come at once.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from django import db
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from as2gateway import restart
from as2gateway.errors import MalformedRequest
from as2gateway.headers import Headers
from as2gateway.request import read_request
from as2gateway.restart import Part, PartialBody, RangeNotSatisfiable
from messages import failpoints, intake
from messages.arrivals import find_receiver
from messages.claims import LeaseLost
from messages.intake import BodyLimits, Environ, Refused
from messages.models import Message, State, Transfer, TransferPiece
from messages.replies import TAKEN, Reply
from messages.store import Kind, Writer, get_store
from partners.models import Connection

logger = logging.getLogger(__name__)

#: Times that one message may be cut; each costs a file and a row.
_MOST_PIECES = 200
#: Bytes a second at which a message is written, read and judged at least; until then it is locked.
_SLOWEST = 4 * 1024 * 1024
#: Seconds for which nobody takes a transfer over after its last octet, and how often the lock on it
#: is renewed while octets come. A process that was killed, or waits for a line that is dead, holds
#: it no longer; its sender has hardly asked again before.
_SILENCE = 8
_HEARTBEAT = 2
#: To HEAD, while another request is busy with the transfer: its sender asks again (RST-06).
_ASK_AGAIN = Reply(HTTPStatus.INTERNAL_SERVER_ERROR)


def read_part(headers: Headers, environ: Environ, connection: Connection | None) -> Part | None:
    """Say which part of a transfer a POST carries; None for an ordinary message. Raises Refused."""
    try:
        if connection is None or not connection.restart:
            restart.check_whole(headers)
            return None
        length = intake.declared_length(environ, BodyLimits.from_settings())
        return restart.read_part(headers, length)
    except PartialBody as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"This is no whole message: {error}.") from error
    except RangeNotSatisfiable as error:
        raise _not_satisfiable(error) from error


def answer_question(environ: Environ) -> Reply:
    """Answer a HEAD: how many octets of a transfer are held (RST-03).

    For whoever asks something else, or has no transfer here, that is none (HTTP-03).
    """
    try:
        headers = intake.read_headers(environ)
        _, connection = find_receiver(read_request(headers))
        row = _find_asked(connection, restart.read_transfer_id(headers))
        octets = _usable(row) if row else 0
    except (MalformedRequest, Refused):
        return TAKEN
    except (OSError, db.Error):
        logger.exception("how much of a transfer is held could not be read")
        return _ASK_AGAIN
    if row is not None and _is_locked(row):
        return _ASK_AGAIN
    return Reply(headers=Headers((("Content-Length", str(octets)),)))


def _find_asked(connection: Connection | None, transfer_id: str) -> Transfer | None:
    if connection is None or not connection.restart or not transfer_id:
        return None
    return _find(connection, transfer_id)


def find_whole(connection: Connection, part: Part) -> str:
    """The digest of a transfer whose every octet is held; empty if it is not the last one again.

    That is how a sender asks for an answer that got lost (RST-05).
    """
    if part.total is None or part.offset != part.total - 1:
        return ""
    row = _find(connection, part.transfer_id)
    return row.sha256 if row is not None and row.total == part.total else ""


@contextmanager
def spooled(
    environ: Environ, limits: BodyLimits, connection: Connection, part: Part
) -> Iterator[Writer]:
    """Read the rest of a message and hand out the whole of it; keep what came if it is cut.

    Raises Refused as ``intake.read_body`` does, and for a part that continues nothing.
    """
    if part.total is not None and part.total > limits.size:
        raise intake.too_large(limits)
    with get_store().writer(Kind.RAW) as piece:
        arriving = _Arriving(connection, part, piece)
        try:
            arriving.read(environ, limits)
            with arriving.whole() as raw:
                yield raw
        except LeaseLost as error:
            logger.warning("%s", error)
            raise _locked() from error
        finally:
            arriving.release()


def conclude(connection: Connection, part: Part, message: Message | None) -> None:
    """Let a transfer's octets be those of the message that was made of it, or forget them."""
    row = _find(connection, part.transfer_id)
    if row is None or not row.sha256:
        return
    # What was put together and is refused may have a wrong part in it: all of it must come again.
    is_doubtful = part.offset > 0 and message is not None and message.state == State.REJECTED
    if message is None or message.wire_sha256 != row.sha256 or not message.raw_key or is_doubtful:
        forget(row)
        return
    if [piece.part_key for piece in row.pieces.all()] != [message.raw_key]:
        _replace_pieces(row, [(message.raw_key, row.total or 0)])


def forget(row: Transfer) -> None:
    """Delete a transfer and the files that are its own."""
    keys = [piece.part_key for piece in row.pieces.all()]
    with transaction.atomic():
        row.pieces.all().delete()
        row.delete()
    _delete_unnamed(row, keys)


def forget_old(now: dt.datetime) -> int:
    """Forget the transfers that nobody went on with; how many."""
    limit = now - dt.timedelta(hours=settings.AS2_RESTART_KEEP_HOURS)
    old = list(Transfer.objects.filter(kept_at__lt=limit, due_at__lte=now))
    for row in old:
        logger.info("transfer %s was not gone on with and is forgotten", row)
        forget(row)
    return len(old)


class _Arriving:
    """The body of one transfer while it comes in, and the row that will tell of it if it is cut."""

    def __init__(self, connection: Connection, part: Part, piece: Writer) -> None:
        self._connection = connection
        self._part = part
        self._piece = piece
        self._base: list[tuple[str, int]] = []
        self._row = _find(connection, part.transfer_id)
        #: a copy of what another request is receiving: it is read, and not held besides
        self._is_copy = False
        self._renewed = time.monotonic()
        if part.offset:
            self._continue()
        elif self._row is not None and not self._row.claim(timezone.now(), _lease()):
            self._row, self._is_copy = None, True

    def _continue(self) -> None:
        try:
            usable = _usable(self._row) if self._row else 0
            restart.check_continues(self._part, usable, self._row.total if self._row else None)
        except RangeNotSatisfiable as error:
            raise _not_satisfiable(error) from error
        if self._row is None or not self._row.claim(timezone.now(), _lease()):
            raise _locked()
        self._base = _first(self._row, self._part.offset)

    def read(self, environ: Environ, limits: BodyLimits) -> None:
        """Read what comes; ``limits`` are of the whole. What is cut is kept. Raises Refused."""
        try:
            for chunk in intake.read_body(environ, limits.less(self._part.offset)):
                self._piece.write(chunk)
                self._hold()
        except Refused as refusal:
            if refusal.status is not HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                self._keep()
            raise

    def _hold(self) -> None:
        """See to it that nobody else takes the transfer while octets come. Raises LeaseLost."""
        if self._row is None:
            if not self._is_copy and self._piece.size >= settings.AS2_RESTART_MIN_SIZE:
                self._begin()
        elif time.monotonic() - self._renewed > _HEARTBEAT:
            self._renew()

    def _renew(self, octets: int = 0) -> None:
        """Hold the transfer for as long as so many octets take to be written. Raises LeaseLost."""
        self._renewed = time.monotonic()
        self._settle(due_at=timezone.now() + _lease(octets))

    def _keep(self) -> None:
        """Hold what came before the cut, unless that would be too much."""
        size = self._piece.size
        if self._row is None or not size or len(self._base) == _MOST_PIECES or not self._fits():
            return
        self._renew(size)
        self._piece.commit()
        failpoints.hit("rx.part_committed")
        self._replace([*self._base, (self._piece.key, size)], sha256="")
        logger.warning("transfer %s was cut at %d bytes", self._row, self._part.offset + size)

    @contextmanager
    def whole(self) -> Iterator[Writer]:
        """Hand out all of the message as one file; durable, if the transfer has a row."""
        if not self._base:
            self._complete(self._piece)
            yield self._piece
            return
        # Its files are there only while the transfer is ours.
        self._renew(self._part.offset + self._piece.size)
        with get_store().writer(Kind.RAW) as raw:
            for key, octets in self._base:
                for chunk in _head(get_store().chunks(key), octets):
                    raw.write(chunk)
            for chunk in self._piece.chunks():
                raw.write(chunk)
            self._complete(raw)
            yield raw

    def release(self) -> None:
        """Let others have the transfer; one of which nothing is held is forgotten."""
        if self._row is None or not self._row.settle(due_at=timezone.now()):
            return
        if not self._row.pieces.exists():
            forget(self._row)

    def _begin(self) -> None:
        now = timezone.now()
        try:
            with transaction.atomic():
                self._row = Transfer.objects.create(
                    connection=self._connection,
                    transfer_id=self._part.transfer_id,
                    total=self._part.total,
                    kept_at=now,
                    due_at=now + _lease(),
                )
        except IntegrityError:
            self._is_copy = True

    def _complete(self, raw: Writer) -> None:
        if self._part.total is not None and raw.size != self._part.total:
            text = f"The message has {raw.size} bytes and not the {self._part.total} of its range."
            raise Refused(HTTPStatus.BAD_REQUEST, text)
        if self._row is None:
            return
        self._renew(raw.size)
        raw.commit()
        failpoints.hit("rx.whole_committed")
        # Nobody else shall read it while it is judged; a worker that dies over it holds it no
        # longer than that, and one that is slower meets the rules for two copies at once.
        self._replace([(raw.key, raw.size)], sha256=raw.sha256, lease=_lease(raw.size))

    def _fits(self) -> bool:
        others = TransferPiece.objects.filter(transfer__connection=self._connection)
        # What has become a message is held for the message's sake.
        others = others.filter(transfer__sha256="").exclude(transfer=self._row)
        held_there = others.aggregate(octets=Sum("octets"))["octets"] or 0
        wanted = self._part.offset + self._piece.size
        if held_there + wanted <= settings.AS2_RESTART_MAX_HELD:
            return True
        logger.warning("%s holds too many cut messages: one more is not kept", self._connection)
        return False

    def _replace(
        self, pieces: list[tuple[str, int]], sha256: str, lease: dt.timedelta = dt.timedelta()
    ) -> None:
        now = timezone.now()
        if self._row is not None:
            changes = {"total": self._part.total, "sha256": sha256, "kept_at": now}
            _replace_pieces(self._row, pieces, **changes, due_at=now + lease)

    def _settle(self, **changes: object) -> None:
        if self._row is not None and not self._row.settle(**changes):
            raise LeaseLost(f"transfer {self._row} was taken over")


def _find(connection: Connection, transfer_id: str) -> Transfer | None:
    return Transfer.objects.filter(connection=connection, transfer_id=transfer_id).first()


def _is_locked(row: Transfer) -> bool:
    return row.due_at is not None and row.due_at > timezone.now()


def _lease(octets: int = 0) -> dt.timedelta:
    """How long a transfer is locked after its last octet, or while so many are being worked on."""
    return dt.timedelta(seconds=_SILENCE + octets / _SLOWEST)


def _usable(row: Transfer) -> int:
    """Octets that can be gone on with: up to the first file that is gone."""
    octets = 0
    for piece in row.pieces.all():
        try:
            size = get_store().size(piece.part_key)
        except FileNotFoundError:  # purged with its message, or not in the backup
            return octets
        if size < piece.octets:
            return octets
        octets += piece.octets
    return octets


def _first(row: Transfer, octets: int) -> list[tuple[str, int]]:
    """The pieces that hold the first octets, the last of them as far as it is needed."""
    pieces = []
    for piece in row.pieces.all():
        if octets <= 0:
            break
        pieces.append((piece.part_key, min(piece.octets, octets)))
        octets -= piece.octets
    return pieces


def _head(chunks: Iterator[bytes], octets: int) -> Iterator[bytes]:
    for chunk in chunks:
        if octets <= 0:
            return
        yield chunk[:octets]
        octets -= len(chunk)


def _replace_pieces(row: Transfer, pieces: list[tuple[str, int]], **changes: object) -> None:
    """Write which files hold a transfer now, and delete those that are not needed any more."""
    before = {piece.part_key for piece in row.pieces.all()}
    was_whole = bool(row.sha256)
    with transaction.atomic():
        if changes and not row.settle(**changes):
            raise LeaseLost(f"transfer {row} was taken over")
        row.pieces.all().delete()
        TransferPiece.objects.bulk_create(
            TransferPiece(transfer=row, number=number, part_key=key, octets=octets)
            for number, (key, octets) in enumerate(pieces)
        )
    dropped = before - {key for key, _ in pieces}
    if was_whole:
        _delete_unnamed(row, dropped)
    else:  # no message can have been made of it
        for key in dropped:
            get_store().delete(key)


def _delete_unnamed(row: Transfer, keys: Iterable[str]) -> None:
    """Delete files of a transfer unless they have become a message's, of the same connection."""
    files = {*keys}
    if not files:
        return
    messages = Message.objects.filter(connection=row.connection_id, raw_key__in=files)
    for key in files - {*messages.values_list("raw_key", flat=True)}:
        get_store().delete(key)


def _not_satisfiable(error: RangeNotSatisfiable) -> Refused:
    return Refused(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        f"This part continues nothing that is held here: {error}.",
        ("Content-Range", error.content_range),
    )


def _locked() -> Refused:
    # 500 is what a sender of AS2 Restart takes for "ask again" (RST-06).
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Another request is still busy with this message. Ask again in a moment.",
    )
