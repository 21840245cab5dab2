"""Verdicts in plain words: why a message was refused, and what an operator can do.

The core says what was wrong; here is added which setting, certificate or person to turn to. The
partner is told less, see ``as2gateway.errors``.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from as2gateway import errors
from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.certificates import Certificate
from as2gateway.errors import AS2Error
from as2gateway.events import Facts, LayerKind
from as2gateway.policy import InboundPolicy
from partners.models import Connection

#: Characters of a reason: it may quote what a partner sent.
_REASON = 500


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict for operators: ``code`` to search and count by, ``text`` to read."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class _Case:
    reason: str
    connection: Connection
    policy: InboundPolicy

    @property
    def partner(self) -> str:
        return self.connection.partner.name


class ReusedMessageID(errors.UnexpectedProcessingError):
    """Another content came under the Message-ID of an accepted message (threats R18)."""

    explanation = "Another message with the same Message-ID was accepted before."


class MissingMessageID(errors.UnexpectedProcessingError):
    """An MDN is asked for and there is nothing that it could refer to (HDR-16)."""

    explanation = "The message has no Message-ID, so that no MDN can refer to it."


class PoisonousMessage(errors.UnexpectedProcessingError):
    """Reading it ended the worker each time (threats RC4)."""


def explain(error: AS2Error, connection: Connection, policy: InboundPolicy) -> Explanation:
    """Say what happened and what to do."""
    kind = next((each for each in type(error).__mro__ if each in _CASES), AS2Error)
    code, advise = _CASES[kind]
    reason = "".join(c if c.isprintable() else " " for c in error.reason)[:_REASON].strip()
    sentence = f"{reason[:1].upper()}{reason[1:]}".rstrip(".")
    return Explanation(
        code or error.modifier, f"{sentence}. {advise(_Case(reason, connection, policy))}"
    )


def check_signer_in_date(facts: Facts, policy: InboundPolicy, now: dt.datetime) -> None:
    """Raise AuthenticationFailed if the certificate that verified the message has expired.

    A certificate counts from when it is put into use until it is retired (see ``partners``); one
    that is past its own date is refused besides (SEC-05, MDN-20).
    """
    used = {layer.certificate for layer in facts.layers if layer.kind is LayerKind.SIGNED}
    for certificate in policy.verify_with:
        if certificate.fingerprint in used and certificate.not_after < now:
            raise errors.AuthenticationFailed(
                f"the certificate that signed it has expired: {_name(certificate)}"
            )


def _name(certificate: Certificate) -> str:
    until = certificate.not_after.date().isoformat()
    return f"{certificate.subject}, valid until {until} (SHA-256 {certificate.fingerprint[:16]}…)"


def _decryption(case: _Case) -> str:
    if "came before in another message" in case.reason:
        return (
            f"Ask {case.partner} whether they sent this message. If so, their software must draw a "
            "new content key for each message; if not, somebody is trying out messages of theirs: "
            "see from which address it came."
        )
    triple_des = CipherAlgorithm.TRIPLE_DES_CBC
    if triple_des in case.reason and triple_des not in case.policy.ciphers:
        return f"Ask {case.partner} for AES, or switch on “accept 3DES” of the connection."
    if not case.policy.decrypt_with:
        owner = case.connection.organization.as2_id
        return f"Organization {owner} has no key pair in use that decrypts: add one."
    ours = "; ".join(_name(key.certificate) for key in case.policy.decrypt_with)
    return f"{case.partner} must encrypt to our certificate: {ours}. Send it to them again."


def _authentication(case: _Case) -> str:
    if not case.policy.verify_with:
        return (
            f"The connection has no certificate in use that verifies {case.partner}: add the one "
            "that they sign with, then ask them to send the message again."
        )
    known = "; ".join(_name(certificate) for certificate in case.policy.verify_with)
    return (
        f"Accepted for this connection: {known}. If {case.partner} signs with another certificate "
        "now, add it to the connection and ask them to send the message again."
    )


def _integrity(case: _Case) -> str:
    return (
        f"Something changed the content after it was signed. Ask {case.partner} to send it again; "
        "if that fails, too, look for a proxy or filter on the way that changes requests."
    )


def _decompression(case: _Case) -> str:
    return (
        f"Ask {case.partner} to send it again, or uncompressed. If a document may really be that "
        "large when unpacked, raise AS2_MAX_BODY, or AS2_LIMIT_RATIO if it packs so well."
    )


def _security(case: _Case) -> str:
    wanted = [
        (word, switch)
        for word, switch in (
            ("not encrypted", "take back “require encryption”"),
            ("not signed", "take back “require signature”"),
            ("no signed attributes", "take back “require signed attributes”"),
            (f"signed with {DigestAlgorithm.SHA1}", "switch on “accept SHA-1”"),
        )
        if word in case.reason
    ]
    if not wanted:
        return f"Ask {case.partner} to sign and encrypt as agreed."
    return (
        f"Ask {case.partner} to change that; if it is what you agreed on, "
        f"{wanted[0][1]} of the connection."
    )


def _malformed(case: _Case) -> str:
    return (
        f"Send the stored request to {case.partner}: their software, or something on the way, "
        "wrote what cannot be read."
    )


def _limit(case: _Case) -> str:
    return (
        f"Nothing beyond the limit was read. A usual message of {case.partner} stays far below it: "
        "ask them what they sent."
    )


def _exchange(case: _Case) -> str:
    return (
        f"Nothing of it was taken over. Ask {case.partner} to send it again as their software's "
        "certificate exchange asks, or take their certificate by another way."
    )


def _mdn_options(case: _Case) -> str:
    return (
        f"Ask {case.partner} to request MDNs with signed-receipt-protocol pkcs7-signature and "
        "signed-receipt-micalg sha-256; until then none of their messages can be answered."
    )


def _reused(case: _Case) -> str:
    return (
        f"The first message stands and nothing was overwritten. Ask {case.partner} to send this "
        "one again under a Message-ID of its own, and why it had an old one."
    )


def _no_message_id(case: _Case) -> str:
    return f"Ask {case.partner} to give each message a Message-ID, as RFC 4130 demands."


def _poison(case: _Case) -> str:
    return (
        f"It is set aside and the request is kept. Look into the workers' logs and memory limits, "
        f"then ask {case.partner} to send it again."
    )


def _repeated_name(case: _Case) -> str:
    return (
        f"Ask {case.partner} to give each document a name of its own, or take back “repeated name” "
        "of the connection: then both are kept."
    )


def _illegal_name(case: _Case) -> str:
    return (
        f"Ask {case.partner} for file names without slashes, control characters and the like, or "
        "take back “illegal name” of the connection: then a safe name is given."
    )


def _unexpected(_case: _Case) -> str:
    return "This is a fault of the gateway; the request is kept. Report it with the log lines."


_Advice = Callable[[_Case], str]

#: By class, or the nearest one above: the code, empty = the disposition's modifier, and advice.
_CASES: Mapping[type, tuple[str, _Advice]] = MappingProxyType(
    {
        errors.DecryptionFailed: ("", _decryption),
        errors.AuthenticationFailed: ("", _authentication),
        errors.IntegrityCheckFailed: ("", _integrity),
        errors.DecompressionFailed: ("", _decompression),
        errors.InsufficientMessageSecurity: ("", _security),
        errors.MalformedMessage: ("malformed-message", _malformed),
        errors.LimitExceeded: ("limit-exceeded", _limit),
        errors.UnusableExchange: ("certificate-exchange", _exchange),
        errors.UnsupportedFormat: ("", _mdn_options),
        errors.UnsupportedMICAlgorithms: ("", _mdn_options),
        errors.DuplicateFilename: ("", _repeated_name),
        errors.IllegalFilename: ("", _illegal_name),
        ReusedMessageID: ("message-id-reused", _reused),
        MissingMessageID: ("message-id-missing", _no_message_id),
        PoisonousMessage: ("poisonous-message", _poison),
        AS2Error: ("", _unexpected),
    }
)
