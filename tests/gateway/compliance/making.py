"""Facts for tests: a connection that satisfies every profile, and ways to spoil it."""

import datetime as dt
from dataclasses import replace
from typing import Any

from as2gateway.compliance.catalogue import built_in
from as2gateway.compliance.evaluator import evaluate
from as2gateway.compliance.facts import (
    CertificateFacts,
    ConnectionFacts,
    EndpointFacts,
    EnvironmentFacts,
    Facts,
    HostMatch,
    KeyFacts,
    Owner,
    SiblingFacts,
    Trust,
    Use,
)
from as2gateway.compliance.findings import Finding
from as2gateway.compliance.profile import Profile

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

THEIRS = CertificateFacts(
    name="CN=AMAZON",
    fingerprint="a" * 64,
    owner=Owner.PARTNER,
    uses=frozenset({Use.ENCRYPT, Use.VERIFY}),
    key_type="rsa",
    key_bits=3072,
    signature_hash="sha256",
    not_before=NOW - 100 * DAY,
    not_after=NOW + 400 * DAY,
    activates_at=NOW - 100 * DAY,
    self_signed=True,
    has_san=True,
    spki_sha256="1" * 64,
)
OURS = replace(
    THEIRS,
    name="CN=VENDOR",
    fingerprint="b" * 64,
    owner=Owner.OWN,
    uses=frozenset({Use.SIGN}),
    spki_sha256="2" * 64,
)
OURS_TOO = replace(
    OURS, name="CN=VENDOR-2", fingerprint="c" * 64, uses=frozenset({Use.DECRYPT}), spki_sha256="3"
)
CONNECTION = ConnectionFacts(
    environment="production",
    as2_from="VENDOR",
    as2_id="AMAZON",
    url="https://api.multisafepay.com/as2",
    sign="sha-256",
    encrypt="aes-256-cbc",
    compress="none",
    mdn="sync",
    mdn_signed=True,
    mdn_digest="sha-256",
    content_type="application/EDI-X12",
    require_signature=True,
    require_encryption=True,
    accepts=frozenset({"sha-256", "aes-128-cbc"}),
    notice_contact="edi@amazon.test",
    provider="A VAN",
    provider_access=True,
    tls_trust=Trust.MOZILLA,
    mdn_url="https://vendor.test/as2",
    siblings=(SiblingFacts("test", failing=False),),
    certificate_formats=frozenset({"cer"}),
    retry_keeps_message_id=True,
    duplicate_gets_same_mdn=True,
    refuses_unknown_names=True,
    max_attempts=10,
    payment=True,
)
ENDPOINT = EndpointFacts(
    target="api.multisafepay.com:443",
    tested_at=NOW - DAY,
    versions=frozenset({"TLSv1.2", "TLSv1.3"}),
    suites=frozenset({"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}),
    suites13=frozenset({"TLS_AES_128_GCM_SHA256"}),
    trust=Trust.MOZILLA,
    host_match=HostMatch.SAN,
    not_after=NOW + 60 * DAY,
    spki_sha256="4" * 64,
    platform=("Java", "21"),
)
SERVER = replace(ENDPOINT, target="vendor.test:443", spki_sha256="5" * 64)
KEY = KeyFacts(
    name="shop-checkout",
    owner="shop team",
    purpose="checkout",
    environment="production",
    key_type="rsa",
    key_bits=2048,
    private_format="pkcs8",
    public_format="spki",
    private_spki_sha256="6" * 64,
    public_spki_sha256="6" * 64,
    external_key_id="LIVE-ABC",
    created_at=NOW - 10 * DAY,
)
ENVIRONMENT = EnvironmentFacts(
    openssl="OpenSSL 3.0.19 27 Jan 2026",
    os_name="Debian GNU/Linux 12 (bookworm)",
    os_supported_until=dt.date(2028, 6, 30),
    client_versions=frozenset({"TLSv1.2", "TLSv1.3"}),
    client_suites=frozenset({"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}),
)
GOOD = Facts(
    connection=CONNECTION,
    certificates=(THEIRS, OURS, OURS_TOO),
    endpoint=ENDPOINT,
    server=SERVER,
    keys=(KEY,),
    environment=ENVIRONMENT,
)
UNKNOWN = Facts(
    connection=replace(
        CONNECTION,
        siblings=None,
        tls_trust=None,
        certificate_formats=None,
        retry_keeps_message_id=None,
        duplicate_gets_same_mdn=None,
        refuses_unknown_names=None,
        max_attempts=None,
    )
)


def connection(**changes: Any) -> Facts:
    """Facts whose connection is another one."""
    return replace(GOOD, connection=replace(CONNECTION, **changes))


def theirs(**changes: Any) -> Facts:
    """Facts whose partner has another certificate."""
    return replace(GOOD, certificates=(replace(THEIRS, **changes), OURS, OURS_TOO))


def ours(**changes: Any) -> Facts:
    """Facts where our signing certificate is another one."""
    return replace(GOOD, certificates=(THEIRS, replace(OURS, **changes), OURS_TOO))


def planned(**changes: Any) -> Facts:
    """Facts where the partner's next certificate is here already; by default a good plan."""
    new = replace(
        THEIRS,
        name="CN=AMAZON-NEW",
        fingerprint="d" * 64,
        not_before=NOW,
        not_after=NOW + 800 * DAY,
        activates_at=NOW + 300 * DAY,
    )
    return replace(GOOD, certificates=(THEIRS, replace(new, **changes), OURS, OURS_TOO))


def endpoint(**changes: Any) -> Facts:
    """Facts where the partner's endpoint was found different."""
    return replace(GOOD, endpoint=replace(ENDPOINT, **changes))


def server(**changes: Any) -> Facts:
    """Facts where our own endpoint was found different."""
    return replace(GOOD, server=replace(SERVER, **changes))


def key(**changes: Any) -> Facts:
    """Facts with another key pair."""
    return replace(GOOD, keys=(replace(KEY, **changes),))


def environment(**changes: Any) -> Facts:
    """Facts of another host."""
    return replace(GOOD, environment=replace(ENVIRONMENT, **changes))


def profile(name: str) -> Profile:
    """Return the built-in profile of that name, in force now."""
    return built_in().versions(name, NOW.date())[0]


def finding(name: str, rule: str, facts: Facts, now: dt.datetime = NOW) -> Finding:
    """Evaluate a built-in profile and return what one of its rules says."""
    return next(each for each in evaluate(profile(name), facts, now) if each.rule == rule)
