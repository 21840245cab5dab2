"""Manual: the same tests by other programs, to be copied, and since when platforms do TLS 1.2.

A command of today's OpenSSL refuses old versions by itself, whatever the server does; the security
level is lowered in those that are to fail, so that it is the server that refuses.
"""

from dataclasses import dataclass
from typing import Final

from as2gateway.tls.suites import BY_IANA
from as2gateway.tls.versions import Version


@dataclass(frozen=True, slots=True)
class Command:
    """A command and what it shows."""

    says: str
    line: str


#: Since when platforms do TLS 1.2, for the other side's people.
PLATFORMS: Final = (
    ("OpenSSL (and PHP, Ruby, Python on it)", "since 1.0.1"),
    (".NET", "since 4.6 by itself; 4.5 when set to; 3 and older cannot"),
    ("Java", "since 8 by itself; 7 when set to; 6 not without an added provider"),
)


def commands(host: str, port: int, suites: tuple[str, ...] = ()) -> tuple[Command, ...]:
    """Return commands for this endpoint; suites (IANA names) are asked for one by one."""
    base = f"openssl s_client -connect {_joined(host, port)} -servername {host}"
    old = [version for version in Version if version.is_old and version is not Version.SSL3]
    return (
        Command(
            "chain and host name are accepted",
            f"{base} -verify_return_error -verify_hostname {host} </dev/null",
        ),
        *(
            Command(
                f"{version.label} is refused: this must fail",
                f"{base} {version.openssl_option} -cipher 'ALL:@SECLEVEL=0' </dev/null",
            )
            for version in old
        ),
        *(Command(f"{name} is taken", f"{base} {_suite(name)} </dev/null") for name in suites),
    )


def ssl_labs(host: str) -> str:
    """Return the address of the public test of a host; it needs port 443 and a public name."""
    return f"https://www.ssllabs.com/ssltest/analyze.html?d={host}&hideResults=on"


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _suite(iana: str) -> str:
    suite = BY_IANA[iana]
    if suite.is_tls13:
        return f"-tls1_3 -ciphersuites {suite.openssl}"
    return f"-tls1_2 -cipher {suite.openssl}"
