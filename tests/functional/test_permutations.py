"""Every permutation of RFC 4130 §2.4.2 between two whole gateways, in both directions."""

import hashlib
from email import message_from_bytes

import pytest
from asn1crypto.cms import ContentInfo

from tests import openssl
from tests.functional.pair import Pair, Side
from tests.functional.permutations import COMPRESSED, TWELVE, Permutation
from tests.functional.records import Row

DIRECTIONS = ("a to b", "b to a")

every = pytest.mark.parametrize("permutation", [*TWELVE, *COMPRESSED], ids=lambda p: p.name)
both_ways = pytest.mark.parametrize("direction", DIRECTIONS)


def filename(permutation: Permutation, direction: str) -> str:
    return f"{permutation.name}-{direction[0]}.x12"


def payload(permutation: Permutation, direction: str) -> bytes:
    """A document that shows every change to it: line ends of all kinds, and no text at all."""
    head = f"ISA*00*{permutation.name}*{direction}~\r\nGS~\nST~\r".encode()
    return head + bytes(range(256)) * 40 + b"\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def sent(pair: Pair) -> None:
    """Let everything go at once: the tests wait for their own."""
    for permutation in (*TWELVE, *COMPRESSED):
        for direction in DIRECTIONS:
            sender, _ = pair.ends(direction)
            name = filename(permutation, direction)
            sender.drop(permutation.name, name, payload(permutation, direction))


def settled(pair: Pair, permutation: Permutation, direction: str) -> Row:
    sender, _ = pair.ends(direction)
    return pair.wait_until_sent(sender, filename(permutation, direction))


@both_ways
@every
def test_the_document_is_handed_over_once_and_byte_for_byte(
    pair: Pair, permutation: Permutation, direction: str
) -> None:
    _, receiver = pair.ends(direction)
    name = filename(permutation, direction)
    came = pair.wait_until_handed_over(receiver, permutation.name, name)
    assert came == [payload(permutation, direction)]


@both_ways
@every
def test_the_sender_knows_it_delivered_at_the_first_attempt(
    pair: Pair, permutation: Permutation, direction: str
) -> None:
    message = settled(pair, permutation, direction)
    known = (message["state"], message["attempts"], message["failure_text"])
    assert known == ("delivered", 1, "")


@both_ways
@every
def test_the_receiver_finds_it_packed_as_agreed(
    pair: Pair, permutation: Permutation, direction: str
) -> None:
    settled(pair, permutation, direction)
    _, receiver = pair.ends(direction)
    message = receiver.records.message(filename(permutation, direction), "inbound")
    found = (message["signed"], message["encrypted"], bool(message["compressed"]))
    assert found == (
        permutation.sign if permutation.signed else "",
        permutation.encrypt if permutation.encrypted else "",
        permutation.compress != "none",
    )


@both_ways
@every
def test_the_mdn_is_of_the_kind_that_was_asked_for_and_proves_delivery(
    pair: Pair, permutation: Permutation, direction: str
) -> None:
    _, receiver = pair.ends(direction)
    message = settled(pair, permutation, direction)
    signer = receiver.identity.certificate.fingerprint if permutation.receipt == "signed" else ""
    found = [
        (m["state"], m["disposition"], bool(m["signed"]), m["signer"], bool(m["mic_matched"]))
        for m in message["mdns"]
    ]
    proof = ("verified", "processed", permutation.receipt == "signed", signer, True)
    assert found == ([] if permutation.receipt == "none" else [proof])
    assert message["mdn_mode"] == permutation.mdn


@both_ways
@every
def test_the_mic_is_the_digest_of_the_octets_that_the_rfc_names(
    pair: Pair, permutation: Permutation, direction: str
) -> None:
    sender, receiver = pair.ends(direction)
    ours = settled(pair, permutation, direction)
    theirs = receiver.records.message(filename(permutation, direction), "inbound")
    wire = wire_entity(sender, ours)
    recipient = receiver.identity
    oracle = openssl.Identity(recipient.private_key, recipient.certificate)
    octets = digested(wire, oracle) or payload(permutation, direction)
    for algorithm, digest in {**ours["mics"], **theirs["mics"]}.items():
        assert digest == hashlib.new(algorithm.replace("-", ""), octets).hexdigest()
    assert theirs["mics"].items() <= ours["mics"].items()


def wire_entity(sender: Side, message: Row) -> bytes:
    """What went over the wire, as one MIME entity."""
    head = "".join(f"{name}: {value}\r\n" for name, value in message["headers"])
    return head.encode() + b"\r\n" + sender.stored(message["wire_key"])


def digested(entity: bytes, recipient: openssl.Identity) -> bytes | None:
    """What a MIC is made of, by openssl and other people's code (RFC 4130 §7.3.1, RFC 5402 §4).

    None if nothing is wrapped around the document: then it is the document without header fields.
    """
    wrapped = False
    while True:
        fields, body = message_from_bytes(entity), entity.partition(b"\r\n\r\n")[2]
        match fields.get_content_type(), fields.get_param("smime-type"):
            case "multipart/signed", _:
                delimiter = f"--{fields.get_boundary()}\r\n".encode()
                return body.split(delimiter)[1].removesuffix(b"\r\n")
            case "application/pkcs7-mime", "enveloped-data":
                entity = openssl.cms_decrypt(body, recipient)
            case "application/pkcs7-mime", "compressed-data":
                entity = ContentInfo.load(body)["content"].decompressed
            case _:
                return entity if wrapped else None
        wrapped = True
