"""Every rule, by what violates it and by what it cannot know.

The facts of ``making.GOOD`` satisfy every profile, so each row here is one change and its finding.
"""

from dataclasses import replace

import pytest

from as2gateway.compliance.catalogue import built_in
from as2gateway.compliance.evaluator import evaluate
from as2gateway.compliance.facts import Facts, HostMatch, SiblingFacts, Trust, Use
from as2gateway.compliance.findings import Severity, Status
from tests.gateway.compliance import making
from tests.gateway.compliance.making import (
    DAY,
    GOOD,
    KEY,
    NOW,
    UNKNOWN,
    connection,
    endpoint,
    environment,
    finding,
    key,
    ours,
    planned,
    server,
    theirs,
)

VENDOR, PAY, GOOGLE = "amazon-vendor-as2", "amazon-pay-tls", "google-otpc-tls"
SAFE, MODERN, WALMART = "multisafepay-tls", "as2-modern", "walmart-as2"

#: profile, rule, what spoils it, severity, what is found, where it stands
Row = tuple[str, str, Facts, str, str, str]
VIOLATED: list[Row] = [
    (VENDOR, "as2.encrypt.on", connection(encrypt="none"), "error", "none", "encrypt"),
    (VENDOR, "as2.encrypt.min", connection(encrypt="none"), "error", "none", "encrypt"),
    (VENDOR, "as2.encrypt.min", connection(encrypt="rc2-128-cbc"), "error", "rc2", "encrypt"),
    (VENDOR, "as2.encrypt.min", connection(encrypt="des-ede3-cbc"), "error", "des-", "encrypt"),
    (VENDOR, "as2.sign.on", connection(sign="none"), "error", "none", "sign"),
    (VENDOR, "as2.sign.min", connection(sign="sha-1"), "error", "sha-1", "sign"),
    (VENDOR, "as2.sign.min", connection(sign="sha-224"), "error", "sha-224", "sign"),
    (VENDOR, "as2.names", connection(as2_id="VENDOR"), "error", "both sides", "as2_id"),
    (VENDOR, "as2.names", connection(as2_from="A" * 129), "error", "128", "as2_id"),
    (VENDOR, "mdn.on", connection(mdn="none"), "warning", "no MDN", "mdn"),
    (VENDOR, "mdn.signed", connection(mdn="none"), "warning", "no MDN", "mdn"),
    (VENDOR, "mdn.signed", connection(mdn_signed=False), "warning", "unsigned", "mdn_signed"),
    (VENDOR, "mdn.micalg.min", connection(mdn_digest="sha-1"), "error", "sha-1", "sign"),
    (
        VENDOR,
        "inbound.weak",
        connection(require_signature=False),
        "warning",
        "unsigned",
        "require_signature",
    ),
    (
        VENDOR,
        "inbound.weak",
        connection(require_encryption=False),
        "warning",
        "unencrypted",
        "require_encryption",
    ),
    (
        VENDOR,
        "inbound.weak",
        connection(accepts=frozenset({"sha-1"})),
        "warning",
        "sha-1 accepted",
        "accept_sha1",
    ),
    (
        VENDOR,
        "inbound.weak",
        connection(accepts=frozenset({"des-ede3-cbc"}), encrypt="des-ede3-cbc"),
        "warning",
        "des-ede3-cbc accepted",
        "encrypt",
    ),
    (VENDOR, "url.scheme", connection(url="ftp://a.test"), "error", "ftp", "url"),
    (VENDOR, "url.scheme", connection(url="http://a.test"), "info", "http", "url"),
    (
        VENDOR,
        "content.type",
        connection(content_type="text/plain"),
        "warning",
        "text/",
        "content_type",
    ),
    (VENDOR, "compress", connection(compress="before-signing"), "info", "before", "compress"),
    (VENDOR, "env.both", connection(siblings=()), "warning", "no test", "environment"),
    (
        VENDOR,
        "env.both",
        connection(siblings=(SiblingFacts("test", failing=True),)),
        "warning",
        "test fails",
        "environment",
    ),
    (VENDOR, "notice.contact", connection(notice_contact=""), "warning", "no e-mail", "partner"),
    (
        VENDOR,
        "provider.access",
        connection(provider_access=False),
        "warning",
        "A VAN",
        "provider_access",
    ),
    (VENDOR, "deadline", connection(sign="sha-1"), "error", "as2.sign.min", ""),
    (VENDOR, "tls.min", endpoint(versions=frozenset({"TLSv1.1"})), "error", "TLSv1.1", "url"),
    (VENDOR, "tls.min", endpoint(versions=frozenset()), "error", "no version", "url"),
    (
        VENDOR,
        "cert.partner.sighash",
        theirs(signature_hash="sha1"),
        "error",
        "CN=AMAZON: sha1",
        "certificates",
    ),
    (
        VENDOR,
        "cert.partner.sighash",
        theirs(signature_hash="sha224"),
        "warning",
        "CN=AMAZON: sha224",
        "certificates",
    ),
    (
        VENDOR,
        "cert.own.sighash",
        ours(signature_hash="md5"),
        "warning",
        "CN=VENDOR: md5",
        "organization",
    ),
    (
        VENDOR,
        "cert.partner.present",
        theirs(uses=frozenset({Use.ENCRYPT})),
        "error",
        "none to verify",
        "certificates",
    ),
    (
        VENDOR,
        "cert.partner.present",
        theirs(activates_at=NOW + DAY),
        "error",
        "none to encrypt, none to verify",
        "certificates",
    ),
    (VENDOR, "cert.valid", theirs(not_after=NOW), "error", "expired on 2026-11-24", "certificates"),
    (VENDOR, "cert.valid", ours(not_before=NOW + DAY), "error", "not valid before", "certificates"),
    (
        VENDOR,
        "cert.expiring",
        theirs(not_after=NOW + 90 * DAY),
        "warning",
        "CN=AMAZON ends 2027-02-22",
        "certificates",
    ),
    (
        VENDOR,
        "cert.rollover.window",
        planned(activates_at=NOW + 400 * DAY),
        "error",
        "after CN=AMAZON ends",
        "certificates",
    ),
    (
        VENDOR,
        "cert.rollover.window",
        planned(not_before=NOW + 301 * DAY),
        "error",
        "before it is valid",
        "certificates",
    ),
    (
        VENDOR,
        "cert.rollover.missing",
        theirs(not_after=NOW + 30 * DAY),
        "warning",
        "CN=AMAZON ends",
        "certificates",
    ),
    (VENDOR, "cert.key.min", theirs(key_bits=1024), "error", "RSA 1024", "certificates"),
    (
        VENDOR,
        "cert.key.min",
        theirs(key_type="ec", key_bits=224),
        "error",
        "EC 224",
        "certificates",
    ),
    (
        PAY,
        "tls.client.min",
        environment(client_versions=frozenset({"TLSv1"})),
        "error",
        "TLSv1",
        "",
    ),
    (PAY, "tls.server.min", server(versions=frozenset({"TLSv1.1"})), "error", "none of them", ""),
    (PAY, "tls.ssl.off", server(versions=frozenset({"SSLv3"})), "error", "SSLv3", "url"),
    (PAY, "tls.old.off", endpoint(versions=frozenset({"TLSv1.1"})), "error", "TLSv1.1", "url"),
    (
        PAY,
        "tls.old.off",
        replace(
            endpoint(versions=frozenset({"TLSv1"})), connection=connection(payment=False).connection
        ),
        "warning",
        "TLSv1",
        "url",
    ),
    (
        PAY,
        "env.openssl.min",
        environment(openssl="OpenSSL 0.9.8zh 3 Dec 2015"),
        "error",
        "0.9.8zh",
        "",
    ),
    (
        PAY,
        "env.openssl.min",
        environment(openssl="OpenSSL 1.0.0t 3 Dec 2015"),
        "error",
        "1.0.0t",
        "",
    ),
    (PAY, "env.platform", endpoint(platform=("Java", "7")), "info", "Java 7", "platform"),
    (PAY, "both.directions", server(tested_at=NOW - 31 * DAY), "warning", "inbound not", "url"),
    (PAY, "both.directions", replace(GOOD, endpoint=None), "warning", "outbound not", "url"),
    (PAY, "key.type", key(key_type="ec"), "error", "shop-checkout: ec", ""),
    (PAY, "key.bits", key(key_bits=1024), "error", "1024 bits", ""),
    (PAY, "key.bits", key(key_bits=4096), "info", "4096 bits", ""),
    (PAY, "key.private.format", key(private_format="unreadable"), "error", "unreadable", ""),
    (PAY, "key.private.format", key(private_format="pkcs1"), "warning", "pkcs1", ""),
    (PAY, "key.public.format", key(public_format="openssh"), "error", "openssh", ""),
    (PAY, "key.match", key(public_spki_sha256="7" * 64), "error", "another private key", ""),
    (PAY, "key.name", key(name=" "), "error", "no name", ""),
    (PAY, "key.name", key(owner=""), "error", "no owner", ""),
    (PAY, "key.name", key(purpose=""), "error", "no purpose", ""),
    (PAY, "key.name", replace(GOOD, keys=(KEY, KEY)), "error", "shop-checkout: twice", ""),
    (PAY, "key.id", key(external_key_id=""), "warning", "no key id", ""),
    (PAY, "key.age", key(created_at=NOW - 91 * DAY), "warning", "made on", ""),
    (PAY, "key.env", key(external_key_id="SANDBOX-1"), "error", "SANDBOX-1", ""),
    (PAY, "key.env", key(environment="test"), "error", "LIVE-ABC", ""),
    (GOOGLE, "url.https", connection(url="http://a.test"), "error", "http", "url"),
    (
        GOOGLE,
        "tls.min",
        endpoint(versions=frozenset({"TLSv1.1", "TLSv1.2"})),
        "error",
        "TLSv1.1",
        "url",
    ),
    (GOOGLE, "tls.verify.on", connection(tls_trust=Trust.NONE), "error", "not checked", "url"),
    (GOOGLE, "tls.host.match", endpoint(host_match=HostMatch.NONE), "error", "none", "url"),
    (GOOGLE, "tls.host.match", endpoint(host_match=HostMatch.CN), "warning", "cn", "url"),
    (
        GOOGLE,
        "tls.cipher.any_of",
        endpoint(suites=frozenset({"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"})),
        "error",
        "none of them",
        "url",
    ),
    (
        GOOGLE,
        "tls.cipher.only",
        endpoint(suites=frozenset({"TLS_RSA_WITH_AES_128_GCM_SHA256"})),
        "warning",
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "url",
    ),
    (GOOGLE, "tls.ca.mozilla", endpoint(trust=Trust.PINNED), "warning", "pinned", "url"),
    (GOOGLE, "tls.selfsigned.trusted", endpoint(trust=Trust.NONE), "error", "none", "url"),
    (
        SAFE,
        "tls.has12",
        environment(client_versions=frozenset({"TLSv1.3"})),
        "error",
        "none of",
        "",
    ),
    (
        SAFE,
        "tls.cipher.any_of",
        environment(client_suites=frozenset()),
        "error",
        "our client offers none",
        "url",
    ),
    (
        SAFE,
        "tls.cipher.any_of",
        endpoint(suites=frozenset({"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"})),
        "error",
        "none of them",
        "url",
    ),
    (
        SAFE,
        "tls13.cipher.in",
        endpoint(suites13=frozenset({"TLS_AES_128_CCM_SHA256"})),
        "warning",
        "TLS_AES_128_CCM_SHA256",
        "url",
    ),
    (
        SAFE,
        "tls.old.off",
        environment(client_versions=frozenset({"TLSv1.1"})),
        "error",
        "our client offers TLSv1.1",
        "url",
    ),
    (SAFE, "cert.review", endpoint(trust=Trust.NONE), "error", "not trusted", "url"),
    (SAFE, "cert.review", endpoint(not_after=NOW - DAY), "error", "ends 2026-11-23", "url"),
    (SAFE, "cert.review", endpoint(not_after=NOW + 14 * DAY), "warning", "ends", "url"),
    (
        SAFE,
        "env.os",
        environment(os_supported_until=NOW.date() - DAY),
        "warning",
        "supported until",
        "",
    ),
    (SAFE, "test.recent", endpoint(tested_at=NOW - 91 * DAY), "warning", "not tested", "url"),
    (SAFE, "test.recent", endpoint(target="a.test:443"), "warning", "not tested", "url"),
    (MODERN, "as2.encrypt.min", connection(encrypt="des-ede3-cbc"), "error", "des", "encrypt"),
    (MODERN, "as2.encrypt.min", connection(encrypt="aes-128-cbc"), "warning", "aes-1", "encrypt"),
    (MODERN, "as2.sign.min", connection(sign="sha-1"), "error", "sha-1", "sign"),
    (MODERN, "as2.legacy.generate", connection(sign="md5"), "error", "md5", "sign"),
    (MODERN, "as2.legacy.generate", connection(encrypt="des-ede3-cbc"), "error", "des", "encrypt"),
    (MODERN, "as2.legacy.generate", connection(mdn_digest="sha-1"), "error", "sha-1", "mdn"),
    (
        MODERN,
        "as2.legacy.accept",
        connection(accepts=frozenset({"des-ede3-cbc"})),
        "warning",
        "des-ede3-cbc accepted",
        "accept_3des",
    ),
    (
        MODERN,
        "as2.legacy.accept",
        connection(accepts=frozenset({"sha-1"}), sign="sha-1"),
        "warning",
        "sha-1 accepted",
        "sign",
    ),
    (MODERN, "mdn.signed", connection(mdn_digest="sha-1"), "error", "sha-1", "sign"),
    (MODERN, "mdn.both", connection(mdn_url="http://v.test/as2"), "warning", "http://", "mdn"),
    (MODERN, "url.https", connection(url="http://a.test"), "warning", "http", "url"),
    (MODERN, "tls.min", endpoint(versions=frozenset({"TLSv1"})), "error", "TLSv1", "url"),
    (MODERN, "tls.min", endpoint(versions=frozenset({"TLSv1.2"})), "warning", "TLSv1.2", "url"),
    (
        MODERN,
        "tls.cipher.modern",
        endpoint(suites=frozenset({"TLS_RSA_WITH_AES_128_GCM_SHA256"})),
        "warning",
        "TLS_RSA",
        "url",
    ),
    (MODERN, "tls.verify", connection(tls_trust=Trust.NONE), "error", "not checked", "url"),
    (MODERN, "cert.key.min", ours(key_bits=1024), "error", "RSA 1024", "certificates"),
    (MODERN, "cert.key.min", ours(key_bits=2048), "warning", "RSA 2048", "certificates"),
    (MODERN, "cert.separate", server(spki_sha256="2" * 64), "warning", "CN=VENDOR", "certificates"),
    (
        MODERN,
        "cert.roles",
        ours(uses=frozenset({Use.SIGN, Use.DECRYPT})),
        "info",
        "CN=VENDOR",
        "organization",
    ),
    (MODERN, "cert.san", ours(has_san=False), "info", "CN=VENDOR", "organization"),
    (
        MODERN,
        "cert.validity",
        ours(not_after=NOW + 1728 * DAY),
        "warning",
        "1828 days",
        "organization",
    ),
    (
        MODERN,
        "cert.validity",
        ours(not_after=NOW + 997 * DAY),
        "info",
        "1097 days",
        "organization",
    ),
    (
        MODERN,
        "cert.notice",
        planned(activates_at=NOW + 387 * DAY),
        "warning",
        "CN=AMAZON ends",
        "certificates",
    ),
    (
        MODERN,
        "retry.policy",
        connection(retry_keeps_message_id=False),
        "error",
        "another Message-ID",
        "max_attempts",
    ),
    (
        MODERN,
        "dup.policy",
        connection(duplicate_gets_same_mdn=False),
        "error",
        "processed twice",
        "",
    ),
    (
        MODERN,
        "inbound.strict",
        connection(require_signature=False),
        "warning",
        "unsigned",
        "require_signature",
    ),
    (
        MODERN,
        "inbound.strict",
        connection(refuses_unknown_names=False),
        "warning",
        "unknown names",
        "require_signature",
    ),
    (WALMART, "as2.encrypt.on", connection(encrypt="none"), "error", "none", "encrypt"),
    (WALMART, "as2.sign.on", connection(sign="none"), "error", "none", "sign"),
    (WALMART, "tls.server.ca", server(trust=Trust.PINNED), "error", "pinned", ""),
    (WALMART, "cert.key.min", ours(key_bits=1024), "error", "RSA 1024", "certificates"),
    (
        WALMART,
        "cert.format",
        connection(certificate_formats=frozenset({"cer", "p7b"})),
        "warning",
        "p7b",
        "",
    ),
    (WALMART, "as2.encrypt.min", connection(encrypt="aes-128-cbc"), "warning", "aes", "encrypt"),
    (WALMART, "as2.sign.min", connection(sign="sha-1"), "warning", "sha-1", "sign"),
    (WALMART, "as2.legacy.generate", connection(sign="sha-1"), "warning", "sha-1", "sign"),
    (
        WALMART,
        "as2.legacy.accept",
        connection(accepts=frozenset({"sha-1"})),
        "warning",
        "sha-1 accepted",
        "accept_sha1",
    ),
]


