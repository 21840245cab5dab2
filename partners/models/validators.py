"""Validators of what is typed into a connection's settings."""

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from as2gateway.quirks import QuirkError, from_plain
from as2gateway.tls.manual import parse_platform
from as2gateway.tls.trust import parse_authorities, parse_pins
from partners.event_types import read_patterns
from partners.urls import read_url

#: Days: a hundred years. Much more cannot be counted back from today.
LONGEST_DAYS: Final = 36_500
#: Seconds or days of a column for small numbers, as far as every database takes them.
LONGEST_SMALL: Final = 32_767
#: A type and its parameters, in printable ASCII (RFC 2045 §5.1).
CONTENT_TYPE: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;[ -~]*)?", re.ASCII)
#: Names as the domain name system has them, of one label or of several (RFC 1123 §2.1).
_DOMAIN: Final = re.compile(
    r"(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)*(?!-)[a-z0-9_-]{1,63}(?<!-)", re.I | re.A
)
_URL: Final = URLValidator(schemes=["http", "https"])


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


def validate_url(text: str) -> None:
    r"""Refuse what is no URL of http, has a password in it, or a host that is read in two ways.

    ``https://a.example\@b.example`` leads to b.example by some parsers, to a.example by others.
    """
    _URL(text)
    if "\\" in text:
        raise ValidationError("A URL has no backslashes; write / instead.")
    try:
        has_user = read_url(text).auth is not None
    except ValueError as error:
        raise ValidationError(f"{error}.") from error
    if has_user:
        raise ValidationError(
            "A URL is no place for a password: put what stands before the @ into user name and "
            "password (url_user and password in a file)."
        )


def validate_user(name: str) -> None:
    """Refuse what HTTP Basic cannot carry: the first colon ends the name (RFC 7617 §2)."""
    if ":" in name or not name.isprintable():
        raise ValidationError("A user name has neither colons nor control characters.")


def validate_content_type(text: str) -> None:
    """Refuse what could not stand in a header field: every message would fail."""
    if not CONTENT_TYPE.fullmatch(text):
        raise ValidationError(
            "This is no content type, like application/EDI-X12: a word, a slash, a word, all of it "
            "in plain ASCII."
        )


def validate_domain(text: str) -> None:
    """Refuse what cannot be the right side of a Message-ID."""
    if not _DOMAIN.fullmatch(text):
        raise ValidationError(
            "This is no domain name, like as2.example.com: plain letters, digits, hyphens and "
            "dots, without https:// or @."
        )
