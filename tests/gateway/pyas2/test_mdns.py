"""MDNs that pyas2lib writes say what the caller decided, and prove it."""

import hashlib
from dataclasses import replace

import pytest

from as2gateway.algorithms import DigestAlgorithm, SignatureScheme
from as2gateway.disposition import Disposition
from as2gateway.engine import BuiltMDN, Stamp
from as2gateway.engines import get_engine
from as2gateway.errors import DecryptionFailed, UnsupportedFormat
from as2gateway.mdn import MDNReport, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.policy import Limits, SigningKey
from tests.gateway.mdns import EXPECTED, EXPECTED_UNSIGNED, NOW, OUR_REPORT, key

ENGINE = get_engine("pyas2lib")
STAMP = Stamp("<2@us>", NOW, "Your receipt")
#: what the receiver of OUR_REPORT, who sent <1@them>, awaits
AWAITED = replace(EXPECTED, message_id="<1@them>", as2_from="THEM", as2_to="US")


def build(
    report: MDNReport = OUR_REPORT,
    by: SigningKey | None = None,
    digest: DigestAlgorithm = DigestAlgorithm.SHA256,
) -> BuiltMDN:
    return ENGINE.compose_mdn(report, STAMP, by, digest)


@pytest.mark.parametrize("digest", [DigestAlgorithm.SHA256, DigestAlgorithm.SHA512])
def test_a_signed_mdn_proves_what_it_says(digest: DigestAlgorithm) -> None:
    built = build(by=key(), digest=digest)
    mdn = read_mdn(built.headers, built.body, Limits())
    verify_mdn(mdn, AWAITED)
    assert mdn.signature is not None
    # Never what is listed last, which is what pyas2lib would take of a request.
    assert mdn.signature.digest_algorithms == {digest}
    assert mdn.disposition == OUR_REPORT.disposition
    assert mdn.mic == OUR_REPORT.mic


def test_an_unsigned_mdn_is_one() -> None:
    built = build()
    mdn = read_mdn(built.headers, built.body, Limits())
    assert not mdn.signed
    unsigned = replace(EXPECTED_UNSIGNED, message_id="<1@them>", as2_from="THEM", as2_to="US")
    verify_mdn(mdn, unsigned)


def test_header_fields_are_those_of_the_caller() -> None:
    headers = dict(build(by=key()).headers)
    assert headers["Message-ID"] == "<2@us>"
    assert headers["Subject"] == "Your receipt"
    assert headers["Date"] == "Sun, 22 Nov 2026 03:46:11 +0000"
    assert (headers["AS2-From"], headers["AS2-To"]) == ("US", "THEM")
    nameless = ENGINE.compose_mdn(OUR_REPORT, Stamp("<2@us>", NOW), None, DigestAlgorithm.SHA256)
    assert "Subject" not in nameless.headers


@pytest.mark.parametrize("error", [DecryptionFailed("a secret"), UnsupportedFormat("a secret")])
@pytest.mark.parametrize("signed", [True, False])
def test_what_went_wrong_is_told_as_the_caller_words_it(
    error: DecryptionFailed | UnsupportedFormat, signed: bool
) -> None:
    disposition = Disposition.for_error(error)
    report = replace(OUR_REPORT, disposition=disposition, mic=None, text=error.explanation)
    built = build(report, key() if signed else None)
    mdn = read_mdn(built.headers, built.body, Limits())
    assert mdn.disposition == disposition
    assert mdn.mic is None
    assert error.explanation in mdn.text
    assert b"a secret" not in built.body


def test_names_that_nobody_knows_are_answered() -> None:
    report = replace(OUR_REPORT, as2_to="Nobody I know", final_recipient='"quoted" US')
    built = build(report)
    assert built.headers.get("AS2-To") == '"Nobody I know"'
    assert rb'Final-Recipient: rfc822; "\"quoted\" US"' in built.body


def test_the_mic_is_spelt_as_the_requester_spelt_it() -> None:
    mic = MIC(hashlib.sha256(b"").digest(), DigestAlgorithm.SHA256)
    built = build(replace(OUR_REPORT, mic=mic, mic_spelling="SHA256"))
    assert f"Received-content-MIC: {mic.encoded}, SHA256\r\n".encode() in built.body


@pytest.mark.parametrize("message_id", ["<1@them>", "1@them", "<<1@them>>", "< 1 >", None])
def test_the_original_message_id_is_repeated_exactly(message_id: str | None) -> None:
    built = build(replace(OUR_REPORT, original_message_id=message_id))
    mdn = read_mdn(built.headers, built.body, Limits())
    assert mdn.original_message_id == message_id


def test_a_text_stays_text() -> None:
    report = replace(OUR_REPORT, text="Größe\r\n--x--\r\nDisposition: y")
    body = build(report).body
    assert body.isascii()
    assert body.count(b"\r\nDisposition:") == 1


@pytest.mark.parametrize(
    "by", [key("curved", "p256"), replace(key(), scheme=SignatureScheme.RSA_PSS)]
)
def test_with_a_key_that_pyas2lib_cannot_use_an_answer_goes_out_all_the_same(
    by: SigningKey,
) -> None:
    built = build(by=by)
    mdn = read_mdn(built.headers, built.body, Limits())
    verify_mdn(mdn, replace(AWAITED, certificates=(by.certificate,)))


def test_names_that_cannot_be_sent_are_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the words are those of names
        build(replace(OUR_REPORT, as2_to="a\r\nb"))