@pytest.mark.parametrize("row", VIOLATED, ids=lambda row: f"{row[0]}-{row[1]}-{row[4]}")
def test_a_rule_is_violated_and_says_where(row: Row) -> None:
    name, rule, facts, severity, found, field = row
    said = finding(name, rule, facts)
    assert said.status is Status.VIOLATED
    assert (said.severity, said.field) == (severity, field)
    assert found in said.found


def test_every_rule_of_every_profile_is_violated_somewhere_above() -> None:
    rules = {(each.name, rule.id) for each in built_in().profiles for rule in each.rules}
    assert rules == {(name, rule) for name, rule, *_rest in VIOLATED}


@pytest.mark.parametrize("name", built_in().names)
def test_good_facts_satisfy_every_rule(name: str) -> None:
    wrong = [
        str(each)
        for each in evaluate(making.profile(name), GOOD, NOW)
        if each.status not in {Status.OK, Status.NOT_APPLICABLE}
    ]
    assert wrong == []


#: Rules that look at settings only, which a row always has.
ALWAYS_KNOWN = {
    "as2.encrypt.on", "as2.encrypt.min", "as2.sign.on", "as2.sign.min", "as2.legacy.generate",
    "as2.legacy.accept", "as2.names", "mdn.on", "mdn.signed", "mdn.micalg.min", "inbound.weak",
    "url.scheme", "url.https", "content.type", "compress", "notice.contact", "provider.access",
    "deadline",
}  # fmt: skip
#: Not tested is what they find.
ABOUT_TESTS = {"both.directions", "test.recent"}


