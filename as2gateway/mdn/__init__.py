"""MDNs, the receipts of AS2: RFC 4130 section 7 and RFC 3798.

``build_mdn`` writes one, ``read_mdn`` reads one, ``verify_mdn`` decides whether it proves anything.
"""

from as2gateway.mdn.building import build_mdn
from as2gateway.mdn.opening import is_layer
from as2gateway.mdn.reading import REPORTS, UnverifiedMDN, is_mdn, is_mdn_inside, read_mdn
from as2gateway.mdn.report import MDNReport
from as2gateway.mdn.verifying import Expected, same_message_id, verify_mdn

__all__ = [
    "REPORTS",
    "Expected",
    "MDNReport",
    "UnverifiedMDN",
    "build_mdn",
    "is_layer",
    "is_mdn",
    "is_mdn_inside",
    "read_mdn",
    "same_message_id",
    "verify_mdn",
]
