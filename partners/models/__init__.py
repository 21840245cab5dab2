"""Who we exchange documents with, and as whom: one module a table."""

from partners.models.certificates import CertificateFacts, PartnerCertificate, in_use
from partners.models.compliance import Acknowledgement, Compliance
from partners.models.connections import Connection, ConnectionState, Environment
from partners.models.keys import KeyPair
from partners.models.organizations import Organization
from partners.models.partners import Partner
from partners.models.probes import TLSProbe
from partners.models.revision import Revision

__all__ = [
    "Acknowledgement",
    "CertificateFacts",
    "Compliance",
    "Connection",
    "ConnectionState",
    "Environment",
    "KeyPair",
    "Organization",
    "Partner",
    "PartnerCertificate",
    "Revision",
    "TLSProbe",
    "in_use",
]
