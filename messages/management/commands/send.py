"""``manage.py send``: send one file to a partner and tell what came of it."""

import datetime as dt
import mimetypes
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils import timezone

from as2gateway.policy import PayloadInfo
from audit.acting import ActingCommand
from messages import sending
from messages.models import Message, State
from messages.sending import Document, Origin
from messages.store import CHUNK
from partners.access.visibility import visible_connections
from partners.models import Connection, ConnectionState

#: Seconds between two looks at the message while it is out.
_INTERVAL = 0.2


class Command(ActingCommand):
    """Queue a file and try to send it at once; the exit code is 0 only if it was delivered."""

    #: The exit code for a message that is neither delivered nor failed yet.
    OPEN = 3

    help = (
        "Send a file over the connection with these two AS2 ids and print its Message-ID, state "
        "and MDN. No worker is needed for the first attempt. The exit code is 0 if it was "
        "delivered, 1 if it failed, 3 if that is not known yet: it is queued or waits for its MDN."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file, the two AS2 ids and the rest."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--attach",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="another document in the same message (RFC 6362); may be given several times",
        )
        parser.add_argument("--from", dest="ours", required=True, help="our AS2 id")
        parser.add_argument("--to", dest="theirs", required=True, help="the partner's AS2 id")
        parser.add_argument("--content-type", default="", help="instead of the connection's")
        parser.add_argument("--subject", default="", help="instead of the connection's")
        parser.add_argument(
            "--wait",
            type=float,
            default=60.0,
            metavar="SECONDS",
            help="for the MDN (default 60); 0 queues the file for a worker and returns",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Queue, try, wait, tell."""
        connection = find_connection(options["ours"], options["theirs"], self.user)
        origin = Origin(actor=self.actor, subject=options["subject"])
        paths = [options["file"], *options["attach"]]
        message = self._enqueue(connection, paths, options["content_type"], origin)
        self.stdout.write(f"message  {message.message_id}")
        if options["wait"] > 0:
            # If a worker was faster it has the message, and this finds nothing to do.
            sending.send(message.pk)
            wait_for(message, options["wait"])
        self._tell(message)
        if message.state != State.DELIVERED:
            sys.exit(1 if message.state == State.FAILED else self.OPEN)

    def _enqueue(
        self, connection: Connection, paths: list[Path], content_type: str, origin: Origin
    ) -> Message:
        if connection.state != ConnectionState.ACTIVE:
            self.stderr.write(f"{connection} is {connection.state}: the message has to wait.")
        path, *others = paths
        try:
            if others:
                documents = [_document(each, connection, content_type) for each in paths]
                return sending.enqueue_several(connection, documents, origin)
            return sending.enqueue(connection, _chunks(path), path.name, content_type, origin)
        except OSError as error:
            named = error.filename or path
            raise CommandError(f"{named} was not queued: {error.strerror or error}") from error
        except ValueError as error:
            raise CommandError(f"Nothing was queued: {error}") from error

    def _tell(self, message: Message) -> None:
        self.stdout.write(f"state    {message.state}")
        for mdn in message.mdns.order_by("created_at"):
            signer = f"signed by {mdn.signer[:16]}" if mdn.signer else "not verified"
            matched = {True: ", MIC matched", False: ", MIC differs", None: ""}[mdn.mic_matched]
            self.stdout.write(f"MDN      {mdn.disposition or 'unreadable'} ({signer}{matched})")
        if message.failure_text:
            self.stdout.write(f"reason   {message.failure_text}")


def _document(path: Path, connection: Connection, content_type: str) -> Document:
    """Say what is known of a file; the first type that is given or guessed counts."""
    guessed, _ = mimetypes.guess_type(path.name)
    kind = content_type or guessed or connection.content_type
    return Document(PayloadInfo(path.stat().st_size, kind, path.name), _chunks(path))


def find_connection(ours: str, theirs: str, user: User) -> Connection:
    """Find the connection of two AS2 ids; CommandError names those that the user may see."""
    rows = visible_connections(user).select_related("organization", "partner")
    found = rows.filter(organization__as2_id=ours, as2_id=theirs).first()
    if found is None:
        known = ", ".join(f"--from {row.organization.as2_id} --to {row.as2_id}" for row in rows)
        raise CommandError(
            f"There is no connection from {ours} to {theirs}. Known: {known or 'none'}."
        )
    return found


def wait_for(message: Message, seconds: float) -> None:
    """Return when the message has ended, or when nothing can happen before the time is over."""
    end = timezone.now() + dt.timedelta(seconds=seconds)
    message.refresh_from_db()
    while _may_change(message, end):
        time.sleep(_INTERVAL)
        message.refresh_from_db()


def _may_change(message: Message, end: dt.datetime) -> bool:
    if message.due_at is None or timezone.now() >= end:
        return False
    # What failed and is tried again after the end need not be watched till then.
    return message.state != State.QUEUED or message.due_at < end


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, CHUNK), b"")
