"""The six profiles hold what they are meant to hold, and a broken file is refused."""

import datetime as dt

import pytest

from as2gateway.compliance.catalogue import Catalogue, built_in, read
from as2gateway.compliance.order import older_version, weaker_cipher, weaker_digest
from as2gateway.compliance.profile import Profile, ProfileError

CONTENT = {
    "amazon-vendor-as2": """
        as2.encrypt.on:error as2.encrypt.min:error as2.sign.on:error as2.sign.min:error
        cert.partner.sighash:error,warning cert.partner.present:error cert.valid:error
        cert.expiring:warning cert.rollover.window:error cert.rollover.missing:warning
        env.both:warning deadline:error mdn.on:warning mdn.signed:warning mdn.micalg.min:error
        inbound.weak:warning cert.key.min:error cert.own.sighash:warning url.scheme:error,info
        tls.min:error as2.names:error content.type:warning compress:info notice.contact:warning
        provider.access:warning""",
    "amazon-pay-tls": """
        tls.client.min:error tls.server.min:error tls.ssl.off:error tls.old.off:error,warning
        env.openssl.min:error env.platform:info both.directions:warning key.type:error
        key.bits:error,info key.private.format:error,warning key.public.format:error
        key.match:error key.name:error key.id:warning key.age:warning key.env:error""",
    "google-otpc-tls": """
        url.https:error tls.min:error tls.verify.on:error tls.host.match:error,warning
        tls.cipher.any_of:error tls.cipher.only:warning tls.ca.mozilla:warning
        tls.selfsigned.trusted:error""",
    "multisafepay-tls": """
        tls.has12:error tls.cipher.any_of:error tls13.cipher.in:warning tls.old.off:error
        cert.review:error,warning env.os:warning test.recent:warning""",
    "as2-modern": """
        as2.encrypt.min:error,warning as2.sign.min:error as2.legacy.generate:error
        as2.legacy.accept:warning mdn.signed:error mdn.both:warning url.https:warning
        tls.min:error,warning tls.cipher.modern:warning tls.verify:error
        cert.key.min:error,warning cert.separate:warning cert.roles:info cert.san:info
        cert.validity:warning,info cert.notice:warning retry.policy:error dup.policy:error
        inbound.strict:warning""",
    "walmart-as2": """
        as2.encrypt.on:error as2.sign.on:error tls.server.ca:error cert.key.min:error
        cert.format:warning as2.encrypt.min:warning,warning as2.sign.min:warning
        as2.legacy.generate:warning as2.legacy.accept:warning""",
}
EXACT = {
    ("amazon-vendor-as2", "as2.encrypt.min", "minimum"): ["aes-128-cbc"],
    ("amazon-vendor-as2", "as2.sign.min", "minimum"): ["sha-256"],
    ("amazon-vendor-as2", "mdn.micalg.min", "minimum"): ["sha-256"],
    ("amazon-vendor-as2", "cert.key.min", "rsa"): [2048],
    ("amazon-vendor-as2", "cert.expiring", "notices"): [[90, 60, 30]],
    ("amazon-vendor-as2", "cert.expiring", "alerts"): [[30, 14, 7, 1]],
    ("amazon-vendor-as2", "cert.rollover.missing", "days"): [30],
    ("amazon-vendor-as2", "tls.min", "minimum"): ["TLSv1.2"],
    ("amazon-pay-tls", "env.openssl.min", "minimum"): ["1.0.1"],
    ("amazon-pay-tls", "both.directions", "days"): [30],
    ("amazon-pay-tls", "key.age", "days"): [90],
    ("amazon-pay-tls", "key.bits", "minimum"): [2048, 2048],
    ("multisafepay-tls", "test.recent", "days"): [90],
    ("multisafepay-tls", "cert.review", "more_than_days"): [-1, 14],
    ("as2-modern", "as2.encrypt.min", "minimum"): ["aes-128-cbc", "aes-256-cbc"],
    ("as2-modern", "cert.key.min", "rsa"): [2048, 3072],
    ("as2-modern", "cert.notice", "days"): [14],
    ("walmart-as2", "cert.key.min", "rsa"): [2048],
}
GOOGLE_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
}
MULTISAFEPAY_SUITES = {
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
}
SUITES_13 = {
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
}


def only(name: str) -> Profile:
    return built_in().versions(name, dt.date(2026, 11, 24))[0]


def parameters(name: str, rule: str, parameter: str) -> list[object]:
    tiers = next(each.tiers for each in only(name).rules if each.id == rule)
    return [tier.parameters.values[parameter] for tier in tiers]


def test_there_are_six_profiles() -> None:
    assert built_in().names == tuple(sorted(CONTENT))


@pytest.mark.parametrize("name", CONTENT)
def test_a_profile_has_its_rules_with_their_severities(name: str) -> None:
    rules = {f"{r.id}:{','.join(tier.severity for tier in r.tiers)}" for r in only(name).rules}
    assert rules == set(CONTENT[name].split())


