"""What a connection insists on is there, over the bytes delivered, or the message is refused.

And a refusal says no more than it must: of what was encrypted, one answer for all that is wrong.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from asn1crypto import cms as asn1_cms

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    DecompressionFailed,
    DecryptionFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    MalformedMessage,
)
from as2gateway.events import Accepted
from as2gateway.policy import InboundPolicy, Limits
from tests.gateway.reading import OPEN, STRICT, accepted, read_entity, read_to_the_end, rejected
from tests.gateway.wrapping import (
    OURS,
    PACKAGINGS,
    PAYLOAD,
    THEIRS,
    Entity,
    Octets,
    compressed,
    compressed_data,
    document,
    encrypted,
    multipart,
    opaque,
    pkcs7,
    signature,
    signed,
    wrap,
)
from tests.openssl import cms_sign, identity

STRANGER = identity("stranger")
#: the partner's name and serial number, with a key that is not the partner's
IMPOSTOR = identity("theirs", serial=THEIRS.certificate.serial, key_of="impostor")

SIGNED_ONLY = replace(STRICT, require_encryption=False)
SECRET = b"what an attacker wants delivered"
ATTACK = document(SECRET)


@pytest.mark.parametrize("packaging", PACKAGINGS)
@pytest.mark.parametrize("must_sign", [False, True])
@pytest.mark.parametrize("must_encrypt", [False, True])
def test_exactly_what_is_asked_for_must_be_there(
    packaging: str, must_sign: bool, must_encrypt: bool
) -> None:
    layers = PACKAGINGS[packaging]
    policy = replace(STRICT, require_signature=must_sign, require_encryption=must_encrypt)
    verdict = read_entity(wrap(document(), layers)[0], policy)[1]
    is_signed = bool({"sign", "opaque"} & {*layers})
    if is_signed >= must_sign and ("enc" in layers) >= must_encrypt:
        accepted(verdict)
    else:
        assert type(rejected(verdict).error) is InsufficientMessageSecurity


def signed_data(**changes: object) -> bytes:
    """SignedData of no signer at all, in a ContentInfo."""
    content = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {"content_type": "data"},
        "signer_infos": [],
        **changes,
    }
    info = asn1_cms.ContentInfo({"content_type": "signed_data", "content": content})
    der: bytes = info.dump()
    return der


def in_two_parts(content: Entity, der: bytes) -> Entity:
    part = Entity(("Content-Type: application/pkcs7-signature",), der)
    return multipart(content.octets, part.octets)


def mixed(*parts: bytes, subtype: str = "mixed") -> Entity:
    body = b"".join(b"--outer\r\n" + part + b"\r\n" for part in parts) + b"--outer--\r\n"
    return Entity((f"Content-Type: multipart/{subtype}; boundary=outer",), body)


def with_type(entity: Entity, content_type: str) -> Entity:
    return Entity((f"Content-Type: {content_type}",), entity.body)


@cache
def genuine() -> Entity:
    return signed(document())


@cache
def genuine_signature() -> bytes:
    return signature(document().octets)


def unannounced() -> Entity:
    """Signed with a digest that is not the one announced before the content."""
    info = asn1_cms.ContentInfo.load(cms_sign(document().octets, [THEIRS], "-nodetach"))
    info["content"]["digest_algorithms"] = [{"algorithm": "sha512"}]
    return pkcs7("signed-data", info.dump(force=True))


Build = Callable[[], Entity]

#: what → the message, the policy, the answer
REFUSED: dict[str, tuple[Build, InboundPolicy, type[AS2Error]]] = {
    # nobody signed it, or nobody whom we know
    "no signer": (lambda: in_two_parts(ATTACK, signed_data()), OPEN, AuthenticationFailed),
    "no signer, opaque": (
        lambda: pkcs7(
            "signed-data",
            signed_data(encap_content_info={"content_type": "data", "content": ATTACK.octets}),
        ),
        OPEN,
        AuthenticationFailed,
    ),
    "certificates only": (lambda: pkcs7("certs-only", signed_data()), OPEN, IntegrityCheckFailed),
    "a stranger": (lambda: signed(ATTACK, STRANGER), OPEN, AuthenticationFailed),
    "a stranger, opaque": (lambda: opaque(ATTACK, STRANGER), OPEN, AuthenticationFailed),
    "an impostor": (lambda: signed(ATTACK, IMPOSTOR), OPEN, AuthenticationFailed),
    "no certificate of theirs": (
        genuine,
        replace(OPEN, verify_with=()),
        AuthenticationFailed,
    ),
    # another content than was signed
    "other content": (
        lambda: multipart(ATTACK.octets, genuine_signature()),
        OPEN,
        IntegrityCheckFailed,
    ),
    "one part": (
        lambda: with_type(mixed(ATTACK.octets), "multipart/signed; boundary=outer"),
        OPEN,
        IntegrityCheckFailed,
    ),
    "three parts": (
        lambda: with_type(
            mixed(document().octets, genuine_signature(), ATTACK.octets),
            "multipart/signed; boundary=outer; micalg=sha-256",
        ),
        OPEN,
        IntegrityCheckFailed,
    ),
    "parts swapped": (
        lambda: multipart(genuine_signature(), document().octets),
        OPEN,
        IntegrityCheckFailed,
    ),
    "no boundary": (lambda: with_type(genuine(), "multipart/signed"), OPEN, IntegrityCheckFailed),
    "no parts": (
        lambda: Entity(("Content-Type: multipart/signed; boundary=x",), SECRET),
        OPEN,
        IntegrityCheckFailed,
    ),
    "no CMS": (lambda: in_two_parts(ATTACK, SECRET), OPEN, IntegrityCheckFailed),
    "another digest, opaque": (unannounced, OPEN, IntegrityCheckFailed),
    "no CMS, opaque": (lambda: pkcs7("signed-data", SECRET), OPEN, IntegrityCheckFailed),
    # a signature that does not cover all that would be delivered
    "beside what is signed": (
        lambda: mixed(ATTACK.octets, genuine().octets),
        SIGNED_ONLY,
        InsufficientMessageSecurity,
    ),
    "below what is signed": (
        lambda: mixed(genuine().octets, ATTACK.octets, subtype="related"),
        SIGNED_ONLY,
        InsufficientMessageSecurity,
    ),
    "a message in a message": (
        lambda: Entity(("Content-Type: message/rfc822",), genuine().octets),
        SIGNED_ONLY,
        InsufficientMessageSecurity,
    ),
    # CMS that is no encryption
    "compressed, not encrypted": (
        lambda: compressed(genuine()),
        STRICT,
        InsufficientMessageSecurity,
    ),
    "no smime-type": (
        lambda: with_type(compressed(genuine()), "application/pkcs7-mime"),
        STRICT,
        InsufficientMessageSecurity,
    ),
    "a false smime-type": (
        lambda: with_type(
            compressed(genuine()), "APPLICATION/X-PKCS7-MIME; smime-type=Enveloped-Data"
        ),
        STRICT,
        InsufficientMessageSecurity,
    ),
    "unknown CMS": (
        lambda: pkcs7("enveloped-data", signed_data().replace(b"\x01\x07\x02", b"\x01\x07\x05", 1)),
        OPEN,
        MalformedMessage,
    ),
    "no CMS at all": (
        lambda: with_type(pkcs7("", SECRET), "application/pkcs7-mime"),
        OPEN,
        MalformedMessage,
    ),
    # decryption: see also the tests below
    "encrypted twice": (lambda: encrypted(encrypted(genuine())), STRICT, DecryptionFailed),
    "3DES": (lambda: encrypted(genuine(), OURS, "-des3"), STRICT, DecryptionFailed),
    # compression
    "compressed twice": (lambda: compressed(compressed(ATTACK)), OPEN, DecompressionFailed),
    "compressed at both places": (
        lambda: compressed(signed(compressed(ATTACK))),
        OPEN,
        DecompressionFailed,
    ),
    "compression damaged": (
        lambda: pkcs7("compressed-data", compressed_data(zlib.compress(ATTACK.octets)[:-1])),
        OPEN,
        DecompressionFailed,
    ),
    "no compression": (lambda: pkcs7("compressed-data", SECRET), OPEN, DecompressionFailed),
    # weaker than allowed
    "SHA-1": (
        lambda: multipart(ATTACK.octets, signature(ATTACK.octets, THEIRS, "-md", "sha1"), "sha1"),
        OPEN,
        InsufficientMessageSecurity,
    ),
    "SHA-1 called SHA-256": (
        lambda: multipart(ATTACK.octets, signature(ATTACK.octets, THEIRS, "-md", "sha1")),
        OPEN,
        InsufficientMessageSecurity,
    ),
    "SHA-1, opaque": (
        lambda: pkcs7("signed-data", cms_sign(ATTACK.octets, [THEIRS], "-nodetach", "-md", "sha1")),
        OPEN,
        InsufficientMessageSecurity,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_proves_nothing_is_refused(case: str) -> None:
    build, policy, error = REFUSED[case]
    verdict = rejected(read_to_the_end(build(), policy)[1])
    assert verdict.error.modifier == error.modifier
    assert isinstance(verdict.error, error)
    if error is not InsufficientMessageSecurity:
        assert verdict.facts.mic is None


@pytest.mark.parametrize("case", REFUSED)
def test_and_no_less_when_it_was_encrypted(case: str) -> None:
    build, policy, error = REFUSED[case]
    if error is InsufficientMessageSecurity and policy.require_encryption:
        policy = replace(policy, verify_with=())  # encryption was all that it lacked
        error = AuthenticationFailed
    verdict = rejected(read_to_the_end(encrypted(build()), policy)[1])
    assert isinstance(verdict.error, error)


# One answer for all that is wrong with what was encrypted (CMS-32) ---------------------------


@cache
def sealed() -> Entity:
    return encrypted(genuine())


def with_body(change: Callable[[bytes], bytes]) -> Entity:
    return Entity(sealed().fields, change(sealed().body))


def gcm(change: Callable[[bytes], bytes]) -> Entity:
    """Sealed with an AEAD cipher, and then changed."""
    entity = encrypted(genuine(), OURS, "-aes-128-gcm")
    return Entity(entity.fields, change(entity.body))


UNREADABLE: dict[str, Build] = {
    "to somebody else": lambda: encrypted(genuine(), STRANGER),
    "a cipher that is not allowed": lambda: encrypted(genuine(), OURS, "-des3"),
    "a wrong tag": lambda: gcm(lambda body: body[:-1] + bytes((body[-1] ^ 1,))),
    "no tag": lambda: gcm(lambda body: body[:-18]),
    "cut": lambda: with_body(lambda body: body[:-16]),
    "no whole blocks": lambda: with_body(lambda body: body[:-1]),
    # In CBC this changes the last octet, which counts the padding, to more than a block.
    "wrong padding": lambda: with_body(
        lambda body: body[:-17] + bytes((body[-17] ^ 0x80,)) + body[-16:]
    ),
    "no CMS": lambda: pkcs7("enveloped-data", SECRET),
    "nothing": lambda: pkcs7("enveloped-data", b""),
    "nothing inside": lambda: encrypted(Octets(b"")),
    "no MIME inside": lambda: encrypted(Octets(b"UNB+UNOA:2+5790000432752:14'")),
    "broken MIME inside": lambda: encrypted(
        Octets(b"Content-Type: text/plain\r\nno field\r\n\r\n")
    ),
    "endless MIME inside": lambda: encrypted(Octets(b"Content-Type: " + bytes(70_000))),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_whatever_is_wrong_with_encryption_the_answer_is_one(case: str) -> None:
    verdict = rejected(read_entity(UNREADABLE[case]())[1])
    assert type(verdict.error) is DecryptionFailed
    assert verdict.second_reading is None
    assert verdict.facts.mic is None


# Damage anywhere -----------------------------------------------------------------------------

COVERED = [name for name, layers in PACKAGINGS.items() if {"sign", "opaque"} & {*layers}]


@pytest.mark.parametrize("offset", range(3))
@pytest.mark.parametrize("packaging", COVERED)
def test_no_flipped_bit_changes_what_is_delivered(packaging: str, offset: int) -> None:
    entity = wrap(document(), PACKAGINGS[packaging])[0]
    body = bytearray(entity.body)
    for at in range(offset * 5, len(body), 15):
        body[at] ^= 0x10
        payload, verdict = read_to_the_end(Entity(entity.fields, bytes(body)), SIGNED_ONLY)
        body[at] ^= 0x10
        if isinstance(verdict, Accepted):
            assert payload == PAYLOAD, at
            assert verdict.facts.signed


@pytest.mark.parametrize("layers", [("sign",), ("sign", "enc"), ("opaque",), ("opaque", "enc")])
def test_a_message_cut_anywhere_is_refused(layers: tuple[str, ...]) -> None:
    entity, _ = wrap(document(b"short"), layers)
    # The last boundary line is the only thing that may be cut (MIME-13).
    end = entity.body.rindex(b"------=_Part_") - 2 if layers == ("sign",) else len(entity.body)
    for at in range(end):
        verdict = read_entity(Entity(entity.fields, entity.body[:at]), SIGNED_ONLY)[1]
        error = DecryptionFailed if "enc" in layers else IntegrityCheckFailed
        assert isinstance(rejected(verdict).error, error), at


# Octets outside, and too many of them --------------------------------------------------------


def test_nothing_outside_the_signed_part_is_delivered() -> None:
    body = SECRET + b"\r\n" + genuine().body + SECRET
    payload, verdict = read_entity(Entity(genuine().fields, body), SIGNED_ONLY)
    accepted(verdict)
    assert payload == PAYLOAD


@pytest.mark.parametrize(
    "limits", [Limits(decompressed=1_000_000), Limits(ratio=100, ratio_from=1_000_000)]
)
@pytest.mark.parametrize("layers", [("comp",), ("comp", "enc"), ("comp", "sign", "enc")])
def test_a_bomb_is_cut_off(layers: tuple[str, ...], limits: Limits) -> None:
    bomb, _ = wrap(document(bytes(50_000_000)), layers)
    payload, verdict = read_entity(bomb, OPEN, limits=limits)
    assert len(payload) < 10_000_000
    assert type(rejected(verdict).error) is DecompressionFailed


@pytest.mark.parametrize(
    ("layers", "policy"),
    [
        (compressed, STRICT),
        (lambda inside: signed(compressed(inside), STRANGER), SIGNED_ONLY),
    ],
)
def test_a_bomb_of_a_stranger_gives_out_no_more_than_the_floor_and_the_ratio(
    layers: Callable[[Entity], Entity], policy: InboundPolicy
) -> None:
    bomb = layers(document(bytes(100_000_000)))
    payload, verdict = read_entity(bomb, policy)
    rejected(verdict)
    assert len(payload) <= Limits().ratio_from + Limits().ratio * len(bomb.body)


def test_a_signature_of_any_size_is_not_kept() -> None:
    entity = in_two_parts(document(), bytes(100_000))
    verdict = read_entity(entity, OPEN, limits=Limits(signature=20_000))[1]
    assert "20000 octets" in rejected(verdict).error.reason


def test_legacy_algorithms_are_switched_on_by_name() -> None:
    octets = document().octets
    weak = multipart(octets, signature(octets, THEIRS, "-md", "sha1"), "sha1")
    policy = replace(
        STRICT,
        digests=frozenset({DigestAlgorithm.SHA1}),
        ciphers=frozenset({CipherAlgorithm.TRIPLE_DES_CBC}),
    )
    accepted(read_entity(encrypted(weak, OURS, "-des3"), policy)[1])
    rejected(read_entity(sealed(), policy)[1])
