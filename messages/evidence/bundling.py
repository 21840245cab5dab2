"""Bundling: gather what there is about a message, and say in words what it proves and what not."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from as2gateway.errors import MalformedMDN
from as2gateway.headers import Headers
from as2gateway.mdn import UnverifiedMDN, read_mdn
from messages.evidence.archive import Entry, written
from messages.evidence.opening import CannotOpen, Content, ends_with, open_content
from messages.evidence.script import Signed, Steps, names, script
from messages.models import MDN, Attempt, Direction, MDNState, Message
from messages.store import Kind, Writer, get_store
from partners.models import KeyPair, PartnerCertificate
from partners.policies import limits
from partners.urls import without_password

SUMS = "SHA256SUMS"


class NoEvidence(Exception):
    """There is nothing to put into a bundle; the text says why."""


@dataclass
class _Parts:
    """What has been gathered so far."""

    message: Message
    files: list[Entry] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Tell the reader what the bundle lacks."""
        self.notes.append(text)

    def add(self, name: str, key: str) -> bool:
        """Take a file of the store; False if it is gone."""
        if not _stored(key):
            return False
        self.files.append(Entry(name, get_store().chunks(key)))
        return True

    def then(self, **changes: Any) -> None:
        """Add to what the script verifies."""
        self.steps = replace(self.steps, **changes)


def bundle(message: Message, now: dt.datetime) -> Iterator[bytes]:
    """Give the ZIP file of a message's evidence, piece by piece.

    NoEvidence is raised before the first piece. The connection must be fetched with the message.
    """
    mdn = _mdn(message)
    keys = (message.raw_key, message.wire_key, message.payload_key, mdn.body_key if mdn else "")
    if not any(_stored(key) for key in keys):
        raise NoEvidence("Neither the document nor the request nor an MDN is kept any more.")
    return _written(message, mdn, now)


def _written(message: Message, mdn: MDN | None, now: dt.datetime) -> Iterator[bytes]:
    with ExitStack() as stack:
        parts = _Parts(message)
        _request(parts)
        _document(parts)
        _content(parts, stack, now)
        _receipt(parts, mdn)
        _certificates(parts)
        first = [
            Entry.text("README.txt", _readme(parts, mdn, now)),
            Entry.text("verify.sh", script(parts.steps), executable=True),
            Entry.text("facts.json", json.dumps(_facts(message, mdn), indent=2) + "\n"),
        ]
        yield from written([*first, *parts.files], SUMS, now)


def _mdn(message: Message) -> MDN | None:
    rows = message.mdns.exclude(body_key="").order_by("-created_at", "-pk")
    if message.direction == Direction.OUTBOUND:
        return rows.filter(state=MDNState.VERIFIED).order_by("-positive").first() or rows.first()
    return rows.first()


def _stored(key: str) -> bool:
    try:
        return bool(key) and get_store().size(key) >= 0
    except FileNotFoundError:
        return False


def _request(parts: _Parts) -> None:
    message = parts.message
    key = message.raw_key if message.direction == Direction.INBOUND else message.wire_key
    if parts.add("request/body.bin", key):
        parts.files.append(Entry.text("request/headers.txt", _header_text(message.headers)))
    else:
        parts.note("The request is no longer kept.")


def _document(parts: _Parts) -> None:
    if parts.add("document", parts.message.payload_key):
        parts.then(document_sha256=parts.message.payload_sha256)
    else:
        parts.note("The document is no longer kept, or the message was not accepted.")


def _content(parts: _Parts, stack: ExitStack, now: dt.datetime) -> None:
    """Add what a signature or the MIC is over, and the sender's signature."""

    def new_file() -> Writer:
        return stack.enter_context(get_store().writer(Kind.PAYLOAD))

    message = parts.message
    try:
        content = open_content(message, new_file, now)
    except CannotOpen as error:
        parts.note(f"What was signed cannot be shown again: {error}.")
        return
    parts.files.append(Entry("signed-content.bin", content.file.chunks()))
    parts.then(content=True, before_document=_before_document(parts, content))
    if content.signature:
        _sender(parts, content)


