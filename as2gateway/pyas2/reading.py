"""The layers of a message taken off by pyas2lib, in the frame that ``receive`` is.

What is delivered is cut from the octets that came, and pyas2lib must have verified exactly these:
it prints MIME again before it digests it, and what it prints is never delivered.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from as2gateway import mime
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.canonical import line_ends
from as2gateway.certificates import Certificate
from as2gateway.cms import signed
from as2gateway.cms.content import ContentInfo
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    DecryptionFailed,
    IntegrityCheckFailed,
    LimitExceeded,
    MalformedMessage,
)
from as2gateway.events import Canonical, LayerFacts, LayerKind, UnverifiedPayload
from as2gateway.layers import Entity, Inner, LayerReaders, Message, announced, read_signature
from as2gateway.mic import MIC, RunningDigests
from as2gateway.pyas2 import asking, holes
from as2gateway.receive import MessageReceiver
from as2gateway.stream import Parser, Source, Wait, collect


def read_enveloped(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Decrypt. DecryptionFailed is the answer to all that is wrong (CMS-32)."""
    try:
        envelope = yield from holes.read_envelope(source, info, message.policy, message.limits)
        yield from info.close(source)
        clear = asking.decrypt(envelope)
    except AS2Error as fault:
        while (yield from source.some()):
            pass
        raise DecryptionFailed(fault.reason) from fault
    yield from inner.feed(clear)
    yield from inner.end()
    return LayerFacts(
        LayerKind.ENVELOPED,
        cipher=envelope.cipher,
        key_transport=envelope.transport,
        certificate=envelope.key.certificate.fingerprint,
        wrapped_key=envelope.wrapped_digest.hex(),
    )


