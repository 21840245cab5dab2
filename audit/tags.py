"""Tags: what kind of event an audit row is, as ``subject:thing:action``.

The value is stored and never renamed: searches, alerts and old rows depend on it.
"""

from enum import StrEnum


class Tag(StrEnum):
    """Every kind of event that is recorded; the member's name is the value in capitals."""

    MESSAGE_INBOUND_RECEIVED = "message:inbound:received"
    MESSAGE_INBOUND_ACCEPTED = "message:inbound:accepted"
    MESSAGE_INBOUND_REJECTED = "message:inbound:rejected"
    MESSAGE_INBOUND_DUPLICATE = "message:inbound:duplicate"
    MESSAGE_OUTBOUND_QUEUED = "message:outbound:queued"
    MESSAGE_OUTBOUND_SENT = "message:outbound:sent"
    MESSAGE_OUTBOUND_DELIVERED = "message:outbound:delivered"
    MESSAGE_OUTBOUND_FAILED = "message:outbound:failed"
    MESSAGE_OUTBOUND_RESEND = "message:outbound:resend"
    MESSAGE_PAYLOAD_DOWNLOADED = "message:payload:downloaded"
    MESSAGE_RAW_DOWNLOADED = "message:raw:downloaded"
    MDN_OUTBOUND_SENT = "mdn:outbound:sent"
    MDN_OUTBOUND_FAILED = "mdn:outbound:failed"
    MDN_INBOUND_VERIFIED = "mdn:inbound:verified"
    MDN_INBOUND_REFUSED = "mdn:inbound:refused"
    MDN_INBOUND_UNMATCHED = "mdn:inbound:unmatched"
    OUTBOX_FILE_FAILED = "outbox:file:failed"
    DELIVERY_FOLDER_DONE = "delivery:folder:done"
    DELIVERY_FOLDER_FAILED = "delivery:folder:failed"
    DELIVERY_FOLDER_RETRY = "delivery:folder:retry"
    CONNECTION_SETTINGS_CHANGED = "connection:settings:changed"
    CONNECTION_STATE_CHANGED = "connection:state:changed"
    CONNECTION_VERDICT_CHANGED = "connection:verdict:changed"
    CONNECTION_FINDINGS_ALLOWED = "connection:findings:allowed"
    CONNECTION_WARNING_ACKNOWLEDGED = "connection:warning:acknowledged"
    PARTNER_SETTINGS_CHANGED = "partner:settings:changed"
    ORGANIZATION_SETTINGS_CHANGED = "organization:settings:changed"
    KEY_PAIR_ADDED = "key:pair:added"
    KEY_PAIR_CHANGED = "key:pair:changed"
    KEY_PAIR_RETIRED = "key:pair:retired"
    CERTIFICATE_PARTNER_ADDED = "certificate:partner:added"
    CERTIFICATE_PARTNER_CHANGED = "certificate:partner:changed"
    CERTIFICATE_PARTNER_RETIRED = "certificate:partner:retired"
    SENDER_UNKNOWN_SEEN = "sender:unknown:seen"
