"""Message-IDs of messages and MDNs that we make: RFC 4130 §5.3.3, RFC 5322 §3.6.4."""

import uuid
from urllib.parse import urlsplit

from django.conf import settings

from partners.models import Organization


def new_message_id(organization: Organization | None) -> str:
    """Make a Message-ID that nobody has: short, without blanks, in brackets (HDR-13).

    The right side is the organization's, or the host under which partners reach us.
    """
    chosen = organization.message_id_domain if organization else ""
    domain = chosen or urlsplit(settings.AS2_BASE_URL).hostname or "as2gateway.invalid"
    return f"<{uuid.uuid4().hex}@{domain}>"
