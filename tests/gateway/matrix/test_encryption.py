"""Ciphers (G4) and how the content key is wrapped for whom (G5)."""

from collections.abc import Callable

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto.core import ObjectIdentifier

from as2gateway.algorithms import CipherAlgorithm, KeyTransport
from as2gateway.errors import DecryptionFailed
from as2gateway.events import Rejected
from as2gateway.policy import DecryptionKey
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import X12, addressed, check_run, inbound, outbound, receive, send
from tests.gateway.matrix.wire import open_message, write_mdn
from tests.gateway.reading import LEGACY
from tests.gateway.splits import SPLITS, Split
from tests.gateway.wrapping import OURS, THEIRS, Entity, document, encrypted, pkcs7, signed
from tests.openssl import Identity, cms_encrypt, identity

CIPHERS = {
    "3DES-CBC": (CipherAlgorithm.TRIPLE_DES_CBC, "-des3"),
    "AES-128-CBC": (CipherAlgorithm.AES128_CBC, "-aes128"),
    "AES-192-CBC": (CipherAlgorithm.AES192_CBC, "-aes192"),
    "AES-256-CBC": (CipherAlgorithm.AES256_CBC, "-aes256"),
    "AES-128-GCM": (CipherAlgorithm.AES128_GCM, "-aes-128-gcm"),
    "AES-256-GCM": (CipherAlgorithm.AES256_GCM, "-aes-256-gcm"),
}
#: openssl needs a provider of its own for what nobody should use any more
_LEGACY = ("-provider", "legacy", "-provider", "default")
REFUSED = {"RC2 refused": "-rc2-128", "DES refused": "-des"}


@run("G4", "send")
def test_openssl_decrypts_what_we_encrypt(row: Row) -> None:
    cipher, _ = CIPHERS[row.variant]
    sent = send(outbound(row, encrypt=cipher))
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert (opened.payload, opened.layers) == (X12, ("sign", "enc"))
    assert opened.cms["enc"].count(ObjectIdentifier(cipher.oid).dump()) == 1
    mdn = write_mdn(sent.wire.headers, (opened.mic(), "sha-256"))
    assert sent.take(mdn).disposition.positive


@pytest.mark.parametrize("split", SPLITS)
@run("G4", "recv", besides=REFUSED)
def test_we_decrypt_what_openssl_encrypts(row: Row, split: Split) -> None:
    cipher, option = CIPHERS[row.variant]
    inside = signed(document(X12))
    wire = addressed(encrypted(inside, OURS, option), row.asks)
    received = receive(wire, inbound(row, ciphers=frozenset({cipher})), split=split)
    check_run(received, X12, document(X12).octets)
    assert [each.cipher for each in received.facts.layers] == [cipher, None]


@run("G4", "recv", only=REFUSED)
def test_what_is_broken_is_refused_whatever_the_policy(row: Row) -> None:
    inside = signed(document(X12))
    wire = addressed(encrypted(inside, OURS, REFUSED[row.variant], *_LEGACY), row.asks)
    verdict = receive(wire, LEGACY).verdict
    assert isinstance(verdict, Rejected)
    assert isinstance(verdict.error, DecryptionFailed)


@run("G4", "recv", only={"3DES-CBC"})
def test_triple_des_is_refused_by_default(row: Row) -> None:
    wire = addressed(encrypted(signed(document(X12)), OURS, "-des3"), row.asks)
    verdict = receive(wire, inbound(row)).verdict
    assert isinstance(verdict, Rejected)
    assert isinstance(verdict.error, DecryptionFailed)


# G5: key transport ---------------------------------------------------------------------------

TRANSPORTS = {
    "RSA v1.5": (KeyTransport.RSA_V15, "rsaes_pkcs1v15"),
    "OAEP SHA-1": (KeyTransport.RSA_OAEP_SHA1, "rsaes_oaep"),
    "OAEP SHA-256": (KeyTransport.RSA_OAEP, "rsaes_oaep"),
}
OAEP = {"OAEP SHA-1": "sha1", "OAEP SHA-256": "sha256"}


