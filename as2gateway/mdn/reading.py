"""MDNs as partners write them: RFC 4130 section 7.4, RFC 3798 section 3, and what products do.

A report is read from the signed octets and from nothing else. What is read here proves nothing yet:
``verifying`` decides that.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from as2gateway import names
from as2gateway.cms import signed
from as2gateway.disposition import Disposition
from as2gateway.errors import AS2Error, LimitExceeded, MalformedMDN, MalformedMessage
from as2gateway.headers import MAX_FIELDS, Headers
from as2gateway.mdn.opening import Opened, is_layer, open_layers
from as2gateway.mic import MIC
from as2gateway.mime import (
    ContentType,
    cms_decoder,
    codec_of,
    decoder,
    is_pkcs7_signature,
    read_headers,
    read_part,
    read_preamble,
)
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.stream import Layer, Source, Wait, collect, run

#: parts of a report: RFC 3798 §3 knows three
_MAX_PARTS = 10

_MACHINE_PART = "message/disposition-notification"
#: types of which an MDN may be
REPORTS = frozenset({"multipart/report", _MACHINE_PART})
_BLANKS = " \t"
_LINE_END = re.compile(r"\r?\n")
_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_COMMENT = re.compile(r"\([^()]*\)")
_ADDRESS_TYPE = re.compile(r"\s*[A-Za-z0-9-]+\s*;")


@dataclass(frozen=True, slots=True)
class UnverifiedMDN:
    """What an MDN claims. It proves nothing before ``verify_mdn`` has passed it."""

    #: exactly as it came, brackets or none; None if it names no message
    original_message_id: str | None
    disposition: Disposition
    mic: MIC | None
    #: what it says to people; hostile until made safe
    text: str
    #: all fields of its machine-readable part
    fields: Headers
    #: AS2 names of its HTTP fields; empty if absent
    as2_from: str = ""
    as2_to: str = ""
    #: why the MIC that it carries cannot be read; empty if it can, or if there is none
    mic_fault: str = ""
    signature: signed.SignedData | None = field(default=None, repr=False)
    #: the octets that the signature must cover, and that all of this was read from
    signed_part: bytes = field(default=b"", repr=False)
    #: the signature as it came, DER or BER; empty if it is not a part of its own
    signature_octets: bytes = field(default=b"", repr=False)

    @property
    def signed(self) -> bool:
        """Whether it carries a signature, good or bad."""
        return self.signature is not None

    @property
    def final_recipient(self) -> str:
        """Whom it says the message was for, without ``rfc822;`` and quotes (MDR-08)."""
        return _recipient(self.fields.get("Final-Recipient") or "")

    @property
    def details(self) -> tuple[str, ...]:
        """Its ``Error``, ``Failure`` and ``Warning`` fields (RFC 3798 §3.2.7, MDR-12)."""
        kinds = ("Error", "Failure", "Warning")
        return tuple(value for kind in kinds for value in self.fields.get_all(kind))


@dataclass(frozen=True, slots=True)
class _Entity:
    headers: Headers
    body: bytes

    @property
    def content_type(self) -> ContentType:
        return ContentType.parse(self.headers.get("Content-Type"))

    def decoded(self) -> bytes:
        """The body without its transfer encoding, also where it is forbidden (MDR-05, MIME-22).

        phase2 calls a multipart base64 that is not, when the message it answers was to be.
        """
        boundary = self.content_type.boundary.encode("latin-1", "replace")
        if self.content_type.is_multipart and b"--" + boundary in self.body:
            return self.body
        decoding = decoder(self.headers.get("Content-Transfer-Encoding"))
        return decoding.update(self.body) + decoding.finish()


def is_mdn(headers: Headers, head: bytes) -> bool:
    """Whether a message is an MDN, by its type or, if signed, that of its first part (MDR-01).

    ``head`` is the first few kilobytes of the body, or all of it.
    """
    entity = _Entity(headers, head)
    if entity.content_type.type != "multipart/signed":
        return _is_report(entity.content_type)
    layer: Layer[bytes, ContentType] = Layer(
        partial(_read_first_type, boundary=entity.content_type.boundary)
    )
    try:
        tuple(layer.feed(entity.decoded()))
    except AS2Error:
        return False
    return layer.done and _is_report(layer.result)


def is_mdn_inside(headers: Headers, body: bytes, limits: Limits, policy: InboundPolicy) -> bool:
    """Whether an MDN is inside layers that open (MDR-18); ``body`` is all of it."""
    if not is_layer(headers):
        return False
    try:
        opened = open_layers(headers, body, limits, policy)
    except MalformedMDN:
        return False
    return is_mdn(opened.headers, opened.body)


def _read_first_type(source: Source, boundary: str) -> Wait[ContentType]:
    yield from read_preamble(source, boundary)
    headers, _ = yield from read_headers(source)
    return ContentType.parse(headers.get("Content-Type"))


def _is_report(content_type: ContentType) -> bool:
    if content_type.type != "multipart/report":
        return content_type.type == _MACHINE_PART
    kind = content_type.get("report-type") or "disposition-notification"  # MDR-02
    return kind.lower() == "disposition-notification"


def read_mdn(
    headers: Headers, body: bytes, limits: Limits, policy: InboundPolicy | None = None
) -> UnverifiedMDN:
    """Read an MDN from the fields and the body of its HTTP message. Raises MalformedMDN.

    Given the policy of its connection, one that is encrypted or compressed is opened (MDR-18).
    """
    if len(body) > limits.mdn:
        raise MalformedMDN(f"an MDN of {len(body)} octets, {limits.mdn} are allowed")
    opened = open_layers(headers, body, limits, policy) if policy else Opened(headers, body)
    try:
        mdn = _read(opened, limits)
    except (MalformedMessage, LimitExceeded) as fault:
        raise MalformedMDN(f"unreadable MDN: {fault}") from fault
    # Whose it is and for whom, only its HTTP fields say.
    return replace(
        mdn, as2_from=_read_name(headers, "AS2-From"), as2_to=_read_name(headers, "AS2-To")
    )


def _read(opened: Opened, limits: Limits) -> UnverifiedMDN:
    outer = _Entity(opened.headers, opened.body)
    signature, part, report, octets = opened.signature, opened.signed_part, outer, b""
    if outer.content_type.type == "multipart/signed":
        part, second = _read_signed(outer)
        octets = _read_signature(second)
        signature = signed.parse(octets, limits)
        report = _read_entity(part)
    machine, text = _find_parts(report)
    fields = _read_fields(machine)
    disposition = _single(fields, "Disposition")
    if disposition is None:
        raise MalformedMDN("an MDN without a Disposition field")
    mic, mic_fault = _read_mic(_single(fields, "Received-Content-MIC"))
    return UnverifiedMDN(
        original_message_id=_single(fields, "Original-Message-ID") or None,
        disposition=Disposition.parse(disposition),
        mic=mic,
        text=text,
        fields=fields,
        mic_fault=mic_fault,
        signature=signature,
        signed_part=part,
        signature_octets=octets,
    )


# --- entities ------------------------------------------------------------------------------------


def _read_signed(entity: _Entity) -> tuple[bytes, bytes]:
    parts = _split(entity)
    if len(parts) != 2:  # noqa: PLR2004  RFC 1847 §2.1: exactly two (MIME-07)
        raise MalformedMDN(f"a signed MDN of {len(parts)} parts")
    return parts[0], parts[1]


def _read_signature(part: bytes) -> bytes:
    entity = _read_entity(part)
    if not is_pkcs7_signature(entity.content_type, entity.headers.get("Content-Disposition")):
        raise MalformedMDN(f"a signed MDN whose second part is {entity.content_type}")
    decoding = cms_decoder(entity.headers.get("Content-Transfer-Encoding"))
    return decoding.update(entity.body) + decoding.finish()


def _find_parts(report: _Entity) -> tuple[bytes, str]:
    """Find the machine-readable part, by its type and wherever it stands, and the first text."""
    if report.content_type.type == _MACHINE_PART:
        return report.decoded(), ""  # MDR-03
    if not report.content_type.is_multipart:
        raise MalformedMDN(f"no MDN but {report.content_type}")
    parts = [_read_part(part) for part in _split(report)]
    machines = [part for part in parts if part.content_type.type == _MACHINE_PART]
    if len(machines) != 1:
        # Two could contradict each other, and only one would be looked at (R25).
        raise MalformedMDN(f"an MDN with {len(machines)} machine-readable parts")
    texts = [_decode_text(part) for part in parts if part.content_type.type.startswith("text/")]
    return machines[0].decoded(), texts[0] if texts else ""


def _split(entity: _Entity) -> list[bytes]:
    body = entity.decoded()
    parser = partial(_read_parts, boundary=entity.content_type.boundary, limit=len(body))
    _, parts = run(parser, body)
    return parts


def _read_parts(source: Source, boundary: str, limit: int) -> Wait[list[bytes]]:
    yield from read_preamble(source, boundary)
    parts: list[bytes] = []
    last = False
    while not last:
        if len(parts) == _MAX_PARTS:
            raise LimitExceeded(f"an MDN of more than {_MAX_PARTS} parts")
        part, last = yield from collect(read_part(source, boundary), limit)
        parts.append(part)
    # Nothing but blanks after a delimiter: it was the last, and lacked its hyphens (MIME-13).
    return parts[:-1] if parts[1:] and not parts[-1].strip() else parts


def _read_entity(octets: bytes) -> _Entity:
    _, (headers, block) = run(read_headers, octets)
    return _Entity(headers, octets[len(block) :])


def _read_part(octets: bytes) -> _Entity:
    """Read a part of a report. Damage to one takes nothing from the others: then all of it is text.

    But it must not hide what would contradict the machine-readable part (R25).
    """
    try:
        return _read_entity(octets)
    except (MalformedMessage, LimitExceeded):
        if _MACHINE_PART.encode() in octets.lower():
            raise
        return _Entity(Headers(()), octets)


def _decode_text(part: _Entity) -> str:
    charset = part.content_type.get("charset") or "utf-8"
    try:
        octets = part.decoded()
    except MalformedMessage:
        octets = part.body
    return octets.decode(codec_of(charset), "replace")


# --- fields --------------------------------------------------------------------------------------


def _read_fields(octets: bytes) -> Headers:
    """Read the fields of a machine-readable part; passes over stray lines (MDR-06)."""
    fields: list[list[str]] = []
    folds = False
    for line in _LINE_END.split(octets.decode("latin-1")):
        if line[:1] in {" ", "\t"}:
            if folds:
                fields[-1].append(line.strip(_BLANKS))
            continue
        match = _FIELD.fullmatch(line)
        folds = match is not None
        if match:
            fields.append([match[1], match[2].strip(_BLANKS)])
        if len(fields) > MAX_FIELDS:
            raise LimitExceeded(f"an MDN with more than {MAX_FIELDS} fields")
    return Headers(tuple((name, _unfold(lines)) for name, *lines in fields))


def _unfold(lines: Iterable[str]) -> str:
    return " ".join(line for line in lines if line).replace("\t", " ")


def _single(fields: Headers, name: str) -> str | None:
    values = fields.get_all(name)
    if len(values) > 1:
        raise MalformedMDN(f"an MDN with {len(values)} fields {name}")
    return values[0] if values else None


def _read_mic(value: str | None) -> tuple[MIC | None, str]:
    try:
        return MIC.parse(_COMMENT.sub("", value or "")), ""
    except MalformedMDN as fault:
        # A negative MDN is still one; a positive one will not verify.
        return None, fault.reason


def _read_name(headers: Headers, field_name: str) -> str:
    values = set(headers.get_all(field_name))
    if len(values) > 1:
        raise MalformedMDN(f"an MDN with several {field_name} fields")
    value = values.pop() if values else ""
    return _unquoted(value)


def _recipient(value: str) -> str:
    match = _ADDRESS_TYPE.match(value)
    return _unquoted(value[match.end() :] if match else value)


def _unquoted(value: str) -> str:
    try:
        return names.unquote(value)
    except ValueError:
        return value.strip(_BLANKS)  # it will match no name, which is right
