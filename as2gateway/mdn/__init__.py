"""MDNs, the receipts of AS2: RFC 4130 section 7 and RFC 3798."""

from as2gateway.mdn.report import MDNReport

__all__ = ["MDNReport"]
