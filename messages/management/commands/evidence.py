"""``manage.py evidence MESSAGE``: a bundle that others can verify with openssl."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError
from django.utils import timezone

from audit.acting import ActingCommand
from audit.recording import Subject, record
from audit.tags import Tag
from messages.evidence import NoEvidence, bundle
from messages.management.commands.doctor import find_message


class Command(ActingCommand):
    """Write the evidence of one message into a ZIP file."""

    help = (
        "Write a ZIP file with a message's document, request, MDN and certificates, and a script "
        "that verifies them with openssl. No private key is in it. Writing it is audited."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare which message, and where to."""
        parser.add_argument("message", help="its Message-ID, or its number in the admin")
        parser.add_argument("--output", help="the file to write (default evidence-NUMBER.zip)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the file; one that is there is not overwritten."""
        message = find_message(options["message"], self.user)
        path = Path(options["output"] or f"evidence-{message.pk}.zip")
        try:
            chunks = bundle(message, timezone.now())
        except NoEvidence as error:
            raise CommandError(str(error)) from error
        text = f"Evidence written to {path.name}."
        # Committed before anything of it can be read: the document is in it.
        with _made(path) as file:
            record(Tag.MESSAGE_EVIDENCE_DOWNLOADED, Subject.of(message), text, actor=self.actor)
            file.writelines(chunks)
        self.stdout.write(f"{path}: verify it by unpacking it and running sh verify.sh")


@contextmanager
def _made(path: Path) -> Iterator[IO[bytes]]:
    """Make a file that is not there yet; it goes again if it could not be filled."""
    try:
        with path.open("xb") as file:
            try:
                yield file
                file.flush()
            except BaseException:
                path.unlink()  # half a bundle would look like a forged one
                raise
    except FileExistsError as error:
        raise CommandError(f"{path} is there already.") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