@run("G5", "send")
def test_openssl_unwraps_our_keys(row: Row) -> None:
    transport, name = TRANSPORTS[row.variant]
    sent = send(outbound(row, key_transport=transport))
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert opened.payload == X12
    content = asn1_cms.ContentInfo.load(opened.cms["enc"])["content"]
    (recipient,) = content["recipient_infos"]
    algorithm = recipient.chosen["key_encryption_algorithm"]
    assert algorithm["algorithm"].native == name
    if digest := OAEP.get(row.variant):
        assert algorithm["parameters"]["hash_algorithm"]["algorithm"].native == digest
    mdn = write_mdn(sent.wire.headers, (opened.mic(), "sha-256"))
    assert sent.take(mdn).disposition.positive


CURVED = identity("curved", "p256")
PREVIOUS = identity("ours, before")


def to(*recipients: Identity, options: tuple[str, ...] = ()) -> Callable[[], Entity]:
    """Encrypt to these by openssl."""
    certificates = [one.certificate for one in recipients]
    return lambda: pkcs7(
        "enveloped-data", cms_encrypt(document(X12).octets, certificates, "-aes128", *options)
    )


def ours_last(*recipients: Identity) -> Callable[[], Entity]:
    """Encrypt to another one and to us; openssl sorts the set, other products don't."""

    def build() -> Entity:
        entity = to(*recipients)()
        infos = [info.dump() for info in _content(entity)["recipient_infos"]]
        ours = next(info for info in infos if OURS.certificate.issuer_and_serial in info)
        others = [info for info in infos if info != ours]
        body = entity.body.replace(b"".join(infos), b"".join([*others, ours]))
        return Entity(entity.fields, body)

    return build


def oaep(digest: str) -> Callable[[], Entity]:
    """Wrap the key by OAEP with a digest."""
    pairs = ("rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}")
    return to(OURS, options=tuple(word for pair in pairs for word in ("-keyopt", pair)))


WRAPPED: dict[str, Callable[[], Entity]] = {
    "RSA v1.5": to(OURS),
    "OAEP SHA-1": oaep("sha1"),
    "OAEP SHA-256": oaep("sha256"),
    "rid = SKI": to(OURS, options=("-keyid",)),
    "two recipients, ours second": ours_last(identity("another"), OURS),
    "originator copy present": ours_last(THEIRS, OURS),
    "unknown kari first, then our ktri": ours_last(CURVED, OURS),
    "previous own key": to(PREVIOUS),
}


@pytest.mark.parametrize("split", SPLITS)
@run("G5", "recv")
def test_our_key_is_found_and_opens_it(row: Row, split: Split) -> None:
    keys = (OURS, PREVIOUS)  # a rollover: the newest first
    own = tuple(DecryptionKey(one.rsa_key, one.certificate) for one in keys)
    wire = addressed(WRAPPED[row.variant](), row.asks)
    received = receive(wire, inbound(row, decrypt_with=own), split=split)
    check_run(received, X12, document(X12).octets)
    (layer,) = received.facts.layers
    used = PREVIOUS if row.variant == "previous own key" else OURS
    expected = KeyTransport.RSA_OAEP if row.variant.startswith("OAEP") else KeyTransport.RSA_V15
    assert (layer.certificate, layer.key_transport) == (used.certificate.fingerprint, expected)


def test_the_recipients_are_what_they_are_called() -> None:
    found = {
        name: [info.name for info in _content(build())["recipient_infos"]]
        for name, build in WRAPPED.items()
    }
    assert found["unknown kari first, then our ktri"] == ["kari", "ktri"]
    assert found["two recipients, ours second"] == ["ktri", "ktri"]
    last = _content(WRAPPED["two recipients, ours second"]())["recipient_infos"][1]
    assert OURS.certificate.issuer_and_serial in last.dump()
    (by_key_id,) = _content(WRAPPED["rid = SKI"]())["recipient_infos"]
    assert by_key_id.chosen["rid"].name == "subject_key_identifier"


def _content(entity: Entity) -> asn1_cms.EnvelopedData:
    return asn1_cms.ContentInfo.load(entity.body)["content"]
