"""Forms of single certificates, theirs and ours: a change that breaks a connection is refused.

What a connection's profile does not allow, and what no message could fulfil any more, is said at
the field that was changed. What was wrong before is no reason: it can be set right step by step.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from django import forms
from django.utils import timezone

from as2gateway.compliance.findings import Finding
from partners.admin.marks import CERTIFICATES, sentence
from partners.compliance.cases import Case
from partners.compliance.refusing import Review
from partners.feasibility import impossible
from partners.models import CertificateFacts, Connection, KeyPair, PartnerCertificate
from partners.models.certificates import accepted

if TYPE_CHECKING:  # generic only in the stubs
    _PartnerForm = forms.ModelForm[PartnerCertificate]
    _PairForm = forms.ModelForm[KeyPair]
else:
    _PartnerForm = _PairForm = forms.ModelForm

Row = TypeVar("Row", bound=CertificateFacts)

#: Rules about when a certificate starts; the others are about what it is.
_STARTS: Final = frozenset({"cert.rollover.window", "cert.notice"})
#: Fields in the order in which a change of theirs can do harm.
_WEIGHT: Final = (
    "retires_at",
    "signs",
    "decrypts",
    "verifies",
    "encrypts",
    "tls",
    "activates_at",
    "name",
)
#: What is found where a certificate for a use is missing, and the switch of that use.
MISSING: Final = {"none to encrypt": "encrypts", "none to verify": "verifies"}


class PartnerCertificateForm(_PartnerForm):
    """Uses and dates of a partner's certificate."""

    class Meta:
        model = PartnerCertificate
        fields = ("verifies", "encrypts", "tls", "activates_at", "retires_at")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's: it fills the instance in
        if self.errors or not self.changed_data:
            return
        link = self.instance.connection
        rows = _with(self.instance, link.certificates.all())
        pairs = list(link.organization.keys.all())
        now, field = timezone.now(), _changed(self)
        review = Review.of(Case(link, tuple(rows), tuple(pairs)), now)
        for finding in review.refused:
            if finding.field == CERTIFICATES:
                self.add_error(field_of(finding, self, field), sentence(finding))
        moment = _moment(self.instance, now)
        before = impossible(link, pairs, accepted(link.certificates.all(), moment))
        after = impossible(link, pairs, accepted(rows, moment))
        for text in _news(before, after):
            self.add_error(field, f"{link} could not go on: {text}.")


class KeyPairForm(_PairForm):
    """Uses and dates of a key pair of ours, which many connections may depend on."""

    class Meta:
        model = KeyPair
        fields = ("name", "signs", "decrypts", "activates_at", "retires_at")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's: it fills the instance in
        if self.errors or not {*self.changed_data} - {"name"}:
            return
        owner = self.instance.organization
        stored = list(owner.keys.all())
        rows = _with(self.instance, stored)
        now, field = timezone.now(), _changed(self)
        links = owner.connections.select_related("organization", "partner")
        for link in links.prefetch_related("certificates"):
            for text in self._refusals(link, stored, rows, now):
                self.add_error(field, f"{link} ({link.environment}) could not go on: {text}.")

    def _refusals(
        self, link: Connection, stored: Sequence[KeyPair], rows: Sequence[KeyPair], now: dt.datetime
    ) -> Iterable[str]:
        certificates = tuple(link.certificates.all())
        moment = _moment(self.instance, now)
        before = impossible(link, accepted(stored, moment), certificates)
        yield from _news(before, impossible(link, accepted(rows, moment), certificates))
        review = Review.of(Case(link, certificates, tuple(rows)), now)
        for finding in review.refused:
            if finding.field == CERTIFICATES:
                yield sentence(finding).rstrip(".")


def _changed(form: forms.BaseForm) -> str:
    """Return the field whose change weighs most: a form may round moments without anybody's aim."""
    return next(name for name in _WEIGHT if name in form.changed_data)


def field_of(finding: Finding, form: forms.BaseForm, changed: str | None) -> str | None:
    """Say at which field of a certificate's form a finding stands; None for none of them."""
    missing = [MISSING[text] for text in finding.present if text in MISSING]
    wanted = changed
    if missing:
        wanted = changed if changed == "retires_at" else missing[0]
    elif finding.rule in _STARTS:
        wanted = "activates_at"
    return wanted if wanted in form.fields else None


def _with(row: Row, stored: Iterable[Row]) -> list[Row]:
    """Return the rows with one of them as it is to be."""
    return [row, *(each for each in stored if each.pk != row.pk)]


def _moment(row: CertificateFacts, now: dt.datetime) -> dt.datetime:
    """From when on the change shows: a retirement may be planned ahead.

    After its own end a certificate is of no use to anybody, retired or not.
    """
    if row.retires_at is None or row.retires_at > row.not_after:
        return now
    return max(now, row.retires_at)


def _news(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    known = set(before)
    return tuple(dict.fromkeys(text for name, text in after if (name, text) not in known))
