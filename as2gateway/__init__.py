"""The AS2 protocol (RFC 4130): octets and frozen values in, octets and values out.

Start with ``engine``: all that a gateway asks of this package, as three short protocols. What a
connection wants is said in ``policy``, what a receiver answers in ``events``, what can be wrong in
``errors``. Then follow a message in by ``receive`` and out by ``send``. There is no Django here,
no I/O and no clock.
"""
