"""Whom a certificate names."""

import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from as2gateway.compliance.facts import HostMatch
from as2gateway.tls.hostnames import Names, match_host, matches


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("as2.example.test", "AS2.example.test", True),
        ("as2.example.test", "as2.example.test.", True),
        ("*.example.test", "as2.example.test", True),
        ("*.example.test", "a.b.example.test", False),
        ("*.example.test", "example.test", False),
        ("*.test", "example.test", False),
        ("*", "test", False),
        ("a*.example.test", "as2.example.test", False),
        ("as2.*.test", "as2.example.test", False),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("", "as2.example.test", False),
        ("as2.example.test", "a" * 64 + "ü.example.test", False),
    ],
)
def test_a_wildcard_is_one_label_and_the_first(pattern: str, host: str, expected: bool) -> None:
    assert matches(pattern, host) is expected


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (Names(dns=("as2.test",)), "as2.test", HostMatch.SAN),
        (Names(dns=("other.test",), common_name="as2.test"), "as2.test", HostMatch.NONE),
        (Names(common_name="as2.test"), "as2.test", HostMatch.CN),
        (Names(common_name="*.example.test"), "as2.example.test", HostMatch.CN),
        (Names(common_name="other.test"), "as2.test", HostMatch.NONE),
        (Names(), "as2.test", HostMatch.NONE),
        (Names(addresses=("192.0.2.1",)), "192.0.2.1", HostMatch.SAN),
        (Names(addresses=("2001:db8::1",)), "[2001:DB8::0:1]", HostMatch.SAN),
        (Names(dns=("192.0.2.1",)), "192.0.2.1", HostMatch.NONE),
        (Names(common_name="192.0.2.1"), "192.0.2.1", HostMatch.CN),
    ],
)
def test_the_common_name_counts_only_without_san(
    names: Names, host: str, expected: HostMatch
) -> None:
    assert match_host(names, host) is expected


@pytest.mark.parametrize("san", [True, False])
def test_names_are_read_from_a_certificate(san: bool) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "as2.test")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
    )
    if san:
        address = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))
        listed = x509.SubjectAlternativeName([x509.DNSName("www.as2.test"), address])
        builder = builder.add_extension(listed, critical=False)
    expected = (
        Names(("www.as2.test",), ("192.0.2.1",), "as2.test") if san else Names((), (), "as2.test")
    )
    assert Names.of(builder.sign(key, hashes.SHA256())) == expected
