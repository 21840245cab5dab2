"""pyas2lib, imported here and nowhere else. It has no types: what it is given and gives is Any.

While it is imported it finds our ``oscrypto`` in place of the package, which does not load with a
current OpenSSL; afterwards ``sys.modules`` is as before. Where that cannot work this module raises
ImportError, in words for an operator.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from types import MappingProxyType, ModuleType

from as2gateway.pyas2 import oscrypto
from as2gateway.pyas2.oscrypto import asymmetric, symmetric, util

#: the release whose source was read for ``holes``; another one may have others
VERSION = "1.4.4"

_STAND_INS: Mapping[str, ModuleType] = MappingProxyType(
    {
        "oscrypto": oscrypto,
        "oscrypto.asymmetric": asymmetric,
        "oscrypto.symmetric": symmetric,
        "oscrypto.util": util,
    }
)


@contextmanager
def standing_in() -> Iterator[None]:
    """Let ``import oscrypto`` find ours as long as this lasts.

    Raises ImportError if the real one, or pyas2lib with it, is there already.
    """
    for name in ("oscrypto", "pyas2lib"):
        if name in sys.modules:
            raise ImportError(
                f"{name} was imported by other code of this process; "
                "the engine pyas2lib must be the one to import it"
            )
    sys.modules.update(_STAND_INS)
    try:
        yield
    finally:
        for name in _STAND_INS:
            del sys.modules[name]


def check_version(installed: str) -> None:
    """Raise ImportError for a release that has not been looked into."""
    if installed != VERSION:
        raise ImportError(f"pyas2lib {installed} is installed; this engine was made for {VERSION}")


check_version(version("pyas2lib"))
with standing_in():
    from pyas2lib import Mdn, Message, Organization, Partner
    from pyas2lib.cms import decompress_message, decrypt_message
    from pyas2lib.exceptions import IntegrityError
    from pyas2lib.utils import canonicalize

__all__ = [
    "VERSION",
    "IntegrityError",
    "Mdn",
    "Message",
    "Organization",
    "Partner",
    "canonicalize",
    "check_version",
    "decompress_message",
    "decrypt_message",
    "standing_in",
]
