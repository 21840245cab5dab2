"""Random octets, for content keys."""

from os import urandom as rand_bytes

__all__ = ["rand_bytes"]
