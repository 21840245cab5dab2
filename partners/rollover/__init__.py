"""Rollover: changes of certificates, planned, announced, carried out by the clock and confirmed."""

from partners.rollover.confirming import used

__all__ = ["used"]
