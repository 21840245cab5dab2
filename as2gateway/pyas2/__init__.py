"""The pyas2lib engine: a second, independent implementation behind ``as2gateway.engine``.

``library`` is the only module that imports pyas2lib, ``oscrypto`` is what it is given in place of
the package of that name, ``holes`` is what is checked around it, and ``reading``, ``composing`` and
``mdns`` are the adapter. It holds each message in memory. Why, and what it cannot do: ADR 13.
"""
