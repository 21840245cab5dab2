"""Opening: what was signed, or what a MIC is over, made or read again from what is stored."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.events import MOST_READINGS, LayerKind, Reading, Rejected
from as2gateway.headers import Headers
from as2gateway.mic_variants import covered
from as2gateway.policy import DecryptionKey, InboundPolicy
from as2gateway.signed_content import SignedContentReceiver
from messages.models import Direction, Message
from messages.store import Writer, get_store
from messages.wire import payload_info
from partners.encryption import KeyRingError
from partners.models import KeyPair, PartnerCertificate
from partners.parsed import parse_certificate, private_key_of
from partners.policies import as_built, inbound_policy, limits


class CannotOpen(Exception):
    """The octets cannot be had any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a signature or a MIC covers, in a file that nobody else sees."""

    file: Writer
    #: the signature beside it, DER; empty for a message of ours, which is encrypted to the partner
    signature: bytes = b""
    #: fingerprint of the certificate that made it
    signer: str = ""


def open_content(message: Message, new_file: Callable[[], Writer], now: dt.datetime) -> Content:
    """Write what is covered into a file that ``new_file`` begins. Raises CannotOpen."""
    try:
        if message.direction == Direction.OUTBOUND:
            return _made_again(message, new_file())
        return _read_again(message, new_file, now)
    except (FileNotFoundError, KeyRingError, ValueError, KeyError) as error:
        raise CannotOpen(f"{error}") from error


def ends_with(file: Writer, size: int, sha256: str) -> bool:
    """Tell whether the last ``size`` octets of a file are those with that digest."""
    skip, digest = file.size - size, hashlib.sha256()
    if skip < 0:
        return False
    for chunk in file.chunks():
        rest = chunk[skip:] if skip else chunk
        skip = max(skip - len(chunk), 0)
        digest.update(rest)
    return digest.hexdigest() == sha256


def _made_again(message: Message, file: Writer) -> Content:
    if not message.payload_key:
        raise CannotOpen("the document is no longer kept")
    if not message.mics:
        raise CannotOpen("it was never built")
    policy = as_built(message.as2_from, message.as2_to, message.settings)
    payload = get_store().chunks(message.payload_key)
    for chunk in covered(payload, payload_info(message), policy):
        file.write(chunk)
    if message.mics.get(DigestAlgorithm.SHA256, file.sha256) != file.sha256:
        raise CannotOpen("the document in the store is not the one that was sent")
    return Content(file)


def _read_again(message: Message, new_file: Callable[[], Writer], now: dt.datetime) -> Content:
    if not message.raw_key:
        raise CannotOpen("the request is no longer kept")
    policy, reading = _policy(message, now), Reading()
    for _attempt in range(MOST_READINGS):
        file = new_file()
        receiver = SignedContentReceiver(
            Headers(message.header_fields), policy, limits(), reading, file.write
        )
        for chunk in get_store().chunks(message.raw_key):
            _drop(receiver.feed(chunk))
        last, verdict = receiver.close()
        _drop(last)
        if isinstance(verdict, Rejected):
            if verdict.second_reading is None:
                raise CannotOpen(verdict.error.reason)
            reading = verdict.second_reading
            continue
        if not receiver.signature:
            raise CannotOpen("it has no signature beside its content")
        signed = [each for each in verdict.facts.layers if each.kind is LayerKind.SIGNED]
        if len(signed) > 1:
            raise CannotOpen("it is signed more than once, and its MIC is of the inner content")
        return Content(file, receiver.signature, signed[0].certificate or "")
    raise CannotOpen("it cannot be read as it was then")


def _drop(pieces: Iterable[object]) -> None:
    for _piece in pieces:
        pass


def _policy(message: Message, now: dt.datetime) -> InboundPolicy:
    """Take the keys and certificates of then, retired or not: nothing is accepted by this."""
    return replace(
        inbound_policy(message.connection, now),
        require_signature=False,
        require_encryption=False,
        require_signed_attributes=False,
        digests=frozenset(DigestAlgorithm),
        ciphers=frozenset(CipherAlgorithm),
        verify_with=tuple(
            parse_certificate(bytes(row.certificate))
            for row in PartnerCertificate.objects.filter(
                connection=message.connection_id, fingerprint__in=_listed(message, "verify_with")
            )
        ),
        decrypt_with=tuple(_keys(message)),
    )


def _keys(message: Message) -> Iterable[DecryptionKey]:
    rows = KeyPair.objects.filter(fingerprint__in=_listed(message, "decrypt_with"))
    for row in rows:
        private_key = private_key_of(row)
        if isinstance(private_key, RSAPrivateKey):
            yield DecryptionKey(private_key, parse_certificate(bytes(row.certificate)))


def _listed(message: Message, name: str) -> list[str]:
    value = message.settings.get(name)
    return [str(each) for each in value] if isinstance(value, list) else []
