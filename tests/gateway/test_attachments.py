"""Several documents in one message are found one by one, and sent as one payload."""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes

import pytest

from as2gateway.algorithms import Compression
from as2gateway.attachments import Attachment, join
from as2gateway.engines import get_engine
from as2gateway.errors import AS2Error, LimitExceeded, MalformedMessage
from as2gateway.events import Facts
from as2gateway.policy import InboundPolicy, Limits, PayloadInfo
from tests.gateway.reading import LEGACY, OPEN, STRICT, accepted, read, read_entity, rejected
from tests.gateway.splits import SPLITS, Split
from tests.gateway.test_send import PLAIN, POLICY, STAMP
from tests.gateway.wrapping import Entity, encrypted, signed

PDF = b"%PDF-1.4\n--AB\r\n-- AAA\r\n\0\xff"
RELATED = 'Content-Type: multipart/related; boundary=AAA; type="application/xml"'
BODY = (
    b"a preamble\r\n--AAA\r\n"
    b"Content-Type: application/xml\r\nContent-ID: <root@x>\r\n\r\n<po/>\r\n\r\n"
    b"--AAA\r\n"
    b'Content-Type: application/pdf; name="plan.pdf"\r\nContent-ID: <2@x>\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PDF) + b"\r\n"
    b"--AAA \r\n"
    b"\r\nno fields\r\n"
    b"--AAA--\r\nan epilogue"
)


def related(body: bytes = BODY, more: str = "") -> Entity:
    return Entity((RELATED + more,), body)


def documents(payload: bytes, facts: Facts) -> list[bytes]:
    def pieces() -> Iterator[bytes]:
        for at in range(0, len(payload), 7):
            yield payload[at : at + 7]

    return [b"".join(one.read(pieces())) for one in facts.attachments]


def test_attachments_are_found_in_what_was_signed() -> None:
    payload, verdict = read_entity(encrypted(signed(related())))
    facts = accepted(verdict).facts
    assert payload == BODY
    assert documents(payload, facts) == [b"<po/>\r\n", PDF, b"no fields"]
    assert [replace(one, start=0, length=0) for one in facts.attachments] == [
        Attachment("application/xml", "", "root@x", "", 0, 0, root=True),
        Attachment("application/pdf", "plan.pdf", "2@x", "base64", 0, 0),
        Attachment("text/plain", "", "", "", 0, 0),
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_attachments_do_not_depend_on_the_cut(split: Split) -> None:
    entity = related()
    payload, verdict = read(entity.headers, split(entity.body), OPEN)
    assert documents(payload, accepted(verdict).facts) == [b"<po/>\r\n", PDF, b"no fields"]


@pytest.mark.parametrize(
    ("start", "root"),
    [("", 0), ('; start="<2@x>"', 1), ("; start=2@x", 1), ('; start="<nobody@x>"', 0)],
)
def test_the_root_is_the_part_that_start_names_or_the_first(start: str, root: int) -> None:
    facts = accepted(read_entity(related(more=start), OPEN)[1]).facts
    assert [one.root for one in facts.attachments] == [number == root for number in range(3)]


@pytest.mark.parametrize(
    "body", [BODY[: BODY.index(b"--\r\nan")], BODY[: BODY.index(b"--\r\nan")] + b"\r\n"]
)
def test_the_hyphens_of_the_last_delimiter_may_be_missing(body: bytes) -> None:
    payload, verdict = read_entity(related(body), OPEN)
    assert documents(payload, accepted(verdict).facts) == [b"<po/>\r\n", PDF, b"no fields"]


def test_the_last_attachment_may_go_on_to_the_end() -> None:
    payload, verdict = read_entity(related(BODY[: BODY.rindex(b"\r\n--AAA--")]), OPEN)
    assert documents(payload, accepted(verdict).facts)[-1] == b"no fields"


def test_other_multiparts_are_one_document_unless_the_policy_says_so() -> None:
    entity = Entity((RELATED.replace("related", "mixed"),), BODY)
    payload, verdict = read_entity(entity, OPEN)
    assert payload == BODY
    assert accepted(verdict).facts.attachments == ()
    policy = replace(OPEN, split_attachments=frozenset({"multipart/mixed"}))
    assert len(accepted(read_entity(entity, policy)[1]).facts.attachments) == 3
    assert accepted(read_entity(related(b"broken"), policy)[1]).facts.attachments == ()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", MalformedMessage),
        (b"no delimiter", MalformedMessage),
        (b"--AAA\r\nno field\r\n--AAA--\r\n", MalformedMessage),
        (b"--AAA\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--AAA--", MalformedMessage),
        (b"--AAA\r\n\r\n\r\n" * 4 + b"--AAA--", LimitExceeded),
    ],
)
@pytest.mark.parametrize("policy", [OPEN, STRICT])
def test_what_cannot_be_taken_apart_is_refused(
    body: bytes, kind: type[AS2Error], policy: InboundPolicy
) -> None:
    entity = related(body)
    if policy is STRICT:
        entity = encrypted(signed(entity))
    _, verdict = read_entity(entity, policy, limits=Limits(attachments=3))
    assert type(rejected(verdict).error) is kind


