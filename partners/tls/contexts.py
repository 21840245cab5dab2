"""The TLS client of a connection: whom it trusts, what it offers, and by which key it is known.

Verification has no switch. Each trust mode checks the certificate, its dates and the host's name;
they differ only in what a certificate is checked against: the authorities of Mozilla's program,
some that the operator gave, or exactly the certificates that the operator named.
"""

import datetime as dt
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import certifi

from as2gateway.certificates import Certificate
from as2gateway.compliance.facts import HostMatch, Trust
from as2gateway.tls.hostnames import Names, match_host
from as2gateway.tls.policy import CLIENT_SUITES, cipher_string
from as2gateway.tls.trust import parse_authorities, parse_pins
from partners.encryption import KeyRingError
from partners.models import Connection, KeyPair, in_use
from partners.tls.client_keys import load_client_key

#: A process that sends to more partners with settings of their own makes some contexts anew.
_KEPT: Final = 64


class TLSSettingsError(Exception):
    """A connection's TLS settings cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key pair of ours by which a partner's server knows us; the key itself stays in its row."""

    pk: int
    fingerprint: str
    updated_at: dt.datetime

    @classmethod
    def of(cls, pair: KeyPair) -> "ClientKey":
        """Name a key pair."""
        return cls(pair.pk, pair.fingerprint, pair.updated_at)


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """How a TLS client of ours behaves; equal ones share a context."""

    trust: Trust = Trust.MOZILLA
    authorities: tuple[Certificate, ...] = ()
    #: SHA-256 of certificates, lower-case hex
    pins: frozenset[str] = frozenset()
    client_key: ClientKey | None = None


def client_policy(connection: Connection, now: dt.datetime) -> ClientPolicy:
    """Say how messages are sent to this partner. Raises TLSSettingsError."""
    pair = connection.tls_client_key
    trust = Trust(connection.tls_trust)
    try:
        return ClientPolicy(
            trust,
            parse_authorities(connection.tls_ca) if trust is Trust.CUSTOM_CA else (),
            _pins(connection, now) if trust is Trust.PINNED else frozenset(),
            ClientKey.of(pair) if pair else None,
        )
    except ValueError as error:
        raise TLSSettingsError(
            f"The TLS settings of {connection} cannot be read: {error}"
        ) from error


@lru_cache(_KEPT)
def client_context(policy: ClientPolicy) -> ssl.SSLContext:
    """Make the context, or return the one made before. Raises TLSSettingsError."""
    context = _CONTEXTS[policy.trust](policy)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as2gateway.tls.policy.MINIMUM
    context.set_ciphers(cipher_string(CLIENT_SUITES))
    if policy.client_key is not None:
        use_client_key(context, policy.client_key)
    return context


def connection_context(connection: Connection, now: dt.datetime) -> ssl.SSLContext:
    """Return the context by which messages are sent to this partner. Raises TLSSettingsError."""
    return client_context(client_policy(connection, now))


class PinnedSocket(ssl.SSLSocket):
    """A connection that is closed unless the certificate is one that was named."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - Python's signature
        """Shake hands, then check, before anybody can send a single octet of a message."""
        super().do_handshake(block)
        context = cast("PinnedContext", self.context)  # the only one that makes such sockets
        context.check(self.getpeercert(binary_form=True) or b"", self.server_hostname or "")


class PinnedContext(ssl.SSLContext):
    """Trusts exactly the certificates whose fingerprints it holds, and no authority.

    The handshake proves that the server has the certificate's key. OpenSSL cannot check a
    fingerprint, so its own check of chains is off and ours takes its place.
    """

    sslsocket_class: Any = PinnedSocket
    pins: frozenset[str] = frozenset()

    def check(self, der: bytes, host: str) -> None:
        """Raise SSLCertVerificationError for any other certificate, host or time."""
        try:
            certificate = Certificate.from_der(der)
            names = Names.of(certificate.x509)
        except ValueError as error:
            raise _refusal(f"the certificate cannot be read: {error}") from error
        if certificate.fingerprint not in self.pins:
            raise _refusal(f"its fingerprint {certificate.fingerprint} is not pinned")
        now = dt.datetime.now(dt.UTC)
        if not certificate.not_before <= now <= certificate.not_after:
            raise _refusal(f"it is valid from {certificate.not_before} to {certificate.not_after}")
        if match_host(names, host) is HostMatch.NONE:
            raise _refusal(f"it is pinned, but not issued for {host}")

    def wrap_bio(self, *_args: Any, **_options: Any) -> ssl.SSLObject:
        """Refuse: connections that are not sockets would not be checked."""
        raise NotImplementedError("A pinned context makes sockets only.")


def _refusal(text: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, text)
    error.verify_message = text
    return error


def _pins(connection: Connection, now: dt.datetime) -> frozenset[str]:
    rows = in_use([row for row in connection.certificates.all() if row.tls], now)
    return parse_pins(connection.tls_pins) | {row.fingerprint for row in rows}


def _checking() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name


def _mozilla(_policy: ClientPolicy) -> ssl.SSLContext:
    context = _checking()
    context.load_verify_locations(certifi.where())
    return context


def _custom(policy: ClientPolicy) -> ssl.SSLContext:
    context = _checking()
    # An authority below a root may be all that a partner gives out.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for authority in policy.authorities:
        context.load_verify_locations(cadata=authority.der)
    return context


def _pinned(policy: ClientPolicy) -> ssl.SSLContext:
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # PinnedSocket checks instead
    context.pins = policy.pins
    return context


_CONTEXTS: Final[dict[Trust, Callable[[ClientPolicy], ssl.SSLContext]]] = {
    Trust.MOZILLA: _mozilla,
    Trust.CUSTOM_CA: _custom,
    Trust.PINNED: _pinned,
}


def use_client_key(context: ssl.SSLContext, named: ClientKey) -> None:
    """Let a context authenticate by a key pair. Raises TLSSettingsError."""
    try:
        load_client_key(context, KeyPair.objects.get(pk=named.pk, fingerprint=named.fingerprint))
    except (KeyRingError, KeyPair.DoesNotExist, OSError) as error:
        raise TLSSettingsError(f"The TLS client key cannot be used: {error}") from error
