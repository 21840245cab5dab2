"""MDNs that OpenAS2 and phase2 sent each other, read and verified as if we had been there."""

import base64
import hashlib
from dataclasses import replace

import pytest

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.errors import AuthenticationFailed, MDNMismatch
from as2gateway.mdn import Expected, UnverifiedMDN, is_mdn, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.policy import Limits
from as2gateway.request import read_request
from tests.gateway import recordings
from tests.gateway.recordings import CASES, Recorded

DIRECTIONS = [("openas2", "phase2"), ("phase2", "openas2")]
ALL = [(case, sender, receiver) for case in CASES for sender, receiver in DIRECTIONS]
NEGATIVE = {
    ("as2-names-with-spaces", "phase2"): "authentication-failed",
    ("phase2-gcm", "openas2"): "decryption-failed",
    ("cte-base64", "openas2"): "decryption-failed",
}
#: in the last one, phase2 did not know the names and so had nothing to sign with
UNSIGNED = {
    ("plain-unsigned-mdn", "openas2"),
    ("plain-unsigned-mdn", "phase2"),
    ("as2-names-with-spaces", "phase2"),
}
ALLOWED = frozenset(DigestAlgorithm) - {DigestAlgorithm.MD5}


def message(case: str, sender: str, receiver: str) -> Recorded:
    return recordings.read(case, f"{sender}-to-{receiver}-1.req")


def recorded_mdn(case: str, sender: str, receiver: str) -> Recorded:
    if case == "async-mdn":
        return recordings.read(case, f"asyncmdn-{receiver}-to-{sender}-1.req")
    return recordings.read(case, f"{sender}-to-{receiver}-1.resp")


def read(case: str, sender: str, receiver: str) -> UnverifiedMDN:
    recorded = recorded_mdn(case, sender, receiver)
    return read_mdn(recorded.headers, recorded.body, Limits())


def expected(case: str, sender: str, receiver: str, mic: MIC | None) -> Expected:
    request = read_request(message(case, sender, receiver).headers)
    assert request.message_id is not None
    return Expected(
        message_id=request.message_id,
        as2_from=request.as2_from,
        as2_to=request.as2_to,
        mics={} if mic is None else {mic.algorithm: mic.digest},
        signed=(case, receiver) not in UNSIGNED,
        certificates=(recordings.certificate(receiver),),
        allowed=ALLOWED,
    )


@pytest.mark.parametrize(("case", "sender", "receiver"), ALL)
def test_each_recorded_mdn_reads_to_what_both_products_logged(
    case: str, sender: str, receiver: str
) -> None:
    mdn = read(case, sender, receiver)
    fault = NEGATIVE.get((case, receiver))
    assert (mdn.disposition.positive, mdn.disposition.text) == (fault is None, fault or "")
    logged = recordings.logged_dispositions(case, mdn.original_message_id or "")
    spoken = mdn.disposition.modified_type.replace(" ", "").lower()
    assert {each.replace(" ", "").lower() for each in logged} == {spoken}


@pytest.mark.parametrize(("case", "sender", "receiver"), ALL)
def test_each_recorded_mdn_is_verified_with_its_senders_certificate(
    case: str, sender: str, receiver: str
) -> None:
    mdn = read(case, sender, receiver)
    assert mdn.signed is ((case, receiver) not in UNSIGNED)
    verify_mdn(mdn, expected(case, sender, receiver, mdn.mic))


@pytest.mark.parametrize(("case", "sender", "receiver"), ALL)
def test_no_recorded_mdn_passes_with_the_other_certificate(
    case: str, sender: str, receiver: str
) -> None:
    mdn = read(case, sender, receiver)
    due = expected(case, sender, receiver, mdn.mic)
    other = replace(due, signed=True, certificates=(recordings.certificate(sender),))
    with pytest.raises(MDNMismatch if (case, receiver) in UNSIGNED else AuthenticationFailed):
        verify_mdn(mdn, other)


@pytest.mark.parametrize(("case", "sender", "receiver"), ALL)
def test_recorded_mdns_are_told_from_messages(case: str, sender: str, receiver: str) -> None:
    sent, answer = message(case, sender, receiver), recorded_mdn(case, sender, receiver)
    assert not is_mdn(sent.headers, sent.body)
    assert is_mdn(answer.headers, answer.body[:2000])


@pytest.mark.parametrize(("sender", "receiver"), DIRECTIONS)
def test_the_recorded_mic_is_the_digest_of_the_signed_part(sender: str, receiver: str) -> None:
    # Cut by hand: the only message here that is signed and not encrypted.
    body = message("sign-only-sha256", sender, receiver).body
    boundary = body[body.index(b"--") :].partition(b"\r\n")[0]
    part = body.split(boundary + b"\r\n")[1].removesuffix(b"\r\n")
    mic = read("sign-only-sha256", sender, receiver).mic
    assert mic is not None
    assert mic.encoded == base64.b64encode(hashlib.sha256(part).digest()).decode()


@pytest.mark.parametrize(("case", "sender", "receiver"), ALL)
def test_recorded_requests_ask_for_the_mdn_that_came(case: str, sender: str, receiver: str) -> None:
    asked = read_request(message(case, sender, receiver).headers).mdn
    assert asked is not None
    assert asked.failure is None
    assert asked.signed is (case != "plain-unsigned-mdn")
    assert bool(asked.url) is (case == "async-mdn")
    mic = read(case, sender, receiver).mic
    if mic is not None:
        assert mic.algorithm is asked.digest
