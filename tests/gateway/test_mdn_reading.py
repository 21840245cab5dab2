import base64
from dataclasses import replace

import pytest

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.errors import MalformedMDN
from as2gateway.headers import Headers
from as2gateway.mdn import is_mdn, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.policy import Limits
from tests.gateway import mdns
from tests.gateway.mdns import (
    EXPECTED,
    FIELDS,
    MIC_VALUE,
    PROCESSED,
    REPORT,
    REPORT_TYPE,
    SIGNED_TYPE,
    TEXT,
    http,
    machine,
    multipart,
    read,
)

MACHINE_TYPE = "message/disposition-notification"
SIGNED = mdns.sign()


@pytest.mark.parametrize(
    "content_type",
    [
        REPORT_TYPE,
        "Multipart/Report; Report-Type=Disposition-Notification; boundary=r",
        'multipart/report; boundary="r"; report-type="disposition-notification"',
        "multipart/report; boundary=r",
        "multipart/mixed; boundary=r",
    ],
)
def test_a_report_is_read_whatever_its_type_says(content_type: str) -> None:
    mdn = read(REPORT, http(content_type))
    assert mdn.original_message_id == "<1@us>"
    assert mdn.disposition.positive
    assert mdn.mic == MIC(mdns.DIGEST, mdns.SHA256)
    assert (mdn.as2_from, mdn.as2_to, mdn.signed) == ("THEM", "US", False)
    assert (mdn.text, mdn.final_recipient) == ("thank you\r\n", "THEM")


BASE64 = b"Content-Transfer-Encoding: base64\r\n"
QP = b"Content-Transfer-Encoding: quoted-printable\r\n"
HTML = b"Content-Type: text/html\r\n\r\n<p>OK</p>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (multipart(machine(), TEXT), "thank you\r\n"),
        (multipart(machine()), ""),
        (multipart(b"\r\nno headers", machine()), "no headers"),
        (multipart(HTML, machine()), "<p>OK</p>"),
        (multipart(TEXT, machine(), b""), "thank you\r\n"),
        (multipart(TEXT, machine(), b"Content-Type: message/rfc822\r\n\r\nDisposition: failed"),
         "thank you\r\n"),
        (multipart(TEXT, machine(base64.b64encode(FIELDS), BASE64)), "thank you\r\n"),
        (multipart(TEXT, machine(FIELDS.replace(b"=", b"=3D"), QP)), "thank you\r\n"),
        (multipart(b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xfc", machine()), "ü"),
        (multipart(b"Content-Type: text/plain; charset=unheard\r\n\r\n\xc3\xbc", machine()), "ü"),
        (multipart(b"Content-Type: text/plain; charset=undefined\r\n\r\n\xc3\xbc", machine()), "ü"),
        (multipart(b"Content-Type: text/plain; charset=a\x00b\r\n\r\n\xc3\xbc", machine()), "ü"),
        (multipart(b"\r\n\xff", machine()), "\ufffd"),
        (b"Content-Type: x\r\n\r\n" + REPORT + b"epilogue", "thank you\r\n"),
        (REPORT.replace(b"\r\n", b"\n"), "thank you\n"),
        (REPORT.removesuffix(b"--\r\n") + b"-", "thank you\r\n"),
        (REPORT.removesuffix(b"--\r\n") + b"\r\n", "thank you\r\n"),
    ],
)  # fmt: skip
def test_the_machine_part_is_found_wherever_it_stands(body: bytes, text: str) -> None:
    mdn = read(body, http())
    assert (mdn.original_message_id, mdn.text) == ("<1@us>", text)
    assert mdn.mic == MIC(mdns.DIGEST, mdns.SHA256)


NO_COLON = b"Server x is not blacklisted\r\nContent-Type: text/plain\r\n\r\nx"
NO_BASE64 = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nok!"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((b"The message was received.", machine()), "The message was received."),
        ((b"<html>ok</html>", machine()), "<html>ok</html>"),
        ((TEXT, machine(), b"garbage without colon\r\n"), "thank you\r\n"),
        ((TEXT, machine(), NO_COLON), "thank you\r\n"),
        ((NO_BASE64, machine()), "ok!"),
    ],
)
def test_damage_to_another_part_takes_nothing_from_the_machine_s(
    parts: tuple[bytes, ...], text: str
) -> None:
    mdn = read(mdns.sign(multipart(*parts)))
    assert (mdn.original_message_id, mdn.text) == ("<1@us>", text)
    verify_mdn(mdn, EXPECTED)


def test_a_second_machine_part_is_not_hidden_by_damage() -> None:
    body = multipart(TEXT, machine(), b"no colon\r\n" + machine())
    with pytest.raises(MalformedMDN):
        read(body, http())


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_a_bare_machine_part_is_an_mdn(encoding: str) -> None:
    body = base64.encodebytes(FIELDS) if encoding == "base64" else FIELDS
    mdn = read(body, http(MACHINE_TYPE, ("Content-Transfer-Encoding", encoding)))
    assert (mdn.original_message_id, mdn.text) == ("<1@us>", "")


