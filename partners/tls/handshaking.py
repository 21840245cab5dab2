"""Handshakes by the TLS library: as messages are sent, and to look at the chain.

To look, nothing is checked and the oldest versions and weakest keys are allowed, so that the
certificate of any server can be seen. Over such a connection not one octet is sent.
"""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import certifi

from as2gateway.compliance.facts import Trust
from as2gateway.tls.report import Handshake, TrustReport
from partners.tls.asking import BudgetSpent, Endpoint
from partners.tls.contexts import ClientPolicy, client_context, use_client_key

#: X509_V_FLAG_NO_CHECK_TIME: dates are told apart from trust. Python has no name for it.
_NO_CHECK_TIME: Final = 0x200000


@dataclass(frozen=True, slots=True)
class Seen:
    """What a handshake showed; the certificate (DER) is empty where there was none."""

    handshake: Handshake
    certificate: bytes = b""
    #: the server's certificate was refused, rather than anything else
    distrusted: bool = False


def as_sent(endpoint: Endpoint, policy: ClientPolicy) -> Handshake:
    """Shake hands as a message would be sent to this endpoint."""
    return _shake(endpoint, client_context(policy)).handshake


def look(endpoint: Endpoint, policy: ClientPolicy) -> Seen:
    """Shake hands with whatever is there."""
    context = _lenient(policy)
    context.verify_mode = ssl.CERT_NONE  # to see a certificate, not to trust it
    return _shake(endpoint, context)


def trust_of(endpoint: Endpoint, policy: ClientPolicy, seen: Seen) -> Iterator[TrustReport]:
    """Tell by whom the chain is trusted: Mozilla's authorities, and the policy's own way."""
    yield from _checked(endpoint, policy, Trust.MOZILLA, _trust_mozilla)
    if policy.trust is Trust.CUSTOM_CA:
        yield from _checked(endpoint, policy, Trust.CUSTOM_CA, _trust_authorities)
    if policy.trust is Trust.PINNED:
        yield _pinned(policy, seen)


def _checked(
    endpoint: Endpoint,
    policy: ClientPolicy,
    mode: Trust,
    load: Callable[[ssl.SSLContext, ClientPolicy], None],
) -> Iterator[TrustReport]:
    context = _lenient(policy)
    context.verify_flags |= _NO_CHECK_TIME
    load(context, policy)
    seen = _shake(endpoint, context)
    if seen.handshake.succeeded or seen.distrusted:
        yield TrustReport(mode, not seen.distrusted, seen.handshake.error)


def _pinned(policy: ClientPolicy, seen: Seen) -> TrustReport:
    fingerprint = hashlib.sha256(seen.certificate).hexdigest()
    if fingerprint in policy.pins:
        return TrustReport(Trust.PINNED, trusted=True)
    return TrustReport(
        Trust.PINNED, trusted=False, error=f"its fingerprint {fingerprint} is not pinned"
    )


def _trust_mozilla(context: ssl.SSLContext, _policy: ClientPolicy) -> None:
    context.load_verify_locations(certifi.where())


def _trust_authorities(context: ssl.SSLContext, policy: ClientPolicy) -> None:
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for authority in policy.authorities:
        context.load_verify_locations(cadata=authority.der)


def _lenient(policy: ClientPolicy) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the report says by itself whom the certificate names
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    if policy.client_key is not None:
        use_client_key(context, policy.client_key)
    return context


def _shake(endpoint: Endpoint, context: ssl.SSLContext) -> Seen:
    try:
        with _connected(endpoint, context) as sock:
            cipher = sock.cipher()
            handshake = Handshake(sock.version() or "", cipher[0] if cipher else "")
            return Seen(handshake, sock.getpeercert(binary_form=True) or b"")
    except ssl.SSLCertVerificationError as error:
        return Seen(Handshake(error=error.verify_message), distrusted=True)
    except TimeoutError:
        text = f"no answer within {endpoint.budget.limits.answer:g} s"
        return Seen(Handshake(error=text))
    except (OSError, BudgetSpent) as error:
        return Seen(Handshake(error=str(getattr(error, "reason", None) or error)))


@contextmanager
def _connected(endpoint: Endpoint, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    host = endpoint.target.host
    with endpoint.connect() as plain, context.wrap_socket(plain, server_hostname=host) as sock:
        yield sock