def _before_document(parts: _Parts, content: Content) -> int | None:
    """Count the octets before the document in what is signed; None if it is not there as it is."""
    size, sha256 = parts.message.payload_size or 0, parts.steps.document_sha256
    if not sha256 or content.file.sha256 == sha256:
        return None
    if size < content.file.size and ends_with(content.file, size, sha256):
        return content.file.size - size
    parts.note("The document is encoded or compressed inside signed-content.bin.")
    return None


def _sender(parts: _Parts, content: Content) -> None:
    row = PartnerCertificate.objects.filter(fingerprint=content.signer).first()
    if row is None:
        parts.note("The sender's certificate is not known here any more.")
        return
    parts.files.append(Entry("signature.der", [content.signature]))
    parts.files.append(Entry.text("certificates/sender.pem", row.value.pem()))
    of_sender = Signed(
        "signature.der",
        "signed-content.bin",
        "certificates/sender.pem",
        content.signer,
        "the sender's",
    )
    parts.then(signatures=(*parts.steps.signatures, of_sender))


def _receipt(parts: _Parts, mdn: MDN | None) -> None:
    if mdn is None or not parts.add("mdn/body.bin", mdn.body_key):
        parts.note("There is no MDN.")
        return
    parts.files.append(Entry.text("mdn/headers.txt", _header_text(mdn.headers)))
    headers = Headers(tuple((str(name), str(value)) for name, value in mdn.headers))
    body = get_store().read(mdn.body_key, limits().mdn)
    try:
        read = read_mdn(headers, body, limits())
    except MalformedMDN as error:
        parts.note(f"The MDN cannot be read: {error.reason}.")
        return
    if not read.signature_octets:
        parts.note("The MDN is not signed by a signature beside it: to others it proves little.")
    report = "mdn/signed-part.bin" if _signed_part(parts, mdn, read, body) else "mdn/body.bin"
    _said(parts, read, report, read.signed_part or body)


def _signed_part(parts: _Parts, mdn: MDN, read: UnverifiedMDN, body: bytes) -> bool:
    if not read.signature_octets:
        return False
    parts.files.append(Entry("mdn/signed-part.bin", [read.signed_part]))
    parts.files.append(Entry("mdn/signature.der", [read.signature_octets]))
    at = body.find(read.signed_part)
    parts.then(signed_part=(at, len(read.signed_part)) if at >= 0 else None)
    pem = _certificate(mdn.signer)
    if not pem:
        parts.note("Who signed the MDN was not verified, or the certificate is not known any more.")
        return True
    name = "certificates/mdn-signer.pem"
    parts.files.append(Entry.text(name, pem))
    whose = "our" if mdn.direction == Direction.OUTBOUND else "the recipient's"
    of_mdn = Signed("mdn/signature.der", "mdn/signed-part.bin", name, mdn.signer, whose)
    parts.then(signatures=(*parts.steps.signatures, of_mdn))
    return True


def _said(parts: _Parts, read: UnverifiedMDN, file: str, report: bytes) -> None:
    """Let the script look for what stands readable in the report."""
    text = report.decode("latin-1")
    disposition = read.fields.get("Disposition") or ""
    parts.then(
        report=file,
        message_id=read.original_message_id if (read.original_message_id or "") in text else "",
        disposition=disposition if disposition in text else "",
        mic=read.mic if read.mic and names(report, read.mic) else None,
    )


def _certificates(parts: _Parts) -> None:
    """Add what a message of ours was signed and encrypted with."""
    for key, name in (("sign_with", "our-signing"), ("encrypt_to", "encrypted-to")):
        fingerprint = parts.message.settings.get(key)
        pem = _certificate(fingerprint) if isinstance(fingerprint, str) else ""
        if pem:
            parts.files.append(Entry.text(f"certificates/{name}.pem", pem))


