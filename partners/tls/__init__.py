"""TLS with sockets: how messages are sent, and what a partner's endpoint is found to do.

``contexts`` makes the TLS client of a connection, ``probing`` looks at an endpoint, ``environment``
at the host that we run on. What is pure is in ``as2gateway.tls``.
"""
