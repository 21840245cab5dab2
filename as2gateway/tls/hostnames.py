"""Whether a certificate names a host (RFC 9525): SAN first, CN only where there is no SAN at all.

The common name counts for nothing in today's clients, but some partners' rules still allow it, so
the match by it is told apart from the match by SAN.
"""

import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from as2gateway.compliance.facts import HostMatch


@dataclass(frozen=True, slots=True)
class Names:
    """What a certificate names."""

    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    #: only looked at where there is no SAN
    common_name: str = ""

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "Names":
        """Read the names of a certificate. Raises ValueError for extensions that cannot be read."""
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        name = str(common[-1].value) if common else ""
        try:
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return cls(common_name=name)
        dns = found.value.get_values_for_type(x509.DNSName)
        addresses = found.value.get_values_for_type(x509.IPAddress)
        return cls(tuple(dns), tuple(str(each) for each in addresses), name)

    @property
    def has_san(self) -> bool:
        """Whether there is a SAN that names hosts."""
        return bool(self.dns or self.addresses)


def match_host(names: Names, host: str) -> HostMatch:
    """Say by what a certificate names a host, if it does."""
    address = _address(host)
    if names.has_san:
        found = (
            str(address) in names.addresses
            if address
            else any(matches(pattern, host) for pattern in names.dns)
        )
        return HostMatch.SAN if found else HostMatch.NONE
    common = names.common_name
    found = common == str(address) if address else matches(common, host)
    return HostMatch.CN if found else HostMatch.NONE


def matches(pattern: str, host: str) -> bool:
    """Whether a name, or a wildcard that is the whole left-most label, stands for a host."""
    asked, given = _labels(host), _labels(pattern)
    if not given or len(asked) != len(given):
        return False
    # "*.com" would stand for every company; no authority may issue it (RFC 9525 §6.3).
    if given[0] == "*" and len(given) > 2:  # noqa: PLR2004  a wildcard over a whole domain
        return asked[1:] == given[1:]
    return asked == given


def _labels(name: str) -> list[str]:
    try:
        ascii_name = name.encode("ascii") if name.isascii() else name.encode("idna")
    except UnicodeError:
        return []
    return ascii_name.decode("ascii").lower().rstrip(".").split(".") if ascii_name else []


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
