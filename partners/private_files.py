"""Private files: key files that are made once, never over another one, and for the owner alone."""

import os
from pathlib import Path
from typing import Final

#: Octal, as chmod writes them: what only the owner reads, and what everybody may.
SECRET: Final = 0o600
PUBLIC: Final = 0o644


class FileExists(Exception):
    """There is a file of that name already; it is left as it is."""


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist yet; FileExists if it does.

    It has its mode before the first octet is in it, whatever the umask says.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, SECRET)
    except FileExistsError as error:
        raise FileExists(f"{path} exists already and is not overwritten.") from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def write_pair(private: tuple[Path, bytes], public: tuple[Path, bytes]) -> None:
    """Write a private and a public file, or neither; FileExists if one is there already."""
    write_new(*private, SECRET)
    try:
        write_new(*public, PUBLIC)
    except BaseException:
        private[0].unlink()
        raise
