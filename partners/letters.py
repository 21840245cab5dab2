"""Letters to partners by mail, or the reason why one has to be copied instead."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage


class CannotMail(Exception):
    """A letter cannot go by mail; the text says why, and that it can be copied."""


def send(letter: EmailMessage, name: str) -> None:
    """Hand a letter to the mail server; ``name`` is what can be copied. Raises CannotMail."""
    if not letter.recipients():
        raise CannotMail(f"The partner has no mail address here. Copy the {name} instead.")
    if not settings.AS2_MAIL:
        raise CannotMail(f"There is no mail server (EMAIL_URL). Copy the {name} instead.")
    try:
        letter.send()
    except (OSError, smtplib.SMTPException) as error:
        raise CannotMail(f"The mail server did not take it: {error}") from error
