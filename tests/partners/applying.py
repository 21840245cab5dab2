"""What the tests of ``apply`` share: a folder with a file of settings and its keys."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.factories import identity

GOOD = """\
organizations:
  - as2_id: VENDOR
    name: Vendor Inc
    keys:
      - {name: v-2026, private_key: vendor.key, certificate: vendor.pem, purposes: [sign, decrypt]}
partners:
  - name: Amazon
    connections:
      - organization: VENDOR
        as2_id: AMAZON-TEST
        environment: test
        url: http://127.0.0.1:8001/as2
        sign: sha-256
        encrypt: aes-128-cbc
        compress: none
        mdn: sync
        mdn_signed: true
        require_signature: true
        require_encryption: true
        certificates:
          - {file: amazon.pem, roles: [verify, encrypt]}
"""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds ``amazon.yaml``, a key of ours and a certificate of theirs."""

    path: Path

    def fill(self) -> "Folder":
        """Write the good file and what it names."""
        (self.path / "vendor.key").write_bytes(identity("VENDOR").key_pem)
        (self.path / "vendor.pem").write_text(identity("VENDOR").certificate.pem())
        (self.path / "amazon.pem").write_text(identity("AMAZON").certificate.pem())
        self.write(GOOD)
        return self

    def write(self, text: str) -> None:
        """Replace the file of settings."""
        (self.path / "amazon.yaml").write_text(text)

    def change(self, *changes: tuple[str, str]) -> None:
        """Write the good file with some of its text replaced."""
        text = GOOD
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.write(text)

    def certificate(self, name: str) -> None:
        """Add the certificate of that identity as a file."""
        (self.path / f"{name}.pem").write_text(identity(name).certificate.pem())

    def apply(self, *options: str) -> list[str]:
        """Run the command, which must succeed; the lines it prints."""
        out = StringIO()
        call_command("apply", str(self.path / "amazon.yaml"), *options, stdout=out)
        return out.getvalue().splitlines()

    def mistakes(self) -> list[str]:
        """Run the command, which must refuse; its lines without the folder's name."""
        with pytest.raises(CommandError) as refusal:
            call_command("apply", str(self.path / "amazon.yaml"), stdout=StringIO())
        assert refusal.value.returncode == 1
        *lines, last = str(refusal.value).replace(f"{self.path}/", "").splitlines()
        assert last == "Nothing was changed."
        return lines
