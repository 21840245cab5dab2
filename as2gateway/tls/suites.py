"""Suites: every one that a probe asks for, and in which versions it can be asked for."""

from dataclasses import dataclass
from typing import Final

from as2gateway.tls.suite_table import TABLE
from as2gateway.tls.versions import Version

#: Families that give no protection, or one that was broken in public (RFC 7465, 8429, 9325 §4.1).
_BROKEN: Final = ("_NULL_", "EXPORT", "_anon_", "_RC4_", "_RC2_", "_DES_", "_3DES_", "_IDEA_")


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite under its three names."""

    code: int
    iana: str
    openssl: str

    @property
    def is_tls13(self) -> bool:
        """Whether it is one of TLS 1.3, which has suites of its own (RFC 8446 §B.4)."""
        return self.code >> 8 == 0x13  # noqa: PLR2004  the block of TLS 1.3

    @property
    def is_broken(self) -> bool:
        """Whether nobody should take it, whatever a profile says."""
        return any(family in self.iana for family in _BROKEN)

    def fits(self, version: Version) -> bool:
        """Whether it exists in a version."""
        if self.is_tls13 or version is Version.TLS13:
            return self.is_tls13 and version is Version.TLS13
        if version is Version.TLS12:
            return True
        # What is older knows neither AEAD nor other digests than MD5 and SHA-1 (RFC 5246 §1.2),
        # and SSL 3.0 has no extension to agree on a curve by.
        old = self.iana.endswith(("_SHA", "_MD5"))
        return old and not (version is Version.SSL3 and "_ECDH" in self.iana)


SUITES: Final = tuple(
    Suite(int(code, 16), iana, openssl)
    for code, iana, openssl in (line.split() for line in TABLE.strip().splitlines())
)
BY_CODE: Final = {suite.code: suite for suite in SUITES}
BY_IANA: Final = {suite.iana: suite for suite in SUITES}
BY_OPENSSL: Final = {suite.openssl: suite for suite in SUITES}


def suites_of(version: Version) -> tuple[Suite, ...]:
    """Return all suites that a version has."""
    return tuple(suite for suite in SUITES if suite.fits(version))


def iana_name(code: int) -> str:
    """Name a suite by its code point, also one that is not in the table."""
    return BY_CODE[code].iana if code in BY_CODE else f"0x{code:04X}"