@pytest.mark.parametrize("name", built_in().names)
def test_what_is_not_known_is_never_passed(name: str) -> None:
    unknown = {
        each.rule
        for each in evaluate(making.profile(name), UNKNOWN, NOW)
        if each.status is Status.UNKNOWN
    }
    rules = {rule.id for rule in making.profile(name).rules}
    assert unknown == rules - ALWAYS_KNOWN - ABOUT_TESTS


@pytest.mark.parametrize(
    ("name", "rule", "facts"),
    [
        (VENDOR, "as2.encrypt.min", connection(encrypt="camellia-128")),
        (VENDOR, "as2.sign.min", connection(sign="sha3-256")),
        (VENDOR, "cert.partner.sighash", theirs(signature_hash="")),
        (VENDOR, "cert.key.min", theirs(key_type="other", key_bits=0)),
        (VENDOR, "env.both", connection(siblings=(SiblingFacts("test", failing=None),))),
        (PAY, "env.openssl.min", environment(openssl="LibreSSL 3.3.6")),
        (PAY, "env.platform", endpoint(platform=("Perl", "5"))),
        (PAY, "tls.ssl.off", replace(GOOD, server=None)),
        (PAY, "key.type", replace(GOOD, keys=())),
        (SAFE, "tls13.cipher.in", endpoint(suites13=None)),
        (MODERN, "cert.san", ours(has_san=None)),
        (MODERN, "cert.separate", replace(GOOD, endpoint=None, server=None)),
    ],
)
def test_what_cannot_be_judged_is_unknown(name: str, rule: str, facts: Facts) -> None:
    assert finding(name, rule, facts).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("name", "rule", "facts"),
    [
        (VENDOR, "tls.min", connection(url="http://a.test")),
        (VENDOR, "mdn.micalg.min", connection(mdn="none")),
        (VENDOR, "provider.access", connection(provider="")),
        (VENDOR, "cert.rollover.window", GOOD),
        (VENDOR, "cert.own.sighash", replace(GOOD, certificates=(making.THEIRS,))),
        (VENDOR, "cert.valid", replace(GOOD, certificates=())),
        (VENDOR, "cert.expiring", replace(GOOD, certificates=())),
        (VENDOR, "cert.rollover.missing", replace(GOOD, certificates=())),
        (VENDOR, "cert.key.min", replace(GOOD, certificates=())),
        (GOOGLE, "tls.cipher.any_of", connection(url="http://a.test")),
        (GOOGLE, "tls.cipher.only", connection(url="http://a.test")),
        (GOOGLE, "tls.host.match", connection(url="http://a.test")),
        (GOOGLE, "tls.ca.mozilla", connection(url="http://a.test")),
        (GOOGLE, "tls.verify.on", connection(url="http://a.test")),
        (SAFE, "tls13.cipher.in", endpoint(versions=frozenset({"TLSv1.2"}))),
        (SAFE, "tls13.cipher.in", connection(url="http://a.test")),
        (SAFE, "cert.review", connection(url="http://a.test")),
        (WALMART, "tls.server.ca", connection(mdn_url="http://v.test/as2")),
        (MODERN, "cert.notice", GOOD),
    ],
)
def test_what_is_not_there_is_not_judged(name: str, rule: str, facts: Facts) -> None:
    assert finding(name, rule, facts).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("name", "rule", "facts"),
    [
        (VENDOR, "as2.encrypt.min", connection(encrypt="aes-128-cbc")),
        (VENDOR, "as2.sign.min", connection(sign="sha-512")),
        (VENDOR, "cert.expiring", theirs(not_after=NOW + 91 * DAY)),
        (VENDOR, "cert.rollover.window", planned()),
        (VENDOR, "cert.rollover.missing", planned(not_after=NOW + 500 * DAY)),
        (VENDOR, "cert.key.min", theirs(key_type="ed25519", key_bits=0)),
        (VENDOR, "cert.partner.sighash", theirs(signature_hash="sha512")),
        (VENDOR, "content.type", connection(content_type="application/EDIFACT; charset=utf-8")),
        (PAY, "env.openssl.min", environment(openssl="OpenSSL 1.0.1 14 Mar 2012")),
        (PAY, "env.openssl.min", environment(openssl="OpenSSL 1.0.2k-fips  26 Jan 2017")),
        (GOOGLE, "tls.selfsigned.trusted", endpoint(trust=Trust.PINNED)),
        (SAFE, "cert.review", endpoint(not_after=NOW + 15 * DAY)),
        (MODERN, "cert.notice", planned(activates_at=NOW + 386 * DAY)),
        (MODERN, "cert.validity", ours(not_after=NOW + 996 * DAY)),
    ],
)
def test_the_edge_of_a_rule_is_inside(name: str, rule: str, facts: Facts) -> None:
    assert finding(name, rule, facts).status is Status.OK