@pytest.mark.parametrize("body", [REPORT, base64.encodebytes(REPORT)], ids=["claimed only", "true"])
def test_a_multipart_called_base64_is_read_as_it_is(body: bytes) -> None:
    headers = http(REPORT_TYPE, ("Content-Transfer-Encoding", "base64"))
    assert read(body, headers).original_message_id == "<1@us>"
    assert is_mdn(headers, body)


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        FIELDS.lower().replace(MIC_VALUE.lower().encode(), MIC_VALUE.encode()),
        FIELDS.upper().replace(b"<1@US>", b"<1@us>").replace(MIC_VALUE.upper().encode(),
                                                            MIC_VALUE.encode()),
        FIELDS.replace(b"\r\n", b"\n"),
        FIELDS.replace(b": ", b":"),
        FIELDS.replace(b": ", b":  \t "),
        FIELDS.replace(b": ", b" : "),
        FIELDS.replace(b": ", b":\r\n "),
        FIELDS.replace(b"; ", b";\r\n\t"),
        FIELDS.replace(b"; processed", b"  ;  processed"),
        FIELDS.replace(b"; processed", b";processed"),
        FIELDS.replace(b"automatic-action/", b"automatic-action / "),
        FIELDS.replace(b"; processed", b" (sent by a robot); (yes) processed (fully)"),
        FIELDS.replace(b", sha-256", b",sha256"),
        FIELDS.replace(b", sha-256", b" , \"SHA2_256\""),
        FIELDS.replace(b", sha-256", b", sha-256 (SHA-2)"),
        FIELDS.replace(b"=, sha-256", b", sha-256"),
        FIELDS.replace(b", sha-256", b""),
        FIELDS.replace(b"AAECAwQF", b"AAEC\r\n AwQF"),
        FIELDS.replace(b"Reporting-UA: them\r\n", b""),
        FIELDS.replace(b"Original-Recipient: rfc822; THEM\r\n", b""),
        FIELDS.replace(b"rfc822; THEM", b"THEM"),
        FIELDS.replace(b"rfc822; THEM", b'rfc822; "THEM"'),
        FIELDS.replace(b"rfc822; THEM", b"X-AS2 ;THEM"),
        b"".join(sorted(FIELDS.splitlines(keepends=True))),
        FIELDS + b"X-Vendor: 1\r\nX-Vendor: 2\r\n",
        b"\r\n" + FIELDS,
        FIELDS + b"\r\n\r\n",
        FIELDS.replace(b"Disposition:", b"This is a line of text\r\n folded\r\nDisposition:"),
        FIELDS.replace(b"Disposition:", b"\r\n\r\nDisposition:"),
        FIELDS.replace(b"Disposition:", b"Gr\xfc\xdfe: x\r\nDisposition:"),
    ],
)  # fmt: skip
def test_fields_are_read_as_products_write_them(fields: bytes) -> None:
    mdn = read(multipart(machine(fields)), http())
    assert mdn.original_message_id == "<1@us>"
    assert mdn.disposition.positive
    assert mdn.mic == MIC(mdns.DIGEST, mdns.SHA256)
    assert mdn.final_recipient.upper() == "THEM"


@pytest.mark.parametrize(
    "value",
    ["<1@us>", "no brackets", "<<double>>", "<x> (kept)", '<"q" #@x>', "x" * 998],
)
def test_the_original_message_id_is_kept_exactly(value: str) -> None:
    fields = FIELDS.replace(b"<1@us>", value.encode())
    assert read(multipart(machine(fields)), http()).original_message_id == value


def test_an_mdn_may_name_no_message() -> None:
    for given in (b"", b"Original-Message-ID: \r\n"):
        fields = FIELDS.replace(b"Original-Message-ID: <1@us>\r\n", given)
        assert read(multipart(machine(fields)), http()).original_message_id is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [(b", ", False), (b"", False), (b"?, sha1", True), (b"QUJD, whirlpool", True)],
)
def test_an_empty_mic_is_none_and_an_unreadable_one_is_remembered(
    value: bytes, fault: bool
) -> None:
    fields = FIELDS.replace(MIC_VALUE.encode(), value)
    mdn = read(multipart(machine(fields)), http())
    assert (mdn.mic, bool(mdn.mic_fault)) == (None, fault)


