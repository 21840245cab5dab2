"""Where a probe may look."""

import ipaddress

import pytest

from partners.tls.targets import ProbeError, Target, is_public, resolve


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as2.example.com", "as2.example.com:443"),
        (" AS2.Example.com.:8443 ", "as2.example.com:8443"),
        ("https://as2.example.com:4443/as2?x=1", "as2.example.com:4443"),
        ("bücher.example", "xn--bcher-kva.example:443"),
        ("192.0.2.1:444", "192.0.2.1:444"),
        ("[2001:db8::1]:444", "[2001:db8::1]:444"),
        ("2001:DB8::1", "[2001:db8::1]:443"),
    ],
)
def test_a_target_is_read_as_people_write_it(text: str, expected: str) -> None:
    assert str(Target.parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x.example",
        "a b",
        "http://as2.example.com",
        "as2.example.com:0",
        "x:99999",
        "a..b",
        "x:port",
        "a" * 64 + ".example",
        "[::1",
        "exa_mple.com\n--help$",
        "ü" * 64 + ".example",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ProbeError):
        Target.parse(text)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_addresses_of_this_machine_and_its_network_are_not_public(
    address: str, public: bool
) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_a_private_target_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(ProbeError, match="Set AS2_TLS_PROBE_ALLOW_PRIVATE=1"):
        resolve(Target("localhost"), allow_private=False)
    assert "127.0.0.1" in resolve(Target("localhost"), allow_private=True)


def test_a_name_that_does_not_exist_is_said_to_be_none() -> None:
    with pytest.raises(ProbeError, match="could not be resolved"):
        resolve(Target("as2.invalid"), allow_private=False)
