"""Validators of what is typed into a connection's settings."""

from django.core.exceptions import ValidationError

from as2gateway.quirks import QuirkError, from_plain
from as2gateway.tls.manual import parse_platform
from as2gateway.tls.trust import parse_authorities, parse_pins
from partners.event_types import read_patterns


def validate_pins(text: str) -> None:
    """Refuse what is no list of fingerprints."""
    try:
        parse_pins(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_platform(text: str) -> None:
    """Refuse what no rule could read: a name and a version are wanted."""
    try:
        parse_platform(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_authorities(text: str) -> None:
    """Refuse what is no certificate in PEM."""
    try:
        parse_authorities(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_patterns(text: str) -> None:
    """Refuse patterns that fit no event."""
    try:
        read_patterns(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_quirks(given: object) -> None:
    """Refuse quirks that do not exist, or that exclude each other."""
    try:
        from_plain(given)
    except QuirkError as error:
        raise ValidationError(str(error)) from error


def validate_user(name: str) -> None:
    """Refuse what HTTP Basic cannot carry: the first colon ends the name (RFC 7617 §2)."""
    if ":" in name or not name.isprintable():
        raise ValidationError("A user name has neither colons nor control characters.")