def test_a_certificate_that_was_replaced_is_no_concern() -> None:
    old = replace(making.THEIRS, not_after=NOW + 5 * DAY, activates_at=NOW - 300 * DAY)
    facts = replace(GOOD, certificates=(old, making.THEIRS, making.OURS, making.OURS_TOO))
    for rule in ("cert.expiring", "cert.rollover.missing"):
        assert finding(VENDOR, rule, facts).status is Status.OK


def test_a_successor_ends_the_search_for_one() -> None:
    ending = replace(making.THEIRS, not_after=NOW + 20 * DAY)
    new = planned(activates_at=NOW + 10 * DAY).certificates or ()
    facts = replace(GOOD, certificates=(ending, new[1], making.OURS))
    assert finding(VENDOR, "cert.rollover.missing", facts).status is Status.OK
    assert finding(VENDOR, "cert.expiring", facts).status is Status.VIOLATED


def test_a_retired_certificate_is_history() -> None:
    old = replace(making.THEIRS, signature_hash="sha1", key_bits=1024, retires_at=NOW)
    facts = replace(GOOD, certificates=(old, making.THEIRS, making.OURS, making.OURS_TOO))
    for rule in ("cert.partner.sighash", "cert.key.min", "cert.valid"):
        assert finding(VENDOR, rule, facts).status is Status.OK


def test_what_a_finding_could_be_set_to_is_said() -> None:
    said = finding(VENDOR, "as2.encrypt.min", connection(encrypt="des-ede3-cbc"))
    assert (said.field, said.fix) == ("encrypt", "aes-128-cbc")
    assert finding(VENDOR, "as2.encrypt.min", GOOD).fix is None
    assert said.severity is Severity.ERROR
