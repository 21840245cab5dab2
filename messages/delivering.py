"""Delivering: hand an accepted payload to the business side, into a folder of the inbox.

What the business side fetches by itself is only begun here: see ``pulling``.

A delivery has two steps, and the row knows between them. First the payload is copied beside its
target under a hidden name, checked and made durable. Then that file is renamed. A crash before the
row is ``prepared`` copies again over nothing that anybody has seen; a crash after it renames, or
finds the file renamed already: exactly once, also if the business side takes files away at once.
"""

import datetime as dt
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.recording import Subject, record
from audit.tags import Tag
from messages import backoff, claims, failpoints
from messages.claims import LeaseLost
from messages.models import Delivery, DeliveryState, Message
from messages.safe_names import folder_name, marked_file_name
from messages.store import CHUNK, get_store
from messages.syncing import sync_directory
from partners.models import Connection, Route

logger = logging.getLogger(__name__)

#: The gap after the first failure: a full disk or a lost mount is often seen to within minutes.
_FIRST_GAP = dt.timedelta(seconds=30)
#: Deliveries that are made together, and bytes that their payloads have at the most: none of them
#: is held up by the others for longer than a moment.
_BATCH = 100
_TOGETHER = 4 * 1024 * 1024
#: What a hand-over has no use for; each would be parsed.
_UNUSED = ("message__headers", "message__settings", "message__notes", "message__mics")
#: Hexadecimal digits of the store's name for a payload, which tell files of one name apart.
_PAYLOAD_NAME = slice(-len("x" * 32 + ".payload"), -len(".payload"))


_Keeper = Callable[[Iterator[bytes]], Iterator[bytes]]


class DeliveryHeld(Exception):
    """Trying again would not help; an operator has to look. The text says at what."""


def target_of(connection: Connection, filename: str, payload_key: str, number: int = 0) -> str:
    """Name the file below the inbox that a payload of this connection becomes, at every try.

    ``number`` is that of an attachment, if it has several documents.
    """
    name = marked_file_name(filename, payload_key[_PAYLOAD_NAME], number)
    ours, theirs = folder_name(connection.organization.as2_id), folder_name(connection.as2_id)
    return f"{ours}/{theirs}/{name}"


def deliveries_of(message: Message, connection: Connection) -> list[Delivery]:
    """Make the rows that hand over what was accepted, not saved yet: one for each document."""
    if not message.attachments:
        target = target_of(connection, message.filename, message.payload_key)
        return [Delivery(message=message, route=connection.delivery, target=target)]
    return [
        Delivery(
            message=message,
            route=connection.delivery,
            attachment=number,
            target=target_of(connection, one.filename, message.payload_key, number),
        )
        for number, one in enumerate(message.kept_attachments, start=1)
    ]


def start_of(route: str, now: dt.datetime) -> dict[str, Any]:
    """Columns of a delivery that begins: due at once, or waiting to be fetched."""
    if route == Route.PULL:
        return {"state": DeliveryState.WAITING, "due_at": None}
    return {"state": DeliveryState.QUEUED, "due_at": now}


def deliver_due() -> bool:
    """Try once to hand over what has waited longest, many small payloads at a time.

    Together they cost a few commits and one pass over each folder, not some for each of them.
    Whether more may be due. Safe to run twice.
    """
    batch, more = _claim_due(timezone.now())
    _hand_over(batch)
    return more


def _claim_due(now: dt.datetime) -> tuple[list[Delivery], bool]:
    """Take small payloads until they are many or large together, or else one large one.

    Says, too, whether any were left, as far as was looked.
    """
    with transaction.atomic():
        due = Delivery.objects.due(now).filter(state=DeliveryState.QUEUED)
        # Another worker takes others; SQLite has one writer at a time anyway.
        rows = due.select_related("message").defer(*_UNUSED)
        rows = rows.select_for_update(skip_locked=True, of=("self",))
        batch: list[Delivery] = []
        size, found = 0, list(rows[:_BATCH])
        for row in found:
            size += row.message.payload_size or 0
            if batch and size > _TOGETHER:
                break
            batch.append(row)
        until = now + claims.lease()
        if batch:
            ours = Delivery.objects.filter(pk__in=[row.pk for row in batch])
            ours.update(due_at=until, attempts=F("attempts") + 1)
    for row in batch:
        row.due_at, row.attempts = until, row.attempts + 1
    return batch, len(batch) < len(found) or len(found) == _BATCH


