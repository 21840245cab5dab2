import base64
import quopri
import random

import pytest

from as2gateway.errors import MalformedMessage
from as2gateway.mime import cms_decoder, decoder
from tests.gateway.reading import OPEN, read, rejected
from tests.gateway.splits import SPLITS, Split, splits
from tests.gateway.wrapping import Entity

DATA = bytes(range(256)) * 9 + b"tail"
ENCODED = base64.b64encode(DATA)


def decode(encoding: str | None, pieces: list[bytes], *, cms: bool = False) -> bytes:
    decoding = cms_decoder(encoding) if cms else decoder(encoding)
    return b"".join(map(decoding.update, pieces)) + decoding.finish()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("encoding", [None, "", "binary", "7bit", "8BIT", "x-unknown"])
def test_no_encoding_changes_nothing(split: Split, encoding: str | None) -> None:
    assert decode(encoding, split(DATA)) == DATA


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "text",
    [
        ENCODED,
        ENCODED + b"\r\n",
        base64.encodebytes(DATA),
        base64.encodebytes(DATA).replace(b"\n", b" \t\r\n\r\n"),
        ENCODED.rstrip(b"="),
        ENCODED + b"\r\n====\r\n",
    ],
    ids=["one line", "end", "lines", "blanks", "no padding", "lines of padding"],
)
@pytest.mark.parametrize("encoding", ["base64", " BASE64 ;"])
def test_base64_of_any_shape_is_decoded(split: Split, text: bytes, encoding: str) -> None:
    assert decode(encoding, split(text)) == DATA


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "text", [b"QUJD-", b"QUJ\x00D", b"QUJDQ", b"QUI=QUJD", b"QQ==\r\nQQ==", b"Q", b"QUJDQ==="]
)
def test_what_is_not_base64_is_refused(split: Split, text: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode("base64", split(text))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        (b"a=3Db=0D=0A", b"a=b\r\n"),
        (b"soft=\r\nbreak=\nhere", b"softbreakhere"),
        (b"padded= \t\r\nbreak", b"paddedbreak"),
        (b"lower=c3=bc", b"lower\xc3\xbc"),
        (b"hard\r\nend\n", b"hard\r\nend\n"),
        (b"bad =zz =4 x=", b"bad =zz =4 x="),
        (b"==41=", b"=A="),
        (b"blanks  \r\n", b"blanks  \r\n"),
        (b"= x", b"= x"),
    ],
)
def test_quoted_printable_is_decoded(split: Split, text: bytes, decoded: bytes) -> None:
    assert decode("Quoted-Printable", split(text)) == decoded


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("count", [75, 76, 77, 78, 200])
def test_a_soft_line_break_is_padded_by_a_line_at_the_most(
    split: Split, end: bytes, count: int
) -> None:
    octets = b"a=" + b"\t" * count + end + b"b"
    assert decode("quoted-printable", split(octets)) == (b"ab" if count <= 76 else octets)


@pytest.mark.parametrize("split", SPLITS)
def test_any_octets_survive_quoted_printable(split: Split) -> None:
    octets = random.Random(1).randbytes(3000)
    assert decode("quoted-printable", split(quopri.encodestring(octets))) == octets


DER = b"0\x80\x06\x00" + DATA


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("encoding", [None, "binary", "base64", "quoted-printable"])
@pytest.mark.parametrize("body", [DER, base64.b64encode(DER), b"\r\n" + base64.encodebytes(DER)])
def test_cms_is_told_from_its_base64_by_its_first_octet(
    split: Split, encoding: str | None, body: bytes
) -> None:
    assert decode(encoding, split(body), cms=True) == DER


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_cms_body_is_empty(split: Split, body: bytes) -> None:
    assert decode("base64", split(body), cms=True) == b""


def test_other_cms_bodies_are_decoded_as_they_claim() -> None:
    assert decode("base64", [b"QUJD"], cms=True) == b"ABC"
    assert decode(None, [b"QUJD"], cms=True) == b"QUJD"


def test_damage_to_an_encoding_counts_before_what_is_inside_it() -> None:
    body = base64.b64encode(b"0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x00\x01")
    entity = Entity(
        (
            "Content-Type: application/pkcs7-mime; smime-type=signed-data",
            "Content-Transfer-Encoding: base64",
        ),
        body + b"=\r\n" + body,
    )
    for pieces in splits(entity.body):
        verdict = rejected(read(entity.headers, pieces, OPEN)[1])
        assert "base64" in verdict.error.reason
