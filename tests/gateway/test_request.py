import pytest

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.errors import (
    AS2Error,
    MalformedRequest,
    UnsupportedFormat,
    UnsupportedMICAlgorithms,
)
from as2gateway.headers import Headers
from as2gateway.request import AS2Request, MDNRequest, read_request

SHA1, SHA256, SHA512 = DigestAlgorithm.SHA1, DigestAlgorithm.SHA256, DigestAlgorithm.SHA512
BASE = (("AS2-From", "THEM"), ("AS2-To", "US"), ("Message-ID", "<1@them>"))


def request(*fields: tuple[str, str], without: str = "") -> AS2Request:
    kept = tuple(field for field in BASE if field[0] != without)
    return read_request(Headers(kept + fields))


def mdn(options: str | None, *fields: tuple[str, str]) -> MDNRequest:
    given = () if options is None else (("Disposition-Notification-Options", options),)
    asked = request(("Disposition-Notification-To", "x"), *given, *fields).mdn
    assert asked is not None
    return asked


def test_the_fields_of_a_request_are_read() -> None:
    read = request(("Subject", "850"), ("Content-Type", "Application/EDI-X12; name=a"))
    assert (read.as2_from, read.as2_to, read.message_id) == ("THEM", "US", "<1@them>")
    assert (read.subject, str(read.content_type), read.mdn) == ("850", "application/edi-x12", None)


@pytest.mark.parametrize(
    "value",
    ["<a@b>", "no-brackets", "<no at>", '<with "quotes" # and spaces>', "x" * 998],
)
def test_a_message_id_is_kept_exactly(value: str) -> None:
    assert request(("Message-ID", value), without="Message-ID").message_id == value


@pytest.mark.parametrize("fields", [(), (("Message-ID", ""),)])
def test_a_message_without_an_id_is_read(fields: tuple[tuple[str, str], ...]) -> None:
    assert request(*fields, without="Message-ID").message_id is None


@pytest.mark.parametrize("name", ["AS2-From", "AS2-To"])
def test_a_missing_name_is_refused(name: str) -> None:
    with pytest.raises(MalformedRequest, match=name):
        request(without=name)


@pytest.mark.parametrize("name", ["AS2-From", "AS2-To", "Message-ID", "Content-Type"])
def test_a_doubled_field_is_refused(name: str) -> None:
    with pytest.raises(MalformedRequest, match=name):
        request((name.lower(), "other"), (name, "other"))


def test_two_lengths_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="Content-Length"):
        request(("Content-Length", "1"), ("Content-Length", "1"))


@pytest.mark.parametrize("name", ["AS2-From", "AS2-To", "Message-ID", "Receipt-Delivery-Option"])
@pytest.mark.parametrize("octet", ["\x00", "\x1b", "\x7f", "\x85", "\xe9"])
def test_octets_outside_printable_ascii_are_refused(name: str, octet: str) -> None:
    with pytest.raises(MalformedRequest, match=name):
        request((name, f"a{octet}b"), without=name)


@pytest.mark.parametrize("value", ['"', "", "x" * 129])
def test_a_name_outside_the_grammar_is_refused(value: str) -> None:
    with pytest.raises(MalformedRequest, match="AS2-To"):
        request(("AS2-To", value), without="AS2-To")


def test_a_message_id_over_the_limit_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="999"):
        request(("Message-ID", "x" * 999), without="Message-ID")


def test_names_with_underscores_are_other_fields() -> None:
    assert request(("AS2_From", "EVIL"), ("AS2_To", "EVIL")).as2_from == "THEM"


@pytest.mark.parametrize("value", ["a@b", "http://x", "garbage \xff", ""])
def test_the_presence_of_one_field_asks_for_an_mdn(value: str) -> None:
    asked = request(("Disposition-Notification-To", value)).mdn
    assert asked == MDNRequest(signed=False)


