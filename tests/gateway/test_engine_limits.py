"""What only the native engine does: the other one says so before anything is sent."""

from dataclasses import replace

import pytest

from as2gateway.algorithms import CipherAlgorithm, SignatureScheme
from as2gateway.engines import get_engine
from as2gateway.errors import DecryptionFailed
from as2gateway.policy import OutboundPolicy, PayloadInfo, SigningKey
from tests.gateway.reading import STRICT, read_to_the_end, rejected
from tests.gateway.test_send import POLICY, STAMP
from tests.gateway.wrapping import OURS, THEIRS, document, encrypted, signed

PSS = SigningKey(THEIRS.private_key, THEIRS.certificate, SignatureScheme.RSA_PSS)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (replace(POLICY, encrypt=CipherAlgorithm.AES128_GCM), "does not know aes-128-gcm"),
        (replace(POLICY, sign_with=PSS), "rsa-pkcs1-v1.5 only"),
    ],
)
def test_pyas2lib_refuses_to_send_what_it_cannot(policy: OutboundPolicy, words: str) -> None:
    assert get_engine("native").compose([], PayloadInfo(0), policy, STAMP).headers.fields
    with pytest.raises(ValueError, match=words):
        get_engine("pyas2lib").compose([], PayloadInfo(0), policy, STAMP)


def test_pyas2lib_refuses_to_read_aes_gcm() -> None:
    message = encrypted(signed(document()), OURS, "-aes-128-gcm")
    payload, verdict = read_to_the_end(message, STRICT, engine="pyas2lib")
    assert payload == b""
    assert isinstance(rejected(verdict).error, DecryptionFailed)
    assert "use native" in rejected(verdict).error.reason


def test_pyas2lib_refuses_a_content_key_that_came_before() -> None:
    policy = replace(STRICT, wrapped_key_seen=lambda _digest: True)
    message = encrypted(signed(document()))
    for engine in ("native", "pyas2lib"):
        _, verdict = read_to_the_end(message, policy, engine=engine)
        assert isinstance(rejected(verdict).error, DecryptionFailed)
        assert "came before" in rejected(verdict).error.reason
