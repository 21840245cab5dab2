"""Rules about the settings of a connection: algorithms, MDNs, names, what is accepted."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from as2gateway.compliance.facts import ConnectionFacts, Facts
from as2gateway.compliance.findings import (
    Outcome,
    judge,
    not_applicable,
    satisfied,
    unknown,
    violated,
)
from as2gateway.compliance.order import NONE, weaker_cipher, weaker_digest
from as2gateway.compliance.profile import Parameters
from as2gateway.compliance.rules.check import Check
from as2gateway.names import check_name


def encrypt_on(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Messages are encrypted."""
    encrypt = facts.connection.encrypt
    return violated(encrypt) if encrypt == NONE else satisfied(encrypt)


def encrypt_min(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The cipher is strong enough."""
    encrypt = facts.connection.encrypt
    return _against(weaker_cipher(encrypt, asked.text("minimum")), encrypt)


def sign_on(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Messages are signed."""
    sign = facts.connection.sign
    return violated(sign) if sign == NONE else satisfied(sign)


def sign_min(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The digest that is signed is strong enough."""
    sign = facts.connection.sign
    return _against(weaker_digest(sign, asked.text("minimum")), sign)


def legacy_generate(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Nothing that we make uses a forbidden algorithm."""
    connection = facts.connection
    made = {"sign": connection.sign, "encrypt": connection.encrypt, "mdn": _mdn_digest(connection)}
    wrong = {field: name for field, name in made.items() if name in asked.names("forbidden")}
    return judge(tuple(dict.fromkeys(wrong.values())), "none of them", field=next(iter(wrong), ""))


def legacy_accept(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Nothing that we take uses a forbidden algorithm."""
    weak = _accepted(facts.connection, asked)
    return judge(tuple(weak), "none of them", field=next(iter(weak.values()), ""))


def inbound_weak(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Messages of theirs have to be as strong as ours."""
    wrong = _unprotected(facts.connection) | _accepted(facts.connection, asked)
    return judge(tuple(wrong), "refused", field=next(iter(wrong.values()), ""))


def inbound_strict(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Unknown names, unsigned and unencrypted messages are refused with their own modifier."""
    connection = facts.connection
    wrong = _unprotected(connection)
    if connection.refuses_unknown_names is None and not wrong:
        return unknown("what unknown names are answered")
    if connection.refuses_unknown_names is False:
        wrong["unknown names are accepted"] = ""
    return judge(tuple(wrong), "refused", field=next(iter(wrong.values()), ""))


def mdn_on(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """An MDN is asked for."""
    mdn = facts.connection.mdn
    return violated("no MDN asked for") if mdn == NONE else satisfied(mdn)


def mdn_signed(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """A signed MDN is asked for, made with a digest that is strong enough."""
    connection = facts.connection
    if connection.mdn == NONE:
        return violated("no MDN asked for", field="mdn")
    if not connection.mdn_signed:
        return violated("unsigned MDN asked for")
    digest = connection.mdn_digest
    return _against(weaker_digest(digest, asked.text("minimum")), digest, field="sign")


def mdn_micalg_min(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """MDNs are asked for with a digest that is strong enough."""
    digest = _mdn_digest(facts.connection)
    if not digest:
        return not_applicable("no signed MDN is asked for")
    return _against(weaker_digest(digest, asked.text("minimum")), digest)


def mdn_both(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Async MDNs reach us: by https, at an address that was reached from outside."""
    url = facts.connection.mdn_url
    if not url.startswith("https:"):
        return violated(f"async MDNs are received at {url}")
    if facts.server is None:
        return unknown(f"whether {url} is reached from outside: it was not tested yet")
    return satisfied(url)


def url_scheme(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The URL has one of the schemes that are allowed."""
    scheme = facts.connection.url.partition(":")[0].lower()
    return satisfied(scheme) if scheme in asked.names("allowed") else violated(scheme)


def names(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """AS2 names are legal (RFC 4130 §6.2) and differ."""
    ours, theirs = facts.connection.as2_from, facts.connection.as2_id
    if ours == theirs:
        return violated(f"{theirs} is the name of both sides")
    for name in (theirs, ours):
        try:
            check_name(name)
        except ValueError as error:
            return violated(str(error))
    return satisfied(f"{ours} → {theirs}")


def content_type(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """The payload has a type that partners know."""
    written = facts.connection.content_type
    allowed = {name.lower() for name in asked.names("allowed")}
    # Types are compared without parameters and without case (RFC 2045 §5.1).
    known = written.partition(";")[0].strip().lower() in allowed
    return satisfied(written) if known else violated(written or "none")


def compress(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Compression is one of those that are known to work."""
    setting = facts.connection.compress
    return satisfied(setting) if setting in asked.names("allowed") else violated(setting)


def environments(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Every environment of the partner has a connection, and none of them fails."""
    connection = facts.connection
    if connection.siblings is None:
        return unknown("the partner's other connections")
    there = {connection.environment} | {each.environment for each in connection.siblings}
    missing = [f"no {name} connection" for name in asked.names("required") if name not in there]
    failing = {each.environment for each in connection.siblings if each.failing}
    wrong = (*missing, *(f"{name} fails" for name in sorted(failing)))
    if not wrong and any(each.failing is None for each in connection.siblings):
        return unknown("another connection of the partner has no profile")
    return judge(wrong, *sorted(there))


def notice_contact(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """There is somebody to send notices of certificates to."""
    contact = facts.connection.notice_contact
    return satisfied(contact) if contact else violated("the partner has no e-mail address")


def provider_access(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """Who runs the connection for us has access to our account with the partner."""
    connection = facts.connection
    if not connection.provider:
        return not_applicable("no provider runs this connection")
    if not connection.provider_access:
        return violated(f"no access recorded for {connection.provider}")
    return satisfied(connection.provider)


def certificate_format(facts: Facts, asked: Parameters, _now: dt.datetime) -> Outcome:
    """Our certificate is handed out in a form that the partner can import."""
    formats = facts.connection.certificate_formats
    if formats is None:
        return unknown("how our certificate is handed out")
    return judge(tuple(sorted(formats - set(asked.names("allowed")))), *sorted(formats))


def retry_policy(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """A retry keeps its Message-ID, and retries end."""
    connection = facts.connection
    if connection.retry_keeps_message_id is None or connection.max_attempts is None:
        return unknown("how messages are sent again")
    if not connection.retry_keeps_message_id:
        return violated("a retry has another Message-ID")
    return satisfied(f"same Message-ID, at most {connection.max_attempts} attempts, growing gaps")


def duplicate_policy(facts: Facts, _asked: Parameters, _now: dt.datetime) -> Outcome:
    """A message that comes again is answered again and not processed again."""
    same = facts.connection.duplicate_gets_same_mdn
    if same is None:
        return unknown("what a duplicate is answered")
    return satisfied("the earlier MDN") if same else violated("a duplicate is processed twice")


def _against(weaker: bool | None, name: str, field: str = "") -> Outcome:  # noqa: FBT001 - a comparison's result
    if weaker is None:
        return unknown(f"how strong {name} is")
    return violated(name, field=field) if weaker else satisfied(name)


def _mdn_digest(connection: ConnectionFacts) -> str:
    signed = connection.mdn != NONE and connection.mdn_signed
    return connection.mdn_digest if signed else ""


def _accepted(connection: ConnectionFacts, asked: Parameters) -> dict[str, str]:
    """Give each forbidden algorithm that is accepted, and the setting that accepts it."""
    weak = [name for name in asked.names("forbidden") if name in connection.accepts]
    return {f"{name} accepted": _accepted_by(connection, name) for name in weak}


def _accepted_by(connection: ConnectionFacts, name: str) -> str:
    # What a connection sends it also accepts: then the setting to change is what it sends.
    if name in {connection.sign, connection.encrypt}:
        return "sign" if name == connection.sign else "encrypt"
    return {"sha-1": "accept_sha1", "des-ede3-cbc": "accept_3des"}.get(name, "")


def _unprotected(connection: ConnectionFacts) -> dict[str, str]:
    switches = {
        "unsigned messages accepted": ("require_signature", connection.require_signature),
        "unencrypted messages accepted": ("require_encryption", connection.require_encryption),
    }
    return {text: field for text, (field, required) in switches.items() if not required}


CHECKS: Final[Mapping[str, Check]] = {
    "as2.encrypt.on": Check(encrypt_on, "encrypt"),
    "as2.encrypt.min": Check(encrypt_min, "encrypt", {"minimum": str}),
    "as2.sign.on": Check(sign_on, "sign"),
    "as2.sign.min": Check(sign_min, "sign", {"minimum": str}),
    "as2.legacy.generate": Check(legacy_generate, "sign", {"forbidden": list}),
    "as2.legacy.accept": Check(legacy_accept, "accept_sha1", {"forbidden": list}),
    "as2.names": Check(names, "as2_id"),
    "inbound.weak": Check(inbound_weak, "require_signature", {"forbidden": list}),
    "inbound.strict": Check(inbound_strict, "require_signature"),
    "mdn.on": Check(mdn_on, "mdn"),
    "mdn.signed": Check(mdn_signed, "mdn_signed", {"minimum": str}),
    "mdn.micalg.min": Check(mdn_micalg_min, "sign", {"minimum": str}),
    "mdn.both": Check(mdn_both, "mdn"),
    "url.scheme": Check(url_scheme, "url", {"allowed": list}),
    "url.https": Check(url_scheme, "url", {"allowed": list}),
    "content.type": Check(content_type, "content_type", {"allowed": list}),
    "compress": Check(compress, "compress", {"allowed": list}),
    "env.both": Check(environments, "environment", {"required": list}),
    "notice.contact": Check(notice_contact, "partner"),
    "provider.access": Check(provider_access, "provider_access"),
    "cert.format": Check(certificate_format, "", {"allowed": list}),
    "retry.policy": Check(retry_policy, "max_attempts"),
    "dup.policy": Check(duplicate_policy),
}
