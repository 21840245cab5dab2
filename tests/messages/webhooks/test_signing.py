"""Signatures, held against openssl."""

import base64
from pathlib import Path

from messages.webhooks import signing
from tests.messages.webhooks.hooks import SECRET
from tests.openssl import openssl


def test_a_signature_is_what_openssl_makes(tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_bytes(b'evt_1.1764000000.{"a":1}')
    made = openssl(
        "dgst",
        "-sha256",
        "-mac",
        "HMAC",
        "-macopt",
        f"hexkey:{SECRET.hex()}",
        "-binary",
        str(content),
    )
    ours = signing.signature([SECRET], "evt_1", 1764000000, b'{"a":1}')
    assert ours == "v1," + base64.b64encode(made).decode()


def test_the_former_secret_signs_beside_the_new_one() -> None:
    both = signing.signature([SECRET, b"k" * 24], "evt_1", 1, b"{}").split(" ")
    assert both == [signing.signature([key], "evt_1", 1, b"{}") for key in (SECRET, b"k" * 24)]
