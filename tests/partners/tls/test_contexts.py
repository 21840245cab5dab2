"""The TLS client of a connection: whom it trusts in each mode, and by which key it is known."""

import datetime as dt
import ssl

import pytest
import trustme
from django.utils import timezone

from as2gateway.certificates import Certificate
from as2gateway.compliance.facts import Trust
from as2gateway.headers import Headers
from as2gateway.tls.policy import CLIENT_SUITES, TLS13_SUITES
from messages.attempting import post_options
from messages.models import ErrorClass
from messages.transport import Answer, PostOptions, TransportError, post
from partners import importing
from partners.models import Connection, KeyPair
from partners.tls.contexts import (
    ClientPolicy,
    PinnedContext,
    TLSSettingsError,
    client_context,
    client_policy,
    connection_context,
)
from tests import factories
from tests.messages.servers import answer, serve

NOW = timezone.now()


def server_side(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def certificate_of(leaf: trustme.LeafCert) -> Certificate:
    return Certificate.from_pem(leaf.cert_chain_pems[0].bytes())


def send(url: str, context: ssl.SSLContext) -> Answer:
    options = PostOptions(connect_timeout=2, idle_timeout=5, total=20, tls=context)
    return post(url, Headers(()), [b"payload"], 7, options)


@pytest.mark.parametrize("trust", [Trust.MOZILLA, Trust.CUSTOM_CA])
def test_certificate_and_host_name_are_always_checked(trust: Trust) -> None:
    context = client_context(ClientPolicy(trust))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("trust", [Trust.MOZILLA, Trust.CUSTOM_CA, Trust.PINNED])
def test_nothing_older_than_tls_1_2_and_no_other_suite_is_offered(trust: Trust) -> None:
    context = client_context(ClientPolicy(trust))
    offered = {cipher["name"] for cipher in context.get_ciphers()}
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.security_level == 2
    assert offered == {suite.openssl for suite in CLIENT_SUITES + TLS13_SUITES}


def test_equal_policies_share_a_context() -> None:
    assert client_context(ClientPolicy()) is client_context(ClientPolicy(Trust.MOZILLA))


def test_an_authority_in_the_middle_is_trusted_when_it_is_given() -> None:
    middle = trustme.CA().create_child_ca()
    root_of_ours = Certificate.from_pem(middle.cert_pem.bytes())
    context = client_context(ClientPolicy(Trust.CUSTOM_CA, authorities=(root_of_ours,)))
    with serve(answer(b"safe"), tls=server_side(middle.issue_cert("localhost"))) as peer:
        assert send(peer.url, context).body == b"safe"


@pytest.mark.parametrize(
    ("name", "days", "pinned", "says"),
    [
        ("localhost", 9, False, "is not pinned"),
        ("other.test", 9, True, "not issued for localhost"),
        ("localhost", -1, True, "it is valid from"),
    ],
)
def test_a_pin_does_not_replace_the_other_checks(
    name: str, days: int, pinned: bool, says: str
) -> None:
    end = timezone.now() + dt.timedelta(days=days)
    leaf = trustme.CA().issue_cert(name, not_after=end)
    pins = frozenset({certificate_of(leaf).fingerprint if pinned else "ab" * 32})
    context = client_context(ClientPolicy(Trust.PINNED, pins=pins))
    refused = pytest.raises(TransportError, match=says)
    with serve(answer(), tls=server_side(leaf)) as peer, refused as refusal:
        send(peer.url, context)
    assert not any(peer.requests)  # not an octet of the message went out
    assert refusal.value.error_class is ErrorClass.TLS


def test_without_any_pin_nobody_is_trusted() -> None:
    with (
        serve(answer(), tls=server_side(trustme.CA().issue_cert("localhost"))) as peer,
        pytest.raises(TransportError, match="is not pinned"),
    ):
        send(peer.url, client_context(ClientPolicy(Trust.PINNED)))


def test_what_is_no_certificate_is_refused() -> None:
    context = client_context(ClientPolicy(Trust.PINNED))
    assert isinstance(context, PinnedContext)
    with pytest.raises(ssl.SSLCertVerificationError, match="cannot be read"):
        context.check(b"", "localhost")


def test_a_pinned_context_makes_nothing_that_is_not_checked() -> None:
    context = client_context(ClientPolicy(Trust.PINNED))
    with pytest.raises(NotImplementedError):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())


