"""Pages of organizations, partners, connections, certificates and keys."""

from partners.admin.api_keys import APIKeyPairAdmin
from partners.admin.certificates import PartnerCertificateAdmin
from partners.admin.companies import PartnerAdmin
from partners.admin.connections import ConnectionAdmin
from partners.admin.exchanges import CertificateRequestAdmin
from partners.admin.handshakes import FailedHandshakeAdmin
from partners.admin.keys import KeyPairAdmin
from partners.admin.notices import NoticeAdmin
from partners.admin.organizations import OrganizationAdmin
from partners.admin.rollovers import RolloverAdmin
from partners.admin.tls_tests import TLSProbeAdmin
from partners.admin.todos import RenewalAdmin, SuspensionAdmin
from partners.admin.tokens import APITokenAdmin

__all__ = [
    "APIKeyPairAdmin",
    "APITokenAdmin",
    "CertificateRequestAdmin",
    "ConnectionAdmin",
    "FailedHandshakeAdmin",
    "KeyPairAdmin",
    "NoticeAdmin",
    "OrganizationAdmin",
    "PartnerAdmin",
    "PartnerCertificateAdmin",
    "RenewalAdmin",
    "RolloverAdmin",
    "SuspensionAdmin",
    "TLSProbeAdmin",
]
