"""Certificates as PKCS#7 without a signer: degenerate SignedData (RFC 5652 §5.2, RFC 8551 §3.8)."""

from collections.abc import Iterable

from as2gateway import ber, der
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms import oids
from as2gateway.errors import AS2Error, MalformedMessage, UnusableExchange

#: the tag [0], constructed
_CERTIFICATES = der.CONTEXT | der.CONSTRUCTED
#: of one part: an end entity and those above it
_MOST = 20


def read_certificates(octets: bytes) -> tuple[Certificate, ...]:
    """Read the certificates of a PKCS#7. Raises UnusableExchange, also if there are none.

    Its signers, if there are any, prove nothing here: the message that it came in is signed.
    """
    try:
        held = _held(octets)
        if not 1 <= len(held) <= _MOST:
            raise UnusableExchange(
                f"a PKCS#7 of {len(held)} certificates; 1 to {_MOST} are allowed"
            )
        return tuple(Certificate.from_der(each.raw) for each in held)
    except AS2Error as error:
        raise UnusableExchange(f"a certificate that cannot be read: {error.reason}") from error
    except ValueError as error:
        raise UnusableExchange(str(error)) from error


def _held(octets: bytes) -> list[Node]:
    content = ber.parse(octets).fields()
    kind = content.take(ber.OID).oid()
    if kind != oids.SIGNED_DATA:
        raise MalformedMessage(f"the content type is {kind}, no SignedData")
    signed = content.take(ber.CONTEXT).only_child().fields()
    signed.take(ber.INTEGER)
    signed.take(ber.SET)
    signed.take(ber.SEQUENCE)
    return signed.take(ber.CONTEXT).children


def write_certificates(certificates: Iterable[Certificate]) -> bytes:
    """Write certificates as PKCS#7 in DER."""
    data = der.sequence(der.oid(oids.DATA))
    held = der.element(_CERTIFICATES, *sorted(each.der for each in certificates))
    signed = der.sequence(der.integer(1), der.set_of([]), data, held, der.set_of([]))
    return der.sequence(der.oid(oids.SIGNED_DATA), der.element(_CERTIFICATES, signed))