def _certificate(fingerprint: str) -> str:
    """Return a public certificate, theirs or ours, as PEM; empty if it is not known."""
    for rows in (PartnerCertificate.objects, KeyPair.objects):
        row = rows.filter(fingerprint=fingerprint).first() if fingerprint else None
        if row is not None:
            return row.value.pem()
    return ""


def _header_text(headers: list[Any]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _readme(parts: _Parts, mdn: MDN | None, now: dt.datetime) -> str:
    message = parts.message
    outbound = message.direction == Direction.OUTBOUND
    sender, receiver = message.organization_name, message.partner_name
    if not outbound:
        sender, receiver = receiver, sender
    proof = (
        "The MDN is the recipient's: its signature, and its MIC over the very octets of the\n"
        "document, prove that the recipient's system had it."
        if outbound
        else "The sender's signature proves who made the document; the MDN is our answer to it."
    )
    notes = "".join(f"- {note}\n" for note in parts.notes)
    return (
        f"Evidence for one AS2 message, made on {now:%Y-%m-%d %H:%M:%S} UTC.\n\n"
        f"Message-ID   {message.message_id}\n"
        f"sent by      {sender} ({message.as2_from})\n"
        f"to           {receiver} ({message.as2_to})\n"
        f"file         {message.filename or '-'}\n"
        f"state        {message.state}\n"
        f"MDN          {mdn.disposition if mdn else 'none'}\n\n"
        f"{proof}\n\n"
        "To verify it: sh verify.sh. Read the script first: it is short, and uses openssl only.\n"
        "Whose certificates these are, it cannot say: compare their fingerprints with those that\n"
        "both sides have on record.\n\n"
        "document             what was delivered, or was to be\n"
        "signed-content.bin   what the signature and the MIC are over: MIME header and document\n"
        "signature.der        the sender's signature over it (CMS, detached)\n"
        "request/             the AS2 message as it went over the wire\n"
        "mdn/                 the MDN as it went over the wire, and its signed part and signature\n"
        "certificates/        public certificates; there are no private keys in here\n"
        "facts.json           what the gateway recorded, with times in UTC\n"
        f"{SUMS}           SHA-256 of each file\n"
        + (f"\nWhat this bundle lacks:\n{notes}" if notes else "")
    )


def _facts(message: Message, mdn: MDN | None) -> dict[str, object]:
    return {
        "message_id": message.message_id,
        "direction": message.direction,
        "state": message.state,
        "organization": message.organization_name,
        "partner": message.partner_name,
        "as2_from": message.as2_from,
        "as2_to": message.as2_to,
        "filename": message.filename,
        "content_type": message.content_type,
        "document": {"bytes": message.payload_size, "sha256": message.payload_sha256},
        "request": {"bytes": message.wire_size, "sha256": message.wire_sha256},
        "edi": {
            "standard": message.edi_standard,
            "type": message.edi_type,
            "control_number": message.edi_control_number,
            "references": message.edi_references.splitlines(),
        },
        "signed": message.signed,
        "encrypted": message.encrypted,
        "mics": message.mics,
        "created_at": message.created_at.isoformat(),
        "finished_at": message.finished_at.isoformat() if message.finished_at else None,
        "attempts": [_attempt_facts(each) for each in message.attempt_rows.all()],
        "mdn": _mdn_facts(mdn) if mdn else None,
    }


def _attempt_facts(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "url": without_password(attempt.url),
        "started_at": attempt.started_at.isoformat(),
        "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
        "http_status": attempt.http_status,
        "tls": f"{attempt.tls_version} {attempt.tls_suite}".strip(),
        "tls_certificate": attempt.tls_fingerprint,
        "peer": attempt.peer,
    }


def _mdn_facts(mdn: MDN) -> dict[str, object]:
    return {
        "message_id": mdn.mdn_message_id,
        "created_at": mdn.created_at.isoformat(),
        "disposition": mdn.disposition,
        "mic": mdn.mic,
        "mic_matched": mdn.mic_matched,
        "signed": mdn.signed,
        "signer": mdn.signer,
    }
