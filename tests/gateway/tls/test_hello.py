"""A ClientHello asks for one version and for nothing that was not meant."""

import pytest

from as2gateway.tls.hello import client_hello
from as2gateway.tls.suites import BY_IANA, SUITES, suites_of
from as2gateway.tls.versions import Version

RANDOM = bytes(range(32))
ONE = (BY_IANA["TLS_RSA_WITH_AES_128_CBC_SHA"],)


def extensions(hello: bytes) -> dict[int, bytes]:
    """Take a hello apart; every length in it has to fit."""
    assert int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert int.from_bytes(hello[6:9], "big") == len(hello) - 9
    at = 9 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at]
    found: dict[int, bytes] = {}
    if at == len(hello):
        return found
    assert int.from_bytes(hello[at : at + 2], "big") == len(hello) - at - 2
    at += 2
    while at < len(hello):
        kind, size = hello[at : at + 2], int.from_bytes(hello[at + 2 : at + 4], "big")
        found[int.from_bytes(kind, "big")] = hello[at + 4 : at + 4 + size]
        at += 4 + size
    return found


@pytest.mark.parametrize("version", Version)
def test_every_version_makes_a_hello_whose_lengths_fit(version: Version) -> None:
    hello = client_hello(version, suites_of(version), "as2.example", RANDOM)
    assert (extensions(hello) == {}) is (version is Version.SSL3)


def test_ssl_3_is_asked_for_by_number_and_without_extensions() -> None:
    hello = client_hello(Version.SSL3, ONE, "as2.example", RANDOM)
    assert hello[1:3] == hello[9:11] == b"\x03\x00"
    # one suite, and the word that renegotiation is known
    assert hello[44:50] == b"\x00\x04\x00\x2f\x00\xff"


def test_tls_1_3_names_itself_and_sends_no_key_share() -> None:
    found = extensions(client_hello(Version.TLS13, SUITES[:1], "as2.example", RANDOM))
    assert found[43] == b"\x02\x03\x04"
    assert found[51] == b"\x00\x00"


def test_the_host_is_named() -> None:
    found = extensions(client_hello(Version.TLS12, ONE, "bücher.example", RANDOM))
    assert found[0][5:] == b"xn--bcher-kva.example"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", ""])
def test_an_address_is_not_sent_as_a_name(host: str) -> None:
    assert 0 not in extensions(client_hello(Version.TLS12, ONE, host, RANDOM))


@pytest.mark.parametrize("count", range(1, 90))
def test_no_hello_has_a_length_that_hangs_load_balancers(count: int) -> None:
    suites = suites_of(Version.TLS12)[:count]
    hello = client_hello(Version.TLS12, suites, "as2.example", RANDOM)
    assert extensions(hello)
    assert not 256 <= len(hello) - 5 < 512
