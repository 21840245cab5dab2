"""Schemas: what calls of partners, connections and certificates are answered with."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from ninja import Field, Schema

from as2gateway.compliance.findings import Finding, Severity, Status, Verdict
from partners.changes import masked
from partners.compliance.verdicts import kept_verdict
from partners.models import (
    CertificateFacts,
    Confirmation,
    Connection,
    ConnectionState,
    Environment,
    Partner,
    PartnerCertificate,
    Rollover,
    RolloverState,
    Route,
)


class MistakeOut(Schema):
    """One value that cannot be taken."""

    field: str
    text: str


class ProblemOut(Schema):
    """Why a call was not done (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str = Field(description="In plain words, with what would help.")
    instance: str = Field("", description="Names this one failure; the log has it, too.")
    errors: list[MistakeOut] = Field([], description="Value by value, where several may be wrong.")


def errors(*more: int) -> dict[int, type[ProblemOut]]:
    """List the answers that any call may get, and those of a special one."""
    return dict.fromkeys(sorted({400, 401, 403, 405, 422, 429, 500, 503, *more}), ProblemOut)


class PartnerOut(Schema):
    """A company that documents are exchanged with."""

    id: int
    name: str
    email: str
    contact: str

    @classmethod
    def of(cls, row: Partner) -> "PartnerOut":
        """Write a row down."""
        return cls(id=row.pk, name=row.name, email=row.email, contact=row.contact)


class NamedOut(Schema):
    """Something that is named beside what was asked for."""

    id: int
    name: str


class ComplianceOut(Schema):
    """The last verdict on a connection."""

    verdict: Verdict
    profile: str = Field(description="Name and version it was judged by.")
    deadline: dt.date | None = Field(description="By when what is open has to be set right.")
    evaluated_at: dt.datetime


class ConnectionOut(Schema):
    """One AS2 relationship between an organization of ours and a partner."""

    id: int
    partner: NamedOut
    organization: NamedOut
    our_as2_id: str
    partner_as2_id: str
    environment: Environment
    state: ConnectionState
    url: str
    sign: str
    encrypt: str
    compress: str
    mdn: str
    mdn_signed: bool
    require_signature: bool
    require_encryption: bool
    content_type: str
    delivery: Route
    profile: str
    compliance: ComplianceOut | None = Field(description="Null without a profile.")

    @classmethod
    def of(cls, row: Connection) -> "ConnectionOut":
        """Write a row down; passwords are no part of it."""
        return cls(
            id=row.pk,
            partner=NamedOut(id=row.partner_id, name=row.partner.name),
            organization=NamedOut(id=row.organization_id, name=row.organization.name),
            our_as2_id=row.organization.as2_id,
            partner_as2_id=row.as2_id,
            url=str(masked(row.url)),
            compliance=_compliance(row),
            **{name: getattr(row, name) for name in _SETTINGS},
        )


_SETTINGS: Final = (
    "environment",
    "state",
    "sign",
    "encrypt",
    "compress",
    "mdn",
    "mdn_signed",
    "require_signature",
    "require_encryption",
    "content_type",
    "delivery",
    "profile",
)


def _compliance(row: Connection) -> ComplianceOut | None:
    verdict = kept_verdict(row)
    if verdict is None:
        return None
    kept = row.compliance
    return ComplianceOut(
        verdict=verdict,
        profile=kept.profile,
        deadline=kept.deadline,
        evaluated_at=kept.evaluated_at,
    )


class FindingOut(Schema):
    """What one rule of a profile says of a connection."""

    rule: str
    severity: Severity
    status: Status
    field: str = Field(description="The setting to look at; empty if no single one.")
    present: list[str]
    wanted: str
    why: str
    source: str
    source_url: str
    profile: str
    fix: str | bool | None = Field(description="What the setting has to be, if that is enough.")
    acknowledged: bool

    @classmethod
    def of(cls, finding: Finding, *, acknowledged: bool) -> "FindingOut":
        """Write a finding down."""
        names = (name for name in cls.model_fields if name not in {"acknowledged", "present"})
        values: dict[str, Any] = {name: getattr(finding, name) for name in names}
        return cls(present=list(finding.present), acknowledged=acknowledged, **values)


class FindingsOut(Schema):
    """A connection judged now."""

    verdict: Verdict
    profiles: list[str] = Field(description="The versions it was judged by, the one in force first")
    deadline: dt.date | None
    findings: list[FindingOut]


class CertificateOut(Schema):
    """A certificate that a partner gave us for a connection."""

    id: int
    connection: NamedOut
    partner: NamedOut
    roles: list[str] = Field(description="verify, encrypt, tls")
    subject: str
    issuer: str
    serial: str
    fingerprint: str = Field(description="SHA-256, hexadecimal")
    key_type: str
    key_bits: int
    signature_hash: str
    not_before: dt.datetime
    not_after: dt.datetime
    days_left: int = Field(description="Negative once it has ended.")
    activates_at: dt.datetime
    retires_at: dt.datetime | None
    in_use: bool

    @classmethod
    def of(cls, row: PartnerCertificate, now: dt.datetime) -> "CertificateOut":
        """Write a row down."""
        link = row.connection
        return cls(
            id=row.pk,
            connection=NamedOut(id=link.pk, name=str(link)),
            partner=NamedOut(id=link.partner_id, name=link.partner.name),
            roles=[word for word, column in _ROLES.items() if getattr(row, column)],
            days_left=days_left(row, now),
            in_use=row.is_in_use(now),
            **{name: getattr(row, name) for name in _FACTS},
        )


_ROLES: Final = {"verify": "verifies", "encrypt": "encrypts", "tls": "tls"}
_FACTS: Final = (
    "subject",
    "issuer",
    "serial",
    "fingerprint",
    "key_type",
    "key_bits",
    "signature_hash",
    "not_before",
    "not_after",
    "activates_at",
    "retires_at",
)


def days_left(row: CertificateFacts, now: dt.datetime) -> int:
    """Return the whole days until a certificate ends."""
    return (row.not_after - now).days


class ConfirmationOut(Schema):
    """How far one connection is with a rollover."""

    connection: NamedOut
    partner: NamedOut
    step: str = Field(description="open, told, acknowledged, confirmed")
    told_at: dt.datetime | None
    acknowledged_at: dt.datetime | None = Field(description="The partner says that it has it.")
    acknowledged_by: str = Field(description="Who noted that.")
    confirmed_at: dt.datetime | None = Field(description="The first message that used it.")

    @classmethod
    def of(cls, row: Confirmation) -> "ConfirmationOut":
        """Write a row down."""
        link = row.connection
        return cls(
            connection=NamedOut(id=link.pk, name=str(link)),
            partner=NamedOut(id=link.partner_id, name=link.partner.name),
            step=row.step,
            told_at=row.told_at,
            acknowledged_at=row.acknowledged_at,
            acknowledged_by=row.acknowledged_by,
            confirmed_at=row.confirmed_at,
        )


class RolloverOut(Schema):
    """A change of a partner's certificate on one connection, or of a key pair of ours."""

    id: int
    ours: bool
    connection: NamedOut | None = Field(description="Of a partner's certificate.")
    organization: NamedOut | None = Field(description="Of a key pair of ours.")
    state: RolloverState
    starts_at: dt.datetime
    activated_at: dt.datetime | None
    finished_at: dt.datetime | None
    old_fingerprint: str
    new_fingerprint: str
    created_by: str
    created_at: dt.datetime
    confirmations: list[ConfirmationOut] = Field(
        description="The connections that take part and that the caller may see."
    )

    @classmethod
    def of(cls, row: Rollover, confirmations: Iterable[Confirmation]) -> "RolloverOut":
        """Write a row down, with those confirmations that the caller may see."""
        link = row.new_certificate.connection if row.new_certificate else None
        owner = row.new_pair.organization if row.new_pair else None
        return cls(
            id=row.pk,
            ours=row.is_ours,
            connection=NamedOut(id=link.pk, name=str(link)) if link else None,
            organization=NamedOut(id=owner.pk, name=owner.name) if owner else None,
            state=RolloverState(row.state),
            starts_at=row.starts_at,
            activated_at=row.activated_at,
            finished_at=row.finished_at,
            old_fingerprint=row.old.fingerprint,
            new_fingerprint=row.new.fingerprint,
            created_by=row.created_by,
            created_at=row.created_at,
            confirmations=[ConfirmationOut.of(each) for each in confirmations],
        )
