"""What an MDN reports, as a value: RFC 4130 section 7.4.3."""

from dataclasses import dataclass

from as2gateway.disposition import Disposition
from as2gateway.features import Feature
from as2gateway.mic import MIC
from as2gateway.quirks import NO_QUIRKS, Quirks


@dataclass(frozen=True, slots=True)
class MDNReport:
    """What we tell a partner about a message of theirs."""

    #: who reports: the message's AS2-To
    as2_from: str
    #: who is told: the message's AS2-From
    as2_to: str
    #: exactly as received; None if the message had none (HDR-16)
    original_message_id: str | None
    #: the name that the message was addressed to (MDN-06)
    final_recipient: str
    disposition: Disposition
    #: None where the digest cannot be known, such as after a failed decryption (MIC-14)
    mic: MIC | None = None
    #: how the requester spelt the MIC's algorithm (MIC-08)
    mic_spelling: str | None = None
    #: how the requester spelt the digest that signs
    signature_spelling: str | None = None
    #: what went wrong, in words that a partner may read
    text: str = ""
    reporting_ua: str = ""
    #: the names as the message's own fields spell them, quotes and all, to be repeated (HDR-08)
    from_field: str = ""
    to_field: str = ""
    #: told in every message and MDN (HDR-12)
    features: frozenset[Feature] = frozenset()
    quirks: Quirks = NO_QUIRKS
    #: subject of the message that is answered
    original_subject: str = ""
