"""Promoting: what works in test is brought to production, setting by setting, with a diff."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction

from partners.changes import Change, compare, record_change, settings_of
from partners.compliance import verdicts
from partners.compliance.cases import Case
from partners.compliance.refusing import Review
from partners.models import Connection, PartnerCertificate, in_use
from partners.models.certificates import this_second
from partners.onboarding.drafting import Draft, Problem, Refused, is_new, make
from partners.rollover.recording import By, insert

#: What makes a connection the one that it is, and is never taken over.
#: A password stays with the server that it is for.
_OWN: Final = frozenset(
    {
        "organization",
        "partner",
        "environment",
        "state",
        "as2_id",
        "url",
        "url_user",
        "url_password_for",
        "url_password_set_at",
    }
)
#: What belongs to a host rather than to a partner: offered, and not chosen at first.
OF_A_HOST: Final = frozenset({"tls_trust", "tls_ca", "tls_pins", "tls_client_key", "mdn_hosts"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs: what production has, and what test has."""

    change: Change
    label: str

    @property
    def name(self) -> str:
        """The column."""
        return self.change.name

    @property
    def chosen_at_first(self) -> bool:
        """Whether it is meant to be taken over unless somebody decides otherwise."""
        return self.name not in OF_A_HOST


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be taken over."""

    fields: Collection[str]
    certificates: bool


def differences(source: Connection, target: Connection) -> list[Difference]:
    """Compare what can be taken over."""
    old, new = settings_of(target), settings_of(source)
    return [
        Difference(Change(name, old[name], value), _label(name))
        for name, value in new.items()
        if name not in _OWN and old[name] != value
    ]


def new_certificates(
    source: Connection, target: Connection, now: dt.datetime
) -> list[PartnerCertificate]:
    """Return the source's certificates in use that the target does not have, as rows to save."""
    rows = () if is_new(target) else target.certificates.all()
    known = {row.fingerprint for row in rows}
    used = in_use(source.certificates.all(), now)
    return [_copy(row) for row in used if row.fingerprint not in known]


def promote(
    source: Connection, target: Connection, choice: Choice, now: dt.datetime, by: By
) -> tuple[Change, ...]:
    """Take settings and certificates over, all or nothing; say what changed. Raises Refused."""
    certificates = new_certificates(source, target, now) if choice.certificates else []
    names = {each.name for each in differences(source, target)} & set(choice.fields)
    before = {} if is_new(target) else settings_of(target)
    for name in names:
        setattr(target, name, getattr(source, name))
    if is_new(target):
        make(source.partner, [Draft(target, tuple(certificates))], now, by)
        return compare({}, settings_of(target))
    with transaction.atomic():
        _check(target, certificates, now)
        target.save()
        changes = compare(before, settings_of(target))
        if changes:
            record_change(target, changes, created=False, actor=by.actor, address=by.address)
        for row in certificates:
            row.connection = target
            insert(row, by)
        verdicts.reevaluate(verdicts.affected_by([target]), now)
    return changes


def _check(target: Connection, more: list[PartnerCertificate], now: dt.datetime) -> None:
    """Raise Refused for what the connection's own form would refuse."""
    try:
        target.full_clean()
    except ValidationError as error:
        raise Refused(
            [
                Problem(target, "" if name == NON_FIELD_ERRORS else name, text)
                for name, texts in error.message_dict.items()
                for text in texts
            ]
        ) from error
    rows = (*target.certificates.all(), *more)
    review = Review.of(Case(target, rows, tuple(target.organization.keys.all())), now)
    if review.refused:
        raise Refused([Problem(target, each.field, str(each)) for each in review.refused])


def _copy(row: PartnerCertificate) -> PartnerCertificate:
    copied = PartnerCertificate(
        verifies=row.verifies, encrypts=row.encrypts, tls=row.tls, activates_at=this_second()
    )
    copied.read_facts(row.value)
    return copied


def _label(name: str) -> str:
    field: models.Field[Any, Any] = Connection._meta.get_field(name)  # type: ignore[assignment]  # noqa: SLF001  a column, of Django's public API
    return str(field.verbose_name)
