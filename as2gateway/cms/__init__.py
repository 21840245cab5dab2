"""Cryptographic Message Syntax: RFC 5652 with RFC 3274 (compression), as streams."""
