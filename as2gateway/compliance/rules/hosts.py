"""Rules about the host that the gateway runs on: its TLS library and operating system."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from as2gateway.compliance.facts import Facts
from as2gateway.compliance.findings import Outcome, satisfied, unknown, violated
from as2gateway.compliance.profile import Parameters
from as2gateway.compliance.rules.check import Check

#: ``OpenSSL 1.0.2k-fips  26 Jan 2017``, ``OpenSSL 0.9.8zh 3 Dec 2015``
_OPENSSL = re.compile(r"OpenSSL (?P<version>\d+(?:\.\d+)+)[a-z-]*\b")


def openssl_minimum(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """OpenSSL is new enough to know TLS 1.2; of LibreSSL and BoringSSL only a handshake tells."""
    text = facts.environment.openssl
    if text is None:
        return unknown("the TLS library")
    match = _OPENSSL.match(text)
    if match is None:
        return unknown(f"how old {text} is")
    old = _version(match["version"]) < _version(asked.text("minimum"))
    return violated(text) if old else satisfied(text)


def os_supported(facts: Facts, _asked: Parameters, now: dt.datetime) -> Outcome:
    """The operating system still gets repairs from its maker."""
    environment = facts.environment
    name = environment.os_name or "the operating system"
    until = environment.os_supported_until
    if until is None:
        return unknown(f"how long {name} is supported")
    text = f"{name}, supported until {until}"
    return satisfied(text) if now.astimezone(dt.UTC).date() <= until else violated(text)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


CHECKS: Final[Mapping[str, Check]] = {
    "env.openssl.min": Check(openssl_minimum, "", {"minimum": str}),
    "env.os": Check(os_supported),
}
