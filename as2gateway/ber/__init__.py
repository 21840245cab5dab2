"""BER reader: ITU-T X.690, as far as CMS needs it. What writes is ``der``.

Two halves. A ``Node`` is a view of an element that is all there: nothing below it is looked at
before it is asked for, so a certificate that nobody reads costs nothing. ``read_*`` walk octets as
they arrive and never hold a content string in memory. Depths, counts and lengths are bounded before
anything is allocated, and no recursion follows what a sender nested (threats R9).
"""

from as2gateway.ber.header import (
    BIT_STRING,
    CONTEXT,
    END_OF_CONTENTS,
    GENERALIZED_TIME,
    INTEGER,
    MAX_DEPTH,
    MAX_ELEMENTS,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    UTC_TIME,
)
from as2gateway.ber.node import Fields, Node, dotted, parse, remembered
from as2gateway.ber.reading import (
    Header,
    read_element,
    read_end,
    read_header,
    read_octets,
    read_whole,
    skip_rest,
)

__all__ = [
    "BIT_STRING",
    "CONTEXT",
    "END_OF_CONTENTS",
    "GENERALIZED_TIME",
    "INTEGER",
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "NULL",
    "OCTET_STRING",
    "OID",
    "SEQUENCE",
    "SET",
    "UTC_TIME",
    "Fields",
    "Header",
    "Node",
    "dotted",
    "parse",
    "read_element",
    "read_end",
    "read_header",
    "read_octets",
    "read_whole",
    "remembered",
    "skip_rest",
]
