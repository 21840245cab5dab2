"""Versions of the protocol, as they stand on the wire (RFC 8446 §4.2.1, RFC 6101, RFC 5246)."""

from enum import Enum


class Version(Enum):
    """A version; the value is its number in ClientHello and ServerHello."""

    SSL3 = 0x0300
    TLS10 = 0x0301
    TLS11 = 0x0302
    TLS12 = 0x0303
    TLS13 = 0x0304

    @property
    def label(self) -> str:
        """The name, as Python's ``ssl`` and the compliance rules spell it."""
        return "SSLv3" if self is Version.SSL3 else f"TLSv1{_MINOR[self]}"

    @property
    def openssl_option(self) -> str:
        """The option of ``openssl s_client`` that allows this version only."""
        return "-ssl3" if self is Version.SSL3 else f"-tls1{_MINOR[self].replace('.', '_')}"

    @property
    def is_old(self) -> bool:
        """Whether it must not be used any more (RFC 7568, RFC 8996)."""
        return self.value < Version.TLS12.value


_MINOR = {Version.TLS10: "", Version.TLS11: ".1", Version.TLS12: ".2", Version.TLS13: ".3"}
