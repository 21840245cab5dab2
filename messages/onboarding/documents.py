"""Test documents: small, valid, and marked as a test in every place that a program looks at."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

SUBJECT: Final = "AS2 connection test"
_TEXT: Final = "AS2 CONNECTION TEST. NOT A BUSINESS DOCUMENT. PLEASE IGNORE."


@dataclass(frozen=True, slots=True)
class Document:
    """What goes out, under which name."""

    filename: str
    content: bytes


def test_document(content_type: str, as2_from: str, as2_to: str, now: dt.datetime) -> Document:
    """Make a document that fits the connection's content type."""
    kind = content_type.partition(";")[0].strip().lower()
    stem = f"as2-test-{now:%Y%m%d-%H%M%S}"
    if kind == "application/edi-x12":
        return Document(f"{stem}.x12", _x12(as2_from, as2_to, now))
    if kind == "application/edifact":
        return Document(f"{stem}.edi", _edifact(as2_from, as2_to, now))
    return Document(f"{stem}.txt", f"{_TEXT}\r\n".encode())


def _x12(as2_from: str, as2_to: str, now: dt.datetime) -> bytes:
    """Write an 864, a text for people; ISA15 = T says that it is test data."""
    sender, receiver = (_plain(name, 15) for name in (as2_from, as2_to))
    number = f"{now:%d%H%M%S}"[:9].zfill(9)
    parties = f"ZZ*{sender:15}*ZZ*{receiver:15}"
    segments = [
        f"ISA*00*{'':10}*00*{'':10}*{parties}*{now:%y%m%d}*{now:%H%M}*U*00401*{number}*0*T*>",
        f"GS*TX*{sender}*{receiver}*{now:%Y%m%d}*{now:%H%M}*{int(number)}*X*004010",
        "ST*864*0001",
        "BMG*00*AS2 CONNECTION TEST",
        "MIT*TEST*AS2 CONNECTION TEST",
        f"MSG*{_TEXT}",
        "SE*5*0001",
        f"GE*1*{int(number)}",
        f"IEA*1*{number}",
    ]
    return ("~\n".join(segments) + "~\n").encode()


def _edifact(as2_from: str, as2_to: str, now: dt.datetime) -> bytes:
    """Write a GENRAL, a text for people; the last 1 of UNB says that it is a test."""
    sender, receiver = (_plain(name, 35) for name in (as2_from, as2_to))
    number = f"{now:%d%H%M%S}"
    segments = [
        f"UNB+UNOA:1+{sender}+{receiver}+{now:%y%m%d}:{now:%H%M}+{number}++++++1",
        "UNH+1+GENRAL:D:96A:UN",
        f"BGM++{number}+9",
        f"FTX+AAI+++{_TEXT.rstrip('.').replace('.', ':')}",
        "UNT+4+1",
        f"UNZ+1+{number}",
    ]
    return ("'\n".join(segments) + "'\n").encode()


def _plain(name: str, width: int) -> str:
    """Keep what may stand in an interchange's header; AS2 names allow far more."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " -.") else " " for c in name.upper())
    return " ".join(kept.split())[:width] or "TEST"
