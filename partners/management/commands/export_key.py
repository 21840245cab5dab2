"""``manage.py export_key``: the one way by which a private key leaves the gateway."""

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from audit.acting import ActingCommand
from audit.recording import Subject, record
from audit.tags import Tag
from partners.access.visibility import visible_api_keys, visible_key_pairs
from partners.models import APIKeyPair, KeyPair
from partners.private_files import SECRET, FileExists, write_new


class Command(ActingCommand):
    """Write a private key to a file, and an audit event that says so."""

    help = (
        "Writes the private key of an organization's key pair, or of an API key pair of a "
        "partner, to a new file (PKCS#8, PEM). It asks for --yes, and leaves an audit event."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Say which key, and where to."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--organization", metavar="AS2_ID", help="whose key pair")
        whose.add_argument("--partner", metavar="NAME", help="whose service the API key is for")
        parser.add_argument("--name", required=True, help="the key pair's name")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE")
        parser.add_argument(
            "--passphrase-env", metavar="VARIABLE", default="", help="encrypts the file"
        )
        parser.add_argument("--yes", action="store_true", help="a private key shall leave")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Find the one key, record, write."""
        row = _find(options, self.user)
        if not options["yes"]:
            raise CommandError(
                f"This writes the private key of {row} to {options['out']}: whoever reads that "
                "file can sign and decrypt in its name. Add --yes if that is wanted."
            )
        if options["out"].exists():
            raise CommandError(f"{options['out']} exists already and is not overwritten.")
        encryption = _encryption(options["passphrase_env"])
        key = load_der_private_key(bytes(row.private_key), None)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        try:
            self._write(row, options["out"], pem)
        except (FileExists, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The private key of {row} is in {options['out']}.")

    def _write(self, row: KeyPair | APIKeyPair, out: Path, pem: bytes) -> None:
        # Committed first: an event without a file is a scare, a file without an event a secret.
        with transaction.atomic():
            record(
                Tag.KEY_PRIVATE_EXPORTED,
                Subject.of(row),
                f"The private key of {row} was written to a file.",
                data={"fingerprint": row.fingerprint, "file": str(out)},
                actor=self.actor,
            )
        write_new(out, pem, SECRET)


def _find(options: dict[str, Any], user: User) -> KeyPair | APIKeyPair:
    found: list[KeyPair | APIKeyPair] = []
    if options["organization"] is not None:
        owner = options["organization"]
        found += visible_key_pairs(user).filter(organization__as2_id=owner, name=options["name"])
    else:
        owner = options["partner"]
        found += visible_api_keys(user).filter(partner__name=owner, name=options["name"])
    if len(found) != 1:
        count = "no key pair" if not found else f"{len(found)} key pairs"
        raise CommandError(f"{owner} has {count} called {options['name']}.")
    return found[0]


def _encryption(variable: str) -> KeySerializationEncryption:
    if not variable:
        return NoEncryption()
    passphrase = os.environ.get(variable)
    if not passphrase:
        raise CommandError(f"The environment has no variable {variable}.")
    return BestAvailableEncryption(passphrase.encode())
