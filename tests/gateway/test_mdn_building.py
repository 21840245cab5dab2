import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.disposition import Disposition, DispositionType, Level
from as2gateway.engine import Stamp
from as2gateway.engines import ENGINES, get_engine
from as2gateway.errors import DecryptionFailed
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, MDNReport, build_mdn, is_mdn, read_mdn, verify_mdn
from as2gateway.mime import ContentType
from as2gateway.policy import Limits, SigningKey
from tests import openssl
from tests.gateway import mdns
from tests.gateway.mdns import NOW, OUR_REPORT, SHA256

SHA1, SHA512 = DigestAlgorithm.SHA1, DigestAlgorithm.SHA512


def build(
    report: MDNReport = OUR_REPORT,
    key: SigningKey | None = None,
    digest: DigestAlgorithm = SHA256,
    subject: str = "",
) -> tuple[Headers, bytes]:
    return build_mdn(report, "<m@us>", NOW, key, digest, subject=subject, entropy=Counter())


class Counter:
    """Entropy that never repeats, and is the same in each test."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, count: int) -> bytes:
        self.calls += 1
        return bytes([self.calls]) * count


def test_the_http_fields_are_those_of_an_mdn() -> None:
    headers, _ = build(subject="MDN")
    assert dict(headers.fields[:-1]) == {
        "AS2-Version": "1.1",
        "AS2-From": "US",
        "AS2-To": "THEM",
        "Message-ID": "<m@us>",
        "Date": "Sun, 22 Nov 2026 03:46:11 +0000",
        "Subject": "MDN",
        "MIME-Version": "1.0",
    }
    assert headers.fields[-1][0] == "Content-Type"


def test_each_mdn_bears_the_second_in_which_it_was_made() -> None:
    east = timezone(timedelta(hours=2))
    moments = [
        datetime(2026, 11, 22, 3, 46, 11, 999_999, tzinfo=UTC),
        datetime(2026, 11, 22, 5, 46, 12, tzinfo=east),
        datetime(2026, 11, 22, 3, 46, 11, tzinfo=UTC),
    ]
    made = [build_mdn(OUR_REPORT, "<m@us>", moment, None, SHA256) for moment in moments]
    dates = [f"Sun, 22 Nov 2026 03:46:{second} +0000" for second in (11, 12, 11)]
    assert [headers.get("Date") for headers, _ in made] == dates
    for date, (_, body) in zip(dates, made, strict=True):
        assert f"Date of this MDN: {date}\r\n".encode() in body


def test_the_report_has_exactly_these_octets() -> None:
    headers, body = build(replace(OUR_REPORT, original_subject="850", text="Well done."))
    boundary = "as2-" + "01" * 16
    assert headers.get("Content-Type") == (
        f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    )
    assert body.decode("ascii") == (
        f"--{boundary}\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "This is the MDN for the AS2 message\r\n"
        "\r\n"
        "Message-ID: <1@them>\r\n"
        "From: THEM\r\n"
        "To: US\r\n"
        "Subject: 850\r\n"
        "Date of this MDN: Sun, 22 Nov 2026 03:46:11 +0000\r\n"
        "\r\n"
        "The message has been received.\r\n"
        "Well done.\r\n"
        "This is no guarantee that the contents of the message have been understood.\r\n"
        f"\r\n--{boundary}\r\n"
        "Content-Type: message/disposition-notification\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "Reporting-UA: as2gateway/1\r\n"
        "Original-Recipient: rfc822; US\r\n"
        "Final-Recipient: rfc822; US\r\n"
        "Original-Message-ID: <1@them>\r\n"
        "Disposition: automatic-action/MDN-sent-automatically; processed\r\n"
        f"Received-Content-MIC: {mdns.MIC_VALUE}\r\n"
        f"\r\n--{boundary}--\r\n"
    )


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
@pytest.mark.parametrize("digest", [SHA1, SHA256, DigestAlgorithm.SHA384, SHA512])
def test_openssl_verifies_what_is_signed(kind: str, digest: DigestAlgorithm) -> None:
    key = mdns.key("us", kind)
    headers, body = build(key=key, digest=digest)
    content_type = ContentType.parse(headers.get("Content-Type"))
    assert content_type.get("micalg") == digest.wire_name
    # Cut by hand, at delimiters that are known.
    delimiter = f"--{content_type.boundary}".encode()
    nothing, part, signature, end = body.split(delimiter)
    content = part.removeprefix(b"\r\n").removesuffix(b"\r\n")
    der = signature.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
    assert (nothing, end) == (b"", b"--\r\n")
    assert openssl.cms_verify(der, key.certificate, content) == content


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("error", [None, DecryptionFailed("secret")])
def test_what_is_built_reads_and_verifies(signed: bool, error: DecryptionFailed | None) -> None:
    key = mdns.key("us")
    mic = None if error else OUR_REPORT.mic
    report = replace(OUR_REPORT, disposition=Disposition.for_error(error), mic=mic)
    headers, body = build(report, key if signed else None)
    assert is_mdn(headers, body)
    mdn = read_mdn(headers, body, Limits())
    assert (mdn.disposition, mdn.mic) == (report.disposition, mic)
    assert (mdn.signed, mdn.final_recipient) == (signed, "US")
    mics = {SHA256: mdns.DIGEST}
    allowed = frozenset({SHA256})
    due = Expected("<1@them>", "THEM", "US", mics, signed, (key.certificate,), allowed)
    verify_mdn(mdn, due)


@pytest.mark.parametrize(
    ("spelling", "micalg", "ending"),
    [
        (None, "sha-256", ", sha-256"),
        ("sha256", "sha256", ", sha256"),
        ("SHA2_256", "SHA2_256", ", SHA2_256"),
        ("sha1", "sha-256", ", sha1"),
    ],
)
def test_the_requesters_spelling_is_repeated(
    spelling: str | None, micalg: str, ending: str
) -> None:
    headers, body = build(replace(OUR_REPORT, mic_spelling=spelling), mdns.key("us"))
    assert ContentType.parse(headers.get("Content-Type")).get("micalg") == micalg
    assert f"{mdns.MIC_VALUE.partition(',')[0]}{ending}\r\n".encode() in body


@pytest.mark.parametrize(
    ("disposition", "sentence"),
    [
        (
            Disposition.for_error(DecryptionFailed("secret")),
            "not been accepted: processed/error: decryption-failed.",
        ),
        (
            Disposition(DispositionType.PROCESSED, Level.WARNING, "duplicate-document"),
            "received, with a warning: duplicate-document.",
        ),
        (Disposition.for_error(None), "has been received.\r\n"),
    ],
)
def test_people_are_told_the_result(disposition: Disposition, sentence: str) -> None:
    _, body = build(replace(OUR_REPORT, disposition=disposition))
    assert sentence.encode() in body
    assert b"secret" not in body


def test_names_are_quoted_where_they_must_be() -> None:
    report = replace(OUR_REPORT, as2_from="My Co", as2_to='a"b', final_recipient="My Co")
    headers, body = build(report)
    assert (headers.get("AS2-From"), headers.get("AS2-To")) == ('"My Co"', '"a\\"b"')
    assert b'Final-Recipient: rfc822; "My Co"\r\n' in body


def test_absent_facts_leave_no_fields() -> None:
    report = replace(OUR_REPORT, original_message_id=None, mic=None, reporting_ua="")
    headers, body = build(report)
    assert "Subject" not in headers
    assert not re.search(rb"Original-Message-ID|Received-Content-MIC|Reporting-UA", body)
    assert b"Message-ID: (none)\r\n" in body


def with_words(words: str) -> tuple[Headers, bytes]:
    report = replace(
        OUR_REPORT,
        original_message_id=words,
        original_subject=words,
        text=words,
        reporting_ua=words,
        mic_spelling=words,
        disposition=Disposition(DispositionType.FAILED, Level.FAILURE, words),
    )
    return build(report, subject=words)


@pytest.mark.parametrize("evil", ["x\r\nEvil: 1", "x\n\n--b", "\x00\x1b[31m", "Gr\xfc\xdfe \u2028"])
def test_what_a_partner_wrote_stays_in_its_line(evil: str) -> None:
    headers, body = with_words(evil)
    clean_headers, clean_body = with_words("x")
    lines, clean = body.split(b"\r\n"), clean_body.split(b"\r\n")
    assert len(lines) == len(clean)
    assert all(re.fullmatch(rb"[\x20-\x7e]*", line) for line in lines)
    assert headers.encode().count(b"\r\n") == clean_headers.encode().count(b"\r\n")


def test_a_long_reason_is_cut() -> None:
    _, body = build(replace(OUR_REPORT, text="x" * 5000))
    assert max(map(len, body.split(b"\r\n"))) <= 998


def test_nothing_is_folded() -> None:
    _, body = build(replace(OUR_REPORT, mic_spelling="sha-512", original_message_id="x" * 900))
    assert b"\r\n " not in body
    assert b"\r\n\t" not in body


@pytest.mark.parametrize("bad", [{"as2_from": ""}, {"as2_to": "\xe9"}, {"final_recipient": "\n"}])
def test_illegal_names_are_never_written(bad: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="AS2 name"):
        build(replace(OUR_REPORT, **bad))  # type: ignore[arg-type]  # all three are strings


def test_a_message_id_of_two_lines_is_never_written() -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        build_mdn(OUR_REPORT, "<x>\r\nEvil: 1", NOW, None, SHA256)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("error", [None, DecryptionFailed("a secret")])
def test_every_engine_repeats_the_quotes_of_the_request_and_tells_people_the_same(
    engine: str, signed: bool, error: DecryptionFailed | None
) -> None:
    disposition, key = Disposition.for_error(error), mdns.key() if signed else None
    report = replace(OUR_REPORT, disposition=disposition, original_subject="orders")
    report = replace(report, from_field='"US"', to_field='"THEM"')
    built = get_engine(engine).compose_mdn(report, Stamp("<m@us>", NOW), key, SHA256)
    assert built.headers.get("AS2-From") == '"US"'
    assert built.headers.get("AS2-To") == '"THEM"'
    lines = read_mdn(built.headers, built.body, Limits()).text.strip().splitlines()
    result = error and "The message has not been accepted: processed/error: decryption-failed."
    assert lines == [
        *("This is the MDN for the AS2 message", "", "Message-ID: <1@them>", "From: THEM"),
        *("To: US", "Subject: orders", "Date of this MDN: Sun, 22 Nov 2026 03:46:11 +0000", ""),
        result or "The message has been received.",
        "This is no guarantee that the contents of the message have been understood.",
    ]
