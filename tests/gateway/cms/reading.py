"""Our parsers, run from the ContentInfo on over pieces of a message."""

from collections.abc import Callable, Iterable, Mapping

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.cms import compressed, enveloped, oids, signed
from as2gateway.cms.content import read_content_info
from as2gateway.cms.enveloped import EnvelopedFacts
from as2gateway.cms.signed import SignedData
from as2gateway.policy import DecryptionKey, InboundPolicy, Limits, never_seen
from as2gateway.stream import Parser, Source
from tests.gateway.splits import run_chunks
from tests.openssl import Identity

CIPHERS = frozenset(CipherAlgorithm)


def decrypt(
    chunks: Iterable[bytes],
    *recipients: Identity,
    ciphers: frozenset[CipherAlgorithm] = CIPHERS,
    limits: Limits | None = None,
    seen: Callable[[bytes], bool] = never_seen,
) -> tuple[bytes, EnvelopedFacts]:
    """The clear octets and what is known of their envelope."""
    keys = tuple(DecryptionKey(one.rsa_key, one.certificate) for one in recipients)
    policy = InboundPolicy("THEM", "US", ciphers=ciphers, decrypt_with=keys, wrapped_key_seen=seen)

    def parser(source: Source) -> Parser[bytes, EnvelopedFacts]:
        info = yield from read_content_info(source)
        assert info.oid in {oids.ENVELOPED_DATA, oids.AUTH_ENVELOPED_DATA}
        return (yield from enveloped.decrypt(source, policy, limits or Limits(), info))

    pieces, facts = run_chunks(parser, chunks)
    return b"".join(pieces), facts


def decompress(chunks: Iterable[bytes], limits: Limits | None = None) -> bytes:
    """The unpacked octets."""

    def parser(source: Source) -> Parser[bytes, None]:
        info = yield from read_content_info(source)
        assert info.oid == oids.COMPRESSED_DATA
        yield from compressed.decompress(source, limits or Limits(), info)

    return b"".join(run_chunks(parser, chunks)[0])


Opaque = tuple[SignedData, Mapping[DigestAlgorithm, bytes]]


def read_opaque(chunks: Iterable[bytes], limits: Limits | None = None) -> tuple[bytes, Opaque]:
    """The content, its signers, and its digests."""

    def parser(source: Source) -> Parser[bytes, Opaque]:
        info = yield from read_content_info(source)
        assert info.oid == oids.SIGNED_DATA
        return (yield from signed.read_opaque(source, limits or Limits(), info))

    pieces, opaque = run_chunks(parser, chunks)
    return b"".join(pieces), opaque
