"""The page of one message: verdict, facts and timeline, all read before it is rendered."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from audit.badges import Tone, badge
from audit.links import link_to
from messages.admin.downloads import What, may_download, may_have_payloads
from messages.admin.resending import may_resend, may_resubmit
from messages.admin.timeline import Entry, read_history, timeline
from messages.admin.verdicts import MDNVerdict, Verdict, mdn_verdict, verdict
from messages.admin.words import STATE_TONES, moment, size
from messages.arriving_tls import PLAIN, ArrivingTLS
from messages.likeness import Likeness, likeness
from messages.models import Message, State
from messages.support import Help, case, help_of
from messages.visibility import visible_messages
from partners.models import KeyPair, PartnerCertificate

#: Entries of the settings snapshot that hold fingerprints, and what the page calls them.
_CERTIFICATES = {
    "sign_with": "Signed with",
    "encrypt_to": "Encrypted to",
    "verify_with": "Signature may be by",
    "decrypt_with": "Decrypted with one of",
}


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Everything that the template shows."""

    row: Message
    verdict: Verdict
    state_tone: Tone
    mdn: MDNVerdict
    who: list[tuple[str, str]]
    document: list[tuple[str, str]]
    security: list[tuple[str, str]]
    timeline: list[Entry]
    downloads: list[What]
    may_resend: bool
    may_resubmit: bool
    may_have_evidence: bool
    #: address of a request for it, filled in; empty if there is nothing to ask for
    ask_again: str
    #: whether others fail likewise; None if it did not fail
    likeness: Likeness | None
    help: Help
    #: the text of a case; empty if nothing is wrong
    case: str


def build_page(message: Message, user: User | AnonymousUser) -> MessagePage:
    """Read what there is to say about a message; what the user may do decides the buttons."""
    history = read_history(message)
    return MessagePage(
        row=message,
        verdict=verdict(message, timezone.now()),
        state_tone=STATE_TONES[State(message.state)],
        mdn=mdn_verdict(message, history.mdns),
        who=list(_who(message)),
        document=list(_document(message)),
        security=list(_security(message)),
        timeline=timeline(history),
        downloads=[what for what in What if may_download(user, message, what)],
        may_resend=may_resend(user, message),
        may_resubmit=may_resubmit(user, message),
        may_have_evidence=may_have_payloads(user),
        ask_again=_ask_again(message, user),
        likeness=likeness(message, visible_messages(user)),
        help=help_of(message.connection),
        case=case(message) if message.failure_code else "",
    )


def _ask_again(message: Message, user: User | AnonymousUser) -> str:
    """Lead to a request for a message that we could not accept."""
    may = user.has_perm("as2_messages.add_redelivery")
    if message.state != State.REJECTED or not may:
        return ""
    query = {
        "connection": message.connection_id,
        "numbers": message.message_id,
        "reason": "We could not accept it.",
    }
    return f"{reverse('admin:as2_messages_redelivery_add')}?{urlencode(query)}"


def _who(message: Message) -> Iterator[tuple[str, str]]:
    connection = message.connection
    yield "Partner", link_to(connection.partner, message.partner_name)
    yield "Organization", link_to(connection.organization, message.organization_name)
    yield "Connection", link_to(connection, f"{connection} ({connection.environment})")
    yield "AS2-From", message.as2_from
    yield "AS2-To", message.as2_to
    if message.address:
        yield "Address", message.address


def _document(message: Message) -> Iterator[tuple[str, str]]:
    yield "File", message.filename or "-"
    yield "Content type", message.content_type or "-"
    yield "Size", size(message.payload_size)
    if message.edi_standard:
        yield "EDI", f"{message.edi_standard} {message.edi_type}".strip()
    if message.edi_control_number:
        yield "Control number", message.edi_control_number
    for line in message.edi_references.splitlines():
        kind, _, number = line.partition(" ")
        yield f"{kind.capitalize()} number", number
    if message.acknowledged_at:
        yield "Acknowledgement", f"{message.acknowledgement}, {moment(message.acknowledged_at)} UTC"
    if message.subject:
        yield "Subject", message.subject
    yield "Message-ID", message.message_id
    if message.payload_sha256:
        yield "SHA-256", format_html("<code>{}</code>", message.payload_sha256)


def _security(message: Message) -> Iterator[tuple[str, str]]:
    if message.tls_version:
        yield "TLS", _tls(message)
    yield "Signature", message.signed or "none"
    yield "Encryption", message.encrypted or "none"
    yield "Compression", "zlib" if message.compressed else "none"
    yield "MDN asked for", _mdn_asked_for(message)
    for algorithm, digest in message.mics.items():
        yield f"MIC {algorithm}", format_html("<code>{}</code>", digest)
    yield from _certificates(message)
    if message.settings.get("engine"):
        yield "Engine", str(message.settings["engine"])
    for note in message.notes:
        yield "Note", str(note)


def _tls(message: Message) -> str:
    if message.tls_version == PLAIN:
        return "none: it came over plain HTTP, protected by its own layers only"
    found = ArrivingTLS(message.tls_version, message.tls_suite)
    return format_html(
        "{} {}", badge(Tone.BAD if found.is_old else Tone.GOOD, found.version), found.suite
    )


def _mdn_asked_for(message: Message) -> str:
    if message.mdn_mode == "none":
        return "none"
    return f"{message.mdn_mode}, {'signed' if message.mdn_signed else 'unsigned'}"


def _certificates(message: Message) -> Iterator[tuple[str, str]]:
    used = {label: _listed(message.settings.get(key)) for key, label in _CERTIFICATES.items()}
    names = _subjects(itertools.chain.from_iterable(used.values()))
    for label, fingerprints in used.items():
        if fingerprints:
            yield (
                label,
                format_html_join(
                    "",
                    '<span class="as2-certificate">{} <code>{}</code></span>',
                    ((names.get(each, ""), each) for each in fingerprints),
                ),
            )


def _listed(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [str(value)] if value else []


def _subjects(fingerprints: Iterable[str]) -> dict[str, str]:
    """Name certificates that are still known, ours and theirs."""
    wanted = set(fingerprints)
    return {
        fingerprint: subject
        for model in (KeyPair, PartnerCertificate)
        for fingerprint, subject in model._default_manager.filter(  # noqa: SLF001  Django's API
            fingerprint__in=wanted
        ).values_list("fingerprint", "subject")
    }