def test_without_a_boundary_it_cannot_be_taken_apart() -> None:
    _, verdict = read_entity(Entity(("Content-Type: multipart/related",), BODY), OPEN)
    assert "without a boundary" in rejected(verdict).error.reason


@pytest.mark.parametrize("encoding", ["base64", "Base64 ", "binary"])
@pytest.mark.parametrize("preamble", [b"", b"This is a multi-part message.\r\n"])
def test_a_multipart_in_the_clear_is_not_decoded(encoding: str, preamble: bytes) -> None:
    inside = Entity(("Content-Type: text/plain",), b"=41 --- x")
    message = signed(inside)
    fields = (*message.fields, f"Content-Transfer-Encoding: {encoding}")
    payload, verdict = read_entity(Entity(fields, preamble + message.body), OPEN)
    accepted(verdict)
    assert payload == b"=41 --- x"
    fields = (RELATED, f"Content-Transfer-Encoding: {encoding}")
    payload, _ = read_entity(Entity(fields, preamble + BODY), OPEN)
    assert payload == preamble + BODY


# --- sending -------------------------------------------------------------------------------------

PARTS = [
    (PayloadInfo(5, "application/xml", "po.xml"), b"<po/>"),
    (PayloadInfo(len(PDF), "application/pdf", "Pläne.pdf"), PDF),
    (PayloadInfo(0, "text/plain"), b""),
]


@pytest.mark.parametrize("compress", [Compression.NONE, Compression.BEFORE_SIGNING])
def test_documents_that_are_joined_come_apart_at_the_receiver(compress: Compression) -> None:
    info, payload = join([(info, [octets]) for info, octets in PARTS], os.urandom)
    policy = replace(POLICY, compress=compress)
    composition = get_engine("native").compose(payload, info, policy, STAMP)
    received, verdict = read(composition.headers, [b"".join(composition)], LEGACY)
    facts = accepted(verdict).facts
    assert len(received) == info.size
    assert documents(received, facts) == [octets for _, octets in PARTS]
    assert [(one.content_type, one.filename) for one in facts.attachments] == [
        (info.content_type, info.filename) for info, _ in PARTS
    ]
    assert facts.mic is not None
    assert facts.mic.digest == composition.mics[facts.mic.algorithm]


def test_what_is_joined_is_what_the_standard_asks_for() -> None:
    info, payload = join([(info, [octets]) for info, octets in PARTS], bytes)
    octets = f"Content-Type: {info.content_type}\r\n\r\n".encode() + b"".join(payload)
    message = message_from_bytes(octets)
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "application/xml"
    ids = [part["Content-ID"] for part in message.walk() if not part.is_multipart()]
    assert ids == [f"<{n}@as2-{'00' * 16}>" for n in range(3)]
    assert message.get_param("start") == ids[0]
    assert not message.preamble
    assert not (message.epilogue or "").strip()


def test_a_document_of_another_size_is_not_sent() -> None:
    _, payload = join([(PayloadInfo(3), [b"four"]), (PayloadInfo(4), [b"cat"])], os.urandom)
    with pytest.raises(ValueError, match="3 octets were announced, 4 came"):
        b"".join(payload)


def test_several_documents_never_go_in_the_clear() -> None:
    info, payload = join([(info, [octets]) for info, octets in PARTS], os.urandom)
    with pytest.raises(ValueError, match="must be signed, encrypted or compressed"):
        get_engine("native").compose(payload, info, PLAIN, STAMP)
