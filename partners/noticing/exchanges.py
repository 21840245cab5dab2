"""Exchanges: partners who ask to trust new certificates, and what they say to ours."""

import datetime as dt

from audit.tags import Tag
from partners.models import (
    CertificateAnnouncement,
    CertificateRequest,
    Connection,
    Notice,
    OfferState,
)
from partners.noticing.keeping import administrators, keep


def note_request(row: CertificateRequest, now: dt.datetime) -> bool:
    """Tell that certificates wait to be accepted or refused; whether it is news.

    Or that none does, since the connection takes them by itself.
    """
    connection = row.connection
    if not row.offers.filter(state=OfferState.PENDING).exists():
        return _note_accepted(row, now)
    subjects = ", ".join(offer.subject for offer in row.offers.all())
    title = f"{connection.partner} asks to trust a new certificate"
    until = f"{row.respond_by:%Y-%m-%d %H:%M} UTC" if row.respond_by else "no date"
    text = (
        f"{title}, by a message for {connection}: {subjects}.\nCompare the fingerprint with them "
        "by another way, then accept or reject it under Certificate requests. Until then nothing "
        f"that is signed by it is taken. They want an answer by {until} and may use it from then "
        "on.\n"
    )
    return _keep(f"cem-request/{row.pk}", connection, title, text, now)


def _note_accepted(row: CertificateRequest, now: dt.datetime) -> bool:
    connection = row.connection
    subjects = ", ".join(f"{offer.subject} ({offer.fingerprint})" for offer in row.offers.all())
    title = f"{connection.partner} has a new certificate, trusted by itself"
    text = (
        f"{title}, by a message for {connection}: {subjects}.\nThe connection says so. If you did "
        "not expect it, compare the fingerprint with them by another way, and retire it on the "
        "connection's page if it is not theirs.\n"
    )
    return _keep(f"cem-request/{row.pk}", connection, title, text, now)


def note_response(row: CertificateAnnouncement, reason: str, now: dt.datetime) -> bool:
    """Tell that a partner refuses our next certificate."""
    connection = row.confirmation.connection
    title = f"{connection.partner} refuses our new certificate"
    text = (
        f"{title} for {connection}: {reason or 'no reason was given'}.\nAsk them, and move the "
        "start of the rollover or cancel it until that is settled.\n"
    )
    return _keep(f"cem-refusal/{row.pk}", connection, title, text, now)


def _keep(key: str, connection: Connection, title: str, text: str, now: dt.datetime) -> bool:
    email = connection.organization.email
    notice = Notice(
        key=key,
        title=title[:300],
        text=text,
        organization=connection.organization,
        partner=connection.partner,
        days_left=0,
        recipients=[email] if email else administrators(),
        created_at=now,
    )
    return keep(notice, Tag.CERTIFICATE_EXCHANGE_NOTICED)