@pytest.mark.parametrize("key", EXACT, ids=str)
def test_a_rule_asks_for_the_exact_value(key: tuple[str, str, str]) -> None:
    assert parameters(*key) == EXACT[key]


@pytest.mark.parametrize(
    ("name", "rule", "suites"),
    [
        ("google-otpc-tls", "tls.cipher.any_of", GOOGLE_SUITES),
        ("google-otpc-tls", "tls.cipher.only", GOOGLE_SUITES),
        ("multisafepay-tls", "tls.cipher.any_of", MULTISAFEPAY_SUITES),
        ("multisafepay-tls", "tls13.cipher.in", SUITES_13),
    ],
)
def test_suites_are_those_of_the_partner(name: str, rule: str, suites: set[str]) -> None:
    (listed,) = parameters(name, rule, "suites")
    assert isinstance(listed, list)
    assert (set(listed), len(listed)) == (suites, len(suites))


def test_amazons_deadline_and_support_are_there() -> None:
    profile = only("amazon-vendor-as2")
    assert (profile.version, profile.effective_on) == ("2019-10-15", dt.date(2019, 10, 15))
    assert "AS2 Certificate Update Guide" in profile.guide_title
    assert "EDI Integration > Connectivity Issue" in profile.support


@pytest.mark.parametrize("name", CONTENT)
def test_every_rule_says_why_and_where_it_is_from(name: str) -> None:
    for rule in only(name).rules:
        assert rule.why.endswith(".")
        assert rule.source
        assert all(tier.wanted for tier in rule.tiers)


@pytest.mark.parametrize("name", CONTENT)
def test_minimums_are_names_that_have_a_place_in_the_order(name: str) -> None:
    minimums = {
        tier.parameters.values["minimum"]
        for rule in only(name).rules
        for tier in rule.tiers
        if rule.id.startswith(("as2.", "mdn.", "tls.")) and "minimum" in tier.parameters.values
    }
    orders = (weaker_cipher, weaker_digest, older_version)
    assert all(any(is_less(each, each) is False for is_less in orders) for each in minimums)


SHEET = """\
name = "sheet"
version = "1"
title = "A partner's sheet"
effective_on = 2026-01-01
sources = [{ id = "mail", title = "a mail" }]

[[rules]]
id = "as2.sign.min"
why = "They say so."
sources = ["mail"]
tiers = [{ severity = "error", wanted = "SHA-256", minimum = "sha-256" }]
"""


def test_a_sheet_of_a_partner_is_read() -> None:
    profile = read(SHEET)
    assert (profile.label, profile.rules[0].source) == ("sheet 1", "a mail")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("name =", "name", "not TOML"),
        ('"A partner\'s sheet"', "1", "title has to be a str"),
        ("2026-01-01", '"soon"', "effective_on has to be a date"),
        ("as2.sign.min", "as2.sing.min", "there is no rule as2.sing.min"),
        ('"error"', '"fatal"', "severity is one of"),
        ("minimum", "minimun", "minimum has to be a str"),
        ('minimum = "sha-256"', 'minimum = "sha-256", more = 1', "unknown more"),
        ('["mail"]', '["post"]', "there is no source post"),
        ('["mail"]', "[]", "at least one tier and one source"),
        ("[{ severity", "[1, { severity", "a table was expected"),
        ('why = "They say so."', "", "why has to be a str"),
    ],
)
def test_a_wrong_profile_is_refused(old: str, new: str, text: str) -> None:
    assert old in SHEET
    with pytest.raises(ProfileError, match=text):
        read(SHEET.replace(old, new, 1))


def test_a_truth_value_is_no_number() -> None:
    sheet = SHEET.replace("as2.sign.min", "cert.notice").replace(
        'minimum = "sha-256"', "days = true"
    )
    with pytest.raises(ProfileError, match="days has to be a int"):
        read(sheet)


def test_a_rule_stands_in_a_profile_once() -> None:
    rule = SHEET[SHEET.index("[[rules]]") :]
    with pytest.raises(ProfileError, match="twice"):
        read(SHEET + rule)


def test_the_same_version_cannot_be_there_twice() -> None:
    with pytest.raises(ProfileError, match="sheet 1 is there twice"):
        Catalogue(()).with_more([read(SHEET), read(SHEET)])


@pytest.mark.parametrize(
    ("today", "versions"),
    [("2025-01-01", "1 2"), ("2026-01-01", "1 2"), ("2026-06-30", "1 2"), ("2026-07-01", "2")],
)
def test_the_version_in_force_is_followed_by_those_to_come(today: str, versions: str) -> None:
    later = SHEET.replace('"1"', '"2"').replace("2026-01-01", "2026-07-01")
    known = Catalogue(()).with_more([read(later), read(SHEET)])
    found = known.versions("sheet", dt.date.fromisoformat(today))
    assert " ".join(profile.version for profile in found) == versions


def test_an_unknown_name_has_no_versions() -> None:
    assert built_in().versions("nobody", dt.date(2026, 1, 1)) == ()
