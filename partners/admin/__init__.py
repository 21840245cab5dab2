"""Pages of organizations, partners, connections, certificates and keys."""

from partners.admin.certificates import PartnerCertificateAdmin
from partners.admin.companies import PartnerAdmin
from partners.admin.connections import ConnectionAdmin
from partners.admin.keys import KeyPairAdmin
from partners.admin.organizations import OrganizationAdmin
from partners.admin.tls_tests import TLSProbeAdmin

__all__ = [
    "ConnectionAdmin",
    "KeyPairAdmin",
    "OrganizationAdmin",
    "PartnerAdmin",
    "PartnerCertificateAdmin",
    "TLSProbeAdmin",
]
