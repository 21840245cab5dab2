"""The native engine behind the seam, and how an engine is found."""

from dataclasses import replace

import pytest

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.disposition import Disposition
from as2gateway.engine import Engine, Stamp
from as2gateway.engines import DEFAULT_ENGINE, get_engine
from as2gateway.mdn import Expected, MDNReport, read_mdn, verify_mdn
from as2gateway.native import NativeEngine
from as2gateway.policy import Limits, OutboundPolicy, PayloadInfo, SigningKey
from tests.gateway.reading import STRICT, accepted, read
from tests.gateway.test_send import NOW, POLICY
from tests.gateway.wrapping import OURS, PAYLOAD

KEY = SigningKey(OURS.private_key, OURS.certificate)


def numbered(count: int) -> bytes:
    """Octets that are as random as a test needs: always the same."""
    return bytes(range(count))


def compose(engine: Engine, policy: OutboundPolicy = POLICY) -> bytes:
    composition = engine.compose([PAYLOAD], PayloadInfo(len(PAYLOAD)), policy, Stamp("<1@us>", NOW))
    return b"".join(composition)


def test_engines_are_found_by_name() -> None:
    engine = get_engine("native")
    assert engine.name == "native"
    assert get_engine() is get_engine(DEFAULT_ENGINE) is engine


def test_an_unknown_engine_is_refused_in_plain_words() -> None:
    with pytest.raises(ValueError, match="no engine called 'nativ'; choose one of: native"):
        get_engine("nativ")


def test_nothing_is_random_but_what_is_given() -> None:
    fixed = NativeEngine(entropy=numbered)
    signed_only = replace(POLICY, encrypt=None)
    assert compose(fixed, signed_only) == compose(fixed, signed_only)
    assert compose(get_engine(), signed_only) != compose(get_engine(), signed_only)
    assert compose(get_engine()) != compose(get_engine())


@pytest.mark.parametrize("signed", [True, False])
def test_what_was_sent_is_received_and_its_receipt_proves_it(signed: bool) -> None:
    engine = get_engine()
    message = engine.compose([PAYLOAD], PayloadInfo(len(PAYLOAD)), POLICY, Stamp("<1@us>", NOW))
    _, verdict = read(message.headers, [b"".join(message)], STRICT)
    report = MDNReport(
        as2_from="Them Inc",
        as2_to="US",
        original_message_id="<1@us>",
        final_recipient="Them Inc",
        disposition=Disposition.for_error(None),
        mic=accepted(verdict).facts.mic,
    )
    stamp = Stamp("<2@them>", NOW, "Your receipt")
    mdn = engine.compose_mdn(report, stamp, KEY if signed else None, DigestAlgorithm.SHA256)
    assert mdn.headers.get("Message-ID") == "<2@them>"
    assert mdn.headers.get("Subject") == "Your receipt"
    expected = Expected(
        message_id="<1@us>",
        as2_from="US",
        as2_to="Them Inc",
        mics=message.mics,
        signed=signed,
        certificates=(OURS.certificate,),
        allowed=frozenset({DigestAlgorithm.SHA256}),
    )
    unverified = read_mdn(mdn.headers, mdn.body, Limits())
    assert unverified.signed is signed
    verify_mdn(unverified, expected)
