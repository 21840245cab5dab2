"""Policy: the versions and suites of our own client and server.

One server setting satisfies every built-in profile: the four suites are those of Google's list that
have forward secrecy and AEAD, and two of them are on MultiSafepay's list too. For MultiSafepay the
certificate has to be an RSA one, since all six of its suites authenticate by RSA. The client offers
more, since it has to reach servers as they are: what one of the profiles lists, too.
"""

from typing import Final

from as2gateway.tls.suites import BY_IANA, Suite
from as2gateway.tls.versions import Version

#: Nothing older is ever used (RFC 8996), by client or server, whatever a connection says.
MINIMUM: Final = Version.TLS12
#: OpenSSL's security level, set by us since builds differ: 112 bits, so RSA of 2048 bits or more.
SECURITY_LEVEL: Final = 2


def _suites(*names: str) -> tuple[Suite, ...]:
    return tuple(BY_IANA[f"TLS_{name}"] for name in names)


TLS13_SUITES: Final = _suites(
    "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_GCM_SHA256"
)

#: What our server takes in TLS 1.2, in its order of preference.
SERVER_SUITES: Final = _suites(
    "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)

#: What our client offers in TLS 1.2, the best first.
CLIENT_SUITES: Final = SERVER_SUITES + _suites(
    "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "DHE_RSA_WITH_AES_128_GCM_SHA256",
    "DHE_RSA_WITH_AES_256_GCM_SHA384",
    # Windows Server 2012 and its like have no AEAD with ECDHE and an RSA certificate.
    "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    # The rest of MultiSafepay's six: no AEAD, or no forward secrecy.
    "ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "RSA_WITH_AES_128_GCM_SHA256",
    "RSA_WITH_AES_256_GCM_SHA384",
)


def cipher_string(suites: tuple[Suite, ...]) -> str:
    """Write suites of TLS 1.2 as OpenSSL's ``set_ciphers`` takes them, at our security level."""
    names = ":".join(suite.openssl for suite in suites)
    return f"{names}:@SECLEVEL={SECURITY_LEVEL}"