def _hand_over(batch: list[Delivery]) -> None:
    """Bring a batch through both steps; what fails leaves it there, and holds up no other."""
    ready = [row for row in batch if row.prepared]
    copied = [row for row in batch if not row.prepared and _succeeds(row, _prepare)]
    with transaction.atomic():
        ready += Delivery.settle_all(_synced(copied, "dl.temp"), prepared=True)
    published = [row for row in ready if _succeeds(row, _publish)]
    _finish(_synced(published, "dl.linked"))


def _succeeds(delivery: Delivery, step: Callable[[Delivery], None]) -> bool:
    """Do a step for one delivery; whether it may go on. What hinders it is written down."""
    try:
        step(delivery)
    except LeaseLost as lost:
        logger.info("%s", lost)
    except DeliveryHeld as fault:
        _hold(delivery, str(fault))
    except OSError as error:
        _postpone(delivery, error)
    else:
        return True
    return False


def _synced(batch: list[Delivery], point: str) -> list[Delivery]:
    """Make the names in their folders durable, each folder once; those for which that went well."""
    folders: dict[Path, list[Delivery]] = {}
    for row in batch:
        folders.setdefault(_target(row).parent, []).append(row)
    done: list[Delivery] = []
    for folder, rows in folders.items():
        try:
            sync_directory(folder)
            failpoints.hit(point)
        except OSError as error:
            for row in rows:
                _postpone(row, error)
        else:
            done += rows
    return done


def release(delivery: Delivery, actor: str) -> bool:
    """Let an operator queue a held delivery again; False if it is not held any more."""
    with transaction.atomic():
        held = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.HELD)
        changes = start_of(delivery.route, timezone.now())
        if held.update(**changes, failure_text="") == 0:
            return False
        subject, text = Subject.of(delivery.message), f"Released the delivery to {delivery.target}."
        record(Tag.DELIVERY_FOLDER_RETRY, subject, text, actor=actor)
    return True


def _prepare(delivery: Delivery) -> None:
    """Copy the payload beside its target, under a name that lasts once its folder is synced."""
    _check_inbox()
    folder = _target(delivery).parent
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_directory(folder.parent)
        sync_directory(folder.parent.parent)
    # A worker that froze in an earlier attempt may wake up and go on: it has a file of its own,
    # which is lost to it here.
    (folder / f".tmp-{delivery.pk}-{delivery.attempts - 1}").unlink(missing_ok=True)
    copy = folder / f".tmp-{delivery.pk}-{delivery.attempts}"
    try:
        _copy(delivery, copy)
        _check_lease(delivery)
        copy.rename(_waiting(delivery))
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def _check_lease(delivery: Delivery) -> None:
    """Raise LeaseLost if this worker froze, and another one has handed the payload over by now.

    Its copy would lie there for ever. Without a freeze most of the lease is left, and nothing is
    asked.
    """
    if delivery.due_at is None or delivery.due_at < timezone.now() + claims.lease() / 2:
        claims.renew(delivery)


def _copy(delivery: Delivery, copy: Path) -> None:
    with copy.open("xb") as file:
        # A large payload takes longer than a lease where the inbox is slow.
        for piece in read_document(delivery, partial(claims.keep, delivery)):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def read_document(delivery: Delivery, keep: _Keeper = iter) -> Iterator[bytes]:
    """Read what is to be handed over from the store; ``keep`` passes on what is read.

    Raises DeliveryHeld if the payload is gone or, once all of it was read, if it has changed;
    OSError if the store cannot be read.
    """
    message, digest = delivery.message, hashlib.sha256()
    with _stored_payload(message) as payload:
        read = partial(payload.read, CHUNK)
        chunks = _digested(keep(iter(read, b"")), digest.update)
        yield from _document(delivery, chunks)
        for _ in chunks:
            pass  # what follows an attachment counts for the digest too
    if digest.hexdigest() != message.payload_sha256:
        # Bit rot (threats IN14): what was acknowledged is not what lies there now.
        raise DeliveryHeld(
            "The stored payload is not what was received: its SHA-256 has changed. "
            f"Restore {message.payload_key} of the store from a backup, then release the delivery."
        )