def test_details_are_kept() -> None:
    fields = FIELDS.replace(b"; processed", b"; failed") + b"Failure: one\r\nERROR: two\r\n"
    mdn = read(multipart(machine(fields)), http())
    assert mdn.details == ("two", "one")
    assert not mdn.disposition.positive


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"OK"),
        ("text/plain", FIELDS),
        ("application/pkcs7-mime", FIELDS),
        (REPORT_TYPE, b""),
        (REPORT_TYPE, TEXT),
        (REPORT_TYPE, multipart(TEXT)),
        (REPORT_TYPE, multipart(machine(), machine())),
        (REPORT_TYPE, multipart(TEXT, machine(FIELDS.replace(b"Disposition", b"X")))),
        (REPORT_TYPE, multipart(machine(FIELDS + b"Disposition: x; failed\r\n"))),
        (REPORT_TYPE, multipart(machine(FIELDS + b"Original-Message-ID: <2@us>\r\n"))),
        (REPORT_TYPE, multipart(machine(FIELDS + b"Received-content-mic: QUJD, sha1\r\n"))),
        (REPORT_TYPE, multipart(machine(FIELDS.replace(PROCESSED.encode(), b"?")))),
        (REPORT_TYPE, multipart(machine(b"A: 1\r\n" * 200))),
        (REPORT_TYPE, multipart(*[TEXT] * 11)),
        (REPORT_TYPE, multipart(machine(b"?", BASE64))),
        (REPORT_TYPE, multipart(b"Content-Type: multipart/mixed; boundary=i\r\n\r\n"
                                + multipart(machine(), boundary=b"i"))),
        ("multipart/report", REPORT),
        (SIGNED_TYPE, b""),
        (SIGNED_TYPE, multipart(b"\r\n" + REPORT, boundary=b"s")),
        (SIGNED_TYPE, SIGNED.replace(b"application/pkcs7-signature", b"text/plain")),
        (SIGNED_TYPE, SIGNED.replace(b"--s--", b"--s\r\n\r\nthird\r\n--s--")),
        (SIGNED_TYPE, multipart(TEXT, mdns.SIGNATURE_HEADERS + b"0\x80", boundary=b"s")),
        (SIGNED_TYPE, multipart(TEXT, mdns.SIGNATURE_HEADERS, boundary=b"s")),
    ],
)  # fmt: skip
def test_what_is_no_mdn_is_malformed(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedMDN):
        read(body, http(content_type))


def test_an_mdn_over_the_limit_is_not_read() -> None:
    limits = replace(Limits(), mdn=len(REPORT) - 1)
    with pytest.raises(MalformedMDN, match="allowed"):
        read_mdn(http(), REPORT, limits)


def test_a_report_is_read_from_the_signed_part_alone() -> None:
    # A forger's report in the preamble, in the epilogue, and around the signed part.
    forged = multipart(machine(FIELDS.replace(b"<1@us>", b"<2@us>")))
    mdn = read(forged + SIGNED + forged)
    assert mdn.original_message_id == "<1@us>"
    assert mdn.signed_part in SIGNED
    assert forged not in mdn.signed_part


@pytest.mark.parametrize(
    ("fields", "pair"),
    [
        ((), ("", "")),
        ((("AS2-From", '"My Co"'), ("AS2-To", "AS 2")), ("My Co", "AS 2")),
        ((("AS2-From", "A"), ("as2-from", "A")), ("A", "")),
        ((("AS2-From", '"broken'),), ('"broken', "")),
    ],
)
def test_names_are_read_from_the_http_fields(
    fields: tuple[tuple[str, str], ...], pair: tuple[str, str]
) -> None:
    mdn = read(REPORT, Headers((("Content-Type", REPORT_TYPE), *fields)))
    assert (mdn.as2_from, mdn.as2_to) == pair


def test_two_names_are_none() -> None:
    with pytest.raises(MalformedMDN, match="AS2-From"):
        read(REPORT, http(REPORT_TYPE, ("as2-from", "OTHER")))


@pytest.mark.parametrize(
    ("content_type", "head", "answer"),
    [
        (REPORT_TYPE, b"", True),
        ("multipart/report; boundary=r", b"", True),
        ("multipart/report; report-type=delivery-status; boundary=r", b"", False),
        (MACHINE_TYPE, b"", True),
        ("application/edi-x12", FIELDS, False),
        ("multipart/mixed; boundary=r", REPORT, False),
        (SIGNED_TYPE, SIGNED, True),
        (SIGNED_TYPE, SIGNED[:200], True),
        (SIGNED_TYPE, SIGNED[:50], False),
        (SIGNED_TYPE, b"", False),
        (SIGNED_TYPE, multipart(TEXT, boundary=b"s"), False),
        (SIGNED_TYPE, multipart(machine(), boundary=b"s"), True),
        (SIGNED_TYPE, b"--s--\r\n", False),
        (SIGNED_TYPE, b"--s\r\nno field\r\n\r\n", False),
        ("multipart/signed", SIGNED, False),
    ],
)
def test_an_mdn_is_known_by_its_type_or_its_first_part(
    content_type: str, head: bytes, answer: bool
) -> None:
    assert is_mdn(http(content_type), head) is answer


def test_the_digest_of_a_nameless_mic_is_known_by_its_length() -> None:
    sha1 = base64.b64encode(bytes(20))
    fields = FIELDS.replace(MIC_VALUE.encode(), sha1)
    assert read(multipart(machine(fields)), http()).mic == MIC(bytes(20), DigestAlgorithm.SHA1)
