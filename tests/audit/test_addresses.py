"""From where a request comes: a proxy that is not trusted says nothing."""

import pytest
from pytest_django import Settings

from audit.addresses import client_address


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.5, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.5, 127.0.0.1", "203.0.113.5"),
        ("127.0.0.1", "garbage", None),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", "", None),
        ("::1", "", "::1"),
        ("::ffff:192.0.2.7", "", "192.0.2.7"),
        ("::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.1.2.3", "192.0.2.1", "192.0.2.1"),
        ("10.2.2.3", "192.0.2.1", "10.2.2.3"),
        ("127.0.0.1", "::ffff:198.51.100.1, 10.1.0.9", "198.51.100.1"),
    ],
)
def test_only_a_trusted_proxy_says_who_its_peer_is(
    settings: Settings, remote: str, forwarded: str, expected: str | None
) -> None:
    settings.AS2_TRUSTED_PROXIES = "127.0.0.1, ::1, 10.1.0.0/16, nonsense"
    environ = {"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": forwarded}
    assert client_address(environ) == expected
