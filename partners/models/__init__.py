"""Who we exchange documents with, and as whom: one module a table."""

from partners.models.api_keys import APIKeyPair, APIKeyState, Region
from partners.models.certificates import CertificateFacts, PartnerCertificate, accepted, in_use
from partners.models.choices import ConnectionState, Environment
from partners.models.compliance import Acknowledgement, Compliance
from partners.models.connections import Connection
from partners.models.exchanges import (
    CertificateAnnouncement,
    CertificateOffer,
    CertificateRequest,
    OfferState,
)
from partners.models.handshakes import FailedHandshake
from partners.models.keys import KeyPair
from partners.models.notices import Notice
from partners.models.organizations import Organization
from partners.models.partners import Partner
from partners.models.probes import TLSProbe
from partners.models.renewals import Renewal
from partners.models.revision import Revision
from partners.models.rollovers import OPEN_STATES, Confirmation, Rollover, RolloverState
from partners.models.routes import Route
from partners.models.scopes import Scope
from partners.models.suspensions import Suspension
from partners.models.tokens import APIToken
from partners.models.webhooks import Webhook

__all__ = [
    "OPEN_STATES",
    "APIKeyPair",
    "APIKeyState",
    "APIToken",
    "Acknowledgement",
    "CertificateAnnouncement",
    "CertificateFacts",
    "CertificateOffer",
    "CertificateRequest",
    "Compliance",
    "Confirmation",
    "Connection",
    "ConnectionState",
    "Environment",
    "FailedHandshake",
    "KeyPair",
    "Notice",
    "OfferState",
    "Organization",
    "Partner",
    "PartnerCertificate",
    "Region",
    "Renewal",
    "Revision",
    "Rollover",
    "RolloverState",
    "Route",
    "Scope",
    "Suspension",
    "TLSProbe",
    "Webhook",
    "accepted",
    "in_use",
]
