"""Webhooks: events of the audit trail, told to other systems; signed, and until they are taken."""
