"""The table of suites agrees with OpenSSL, and each suite is asked for where it exists."""

import subprocess
from pathlib import Path

import pytest

from as2gateway.compliance.catalogue import built_in
from as2gateway.tls import policy
from as2gateway.tls.suites import BY_IANA, BY_OPENSSL, SUITES, iana_name, suites_of
from as2gateway.tls.versions import Version


def test_names_and_code_points_are_those_of_openssl() -> None:
    listed = subprocess.run(
        ["openssl", "ciphers", "-stdname", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    theirs = {}
    for words in map(str.split, listed.splitlines()):
        theirs[words[2]] = (int(words[0].replace(",0x", ""), 16), words[4])
    ours = {suite.iana: (suite.code, suite.openssl) for suite in SUITES}
    common = ours.keys() & theirs.keys()
    assert len(common) > 80
    assert {name: ours[name] for name in common} == {name: theirs[name] for name in common}


def test_every_suite_has_names_of_its_own() -> None:
    assert len(BY_IANA) == len(BY_OPENSSL) == len(SUITES) == len({suite.code for suite in SUITES})


@pytest.mark.parametrize(
    ("name", "versions"),
    [
        ("TLS_AES_128_GCM_SHA256", {"TLSv1.3"}),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", {"TLSv1.2"}),
        ("TLS_RSA_WITH_AES_128_CBC_SHA256", {"TLSv1.2"}),
        ("TLS_RSA_WITH_RC4_128_MD5", {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"}),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", {"TLSv1", "TLSv1.1", "TLSv1.2"}),
    ],
)
def test_a_suite_is_asked_for_in_the_versions_that_have_it(name: str, versions: set[str]) -> None:
    found = {version.label for version in Version if BY_IANA[name] in suites_of(version)}
    assert found == versions


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("TLS_RSA_WITH_RC4_128_SHA", True),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", True),
        ("TLS_RSA_WITH_NULL_SHA256", True),
        ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", True),
        ("TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", True),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", False),
    ],
)
def test_broken_suites_are_known(name: str, broken: bool) -> None:
    assert BY_IANA[name].is_broken is broken


def test_a_suite_that_is_not_in_the_table_has_its_number() -> None:
    assert [iana_name(0xC02F), iana_name(0xFEFE)] == [
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "0xFEFE",
    ]


@pytest.mark.parametrize(("version", "option"), [("TLSv1.1", "-tls1_1"), ("SSLv3", "-ssl3")])
def test_versions_have_openssl_s_options(version: str, option: str) -> None:
    assert {each.label: each.openssl_option for each in Version}[version] == option


def test_what_we_use_ourselves_is_not_broken() -> None:
    ours = policy.CLIENT_SUITES + policy.SERVER_SUITES + policy.TLS13_SUITES
    assert [suite.iana for suite in ours if suite.is_broken] == []


def test_suites_of_profiles_are_in_the_table() -> None:
    asked = {
        name
        for profile in built_in().profiles
        for rule in profile.rules
        for tier in rule.tiers
        for name in tier.parameters.values.get("suites", ())
    }
    assert asked - BY_IANA.keys() == set()


def test_the_proxy_s_configuration_is_our_policy() -> None:
    text = (Path(__file__).parents[3] / "deploy" / "nginx.conf").read_text()
    names = ":".join(suite.openssl for suite in policy.SERVER_SUITES)
    assert f"ssl_ciphers {names};" in text
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text
