"""MDNs, the receipts of AS2: RFC 4130 section 7 and RFC 3798.

``build_mdn`` writes one, ``read_mdn`` reads one, ``verify_mdn`` decides whether it proves anything.
"""

from as2gateway.mdn.building import build_mdn
from as2gateway.mdn.reading import UnverifiedMDN, is_mdn, read_mdn
from as2gateway.mdn.report import MDNReport
from as2gateway.mdn.verifying import Expected, same_message_id, verify_mdn

__all__ = [
    "Expected",
    "MDNReport",
    "UnverifiedMDN",
    "build_mdn",
    "is_mdn",
    "read_mdn",
    "same_message_id",
    "verify_mdn",
]
