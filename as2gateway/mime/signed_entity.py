"""multipart/signed, as we write it: RFC 1847 section 2.1 and RFC 8551 section 3.5.3.

CR LF only, nothing folded, no preamble and no epilogue (MIME-12, MIME-21).
"""

from collections.abc import Callable
from typing import NamedTuple

#: what the second part is called, and how it is sent (MIME-15: binary, as AS2 transports are)
_SIGNATURE_HEADERS = (
    b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
    b"Content-Transfer-Encoding: %s\r\n"
    b'Content-Disposition: attachment; filename="smime.p7s"\r\n'
    b"\r\n"
)


def new_boundary(entropy: Callable[[int], bytes]) -> str:
    """Make a boundary that no content can hold by chance; ``entropy`` gives that many octets."""
    return f"as2-{entropy(16).hex()}"


class SignedEntity(NamedTuple):
    """The frame around a signed part and its signature, for octets that need not be in memory.

    Body: ``opening``, the part's octets, ``middle``, the signature, ``closing``. The signature is
    in DER, or that in base64 if ``encoding`` says so.
    """

    boundary: str
    micalg: str
    encoding: str = "binary"

    @property
    def content_type(self) -> str:
        """Value of the Content-Type field."""
        return (
            'multipart/signed; protocol="application/pkcs7-signature"; '
            f'micalg={self.micalg}; boundary="{self.boundary}"'
        )

    @property
    def opening(self) -> bytes:
        """What comes before the signed part."""
        return f"--{self.boundary}\r\n".encode("ascii")

    @property
    def middle(self) -> bytes:
        """What comes between the signed part and the signature."""
        headers = _SIGNATURE_HEADERS % self.encoding.encode("ascii")
        return f"\r\n--{self.boundary}\r\n".encode("ascii") + headers

    @property
    def closing(self) -> bytes:
        """What comes after the signature."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")

    @property
    def overhead(self) -> int:
        """Octets of the body that are neither the part nor the signature."""
        return len(self.opening) + len(self.middle) + len(self.closing)
