"""Evidence: a bundle about one message that others can verify, with openssl and nothing of ours."""

from messages.evidence.bundling import NoEvidence, bundle

__all__ = ["NoEvidence", "bundle"]
