"""Applying a file of settings: what the YAML asks for becomes rows, all of it or nothing.

``reader`` knows where each value stands, ``readers`` and ``schema`` what may stand there,
``materials`` reads the key files it names, ``plan`` compares it with the database, and ``apply``
saves. What a file leaves out stays as it is in the database; nothing is deleted.
"""
