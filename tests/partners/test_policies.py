"""Rows become policies."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from as2gateway.algorithms import CipherAlgorithm, Compression, DigestAlgorithm
from as2gateway.certificates import Certificate
from as2gateway.policy import (
    MODERN_CIPHERS,
    MODERN_DIGESTS,
    InboundPolicy,
    MDNMode,
    OutboundPolicy,
    SigningKey,
)
from as2gateway.quirks import NO_QUIRKS, MICVariant, Quirks
from partners import parsed, policies
from partners.encryption import KeyRingError
from partners.models import Connection, KeyPair, PartnerCertificate
from partners.policies import PolicyError
from tests import factories
from tests.factories import DAY, identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection() -> Connection:
    return factories.connection()


def found(as2_from: str = "AMAZON", as2_to: str = "VENDOR") -> Connection:
    connection = policies.find_connection(as2_from, as2_to)
    assert connection is not None
    return connection


def signer(key: SigningKey | None) -> Certificate | None:
    return key.certificate if key else None


def test_a_connection_is_found_by_both_names(connection: Connection) -> None:
    assert found() == connection


@pytest.mark.parametrize(
    ("as2_from", "as2_to"),
    [("amazon", "VENDOR"), ("AMAZON ", "VENDOR"), ("AMAZON", "vendor"), ("VENDOR", "AMAZON")],
)
def test_names_are_compared_octet_for_octet(
    connection: Connection, as2_from: str, as2_to: str
) -> None:
    assert policies.find_connection(as2_from, as2_to) is None


def test_a_message_asks_only_whether_anything_changed(connection: Connection) -> None:
    now = timezone.now()

    def message() -> None:
        row = found()
        policies.inbound_policy(row, now)
        policies.signing_key(row.organization, now)
        policies.outbound_policy(row, now)
        assert row.partner.name == "Amazon"

    message()
    with CaptureQueriesContext(database) as queries:
        message()
    assert {query["sql"] for query in queries} == {"SELECT token FROM partners_revision"}


def test_private_keys_are_parsed_once(connection: Connection) -> None:
    first = policies.inbound_policy(found(), timezone.now())
    second = policies.inbound_policy(found(), timezone.now())
    assert first.decrypt_with[0].private_key is second.decrypt_with[0].private_key


def test_the_inbound_policy_says_what_the_connection_asks(connection: Connection) -> None:
    policy = policies.inbound_policy(connection, timezone.now())
    assert (policy.as2_from, policy.as2_to) == ("AMAZON", "VENDOR")
    assert (policy.require_signature, policy.require_encryption) == (True, True)
    assert policy.verify_with == (identity("AMAZON").certificate,)
    assert [key.certificate for key in policy.decrypt_with] == [identity("VENDOR").certificate]
    assert (policy.digests, policy.ciphers) == (MODERN_DIGESTS, MODERN_CIPHERS)
    assert policy.require_signed_attributes
    assert policy.default_digest is DigestAlgorithm.SHA256


def test_the_outbound_policy_says_how_to_build() -> None:
    connection = factories.connection(
        sign="sha-512", encrypt="aes-256-cbc", compress="before-signing", mdn="async"
    )
    policy = policies.outbound_policy(connection, timezone.now())
    assert (policy.as2_from, policy.as2_to) == ("VENDOR", "AMAZON")
    assert policy.sign is DigestAlgorithm.SHA512
    assert policy.encrypt is CipherAlgorithm.AES256_CBC
    assert policy.compress is Compression.BEFORE_SIGNING
    assert (policy.mdn, policy.mdn_signed) == (MDNMode.ASYNC, True)
    assert policy.mdn_url.endswith("/as2")
    assert signer(policy.sign_with) == identity("VENDOR").certificate
    assert policy.encrypt_to == identity("AMAZON").certificate


def test_none_asks_for_no_key() -> None:
    connection = factories.bare_connection(sign="none", encrypt="none", mdn="none")
    policy = policies.outbound_policy(connection, timezone.now())
    assert (policy.sign, policy.sign_with, policy.encrypt, policy.encrypt_to) == (None,) * 4
    assert policy.mdn_url == ""


@pytest.mark.parametrize(
    ("settings", "digests", "ciphers"),
    [
        ({"accept_sha1": True}, {DigestAlgorithm.SHA1}, set()),
        ({"sign": "sha-1"}, {DigestAlgorithm.SHA1}, set()),
        ({"accept_3des": True}, set(), {CipherAlgorithm.TRIPLE_DES_CBC}),
        ({"encrypt": "des-ede3-cbc"}, set(), {CipherAlgorithm.TRIPLE_DES_CBC}),
        ({"sign": "none", "encrypt": "none"}, set(), set()),
    ],
)
def test_weak_algorithms_are_taken_only_where_agreed(
    settings: dict[str, Any], digests: set[DigestAlgorithm], ciphers: set[CipherAlgorithm]
) -> None:
    policy = policies.inbound_policy(factories.connection(**settings), timezone.now())
    assert policy.digests == MODERN_DIGESTS | digests
    assert policy.ciphers == MODERN_CIPHERS | ciphers


def roll_over(connection: Connection, start: dt.datetime) -> None:
    factories.partner_certificate(connection, identity("AMAZON-2").certificate, activates_at=start)
    factories.key_pair(connection.organization, identity("VENDOR-2"), activates_at=start)


def test_during_a_rollover_both_verify_and_the_latest_is_used(connection: Connection) -> None:
    now = timezone.now()
    roll_over(connection, now)
    inbound = policies.inbound_policy(connection, now)
    assert inbound.verify_with == (
        identity("AMAZON-2").certificate,
        identity("AMAZON").certificate,
    )
    assert [key.certificate for key in inbound.decrypt_with] == [
        identity("VENDOR-2").certificate,
        identity("VENDOR").certificate,
    ]
    outbound = policies.outbound_policy(connection, now)
    assert outbound.encrypt_to == identity("AMAZON-2").certificate
    assert signer(outbound.sign_with) == identity("VENDOR-2").certificate


def test_before_its_start_a_certificate_is_accepted_but_not_used(connection: Connection) -> None:
    now = timezone.now()
    roll_over(connection, now + DAY)
    assert policies.verify_certificates(connection, now) == (
        identity("AMAZON").certificate,
        identity("AMAZON-2").certificate,
    )
    keys = policies.decryption_keys(connection.organization, now)
    assert [key.certificate for key in keys] == [
        identity("VENDOR").certificate,
        identity("VENDOR-2").certificate,
    ]
    key = policies.signing_key(connection.organization, now)
    assert signer(key) == identity("VENDOR").certificate
    assert policies.outbound_policy(connection, now).encrypt_to == identity("AMAZON").certificate


def test_retired_keys_and_certificates_are_not_accepted(connection: Connection) -> None:
    now = timezone.now()
    roll_over(connection, now - DAY / 2)
    for model in (PartnerCertificate, KeyPair):
        model.objects.filter(activates_at__lt=now - DAY / 2).update(retires_at=now)
    policy = policies.inbound_policy(found(), now)
    assert policy.verify_with == (identity("AMAZON-2").certificate,)
    assert [key.certificate for key in policy.decrypt_with] == [identity("VENDOR-2").certificate]


def test_roles_are_kept_apart() -> None:
    connection = factories.bare_connection()
    factories.partner_certificate(connection, identity("verifies").certificate, encrypts=False)
    factories.partner_certificate(connection, identity("encrypts").certificate, verifies=False)
    factories.key_pair(connection.organization, identity("signs"), decrypts=False)
    factories.key_pair(connection.organization, identity("decrypts"), signs=False)
    inbound = policies.inbound_policy(connection, timezone.now())
    outbound = policies.outbound_policy(connection, timezone.now())
    assert inbound.verify_with == (identity("verifies").certificate,)
    assert [k.certificate for k in inbound.decrypt_with] == [identity("decrypts").certificate]
    assert outbound.encrypt_to == identity("encrypts").certificate
    assert signer(outbound.sign_with) == identity("signs").certificate


def test_a_missing_signing_key_is_named() -> None:
    connection = factories.bare_connection(encrypt="none")
    with pytest.raises(PolicyError, match="organization VENDOR has no key pair that signs now"):
        policies.outbound_policy(connection, timezone.now())


def test_a_missing_encryption_certificate_is_named() -> None:
    connection = factories.bare_connection(sign="none")
    with pytest.raises(PolicyError, match="has no certificate of Amazon to encrypt to now"):
        policies.outbound_policy(connection, timezone.now())


def test_a_certificate_without_an_rsa_key_cannot_be_encrypted_to() -> None:
    connection = factories.bare_connection(sign="none")
    elliptic = factories.certificate("EC", key=ec.generate_private_key(ec.SECP256R1()))
    factories.partner_certificate(connection, elliptic)
    with pytest.raises(PolicyError, match="CN=EC, whose key is ec"):
        policies.outbound_policy(connection, timezone.now())


def test_a_private_key_of_another_certificate_is_not_used() -> None:
    owner = factories.organization()
    pair = factories.key_pair(owner)
    pair.private_key = identity("OTHER").pkcs8
    pair.save()
    with pytest.raises(KeyRingError, match="does not belong to its certificate"):
        policies.signing_key(owner, timezone.now())


def test_a_replaced_key_pair_is_used_at_once(connection: Connection) -> None:
    now = timezone.now()
    policies.signing_key(found().organization, now)
    pair = KeyPair.objects.get()
    pair.private_key = identity("VENDOR-2").pkcs8
    pair.read_facts(identity("VENDOR-2").certificate)
    pair.save()
    key = policies.signing_key(found().organization, now)
    assert signer(key) == identity("VENDOR-2").certificate
    assert key is not None
    assert key.private_key.public_key() == identity("VENDOR-2").private_key.public_key()


@pytest.mark.parametrize("make", [policies.inbound_policy, policies.outbound_policy])
def test_a_snapshot_is_json_and_names_no_key(
    connection: Connection,
    make: Callable[[Connection, dt.datetime], InboundPolicy | OutboundPolicy],
) -> None:
    policy = make(connection, timezone.now())
    text = json.dumps(policies.snapshot(connection, policy))
    assert '"engine": "native"' in text
    assert identity("AMAZON").certificate.fingerprint in text
    assert identity("VENDOR").certificate.fingerprint in text
    assert "PRIVATE" not in text


QUIRKY = Quirks(rfc3851_names=True, mic_tolerances=frozenset({MICVariant.LF, MICVariant.BODY}))


@pytest.mark.parametrize("quirks", [NO_QUIRKS, QUIRKY])
@pytest.mark.parametrize("fields", [{}, {"sign": "none", "encrypt": "none", "compress": "none"}])
def test_a_snapshot_tells_by_which_octets_a_message_was_built(
    quirks: Quirks, fields: dict[str, Any]
) -> None:
    connection = factories.connection(**{"compress": "after-signing", **fields})
    policy = replace(policies.outbound_policy(connection, timezone.now()), quirks=quirks)
    facts = json.loads(json.dumps(policies.snapshot(connection, policy)))
    built = policies.as_built("VENDOR", "AMAZON", facts)
    assert built == replace(policy, sign_with=None, encrypt_to=None)


def test_the_connection_chooses_the_engine(settings: Settings) -> None:
    connection = factories.connection(engine="native")
    settings.AS2_ENGINE = "another"
    assert policies.engine_for(connection).name == "native"
    connection.engine = "pyas2lib"
    assert policies.engine_for(connection).name == "pyas2lib"
    assert policies.engine_name(Connection()) == "another"


def test_limits_follow_the_largest_body(settings: Settings) -> None:
    settings.AS2_MAX_BODY = 5000
    assert policies.limits().decompressed == 5000


def test_certificates_are_parsed_once() -> None:
    der = identity("AMAZON").certificate.der
    assert parsed.parse_certificate(der) is parsed.parse_certificate(bytes(der))
