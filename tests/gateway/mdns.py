"""MDNs for tests: written by hand, piece by piece, so that each piece can be wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.cms.signing import Signing
from as2gateway.disposition import Disposition
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, MDNReport, UnverifiedMDN, read_mdn
from as2gateway.mic import MIC
from as2gateway.policy import Limits, SigningKey
from tests import openssl

NOW = datetime(2026, 11, 22, 3, 46, 11, tzinfo=UTC)
SHA256 = DigestAlgorithm.SHA256
DIGEST = bytes(range(32))
MIC_VALUE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=, sha-256"
PROCESSED = "automatic-action/MDN-sent-automatically; processed"

FIELDS = (
    b"Reporting-UA: them\r\n"
    b"Original-Recipient: rfc822; THEM\r\n"
    b"Final-Recipient: rfc822; THEM\r\n"
    b"Original-Message-ID: <1@us>\r\n"
    b"Disposition: " + PROCESSED.encode() + b"\r\n"
    b"Received-Content-MIC: " + MIC_VALUE.encode() + b"\r\n"
)
TEXT = b"Content-Type: text/plain\r\n\r\nthank you\r\n"
REPORT_TYPE = "multipart/report; report-type=disposition-notification; boundary=r"


def machine(fields: bytes = FIELDS, header: bytes = b"") -> bytes:
    """A machine-readable part."""
    return b"Content-Type: message/disposition-notification\r\n" + header + b"\r\n" + fields


def multipart(*parts: bytes, boundary: bytes = b"r") -> bytes:
    """A multipart of these parts."""
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary + b"--\r\n"


REPORT = multipart(TEXT, machine())


def http(content_type: str = REPORT_TYPE, *fields: tuple[str, str]) -> Headers:
    """HTTP fields of an MDN from THEM to US."""
    names = (("AS2-From", "THEM"), ("AS2-To", "US"))
    return Headers((*names, ("Content-Type", content_type), *fields))


def key(name: str = "partner", kind: str = "rsa2048") -> SigningKey:
    """A signing key made for this name."""
    identity = openssl.identity(name, kind)
    return SigningKey(identity.private_key, identity.certificate)


SIGNED_TYPE = 'multipart/signed; protocol="application/pkcs7-signature"; boundary=s'


def sign(
    report: bytes = REPORT,
    *,
    by: SigningKey | None = None,
    digest: DigestAlgorithm = SHA256,
    over: Callable[[bytes], bytes] = bytes,
) -> bytes:
    """Body of a signed MDN; ``over`` makes of its part what the signature is over instead."""
    part = f"Content-Type: {REPORT_TYPE}\r\n\r\n".encode() + report
    running = digest.new()
    running.update(over(part))
    octets = Signing(digest, by or key(), NOW).sign(running.digest())
    return multipart(part, SIGNATURE_HEADERS + octets, boundary=b"s")


SIGNATURE_HEADERS = b"Content-Type: application/pkcs7-signature\r\n\r\n"


def read(body: bytes, headers: Headers | None = None) -> UnverifiedMDN:
    """Read a body, signed unless other fields are given."""
    return read_mdn(http(SIGNED_TYPE) if headers is None else headers, body, Limits())


EXPECTED = Expected(
    message_id="<1@us>",
    as2_from="US",
    as2_to="THEM",
    mics={SHA256: DIGEST},
    signed=True,
    certificates=(key().certificate,),
    allowed=frozenset({SHA256, DigestAlgorithm.SHA512}),
)
EXPECTED_UNSIGNED = replace(EXPECTED, signed=False, certificates=())

OUR_REPORT = MDNReport(
    as2_from="US",
    as2_to="THEM",
    original_message_id="<1@them>",
    final_recipient="US",
    disposition=Disposition.for_error(None),
    mic=MIC(DIGEST, SHA256),
    reporting_ua="as2gateway/1",
)
