"""Rules about certificates, theirs and ours, and about changing them."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from as2gateway.compliance.facts import CertificateFacts, Facts, Owner, Use
from as2gateway.compliance.findings import (
    Outcome,
    judge,
    not_applicable,
    unknown,
)
from as2gateway.compliance.profile import Parameters
from as2gateway.compliance.rules.check import Check, Function

#: What the rules about AS2 certificates look at; TLS certificates have rules of their own.
_AS2: Final = frozenset({Use.SIGN, Use.DECRYPT, Use.VERIFY, Use.ENCRYPT})

Rows = Collection[CertificateFacts]
_ListFunction = Callable[[Rows, Parameters, dt.datetime], Outcome]


def _as2(function: _ListFunction) -> Function:
    """Give a function the AS2 certificates that are not retired; unknown if none are known."""

    def look(facts: Facts, asked: Parameters, now: dt.datetime) -> Outcome:
        if facts.certificates is None:
            return unknown("the certificates")
        rows = [each for each in facts.certificates if each.uses & _AS2]
        return function([each for each in rows if not each.is_retired(now)], asked, now)

    return look


def _of(owner: Owner, function: _ListFunction) -> _ListFunction:
    """Give a function the certificates of one side; not applicable if it has none."""

    def look(rows: Rows, asked: Parameters, now: dt.datetime) -> Outcome:
        own = [each for each in rows if each.owner is owner]
        return function(own, asked, now) if own else not_applicable("no certificate")

    return look


def signature_hash(rows: Rows, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Certificates are signed with a hash that is allowed.

    ``cryptography`` loads SHA-1 certificates without a word, so this check has to be ours.
    """
    allowed = asked.names("allowed")
    weak = [f"{each.name}: {each.signature_hash}" for each in rows if _weak(each, allowed)]
    silent = [f"{each.name}: signed without a hash of its own" for each in rows if _silent(each)]
    if silent and not weak:
        return unknown(*silent)
    return judge(weak, *sorted({each.signature_hash for each in rows}))


def present(rows: Rows, asked: Parameters, now: dt.datetime) -> Outcome:
    """The partner has a certificate in use for each purpose."""
    theirs = [each for each in rows if each.owner is Owner.PARTNER and each.is_active(now)]
    have = {use for each in theirs for use in each.uses}
    missing = [f"none to {use}" for use in asked.names("uses") if use not in have]
    return judge(missing, *(each.name for each in theirs))


def valid(rows: Rows, _asked: Parameters, now: dt.datetime) -> Outcome:
    """Certificates in use are inside their validity."""
    wrong = [text for each in rows if each.is_active(now) and (text := _invalid(each, now))]
    active = [each.name for each in rows if each.is_active(now)]
    return judge(wrong, *active) if active else not_applicable("no certificate is in use")


def expiring(rows: Rows, asked: Parameters, now: dt.datetime) -> Outcome:
    """No certificate in use is near its end; ``alerts`` are those notices that go by mail."""
    notices = (*asked.numbers("notices"), *asked.numbers("alerts"))
    current = list(_current(rows, now))
    if not current:
        return not_applicable("no certificate is in use")
    due = [each for each in current if each.days_left(now) <= max(notices)]
    # The date and not the days: what is found stays the same from day to day.
    return judge([_ending(each) for each in due], *(_ending(each) for each in current))


def rollover_window(rows: Rows, _asked: Parameters, now: dt.datetime) -> Outcome:
    """A new certificate starts while it is valid, and before the old one ends."""
    planned = [each for each in rows if each.is_planned(now)]
    if not planned:
        return not_applicable("no new certificate is planned")
    wrong = [text for each in planned if (text := _bad_start(each, rows, now))]
    return judge(wrong, *(f"{each.name} from {_day(each.activates_at)}" for each in planned))


def rollover_missing(rows: Rows, asked: Parameters, now: dt.datetime) -> Outcome:
    """A certificate near its end has a successor."""
    current = list(_current(rows, now))
    if not current:
        return not_applicable("no certificate is in use")
    ending = [each for each in current if each.days_left(now) <= asked.number("days")]
    wrong = [_ending(each) for each in ending if not _has_successor(each, rows)]
    return judge(wrong, "no certificate near its end lacks a successor")


def notice(rows: Rows, asked: Parameters, now: dt.datetime) -> Outcome:
    """A new certificate starts early enough for both sides to be ready."""
    planned = [each for each in rows if each.is_planned(now)]
    if not planned:
        return not_applicable("no new certificate is planned")
    days = dt.timedelta(days=asked.number("days"))
    late = [
        f"{each.name} starts {_day(each.activates_at)}, {old.name} ends {_day(old.not_after)}"
        for each in planned
        for old in _predecessors(each, rows, now)
        if old.not_after - each.activates_at < days
    ]
    return judge(late, *(f"{each.name} from {_day(each.activates_at)}" for each in planned))


