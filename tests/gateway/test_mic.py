import base64
import hashlib

import pytest

from as2gateway.algorithms import KEPT_DIGESTS, DigestAlgorithm
from as2gateway.errors import IntegrityCheckFailed, MalformedMDN
from as2gateway.mic import MIC, RunningDigests, verify_returned

SHA1, SHA256, SHA512 = DigestAlgorithm.SHA1, DigestAlgorithm.SHA256, DigestAlgorithm.SHA512
DATA = b"ISA*00*"
MADE = {each: hashlib.new(each.replace("-", ""), DATA).digest() for each in KEPT_DIGESTS}
ENCODED = {each: base64.b64encode(digest).decode() for each, digest in MADE.items()}


@pytest.mark.parametrize(
    ("field", "algorithm"),
    [
        (f"{ENCODED[SHA1]}, sha1", SHA1),
        (f"{ENCODED[SHA1]},sha1", SHA1),
        (f" {ENCODED[SHA256]} , SHA-256 ", SHA256),
        (f"{ENCODED[SHA256].rstrip('=')}, sha256", SHA256),
        (f"{ENCODED[SHA512][:64]} {ENCODED[SHA512][64:]}, sha-512", SHA512),
        (f"{ENCODED[SHA1]}", SHA1),
        (f"{ENCODED[SHA256]},", SHA256),
        (f"{ENCODED[SHA512]}, ", SHA512),
    ],
)
def test_fields_are_read_as_products_write_them(field: str, algorithm: DigestAlgorithm) -> None:
    assert MIC.parse(field) == MIC(MADE[algorithm], algorithm)


@pytest.mark.parametrize("field", ["", " ", ", ", ",", ", sha-256", "=, sha1"])
def test_an_empty_field_is_no_mic(field: str) -> None:
    assert MIC.parse(field) is None


@pytest.mark.parametrize(
    "field", ["QUJD, whirlpool", "Q*JD, sha1", "Q, sha1", "QUJD", "\xe9, sha1"]
)
def test_an_unreadable_field_is_refused(field: str) -> None:
    with pytest.raises(MalformedMDN):
        MIC.parse(field)


@pytest.mark.parametrize(
    ("spelling", "ending"), [(None, ", sha-512"), ("SHA512", ", SHA512"), ("", ", sha-512")]
)
def test_a_mic_is_written_on_one_line(spelling: str | None, ending: str) -> None:
    mic = MIC(MADE[SHA512], SHA512)
    assert mic.field(spelling) == ENCODED[SHA512] + ending
    assert str(mic) == ENCODED[SHA512] + ", sha-512"


@pytest.mark.parametrize("algorithm", KEPT_DIGESTS)
def test_a_partner_may_answer_in_any_digest_kept(algorithm: DigestAlgorithm) -> None:
    verify_returned(MADE, MIC(MADE[algorithm], algorithm))


@pytest.mark.parametrize(
    "returned",
    [
        None,
        MIC(b"", SHA256),
        MIC(MADE[SHA256][:-1] + b"\0", SHA256),
        MIC(MADE[SHA256], SHA1),
        MIC(hashlib.md5(DATA).digest(), DigestAlgorithm.MD5),
    ],
    ids=["none", "empty", "other", "wrong algorithm", "not kept"],
)
def test_another_mic_fails(returned: MIC | None) -> None:
    with pytest.raises(IntegrityCheckFailed):
        verify_returned(MADE, returned)


def test_running_digests_are_those_of_all_octets() -> None:
    running = RunningDigests(KEPT_DIGESTS)
    for octet in DATA:
        running.update(bytes([octet]))
    assert running.digests == MADE
    assert running.mic(SHA1) == MIC(MADE[SHA1], SHA1)
    assert running.mic(DigestAlgorithm.MD5) is None
