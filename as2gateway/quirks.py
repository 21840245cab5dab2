"""What single products need besides or against the standards: one value, all of it off at first.

A quirk is switched on for one connection, with the product in mind that is named beside it. What
helps every connection and harms none is no quirk, and is simply done.
"""

from dataclasses import dataclass
from enum import StrEnum


class MICVariant(StrEnum):
    """Octets that a product takes the MIC over in place of those that it should (MIC-12)."""

    #: the payload with its header fields, before compression: phase2 for a plain message
    ENTITY = "entity"
    #: the payload alone: OpenAS2 for a message that is neither signed nor encrypted
    BODY = "body"
    #: the compressed octets as they were sent
    COMPRESSED = "compressed"
    #: the payload's line ends made LF or CR LF: products that read it as text
    LF = "lf"
    CRLF = "crlf"


@dataclass(frozen=True, slots=True)
class Quirks:
    """Deviations for one connection. The defaults are what RFC 4130 and most products want."""

    # --- sending

    #: write every body inside in base64: RSSBus and Axway once could not take binary (MIME-21)
    base64: bool = False
    #: call digests ``sha256`` and so on, as RFC 3851 does: products older than 2010 (MIC-08)
    rfc3851_names: bool = False
    #: no certificate in signatures: some choke on any, or want the one they have (CMS-21)
    omit_certificates: bool = False
    #: a file name without quotes: parsers that take the quotes for a part of the name (FN-02)
    bare_filename: bool = False
    #: MICs of an MDN that are forgiven; each use is to be told to the operator (MIC-12)
    mic_tolerances: frozenset[MICVariant] = frozenset()

    # --- receiving

    #: the MIC of a signed message in the digest that the MDN request lists first, not in that of
    #: its signature: what OpenAS2 and phase2 compare with (RFC 4130 §7.4.3 says otherwise)
    mic_from_options: bool = False
    #: go on with another digest where none of those listed is known but they are ``optional``;
    #: the MDN says so (MIC-06)
    mic_in_other_digest: bool = False


NO_QUIRKS = Quirks()