def key_min(rows: Rows, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Keys are long enough for their kind."""
    if not rows:
        return not_applicable("no certificate")
    minimum = {"rsa": asked.number("rsa"), "ec": asked.number("ec"), "ed25519": 0, "ed448": 0}
    short = [_key(each) for each in rows if each.key_bits < minimum.get(each.key_type, 0)]
    odd = [_key(each) for each in rows if each.key_type not in minimum]
    if odd and not short:
        return unknown(*odd)
    return judge(short, *(_key(each) for each in rows))


def san(rows: Rows, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Self-signed certificates have a subjectAltName."""
    if any(each.self_signed is None or each.has_san is None for each in rows):
        return unknown("the extensions of a certificate")
    bare = [each.name for each in rows if each.self_signed and not each.has_san]
    return judge(bare, *(each.name for each in rows))


def validity(rows: Rows, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Certificates are not made for too long."""
    longest = dt.timedelta(days=asked.number("days"))
    wrong = [_lifetime(each) for each in rows if each.not_after - each.not_before > longest]
    return judge(wrong, *(_lifetime(each) for each in rows))


def roles(rows: Rows, _asked: Parameters, now: dt.datetime) -> Outcome:
    """Signing and decryption have certificates of their own."""
    both = {Use.SIGN, Use.DECRYPT}
    shared = [each.name for each in rows if each.is_active(now) and both <= each.uses]
    return judge(shared, "separate")


def separate(facts: Facts, _asked: Parameters, now: dt.datetime) -> Outcome:
    """No key serves both AS2 and TLS."""
    if facts.certificates is None:
        return unknown("the certificates")
    rows = [each for each in facts.certificates if not each.is_retired(now)]
    tls = {each.spki_sha256 for each in rows if Use.TLS in each.uses}
    probed = [each.spki_sha256 for each in (facts.server, facts.endpoint) if each is not None]
    known = (tls | set(probed)) - {""}
    as2 = [each for each in rows if each.uses & _AS2]
    shared = [each.name for each in as2 if each.spki_sha256 in known]
    if not known:
        return unknown("the TLS certificates of both sides")
    return judge(shared, "different keys")


def _weak(row: CertificateFacts, allowed: Collection[str]) -> bool:
    return bool(row.signature_hash) and row.signature_hash not in allowed


def _silent(row: CertificateFacts) -> bool:
    return not row.signature_hash


def _invalid(row: CertificateFacts, now: dt.datetime) -> str:
    if row.not_before > now:
        return f"{row.name}: not valid before {_day(row.not_before)}"
    return f"{row.name}: expired on {_day(row.not_after)}" if row.not_after <= now else ""


def _current(rows: Rows, now: dt.datetime) -> Iterator[CertificateFacts]:
    """Give the certificates that are used now: for each purpose the latest to have started."""
    active = sorted(
        (each for each in rows if each.is_active(now)), key=lambda each: each.activates_at
    )
    used = {(each.owner, use): each for each in active for use in each.uses}
    yield from dict.fromkeys(used.values())


def _predecessors(row: CertificateFacts, rows: Rows, now: dt.datetime) -> list[CertificateFacts]:
    same = [each for each in rows if each.owner is row.owner and each.uses & row.uses]
    return list(_current(same, now))


def _has_successor(row: CertificateFacts, rows: Rows) -> bool:
    later = [each for each in rows if each.owner is row.owner and each.not_after > row.not_after]
    covered = {use for each in later for use in each.uses}
    return row.uses & _AS2 <= covered


def _bad_start(row: CertificateFacts, rows: Rows, now: dt.datetime) -> str:
    start = row.activates_at
    if start < row.not_before:
        return f"{row.name} starts {_day(start)}, before it is valid ({_day(row.not_before)})"
    for old in _predecessors(row, rows, now):
        if start >= old.not_after:
            return f"{row.name} starts {_day(start)}, after {old.name} ends {_day(old.not_after)}"
    return ""


def _ending(row: CertificateFacts) -> str:
    return f"{row.name} ends {_day(row.not_after)}"


def _lifetime(row: CertificateFacts) -> str:
    return f"{row.name}: {(row.not_after - row.not_before).days} days"


def _key(row: CertificateFacts) -> str:
    return f"{row.name}: {row.key_type.upper()} {row.key_bits}"


def _day(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d}"


CHECKS: Final[Mapping[str, Check]] = {
    "cert.partner.sighash": Check(
        _as2(_of(Owner.PARTNER, signature_hash)), "certificates", {"allowed": list}
    ),
    "cert.own.sighash": Check(
        _as2(_of(Owner.OWN, signature_hash)), "organization", {"allowed": list}
    ),
    "cert.partner.present": Check(_as2(present), "certificates", {"uses": list}),
    "cert.valid": Check(_as2(valid), "certificates"),
    "cert.expiring": Check(_as2(expiring), "certificates", {"notices": list, "alerts": list}),
    "cert.rollover.window": Check(_as2(rollover_window), "certificates"),
    "cert.rollover.missing": Check(_as2(rollover_missing), "certificates", {"days": int}),
    "cert.notice": Check(_as2(notice), "certificates", {"days": int}),
    "cert.key.min": Check(_as2(key_min), "certificates", {"rsa": int, "ec": int}),
    "cert.separate": Check(separate, "certificates"),
    "cert.roles": Check(_as2(_of(Owner.OWN, roles)), "organization"),
    "cert.san": Check(_as2(_of(Owner.OWN, san)), "organization"),
    "cert.validity": Check(_as2(_of(Owner.OWN, validity)), "organization", {"days": int}),
}
