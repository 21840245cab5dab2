"""Who is at the other end of the core's runs: our engine, pyas2lib, or openssl and MIME by hand.

Each reads what we send and answers it, and sends what we read and takes our answer.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

from as2gateway.algorithms import CipherAlgorithm
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, read_mdn, verify_mdn
from as2gateway.policy import DecryptionKey, InboundPolicy, Limits, SigningKey
from as2gateway.pyas2.library import Mdn, Message, Organization, Partner
from as2gateway.pyas2.oscrypto.asymmetric import Certificate, ContentKeyOpener
from tests.gateway.matrix import runs
from tests.gateway.matrix.rows import Row
from tests.gateway.matrix.runs import LAYERS, SHA256, X12, addressed
from tests.gateway.matrix.wire import Wire, open_mdn, open_message, write_mdn
from tests.gateway.wrapping import OURS, THEIRS, document, wrap


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a peer found in a message, and what it answers."""

    payload: bytes
    mdn: Wire | None


class Peer(Protocol):
    """THEM, with the key of THEIRS."""

    def react(self, row: Row, message: Wire) -> Reaction:
        """Read a message of ours."""

    def send(self, row: Row) -> Wire:
        """Send us the document."""

    def take(self, row: Row, sent: Wire, mdn: Wire) -> None:
        """Take our MDN for what was sent; an error unless it is positive and proves receipt."""


class Native:
    """Our own engine."""

    _policy = InboundPolicy(
        as2_from="US",
        as2_to="THEM",
        verify_with=(OURS.certificate,),
        decrypt_with=(DecryptionKey(THEIRS.rsa_key, THEIRS.certificate),),
    )

    def react(self, row: Row, message: Wire) -> Reaction:
        layers = LAYERS[row.packaging]
        policy = replace(
            self._policy, require_signature="sign" in layers, require_encryption="enc" in layers
        )
        received = runs.receive(message, policy)
        assert received.facts.filename == "po 850.edi"
        mdn = received.answer(key=THEIRS) if row.asks.asked else None
        return Reaction(received.payload, mdn)

    def send(self, row: Row) -> Wire:
        policy = runs.outbound(
            row,
            as2_from="THEM",
            as2_to="US",
            sign_with=SigningKey(THEIRS.private_key, THEIRS.certificate),
            encrypt_to=OURS.certificate,
            mdn_url="http://them.example/mdn",
        )
        return runs.send(policy).wire

    def take(self, row: Row, sent: Wire, mdn: Wire) -> None:
        expected = Expected(
            message_id=sent["Message-ID"],
            as2_from="THEM",
            as2_to="US",
            mics={SHA256: open_message(sent, OURS, THEIRS.certificate).mic()},
            signed=row.asks.signed,
            certificates=(OURS.certificate,),
            allowed=frozenset({SHA256}),
        )
        found = read_mdn(mdn.headers, mdn.body, Limits())
        verify_mdn(found, expected)
        assert found.disposition.positive
        assert found.mic is not None


class Pyas2lib:
    """The library as software uses it that is built on it: all in one call.

    It compresses before it signs only; for the other order its functions are called one by one.
    """

    def react(self, row: Row, message: Wire) -> Reaction:
        us = Partner(
            as2_name="US",
            verify_cert=OURS.certificate.der,
            validate_certs=False,
            canonicalize_as_binary=True,
        )
        found = Message()
        status, fault, mdn = found.parse(
            message.octets, find_org_partner_cb=lambda *_names: (_them(), us)
        )
        assert (status, fault) == ("processed", (None, None))
        answer = mdn and Wire(Headers.parse(mdn.headers_str), mdn.content)
        return Reaction(found.content, answer)

    def send(self, row: Row) -> Wire:
        us = _us(row)
        late = LAYERS[row.packaging][:2] == ("sign", "comp")
        if late:
            us.compress = us.encrypt = False
        message = Message(_them(), us)
        message.build(X12, filename="po850.edi", content_type="application/edi-x12")
        wire = Wire(Headers.parse(message.headers_str), message.content)
        return _compressed(wire, row) if late else wire

    def take(self, row: Row, sent: Wire, mdn: Wire) -> None:
        message = Message()
        message.receiver = _us(row)
        message.mic = base64.b64encode(open_message(sent, OURS, THEIRS.certificate).mic())
        asked: list[str] = []

        def find(message_id: str, _recipient: str) -> Any:
            asked.append(message_id)
            return message

        assert Mdn().parse(mdn.octets, find) == ("processed", None)
        assert asked == [sent["Message-ID"].strip("<>")]


def _compressed(signed: Wire, row: Row) -> Wire:
    """Compress, and encrypt if the row says so, what is signed."""
    cms = import_module("pyas2lib.cms")
    entity = f"Content-Type: {signed['Content-Type']}\r\n\r\n".encode() + signed.body
    body = cms.compress_message(entity)
    content_type = "application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z"
    if "enc" in LAYERS[row.packaging]:
        entity = f"Content-Type: {content_type}\r\n\r\n".encode() + body
        body = cms.encrypt_message(entity, "aes_128_cbc", Certificate(OURS.certificate))
        content_type = "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"
    kept = (field for field in signed.headers if field[0] != "Content-Type")
    return Wire(Headers((*kept, ("Content-Type", content_type))), body)


def _them() -> Any:
    key = (THEIRS.private_key, Certificate(THEIRS.certificate))
    them = Organization("THEM", domain="them.example", mdn_url="http://them.example/mdn")
    them.sign_key = key
    them.decrypt_key = (ContentKeyOpener(THEIRS.rsa_key, CipherAlgorithm.AES128_CBC.key_size), None)
    return them


def _us(row: Row) -> Any:
    layers, asks = LAYERS[row.packaging], row.asks
    return Partner(
        as2_name="US",
        verify_cert=OURS.certificate.der,
        encrypt_cert=OURS.certificate.der,
        validate_certs=False,
        compress="comp" in layers,
        sign="sign" in layers,
        encrypt="enc" in layers,
        enc_alg="aes_128_cbc",
        mdn_mode=asks.mode.upper() if asks.asked else None,
        mdn_digest_alg="sha256" if asks.signed else None,
    )


class OpenSSL:
    """``openssl cms``, and MIME cut by hand."""

    def react(self, row: Row, message: Wire) -> Reaction:
        found = open_message(message, THEIRS, OURS.certificate)
        assert found.layers == LAYERS[row.packaging]
        assert found.fields.get_filename() == "po 850.edi"
        if not row.asks.asked:
            return Reaction(found.payload, None)
        signer = THEIRS if row.asks.signed else None
        mdn = write_mdn(message.headers, (found.mic(), "sha-256"), signer=signer)
        return Reaction(found.payload, mdn)

    def send(self, row: Row) -> Wire:
        return addressed(wrap(document(X12), LAYERS[row.packaging])[0], row.asks)

    def take(self, row: Row, sent: Wire, mdn: Wire) -> None:
        found = open_mdn(mdn, OURS.certificate)
        assert (found.disposition, found.signed) == ("processed", row.asks.signed)
        assert found.fields["Original-Message-ID"] == sent["Message-ID"]
        assert found.fields["Final-Recipient"] == "rfc822; US"
        assert found.mic == (open_message(sent, OURS, THEIRS.certificate).mic(), "sha-256")


PEERS: Mapping[str, Peer] = MappingProxyType(
    {"native": Native(), "pyas2lib": Pyas2lib(), "openssl": OpenSSL()}
)
