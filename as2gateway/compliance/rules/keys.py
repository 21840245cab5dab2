"""Rules about key pairs for partners' programming interfaces."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from as2gateway.compliance.facts import Facts, KeyFacts
from as2gateway.compliance.findings import Outcome, judge, unknown
from as2gateway.compliance.profile import Parameters
from as2gateway.compliance.rules.check import Check, Function

#: What is wrong with one key, in words; empty if nothing is.
_OneKey = Callable[[KeyFacts, Parameters, dt.datetime], str]


def _each(find: _OneKey) -> Function:
    """Ask for every key pair; unknown if there is none."""

    def look(facts: Facts, asked: Parameters, now: dt.datetime) -> Outcome:
        if not facts.keys:
            return unknown("no key pair is recorded")
        wrong = {key.name: text for key in facts.keys if (text := find(key, asked, now))}
        offenders = [f"{name or '(no name)'}: {text}" for name, text in wrong.items()]
        return judge(offenders, *(key.name for key in facts.keys))

    return look


def key_type(key: KeyFacts, asked: Parameters, _now: dt.datetime) -> str:
    """The key is of a kind that the partner takes."""
    return "" if key.key_type in asked.names("allowed") else key.key_type


def key_bits(key: KeyFacts, asked: Parameters, _now: dt.datetime) -> str:
    """The key is as long as the partner says; a maximum of 0 is none."""
    longest = asked.number("maximum") or key.key_bits
    fits = asked.number("minimum") <= key.key_bits <= longest
    return "" if fits else f"{key.key_bits} bits"


def private_format(key: KeyFacts, asked: Parameters, _now: dt.datetime) -> str:
    """The private key's file has a form that is allowed."""
    return "" if key.private_format in asked.names("allowed") else key.private_format


def public_format(key: KeyFacts, asked: Parameters, _now: dt.datetime) -> str:
    """The public key's file has a form that is allowed."""
    return "" if key.public_format in asked.names("allowed") else key.public_format


def key_match(key: KeyFacts, _asked: Parameters, _now: dt.datetime) -> str:
    """Both files are of one pair."""
    same = key.private_spki_sha256 == key.public_spki_sha256
    return "" if same else "the public key belongs to another private key"


def key_id(key: KeyFacts, _asked: Parameters, _now: dt.datetime) -> str:
    """The partner's id of the key is recorded."""
    return "" if key.external_key_id else "no key id recorded"


def key_age(key: KeyFacts, asked: Parameters, now: dt.datetime) -> str:
    """The key is young enough."""
    old = now - key.created_at > dt.timedelta(days=asked.number("days"))
    return f"made on {key.created_at:%Y-%m-%d}" if old else ""


def key_environment(key: KeyFacts, asked: Parameters, _now: dt.datetime) -> str:
    """The partner's id of the key says the same environment as we do."""
    wrong = asked.table("forbidden_prefix").get(key.environment)
    return key.external_key_id if wrong and key.external_key_id.startswith(wrong) else ""


def key_name(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Each key says by its name who uses it and for what, and no two have one name."""
    if not facts.keys:
        return unknown("no key pair is recorded")
    taken = [key.name for key in facts.keys]
    wrong = [f"{name}: twice" for name in dict.fromkeys(taken) if taken.count(name) > 1]
    wrong += [
        f"{key.name or '(no name)'}: no {part}"
        for key in facts.keys
        for part in ("name", "owner", "purpose")
        if not getattr(key, part).strip()
    ]
    return judge(wrong, *taken)


_ALLOWED: Final = {"allowed": list}
CHECKS: Final[Mapping[str, Check]] = {
    "key.type": Check(_each(key_type), "", _ALLOWED),
    "key.bits": Check(_each(key_bits), "", {"minimum": int, "maximum": int}),
    "key.private.format": Check(_each(private_format), "", _ALLOWED),
    "key.public.format": Check(_each(public_format), "", _ALLOWED),
    "key.match": Check(_each(key_match)),
    "key.name": Check(key_name),
    "key.id": Check(_each(key_id)),
    "key.age": Check(_each(key_age), "", {"days": int}),
    "key.env": Check(_each(key_environment), "", {"forbidden_prefix": dict}),
}
