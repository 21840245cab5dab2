"""REST API of messages and of documents that wait to be fetched."""
