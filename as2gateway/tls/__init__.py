"""TLS as data: versions and suites, what a ClientHello says, how servers answer, whom they name.

``hello`` builds and ``answers`` reads the octets of a probe, ``hostnames`` says whether a
certificate names a host, ``report`` holds what a probe found and ``verdicts`` judges it by
compliance profiles. ``policy`` is what our own client and server may use. Sockets are in
``partners.tls``.
"""
