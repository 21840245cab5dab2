"""Announcing: the letter by which a partner learns of our new certificate."""

from django.core.mail import EmailMessage

from partners import letters
from partners.exporting import Form, certificate_file
from partners.letters import CannotMail
from partners.models import Confirmation, KeyPair

_TEXT = """\
Hello,

our AS2 certificate changes. Please import the new one (attached, public) for this connection:

  our AS2 id            {ours}
  your AS2 id           {theirs}
  environment           {environment}

  new certificate       {subject}
  SHA-256 fingerprint   {fingerprint}
  serial number         {serial}
  key, signature        {key_type} {key_bits}, {signature_hash}
  valid                 {not_before:%Y-%m-%d} to {not_after:%Y-%m-%d}

From {start:%Y-%m-%d %H:%M} UTC on we sign with the new certificate. Please have it imported before,
and keep the present one ({old}) until then.
We decrypt with both, so you may encrypt to the new one as soon as you have it.

Please tell us when it is done, and compare the fingerprint by another way than this mail.

{company}
"""


def letter(confirmation: Confirmation) -> str:
    """Write the letter, ready to send, to one connection's partner."""
    rollover, connection = confirmation.rollover, confirmation.connection
    new = rollover.new
    return _TEXT.format(
        ours=connection.organization.as2_id,
        theirs=connection.as2_id,
        environment=connection.environment,
        subject=new.subject,
        fingerprint=pretty(new.fingerprint),
        serial=new.serial,
        key_type=new.key_type.upper(),
        key_bits=new.key_bits,
        signature_hash=new.signature_hash,
        not_before=new.not_before,
        not_after=new.not_after,
        start=rollover.starts_at,
        old=rollover.old.fingerprint[:16],
        company=connection.organization.name,
    )


def send(confirmation: Confirmation) -> None:
    """Send the letter to the partner by mail; raises CannotMail."""
    pair = confirmation.rollover.new_pair
    if pair is None:
        raise CannotMail("This is the partner's own certificate; there is nothing to tell.")
    letters.send(mail(confirmation, pair), "letter")


def mail(confirmation: Confirmation, pair: KeyPair) -> EmailMessage:
    """Make the mail of that letter, with the public certificate; nothing is sent."""
    connection = confirmation.connection
    organization = connection.organization
    made = EmailMessage(
        subject=f"New AS2 certificate of {organization.name} ({organization.as2_id})",
        body=letter(confirmation),
        to=[connection.partner.email],
        reply_to=[organization.email] if organization.email else None,
    )
    file = certificate_file(f"{organization.as2_id}-{pair.name}", [pair.value], Form.PEM)
    made.attach(file.name, file.data, file.content_type)
    return made


def pretty(fingerprint: str) -> str:
    """Write a fingerprint as people compare it: ``AB:CD:…``."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()
