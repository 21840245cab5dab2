"""Documents from nothing to a gigabyte (G8): they pass piece by piece, and are never held."""

import hashlib
import random
import resource
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from as2gateway import der
from as2gateway.engine import Stamp
from as2gateway.engines import get_engine
from as2gateway.events import Reading
from as2gateway.policy import InboundPolicy, Limits, PayloadInfo
from as2gateway.request import read_request
from tests.gateway.cms.making import CONTENT_TYPE, SIGNING_TIME, Signer, attribute, signed_data
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import (
    NOW,
    SHA256,
    Received,
    Sent,
    addressed,
    check_answer,
    check_run,
    inbound,
    outbound,
    receive,
    send,
)
from tests.gateway.matrix.wire import Wire, open_message, write_mdn
from tests.gateway.wrapping import (
    OURS,
    THEIRS,
    Entity,
    compressed_data,
    document,
    encrypted,
    pkcs7,
    wrap,
)
from tests.openssl import cms_decrypt

KIB, MIB = 1024, 1024 * 1024
SIZES = {"0 B": 0, "1 B": 1, "64 KiB": 64 * KIB, "100 MiB": 100 * MIB, "1 GiB": 1024 * MIB}
LARGE = ("100 MiB", "1 GiB")

#: bytes that the process may grow by while a large document passes, a quarter of it being kept
_GROWTH = 64 * MIB

_NOISE = random.Random(8).randbytes(256 * KIB)


def octets(size: int) -> Iterator[bytes]:
    """A document of which no megabyte is like another; the largest packs well, to be quick."""
    rest = bytes(MIB) if size > SIZES["100 MiB"] else _NOISE + bytes(MIB)
    for start in range(0, size, MIB):
        yield (start.to_bytes(8) + rest)[: min(MIB, size - start)]


@contextmanager
def in_constant_memory() -> Iterator[None]:
    """See to it that the process does not grow by what passes."""
    before = _peak()
    yield
    assert _peak() - before < _GROWTH


