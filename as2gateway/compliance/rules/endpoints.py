"""Rules about TLS: the partner's endpoint, ours as seen from outside, and our own client.

A peer is judged by what a probe found, never by what our own TLS library would negotiate: a stock
OpenSSL refuses old versions by itself and cannot see that a server still takes them.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from as2gateway.compliance.facts import EndpointFacts, Facts, Trust
from as2gateway.compliance.findings import (
    Outcome,
    judge,
    not_applicable,
    satisfied,
    unknown,
    violated,
)
from as2gateway.compliance.order import older_version
from as2gateway.compliance.profile import Parameters
from as2gateway.compliance.rules.check import Check

_SSL: Final = frozenset({"SSLv2", "SSLv3"})
_OLD: Final = frozenset({"TLSv1", "TLSv1.1"})
_NO_TLS: Final = not_applicable("http: protected by the message's own signature and encryption")
_UNTESTED: Final = unknown("the endpoint was not tested yet")


def minimum_version(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The endpoint offers a version that is new enough, and no older one where that is asked."""
    if not _is_https(facts):
        return _NO_TLS
    versions = facts.endpoint.versions if facts.endpoint else None
    if versions is None:
        return _UNTESTED
    old = {name for name in versions if older_version(name, asked.text("minimum"))}
    if old == versions:
        return violated(*sorted(old) or ["no version of TLS"])
    return judge(sorted(old) if asked.flag("older_refused") else (), *sorted(versions))