@pytest.mark.parametrize(
    "field",
    [
        ("Disposition-Notification-Options", "signed-receipt-protocol=required, pkcs7-signature"),
        ("Receipt-Delivery-Option", "http://them/mdn"),
    ],
)
def test_other_fields_alone_ask_for_nothing(field: tuple[str, str]) -> None:
    assert request(field).mdn is None


USUAL = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, "


@pytest.mark.parametrize(
    ("options", "signed", "digest", "spelling"),
    [
        (USUAL + "sha1, md5", True, SHA1, "sha1"),
        (USUAL + "sha-256, sha1", True, SHA256, "sha-256"),
        (USUAL + "SHA2_256", True, SHA256, "SHA2_256"),
        (USUAL + "md5, sha-512", True, SHA512, "sha-512"),
        (USUAL + "unheard-of, sha1", True, SHA1, "sha1"),
        (USUAL.upper() + "SHA1", True, SHA1, "SHA1"),
        (USUAL + "sha1;", True, SHA1, "sha1"),
        (USUAL + '"sha-1"', True, SHA1, "sha-1"),
        (
            USUAL.replace("=", '="').replace(";", '";') + 'sha-256"',
            True,
            SHA256,
            "sha-256",
        ),
        (
            USUAL.replace("=", "\t=\t").replace(";", "\t;\t").replace(",", "\t,\t") + "sha1",
            True,
            SHA1,
            "sha1",
        ),
        (
            "signed-receipt-micalg=optional,sha1;signed-receipt-protocol=optional,pkcs7-signature",
            True,
            SHA1,
            "sha1",
        ),
        ("signed-receipt-protocol=optional, pkcs7-signature;", True, None, None),
        ("signed-receipt-protocol=required,pkcs7-signature", True, None, None),
        ("signed-receipt-protocol=pkcs7-signature; signed-receipt-micalg=sha1", True, SHA1, "sha1"),
        ("signed-receipt-protocol=optional,x-pkcs7-signature", True, None, None),
        ("signed-receipt-protocol=optional,application/pkcs-7-signature", True, None, None),
        ("signed-receipt-micalg=optional, sha-256", False, SHA256, "sha-256"),
        ("signed-receipt-protocol=optional, pgp-signature", False, None, None),
        (USUAL + "sha1; x-new=optional, y; x-other", True, SHA1, "sha1"),
        (USUAL + "sha1; signed-receipt-micalg=optional, sha-512", True, SHA1, "sha1"),
        ("garbage", False, None, None),
        (";;=;,=,", False, None, None),
        ("", False, None, None),
    ],
)
def test_options_are_read_in_every_spelling(
    options: str, signed: bool, digest: DigestAlgorithm | None, spelling: str | None
) -> None:
    assert mdn(options) == MDNRequest(signed, digest, spelling)


@pytest.mark.parametrize(
    ("options", "failure"),
    [
        ("signed-receipt-protocol=required, pgp-signature", UnsupportedFormat),
        ("signed-receipt-protocol=required", UnsupportedFormat),
        (USUAL + "sha1; x-new=Required, y", UnsupportedFormat),
        (USUAL + "md5", UnsupportedMICAlgorithms),
        (
            USUAL.replace("micalg=optional", "micalg=required") + "whirlpool",
            UnsupportedMICAlgorithms,
        ),
        ("signed-receipt-micalg=required", UnsupportedMICAlgorithms),
    ],
)
def test_what_cannot_be_honoured_is_a_failure(options: str, failure: type[AS2Error]) -> None:
    asked = mdn(options)
    assert isinstance(asked.failure, failure)
    assert asked.digest is None or failure is UnsupportedFormat


def test_options_split_over_two_fields_are_one() -> None:
    first, second = USUAL.split("; ")
    asked = mdn(first, ("Disposition-Notification-Options", second + "sha-512"))
    assert (asked.signed, asked.digest) == (True, SHA512)


@pytest.mark.parametrize("url", ["", "http://them:8080/mdn?id=1&x=" + "y" * 100, "mailto:a@b"])
def test_the_delivery_url_is_given_as_it_came(url: str) -> None:
    assert mdn(None, ("Receipt-Delivery-Option", url)).url == url
