"""What an operator types in to say whom to trust."""

import pytest
import trustme

from as2gateway.certificates import Certificate
from as2gateway.tls.trust import parse_authorities, parse_pins

AB, CD = "ab" * 32, "cd" * 32
COLONS = ":".join(["AB"] * 32)


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        ("", set()),
        (AB, {AB}),
        (f"{AB}, {CD}", {AB, CD}),
        (f"{AB.upper()}\n{CD}\n", {AB, CD}),
        (f"sha256 Fingerprint={COLONS}", {AB}),
        (f"SHA256:{AB}", {AB}),
        (f"SHA-256: {COLONS}", {AB}),
    ],
)
def test_fingerprints_are_read_as_programs_print_them(text: str, pins: set[str]) -> None:
    assert parse_pins(text) == pins


@pytest.mark.parametrize("text", ["ab", AB[:-1] + "g", "de:ad:be:ef", AB + CD])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no SHA-256 fingerprint"):
        parse_pins(text)


def test_every_certificate_of_a_text_is_read() -> None:
    pems = [trustme.CA().cert_pem.bytes() for _ in range(2)]
    text = "Root of Example\n" + "\n".join(pem.decode() for pem in pems)
    assert parse_authorities(text) == tuple(Certificate.from_pem(pem) for pem in pems)


def test_nothing_is_no_authority() -> None:
    assert parse_authorities(" \n") == ()


@pytest.mark.parametrize(
    "text", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the words are those of the certificate's reader
        parse_authorities(text)
