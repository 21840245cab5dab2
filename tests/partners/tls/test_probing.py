"""What a probe sees of real servers: strict, lax, old, wrongly named, and of none."""

import base64
import datetime as dt
import socket
from contextlib import closing
from dataclasses import replace

import pytest
import trustme

from as2gateway.certificates import Certificate
from as2gateway.compliance.facts import HostMatch, Trust
from as2gateway.tls.report import Report, VersionReport
from partners.tls.asking import Limits
from partners.tls.contexts import ClientKey, ClientPolicy
from partners.tls.probing import probe
from partners.tls.targets import ProbeError, Target
from tests import factories
from tests.gateway.tls.answering import certificates, message, record, server_hello
from tests.partners.tls.servers import (
    LAX,
    STRICT,
    Credentials,
    common_name_only,
    s_server,
    scripted,
)

QUICK = Limits(answer=2.0, total=60.0)
CHAINED = base64.b64encode(factories.identity("above").certificate.der).decode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


def issue(authority: trustme.CA, *names: str, **options: object) -> Credentials:
    leaf = authority.issue_cert(*names, key_type=trustme.KeyType.RSA, **options)  # type: ignore[arg-type]  # passed on
    return Credentials.issued(leaf)


def trusting(authority: trustme.CA) -> ClientPolicy:
    root = Certificate.from_pem(authority.cert_pem.bytes())
    return ClientPolicy(Trust.CUSTOM_CA, authorities=(root,))


def look(port: int, policy: ClientPolicy | None = None, host: str = "localhost") -> Report:
    return probe(Target(host, port), policy, allow_private=True, limits=QUICK)


def by_name(report: Report) -> dict[str, VersionReport]:
    return {version.name: version for version in report.versions}


def test_a_strict_server_takes_what_it_was_told_to_take(authority: trustme.CA) -> None:
    with s_server(issue(authority, "localhost"), *STRICT) as port:
        found = look(port, trusting(authority))
    versions = by_name(found)
    assert list(versions) == ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    assert [v.name for v in found.versions if v.accepted] == ["TLSv1.2", "TLSv1.3"]
    assert set(versions["TLSv1.2"].suites) == {
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    }
    assert len(versions["TLSv1.3"].suites) == 3
    assert (found.sending.version, found.problems) == ("TLSv1.3", ())
    assert (found.effective_trust, found.host_match) == (Trust.CUSTOM_CA, HostMatch.SAN)


def test_a_lax_server_shows_old_versions_and_broken_suites(authority: trustme.CA) -> None:
    with s_server(issue(authority, "localhost"), *LAX) as port:
        versions = by_name(look(port))
    assert [name for name, version in versions.items() if version.accepted] == [
        "TLSv1",
        "TLSv1.1",
        "TLSv1.2",
        "TLSv1.3",
    ]
    suites = versions["TLSv1.2"].suites
    assert {"TLS_RSA_WITH_NULL_SHA256", "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"} <= set(suites)
    assert len(suites) > 25


def test_what_openssl_would_not_speak_itself_is_seen(authority: trustme.CA) -> None:
    with s_server(issue(authority, "localhost"), "-tls1", "-cipher", "ALL:@SECLEVEL=0") as port:
        found = look(port, trusting(authority))
    assert [v.name for v in found.versions if v.accepted] == ["TLSv1"]
    assert "it answers with TLSv1" in by_name(found)["TLSv1.2"].note
    assert not found.sending.succeeded
    assert found.certificate is not None
    assert found.effective_trust is Trust.CUSTOM_CA


@pytest.mark.parametrize(
    ("name", "match"), [("localhost", HostMatch.CN), ("other.test", HostMatch.NONE)]
)
def test_a_common_name_is_told_apart_from_a_san(name: str, match: HostMatch) -> None:
    credentials = common_name_only(name)
    policy = ClientPolicy(Trust.PINNED, pins=frozenset({credentials.certificate.fingerprint}))
    with s_server(credentials) as port:
        found = look(port, policy)
    assert (found.host_match, found.effective_trust) == (match, Trust.PINNED)
    assert found.sending.succeeded is (match is HostMatch.CN)


