"""Manual: the same tests by other programs, to be copied, and since when platforms do TLS 1.2.

A command of today's OpenSSL refuses old versions by itself, whatever the server does; the security
level is lowered in those that are to fail, so that it is the server that refuses.
"""

import re
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

#: What people write, and what the tables of profiles call it.
_NAMES: Final = {".net": ".NET", "dotnet": ".NET", "java": "Java", "openssl": "OpenSSL"}
_PLATFORM: Final = re.compile(
    r"(?P<name>\.?[A-Za-z][A-Za-z ]*?)[ /-]*(?P<version>\d+(\.\d+)*)[\w+-]*"
)


def parse_platform(text: str) -> tuple[str, str]:
    """Read “.NET 4.8” or “Java 8”: name and version. Raises ValueError."""
    found = _PLATFORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} has no name and version; write it like .NET 4.8 or Java 8")
    name, version = found["name"].strip(), found["version"]
    name = _NAMES.get(name.lower().removesuffix(" framework"), name)
    if name == "Java" and version.startswith("1."):  # 1.8 is what Java 8 calls itself
        version = version.removeprefix("1.")
    return name, version


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