def _document(delivery: Delivery, payload: Iterator[bytes]) -> Iterator[bytes]:
    """Take what is to be delivered out of a payload: all of it, or one attachment (RFC 6362)."""
    if delivery.attachment is None:
        return payload
    return delivery.message.kept_attachments[delivery.attachment - 1].read(payload)


def _digested(chunks: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _stored_payload(message: Message) -> BinaryIO:
    try:
        return get_store().open(message.payload_key)
    except FileNotFoundError as error:
        if not get_store().has_lost(message.payload_key):
            raise OSError("the store does not show its folders: is it mounted?") from error
        raise DeliveryHeld(
            f"The stored payload is missing. Restore {message.payload_key} of the store from a "
            "backup, then release the delivery."
        ) from error


def _publish(delivery: Delivery) -> None:
    """Give the waiting file its final name; nothing to do if an attempt before did."""
    _check_inbox()
    target, waiting = _target(delivery), _waiting(delivery)
    # A folder that is gone is not a file that was taken: the inbox may not be mounted.
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} is missing")
    if waiting.exists():
        if target.exists():
            raise DeliveryHeld(
                f"{target} is there already, and not from here. "
                "Move it away, then release the delivery."
            )
        waiting.rename(target)


def _finish(batch: list[Delivery]) -> None:
    """Write down that files are there, unless the lease was lost over it."""
    changes = {"state": DeliveryState.DONE, "due_at": None, "finished_at": timezone.now()}
    with transaction.atomic():
        done = Delivery.settle_all(batch, **changes, failure_text="")
        for row in done:
            text = f"Delivered to {row.target}."
            record(Tag.DELIVERY_FOLDER_DONE, Subject.of(row.message), text)
    failpoints.hit("dl.recorded")
    for row in done:
        logger.info("%s: delivered to %s", row.message.message_id, row.target)


def _hold(delivery: Delivery, text: str) -> None:
    changes = {"state": DeliveryState.HELD, "due_at": None, "failure_text": text}
    _settle(delivery, Tag.DELIVERY_FOLDER_FAILED, text, changes)
    logger.error("%s: delivery held: %s", delivery.message.message_id, text)


def _postpone(delivery: Delivery, error: OSError) -> None:
    gap = backoff.gap(_FIRST_GAP, delivery.attempts)
    text = (
        f"The payload could not be written to {delivery.target}: {error.strerror or error}. "
        f"See to the folder {settings.AS2_INBOX} and the store; the payload is tried again."
    )
    # A disk that stays full for days is one event, not hundreds.
    tag = None if delivery.failure_text else Tag.DELIVERY_FOLDER_FAILED
    _settle(delivery, tag, text, {"due_at": timezone.now() + gap, "failure_text": text})
    logger.warning("%s: not delivered, next try in %s: %s", delivery.pk, gap, error)


def _settle(delivery: Delivery, tag: Tag | None, text: str, changes: dict[str, Any]) -> None:
    """Write how the attempt ended, unless the lease was lost over it."""
    with transaction.atomic():
        if delivery.settle(**changes) and tag is not None:
            record(tag, Subject.of(delivery.message), text)


def _check_inbox() -> None:
    # Never made here: a mount that is missing must not fill the file system below it.
    inbox = Path(settings.AS2_INBOX)
    if not inbox.is_dir():
        raise FileNotFoundError(f"the inbox {inbox} is missing")


def _target(delivery: Delivery) -> Path:
    return Path(settings.AS2_INBOX) / delivery.target


def _waiting(delivery: Delivery) -> Path:
    return _target(delivery).parent / f".ready-{delivery.pk}"