def _peak() -> int:
    """Most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


# Small ---------------------------------------------------------------------------------------


@run("G8", "send", besides=LARGE)
def test_a_small_document_is_read_by_openssl(row: Row) -> None:
    payload = b"".join(octets(SIZES[row.variant]))
    sent = send(outbound(row), payload)
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert opened.payload == payload
    mdn = write_mdn(sent.wire.headers, (opened.mic(), "sha-256"))
    assert sent.take(mdn).disposition.positive


@run("G8", "recv", besides=LARGE)
def test_a_small_document_is_taken(row: Row) -> None:
    payload = b"".join(octets(SIZES[row.variant]))
    entity, covered = wrap(document(payload), ("sign", "comp", "enc"))
    check_run(receive(addressed(entity, row.asks), inbound(row)), payload, covered)


# Large: nothing here may hold the document either ---------------------------------------------


@run("G8", "send", only=LARGE)
def test_a_large_document_passes_out_in_constant_memory(row: Row) -> None:
    size = SIZES[row.variant]
    policy = outbound(row)
    composition = get_engine().compose(
        octets(size), PayloadInfo(size), policy, Stamp("<42@us.example>", NOW)
    )
    body = bytearray()
    with in_constant_memory():
        for piece in composition:
            assert len(piece) <= 2 * MIB
            body += piece
    sent = Sent(Wire(composition.headers, bytes(body)), policy, composition.mics)
    mic = mic_within(cms_decrypt(sent.wire.body, THEIRS), size)
    assert sent.mics[SHA256] == mic
    assert sent.take(write_mdn(sent.wire.headers, (mic, "sha-256"))).disposition.positive


class Unpacked:
    """What is in a CompressedData, read piece by piece."""

    def __init__(self, entity: bytes) -> None:
        head, _, info = entity.partition(b"\r\n\r\n")
        assert b"compressed-data" in head
        content = asn1_cms.ContentInfo.load(info)["content"]["encap_content_info"]["content"]
        self._packed: bytes = content.native
        self._inflate = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """That many octets, or what there still is."""
        made = self._inflate.decompress(self._packed, size)
        self._packed = self._inflate.unconsumed_tail
        return made


def mic_within(decrypted: bytes, size: int) -> bytes:
    """Compare with the document what is packed, and digest what is signed, as its signer did."""
    unpacked = Unpacked(decrypted)
    _, _, frame = unpacked.read(4 * KIB).partition(b"\r\n\r\n")
    delimiter, _, part = frame.partition(b"\r\n")
    head, end, begun = part.partition(b"\r\n\r\n")
    running = hashlib.sha256(head + end)
    for piece in octets(size):
        assert begun + unpacked.read(len(piece) - len(begun)) == piece
        running.update(piece)
        begun = b""
    tail = unpacked.read(MIB)
    assert tail.startswith(b"\r\n" + delimiter + b"\r\n")
    signature = tail.partition(b"\r\n\r\n")[2].partition(b"\r\n" + delimiter)[0]
    check_signature(signature, running.digest())
    return running.digest()


def check_signature(signature: bytes, digest: bytes) -> None:
    """Verify what openssl would have to read the whole document for."""
    (info,) = asn1_cms.ContentInfo.load(signature)["content"]["signer_infos"]
    attributes = {one["type"].native: one["values"].native for one in info["signed_attrs"]}
    assert attributes["message_digest"] == [digest]
    OURS.rsa_key.public_key().verify(
        info["signature"].native,
        info["signed_attrs"].untag().dump(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


@run("G8", "recv", only=LARGE)
def test_a_large_document_passes_in_in_constant_memory(row: Row) -> None:
    size = SIZES[row.variant]
    entity, covered = wrapped(size)
    wire = addressed(entity, row.asks)
    with in_constant_memory():
        received, checksum = receive_large(wire, inbound(row))
    assert checksum == checksum_of(octets(size))
    mic = received.facts.mic
    assert mic is not None
    assert mic.digest == covered
    check_answer(received, (covered, "sha-256"))


def digest_of(pieces: Iterable[bytes]) -> bytes:
    running = hashlib.sha256()
    for piece in pieces:
        running.update(piece)
    return running.digest()


def checksum_of(pieces: Iterable[bytes]) -> tuple[int, int]:
    """How many octets there are, and their CRC: nobody forges them here, and it is quick."""
    size = checksum = 0
    for piece in pieces:
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return size, checksum


def wrapped(size: int) -> tuple[Entity, bytes]:
    """Sign, pack and encrypt a document without ever having it; the digest of what is signed."""
    opening, end = document(b"").octets, b"\r\n--large\r\n"
    covered = digest_of(chain([opening], octets(size)))
    digest = attribute("1.2.840.113549.1.9.4", der.octet_string(covered))
    signature = Entity(
        ("Content-Type: application/pkcs7-signature",),
        signed_data(Signer(THEIRS, (CONTENT_TYPE, SIGNING_TIME, digest)), certificates=[THEIRS]),
    )
    head = b"Content-Type: multipart/signed; boundary=large; micalg=sha-256\r\n"
    packer = zlib.compressobj(1)
    packed = [packer.compress(head + end + opening)]
    packed += [packer.compress(piece) for piece in octets(size)]
    packed += [packer.compress(end + signature.octets + b"\r\n--large--\r\n"), packer.flush()]
    inside = pkcs7("compressed-data", compressed_data(b"".join(packed)))
    return encrypted(inside, OURS, "-aes128", "-stream"), covered


def receive_large(wire: Wire, policy: InboundPolicy) -> tuple[Received, tuple[int, int]]:
    """Read a message and keep only the checksum of its payload."""
    request = read_request(wire.headers)
    # A document that packs as well as a bomb is taken where the limit is raised.
    limits = Limits(ratio=1032)
    receiver = get_engine().receiver(wire.headers, policy, request.mdn, limits, Reading())
    verdicts = []

    def payload() -> Iterator[bytes]:
        for start in range(0, len(wire.body), 64 * KIB):
            for event in receiver.feed(wire.body[start : start + 64 * KIB]):
                yield event.data
        last, verdict = receiver.close()
        yield from (event.data for event in last)
        verdicts.append(verdict)

    checksum = checksum_of(payload())
    return Received(wire, request, b"", verdicts[0]), checksum
