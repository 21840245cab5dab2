"""Cryptographic Message Syntax (RFC 5652, RFC 3274): one module for each content type AS2 uses."""
