"""The AS2 protocol (RFC 4130): octets and frozen values in, octets and values out.

Start with ``engine``: all that a gateway asks of this package, as three short protocols. What a
connection wants is said in ``policy``, what a receiver answers in ``events``, what can be wrong in
``errors``. Then follow a message in by ``receive``, where ``layers`` are taken off, and out by
``send``; answers are ``mdn``'s. Below these stand ``mime``, ``cms`` and ``ber``. There is no
Django here, no I/O and no clock.
"""

from as2gateway.algorithms import (
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
    SignatureScheme,
)
from as2gateway.attachments import Attachment, join
from as2gateway.certificates import Certificate
from as2gateway.disposition import Disposition
from as2gateway.engine import BuiltMDN, Composition, Engine, Receiver, Stamp
from as2gateway.engines import get_engine
from as2gateway.errors import AS2Error, MalformedRequest
from as2gateway.events import (
    Accepted,
    Facts,
    LayerFacts,
    Reading,
    Rejected,
    UnverifiedPayload,
    Verdict,
)
from as2gateway.features import Feature
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, MDNReport, UnverifiedMDN, is_mdn, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.mic_variants import matched_variant, mic_again
from as2gateway.policy import (
    DecryptionKey,
    InboundPolicy,
    Limits,
    MDNMode,
    OutboundPolicy,
    PayloadInfo,
    SigningKey,
)
from as2gateway.quirks import MICVariant, Quirks
from as2gateway.request import AS2Request, MDNRequest, read_request

__all__ = [
    "MIC",
    "AS2Error",
    "AS2Request",
    "Accepted",
    "Attachment",
    "BuiltMDN",
    "Certificate",
    "CipherAlgorithm",
    "Composition",
    "Compression",
    "DecryptionKey",
    "DigestAlgorithm",
    "Disposition",
    "Engine",
    "Expected",
    "Facts",
    "Feature",
    "Headers",
    "InboundPolicy",
    "KeyTransport",
    "LayerFacts",
    "Limits",
    "MDNMode",
    "MDNReport",
    "MDNRequest",
    "MICVariant",
    "MalformedRequest",
    "OutboundPolicy",
    "PayloadInfo",
    "Quirks",
    "Reading",
    "Receiver",
    "Rejected",
    "SignatureScheme",
    "SigningKey",
    "Stamp",
    "UnverifiedMDN",
    "UnverifiedPayload",
    "Verdict",
    "get_engine",
    "is_mdn",
    "join",
    "matched_variant",
    "mic_again",
    "read_mdn",
    "read_request",
    "verify_mdn",
]