def test_a_wildcard_names_its_hosts(authority: trustme.CA) -> None:
    with s_server(issue(authority, "*.localhost.test"), *STRICT) as port:
        found = look(port, trusting(authority))
    assert found.host_match is HostMatch.NONE
    assert "Hostname mismatch" in found.sending.error
    assert found.certificate is not None
    assert found.certificate.names == ("*.localhost.test",)


def test_an_expired_certificate_is_trusted_but_not_sent_to(authority: trustme.CA) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    with s_server(issue(authority, "localhost", not_after=past)) as port:
        found = look(port, trusting(authority))
    assert "expired" in found.sending.error
    assert found.effective_trust is Trust.CUSTOM_CA
    assert found.certificate is not None
    assert found.certificate.days_left(dt.datetime.now(dt.UTC)) < 0


def test_a_self_signed_certificate_is_trusted_by_its_pin_only() -> None:
    credentials = common_name_only("localhost")
    with s_server(credentials) as port:
        unknown, pinned = (
            look(port),
            look(port, ClientPolicy(Trust.PINNED, pins=frozenset({"ab" * 32}))),
        )
    assert unknown.effective_trust is pinned.effective_trust is Trust.NONE
    assert "self-signed" in unknown.sending.error
    assert f"{credentials.certificate.fingerprint} is not pinned" in pinned.sending.error


def test_the_chain_is_listed_as_it_was_sent(authority: trustme.CA) -> None:
    middle = authority.create_child_ca()
    credentials = issue(middle, "localhost")
    with s_server(credentials, *STRICT) as port:
        found = look(port, trusting(authority))
    assert len(found.chain) == 2
    assert found.certificate is not None
    assert found.chain[0] == found.certificate.subject
    assert found.stapled is False


def test_key_signature_and_fingerprint_are_told(authority: trustme.CA) -> None:
    credentials = issue(authority, "localhost")
    with s_server(credentials, *STRICT) as port:
        certificate = look(port).certificate
    assert certificate is not None
    assert (certificate.key_type, certificate.key_bits) == ("rsa", 2048)
    assert certificate.signature_hash == "sha256"
    assert certificate.fingerprint == credentials.certificate.fingerprint


def test_the_limits_end_a_test_and_leave_the_rest_unknown(authority: trustme.CA) -> None:
    with s_server(issue(authority, "localhost"), *LAX) as port:
        limits = Limits(answer=2.0, total=60.0, connections=20)
        found = probe(Target("localhost", port), allow_private=True, limits=limits)
    assert found.connections == 20
    versions = by_name(found)
    assert versions["TLSv1"].accepted is None
    assert versions["TLSv1.2"].accepted is True
    assert not versions["TLSv1.2"].complete
    assert found.facts().suites is found.facts().versions is None
    assert "Not known to the end" in found.problems[0]


def test_a_silent_server_is_neither_a_yes_nor_a_no() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        limits = Limits(answer=0.2, total=3)
        target = Target("localhost", listener.getsockname()[1])
        found = probe(target, allow_private=True, limits=limits)
    assert {version.accepted for version in found.versions} == {None}
    assert found.sending.error == "no answer within 0.2 s"
    assert "The server showed no certificate." in found.problems


def test_where_nobody_listens_there_is_nothing_to_test() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProbeError, match="No connection to localhost"):
        look(port)


def client_key() -> ClientKey:
    """A key pair of ours by which a server may know us."""
    pair = factories.key_pair(factories.organization(), chain=[CHAINED])
    return ClientKey.of(pair)


@pytest.mark.django_db
@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_wants_to_know_us_is_shown_our_client_key(
    authority: trustme.CA, known: bool
) -> None:
    policy = trusting(authority)
    if known:
        policy = replace(policy, client_key=client_key())
    with s_server(issue(authority, "localhost"), "-Verify", "1", "-tls1_2") as port:
        found = look(port, policy)
    assert found.sending.succeeded is known
    assert found.effective_trust is (Trust.CUSTOM_CA if known else None)
    assert found.certificate is not None
    assert found.host_match is HostMatch.SAN


def test_a_certificate_that_cannot_be_read_is_a_problem() -> None:
    hello = server_hello() + certificates(b"nonsense") + message(14, b"")
    with scripted(record(22, hello)) as port:
        found = look(port)
    assert found.certificate is None
    assert "Its certificate cannot be read" in found.problems[-1]