def read_compressed(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Decompress within the limits. Raises DecompressionFailed."""
    content = yield from _whole(source)
    yield from inner.feed(asking.decompress(holes.check_compressed(content, info, message.limits)))
    yield from inner.end()
    return LayerFacts(LayerKind.COMPRESSED)


def read_opaque(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Verify a signature that carries its content: to pyas2lib it is shown as a detached one."""
    del info  # it is put together again from the content
    content = yield from _whole(source)
    try:
        octets = holes.opaque_signature(content)
        signature = signed.parse(octets, replace(message.limits, signature=len(octets)))
    except MalformedMessage as fault:
        raise IntegrityCheckFailed(f"signed-data is broken: {fault}") from fault
    if signature.content is None:
        raise IntegrityCheckFailed("signed-data without the content that it signs")
    return (yield from _Signed(message, octets, signature).read(signature.content, inner))


def read_multipart_signed(
    source: Source, message: Message, inner: Inner, entity: Entity
) -> Parser[bytes, LayerFacts]:
    """Verify RFC 1847's two parts; whatever else comes is no signed message (MIME-07)."""
    boundary = entity.content_type.boundary
    if not boundary:
        raise IntegrityCheckFailed("multipart/signed without a boundary")
    try:
        yield from mime.read_preamble(source, boundary)
        parts = mime.read_part(source, boundary)
        part, last = yield from collect(parts, message.limits.whole_message)
        if last:
            raise IntegrityCheckFailed("multipart/signed with only one part")
        octets = yield from read_signature(source, message, boundary)
        signature = signed.parse(octets, message.limits)
    except MalformedMessage as fault:
        raise IntegrityCheckFailed(f"multipart/signed is broken: {fault}") from fault
    facts = yield from _Signed(message, octets, signature).read(part, inner)
    if facts.digest not in announced(entity):
        message.notes.append(f"micalg does not name {facts.digest}, which the signature uses")
    return facts


READERS = LayerReaders(read_multipart_signed, read_opaque, read_enveloped, read_compressed)


class _Signed:
    """A SignedData that is to be verified over some octets."""

    def __init__(self, message: Message, octets: bytes, signature: signed.SignedData) -> None:
        self._message = message
        self._octets = octets
        self._signature = signature

    def read(self, part: bytes, inner: Inner) -> Parser[bytes, LayerFacts]:
        """Verify, then give out what was verified."""
        holes.check_signature(self._signature, self._message.policy)
        holes.check_signed_part(part)
        mic, certificate = self._verify(part)
        covered = self._covered(part, mic)
        yield from inner.feed(covered)
        yield from inner.end()
        if self._message.mic is None:  # of nested signatures, the innermost (MIC-03)
            self._message.mic = self._returned(covered, mic)
        return LayerFacts(
            LayerKind.SIGNED, digest=mic.algorithm, certificate=certificate.fingerprint
        )

    def _returned(self, covered: bytes, mic: MIC) -> MIC:
        """The MIC to return: by quirk in the digest that was asked for, not the signature's."""
        for algorithm in self._message.also:
            running = RunningDigests({algorithm})
            running.update(covered)
            return MIC(running.digests[algorithm], algorithm)
        return mic

    def _verify(self, part: bytes) -> tuple[MIC, Certificate]:
        entity = _frame(part, self._octets)
        faults: list[AS2Error] = []
        for as_binary in (True, False):
            for certificate in self._candidates():
                try:
                    return asking.verify(entity, certificate, as_binary=as_binary), certificate
                except IntegrityCheckFailed as fault:
                    faults.append(fault)
                    break  # other content than was signed, whoever signed it
                except AuthenticationFailed as fault:
                    faults.append(fault)
        raise self._fault(faults)

    def _candidates(self) -> Iterable[Certificate]:
        """The partner's certificates, first those that the signature names."""
        signers = self._signature.signers
        signed.check_key_sizes(self._message.policy.verify_with, self._message.limits)
        return sorted(
            self._message.policy.verify_with,
            key=lambda one: not any(signer.names(one) for signer in signers),
        )

    def _fault(self, faults: list[AS2Error]) -> AS2Error:
        wrong = [fault for fault in faults if isinstance(fault, AuthenticationFailed)]
        if not faults:
            return AuthenticationFailed("the connection has no certificate to verify with")
        if not wrong:
            return faults[0]
        if all(signer.attributes is None for signer in self._signature.signers):
            # It covers the content directly, which is likelier to have changed than the key.
            return IntegrityCheckFailed(wrong[0].reason)
        return wrong[0]

    def _covered(self, part: bytes, mic: MIC) -> bytes:
        """The form of the part that was verified: as it came, or with its line ends repaired."""
        for canonical, octets in _forms(part):
            digests = _digests(octets, self._signature)
            if digests.get(mic.algorithm) != mic.digest:
                continue
            holes.check_coverage(self._signature, octets, digests)
            if canonical is not Canonical.RAW:
                self._message.notes.append(
                    f"the signature holds with line ends repaired: {canonical}"
                )
            return octets
        raise IntegrityCheckFailed("pyas2lib verified other octets than those that came")


def _frame(part: bytes, signature: bytes) -> bytes:
    """A multipart/signed of these two and nothing else, so that no two readers see different ones.

    Its boundary is random: a partner cannot have written it into the part.
    """
    frame = mime.SignedEntity(mime.new_boundary(os.urandom), "unknown")
    head = f"Content-Type: {frame.content_type}\r\n\r\n".encode("ascii")
    return b"".join((head, frame.opening, part, frame.middle, signature, frame.closing))


def _forms(part: bytes) -> Iterator[tuple[Canonical, bytes]]:
    for canonical in Canonical:
        form = line_ends(canonical)
        yield canonical, form.update(part) + form.finish()


def _digests(octets: bytes, signature: signed.SignedData) -> Mapping[DigestAlgorithm, bytes]:
    running = RunningDigests(signature.digest_algorithms)
    running.update(octets)
    return running.digests


def _whole(source: Source) -> Wait[bytes]:
    # The receiver has counted what came, and no layer makes more than is allowed of it.
    octets = bytearray()
    while data := (yield from source.some()):
        octets += data
    return bytes(octets)


class WholeMessageReceiver(MessageReceiver):
    """Reads a message of at most ``Limits.whole_message`` bytes: an ``engine.Receiver``."""

    readers = READERS

    _count = 0

    def feed(self, data: bytes) -> Iterator[UnverifiedPayload]:
        """Take the next octets; iterate to give out the payload that they release."""
        self._count += len(data)
        limit = self._message.limits.whole_message
        if self._count > limit and self._fault is None:
            self._fault = LimitExceeded(
                f"more than {limit} bytes, and the engine pyas2lib holds a message in memory; "
                "the engine native does not"
            )
        yield from super().feed(data)