@pytest.mark.django_db
def test_pins_come_from_the_setting_and_from_certificates_in_use() -> None:
    row = factories.bare_connection(tls_trust="pinned", tls_pins=":".join(["AB"] * 32))
    used, retired = (factories.identity(name).certificate for name in ("tls-1", "tls-2"))
    factories.partner_certificate(row, used, tls=True)
    factories.partner_certificate(row, retired, tls=True, retires_at=NOW - dt.timedelta(hours=1))
    factories.partner_certificate(row, factories.identity("other").certificate)
    assert client_policy(row, NOW).pins == {"ab" * 32, used.fingerprint}


@pytest.mark.django_db
def test_each_mode_takes_its_own_settings_only() -> None:
    authority = trustme.CA().cert_pem.bytes()
    row = factories.bare_connection(tls_ca=authority.decode(), tls_pins="ab" * 32)
    assert client_policy(row, NOW) == ClientPolicy()
    row.tls_trust = "custom-ca"
    assert client_policy(row, NOW).authorities == (Certificate.from_pem(authority),)


@pytest.mark.django_db
@pytest.mark.parametrize(("trust", "column"), [("pinned", "tls_pins"), ("custom-ca", "tls_ca")])
def test_settings_that_cannot_be_read_end_the_attempt_in_words(trust: str, column: str) -> None:
    row = factories.bare_connection(tls_trust=trust)
    setattr(row, column, "nonsense")
    with pytest.raises(TransportError, match="TLS settings of VENDOR → AMAZON") as refusal:
        post_options(row, NOW)
    assert refusal.value.error_class is ErrorClass.TLS


def mutual(authority: trustme.CA, clients: trustme.CA) -> ssl.SSLContext:
    """A server that asks for a certificate under an authority, in the handshake itself."""
    context = server_side(authority.issue_cert("localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    clients.configure_trust(context)
    return context


def known_by(row: Connection, leaf: trustme.LeafCert) -> KeyPair:
    """Give a connection a client key."""
    pem = leaf.private_key_and_cert_chain_pem.bytes()
    material = importing.pair(importing.read_private_key(pem), importing.read_certificates(pem))
    pair = KeyPair(organization=row.organization, name="client", private_key=material.pkcs8)
    pair.read_facts(material.certificate)
    pair.save()
    row.tls_client_key = pair
    row.save()
    return pair


@pytest.mark.django_db
def test_a_server_knows_us_by_our_client_key() -> None:
    authority, clients = trustme.CA(), trustme.CA()
    row = factories.bare_connection(
        tls_trust="custom-ca", tls_ca=authority.cert_pem.bytes().decode()
    )
    with serve(answer(b"known"), tls=mutual(authority, clients)) as peer:
        with pytest.raises(TransportError):
            send(peer.url, connection_context(row, NOW))
        known_by(row, clients.issue_cert("vendor.test"))
        assert send(peer.url, connection_context(row, NOW)).body == b"known"


@pytest.mark.django_db
def test_a_client_key_that_cannot_be_decrypted_is_said_to_be_useless() -> None:
    row = factories.bare_connection()
    pair = known_by(row, trustme.CA().issue_cert("vendor.test"))
    KeyPair.objects.filter(pk=pair.pk).update(fingerprint="cd" * 32)
    with pytest.raises(TLSSettingsError, match="client key cannot be used"):
        connection_context(row, NOW)