def client_minimum(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Our client offers nothing older."""
    versions = facts.environment.client_versions
    if versions is None:
        return unknown("the versions that our client offers")
    minimum = asked.text("minimum")
    return judge(sorted(v for v in versions if older_version(v, minimum)), *sorted(versions))


def client_has(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Our client offers one of these versions."""
    versions = facts.environment.client_versions
    if versions is None:
        return unknown("the versions that our client offers")
    return _any_of(asked.names("versions"), versions)


def server_minimum(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Our own endpoint offers one of these versions."""
    versions = facts.server.versions if facts.server else None
    if versions is None:
        return unknown("our own endpoint was not tested yet")
    return _any_of(asked.names("versions"), versions)


def ssl_off(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """No endpoint takes SSL."""
    return _refused(facts, _SSL)


def old_off(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """No endpoint takes TLS 1.0 or 1.1, and our client does not offer them."""
    if asked.flag("only_payment") and not facts.connection.payment:
        return not_applicable("no payment endpoint")
    offered = sorted(_OLD & (facts.environment.client_versions or frozenset()))
    return (
        violated(*(f"our client offers {v}" for v in offered)) if offered else _refused(facts, _OLD)
    )


def verification(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Certificate and host name of the endpoint are checked."""
    trust = facts.connection.tls_trust
    if not _is_https(facts):
        return _NO_TLS
    if trust is None:
        return unknown("how the endpoint's certificate is checked")
    return violated("not checked") if trust is Trust.NONE else satisfied(trust)


def host_match(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The certificate names the host in a way that is allowed."""
    if not _is_https(facts):
        return _NO_TLS
    match = facts.endpoint.host_match if facts.endpoint else None
    if match is None:
        return _UNTESTED
    return satisfied(match) if match in asked.names("allowed") else violated(match)


def trust(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The certificate is trusted for a reason that is allowed."""
    if not _is_https(facts):
        return _NO_TLS
    found = facts.endpoint.trust if facts.endpoint else None
    if found is None:
        return _UNTESTED
    return satisfied(found) if found in asked.names("allowed") else violated(found)


def server_trust(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The certificate of our own endpoint is trusted for a reason that is allowed."""
    if not facts.connection.mdn_url.startswith("https:"):
        return not_applicable("our own endpoint is http")
    found = facts.server.trust if facts.server else None
    if found is None:
        return unknown("our own endpoint was not tested yet")
    return satisfied(found) if found in asked.names("allowed") else violated(found)


def suite_any_of(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The endpoint takes one of these suites, and where asked our client offers one."""
    suites = asked.names("suites")
    if asked.flag("client"):
        client = facts.environment.client_suites
        if client is None:
            return unknown("the suites that our client offers")
        if not client & set(suites):
            return violated("our client offers none of them")
    if not _is_https(facts):
        return _NO_TLS
    offered = facts.endpoint.suites if facts.endpoint else None
    return _UNTESTED if offered is None else _any_of(suites, offered)


def suite_only(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The endpoint takes no other suite up to TLS 1.2; those of TLS 1.3 are not counted."""
    if not _is_https(facts):
        return _NO_TLS
    offered = facts.endpoint.suites if facts.endpoint else None
    if offered is None:
        return _UNTESTED
    return judge(sorted(offered - set(asked.names("suites"))), *sorted(offered))


def suite13_in(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """What is taken in TLS 1.3 is known to the partner."""
    endpoint = facts.endpoint
    if not _is_https(facts):
        return _NO_TLS
    if endpoint is None or endpoint.versions is None:
        return _UNTESTED
    if "TLSv1.3" not in endpoint.versions:
        return not_applicable("no TLS 1.3")
    if endpoint.suites13 is None:
        return _UNTESTED
    return judge(sorted(endpoint.suites13 - set(asked.names("suites"))), *sorted(endpoint.suites13))


def certificate_review(facts: Facts, asked: Parameters, now: dt.datetime) -> Outcome:
    """The endpoint's certificate is trusted, and does not end soon."""
    endpoint = facts.endpoint
    if not _is_https(facts):
        return _NO_TLS
    if endpoint is None or endpoint.trust is None or endpoint.not_after is None:
        return _UNTESTED
    if endpoint.trust is Trust.NONE:
        return violated("not trusted")
    days = (endpoint.not_after - now).days
    end = f"ends {endpoint.not_after:%Y-%m-%d}"
    return satisfied(end) if days > asked.number("more_than_days") else violated(end)


def both_directions(facts: Facts, asked: Parameters, now: dt.datetime) -> Outcome:
    """Both directions were tested lately."""
    ages = {"outbound": facts.endpoint, "inbound": facts.server}
    stale = [name for name, end in ages.items() if not _tested(end, asked.number("days"), now)]
    return judge([f"{name} not tested" for name in stale], *ages)


def tested_lately(facts: Facts, asked: Parameters, now: dt.datetime) -> Outcome:
    """The partner's host was tested lately."""
    endpoint, target = facts.endpoint, asked.text("target")
    named = endpoint if endpoint is not None and endpoint.target == target else None
    if _tested(named, asked.number("days"), now):
        return satisfied(target)
    return violated(f"{target} not tested")


def platform(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """What the other side runs can do TLS 1.2 by itself."""
    seen = facts.endpoint.platform if facts.endpoint else None
    hint = facts.connection.platform or seen
    if hint is None:
        return unknown("what the other side runs; write it down on the connection")
    name, version = hint
    minimum = asked.table("minimum").get(name)
    if minimum is None:
        return unknown(f"since when {name} does TLS 1.2")
    old = _version(version) < _version(minimum)
    return violated(f"{name} {version}") if old else satisfied(f"{name} {version}")


def _is_https(facts: Facts) -> bool:
    return facts.connection.url.lower().startswith("https:")


def _any_of(wanted: tuple[str, ...], offered: frozenset[str]) -> Outcome:
    common = [name for name in wanted if name in offered]
    return satisfied(*common) if common else violated("none of them")


def _refused(facts: Facts, versions: frozenset[str]) -> Outcome:
    """No endpoint that was tested takes these versions; unknown while one is untested."""
    ends = {"the partner": facts.endpoint, "our endpoint": facts.server}
    taken = [
        f"{name} takes {version}"
        for name, end in ends.items()
        for version in sorted(versions & ((end.versions if end else None) or frozenset()))
    ]
    untested = [name for name, end in ends.items() if end is None or end.versions is None]
    if untested and not taken:
        return unknown(*(f"{name} was not tested yet" for name in untested))
    return judge(taken, "refused")


def _tested(endpoint: EndpointFacts | None, days: int, now: dt.datetime) -> bool:
    return endpoint is not None and now - endpoint.tested_at <= dt.timedelta(days=days)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


_SUITES: Final = {"suites": list}
CHECKS: Final[Mapping[str, Check]] = {
    "tls.min": Check(minimum_version, "url", {"minimum": str, "older_refused": bool}),
    "tls.client.min": Check(client_minimum, "", {"minimum": str}),
    "tls.has12": Check(client_has, "", {"versions": list}),
    "tls.server.min": Check(server_minimum, "", {"versions": list}),
    "tls.ssl.off": Check(ssl_off, "url"),
    "tls.old.off": Check(old_off, "url", {"only_payment": bool}),
    "tls.verify": Check(verification, "url"),
    "tls.verify.on": Check(verification, "url"),
    "tls.host.match": Check(host_match, "url", {"allowed": list}),
    "tls.ca.mozilla": Check(trust, "url", {"allowed": list}),
    "tls.selfsigned.trusted": Check(trust, "url", {"allowed": list}),
    "tls.server.ca": Check(server_trust, "", {"allowed": list}),
    "tls.cipher.any_of": Check(suite_any_of, "url", {**_SUITES, "client": bool}),
    "tls.cipher.only": Check(suite_only, "url", _SUITES),
    "tls.cipher.modern": Check(suite_only, "url", _SUITES),
    "tls13.cipher.in": Check(suite13_in, "url", _SUITES),
    "cert.review": Check(certificate_review, "url", {"more_than_days": int}),
    "both.directions": Check(both_directions, "url", {"days": int}),
    "test.recent": Check(tested_lately, "url", {"days": int, "target": str}),
    "env.platform": Check(platform, "platform", {"minimum": dict}),
}
