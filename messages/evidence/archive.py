"""Archive: a ZIP file that is written as it goes out, whatever its size (APPNOTE 6.3.9, §4.3)."""

import datetime as dt
import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

#: Octets that are collected before they are given out.
_PIECE: Final = 256 * 1024
_EARLIEST: Final = 1980


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the bundle."""

    name: str
    chunks: Iterable[bytes] = field(repr=False)
    executable: bool = False

    @classmethod
    def text(cls, name: str, text: str, *, executable: bool = False) -> "Entry":
        """Make a file of a text."""
        return cls(name, [text.encode()], executable)


class _Pipe:
    """What the ZIP is written to: it keeps the octets until they are taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.waiting = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self._pieces, self.waiting = b"".join(self._pieces), [], 0
        return taken


def written(entries: Iterable[Entry], sums: str, now: dt.datetime) -> Iterator[bytes]:
    """Write a ZIP of these files, and last a file ``sums`` with the SHA-256 of each."""
    pipe, digests = _Pipe(), []
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # it has what a ZIP that is not read again needs
        for entry in entries:
            digest = hashlib.sha256()
            with archive.open(_info(entry, now), "w", force_zip64=True) as file:
                for chunk in entry.chunks:
                    digest.update(chunk)
                    file.write(chunk)
                    if pipe.waiting > _PIECE:
                        yield pipe.take()
            digests.append(f"{digest.hexdigest()}  {entry.name}\n")
        archive.writestr(_info(Entry(sums, ()), now), "".join(digests))
    yield pipe.take()


def _info(entry: Entry, now: dt.datetime) -> zipfile.ZipInfo:
    moment = now.astimezone(dt.UTC)
    stamp = (max(moment.year, _EARLIEST), *moment.timetuple()[1:6])
    info = zipfile.ZipInfo(entry.name, stamp)
    info.external_attr = (0o100755 if entry.executable else 0o100644) << 16
    return info
