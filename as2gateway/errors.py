"""What can be wrong with a message: a class for each disposition modifier (RFC 4130 §7.5).

``reason`` is for our operator and may name certificates, lengths and settings. ``explanation`` is
all that the partner is told: the same words for every fault of a class, so that an answer reveals
nothing about keys or contents. Configuration errors stand outside this tree.
"""

from typing import ClassVar


class AS2Error(Exception):
    """A message or MDN that cannot be accepted."""

    #: the disposition modifier, spelt as RFC 4130 section 7.5 spells it
    modifier: ClassVar[str] = "unexpected-processing-error"
    #: "error" goes with type "processed", "failure" with "failed" (RFC 4130 §7.5.3, §7.5.4), and
    #: "warning" with what is taken all the same
    severity: ClassVar[str] = "error"
    #: the sentence that goes to the partner
    explanation: ClassVar[str] = "The message could not be processed."

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnexpectedProcessingError(AS2Error):
    """Anything that has no modifier of its own: malformed MIME or CMS, a limit, our own fault."""


class MalformedMessage(UnexpectedProcessingError):
    """The octets are not what their headers say they are."""

    explanation = "The message is malformed and could not be read."


class LimitExceeded(UnexpectedProcessingError):
    """A configured limit was passed; nothing beyond it was read or allocated."""

    explanation = "The message is larger or more deeply nested than is accepted here."


class UnusableExchange(UnexpectedProcessingError):
    """A certificate exchange message that cannot be read, or fits nothing that is known here."""

    explanation = "The certificate exchange message cannot be read, or answers no request."


class DecryptionFailed(AS2Error):
    """No key of ours opens it, or what comes out is no MIME entity: one answer for all of these."""

    modifier = "decryption-failed"
    explanation = "The message could not be decrypted."


class AuthenticationFailed(AS2Error):
    """The signature was not made by a certificate configured for this connection."""

    modifier = "authentication-failed"
    explanation = "The sender of the message could not be authenticated."


class IntegrityCheckFailed(AS2Error):
    """The content is not what was signed, or an MDN returns another MIC than the one sent."""

    modifier = "integrity-check-failed"
    explanation = "The integrity of the message could not be verified."


class DecompressionFailed(AS2Error):
    """Damaged, doubly compressed, or larger than allowed when unpacked (RFC 5402 §5)."""

    modifier = "decompression-failed"
    explanation = "The message could not be decompressed."


class InsufficientMessageSecurity(AS2Error):
    """Less signed or encrypted than the connection asks for (RFC 4130 §7.4.3)."""

    modifier = "insufficient-message-security"
    explanation = "The message is not signed or encrypted as agreed."


class UnsupportedFormat(AS2Error):
    """The requested MDN format is required and not known here (RFC 4130 §7.5.3)."""

    modifier = "unsupported format"
    severity = "failure"
    explanation = "The requested MDN format is not supported."


class UnsupportedMICAlgorithms(AS2Error):
    """None of the requested MIC algorithms is supported (RFC 4130 §7.5.3)."""

    modifier = "unsupported MIC-algorithms"
    severity = "failure"
    explanation = "None of the requested MIC algorithms is supported."


class SenderEqualsReceiver(AS2Error):
    """AS2-From and AS2-To are the same name (RFC 4130 §7.5.6)."""

    modifier = "sender-equals-receiver"
    severity = "failure"
    explanation = "AS2-From and AS2-To are the same."


class DuplicateFilename(AS2Error):
    """A document whose file name came before, where that is not wanted (FN-05)."""

    modifier = "duplicate-filename"
    explanation = "A document with this file name was received before."


class RepeatedFilename(DuplicateFilename):
    """The same where it is only told: the document is taken."""

    severity = "warning"


class IllegalFilename(AS2Error):
    """A document whose file name cannot be used, where that is not wanted (FN-04)."""

    modifier = "illegal-filename"
    explanation = "A document has a file name that cannot be used here."


class MendedFilename(IllegalFilename):
    """The same where it is only told: the document is taken, under a safe name."""

    severity = "warning"


class DuplicateDocument(AS2Error):
    """Told, never raised: the message was accepted before (RFC 4130 §7.5.6)."""

    modifier = "duplicate-document"
    severity = "warning"
    explanation = "The message was received before. It has not been processed again."


class MalformedRequest(Exception):
    """AS2 headers that no MDN can answer: missing, doubled or outside the grammar. HTTP 400."""


class MalformedMDN(AS2Error):
    """What came as an MDN is none, or cannot be read."""


class MDNMismatch(AS2Error):
    """A readable MDN that does not answer this message: other ids or names, unsigned, no MIC."""
