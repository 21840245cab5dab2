"""``manage.py generate_keypair``: a key pair as two files, for a program of one's own."""

from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management.base import BaseCommand, CommandError, CommandParser

from partners.exporting import public_key_fingerprint, public_key_pem
from partners.generating import KeyKind, generate_key
from partners.private_files import FileExists, write_pair

_FORMATS: Final = {"pkcs8": PrivateFormat.PKCS8, "pkcs1": PrivateFormat.TraditionalOpenSSL}
_BITS: Final = (2048, 3072, 4096)


class Command(BaseCommand):
    """Make an RSA key pair; nothing of it is kept here."""

    help = (
        "Makes an RSA key pair: NAME-private.pem (only you may read it) and NAME-public.pem "
        "(SubjectPublicKeyInfo). Files that exist are never overwritten."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what kind of key, and where to."""
        parser.add_argument("--bits", type=int, choices=_BITS, default=2048)
        parser.add_argument("--format", dest="form", choices=sorted(_FORMATS), default="pkcs8")
        parser.add_argument("--name", required=True, help="who uses it and for what")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")

    def handle(self, *_args: Any, bits: int, form: str, name: str, out: Path, **_o: Any) -> None:
        """Make the key, write both files, say what the public one is known by."""
        if Path(name).name != name or name.startswith("."):
            raise CommandError("--name is a part of file names: no slashes, no dot in front.")
        key = generate_key(KeyKind(f"rsa-{bits}"))
        private = key.private_bytes(Encoding.PEM, _FORMATS[form], NoEncryption())
        public = public_key_pem(key.public_key())
        files = (out / f"{name}-private.pem", out / f"{name}-public.pem")
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_pair((files[0], private), (files[1], public))
        except (FileExists, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"private key   {files[0]} (keep it secret)")
        self.stdout.write(f"public key    {files[1]}")
        self.stdout.write(f"SPKI SHA-256  {public_key_fingerprint(key.public_key())}")
