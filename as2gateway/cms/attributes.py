"""Signed attributes of a SignerInfo: RFC 5652, sections 5.3, 5.4 and 11; RFC 6211."""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from as2gateway import ber, der
from as2gateway.ber import Node
from as2gateway.cms import oids
from as2gateway.errors import (
    AuthenticationFailed,
    IntegrityCheckFailed,
    LimitExceeded,
    MalformedMessage,
)

_CONTENT_TYPE = der.oid_contents(oids.CONTENT_TYPE)
_MESSAGE_DIGEST = der.oid_contents(oids.MESSAGE_DIGEST)
_SIGNING_TIME = der.oid_contents(oids.SIGNING_TIME)
_ALGORITHM_PROTECTION = der.oid_contents(oids.ALGORITHM_PROTECTION)


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    """The attributes that a signature covers. Those that are not known say nothing (CMS-14)."""

    _members: tuple[Node, ...]
    #: the type of each, and its SET of values
    _values: tuple[tuple[bytes, Node], ...]

    @classmethod
    def read(cls, attributes: Node) -> Self:
        """Read signedAttrs. Raises MalformedMessage."""
        members = tuple(attributes.children)
        values = []
        for member in members:
            fields = member.expect(ber.SEQUENCE).fields()
            values.append((fields.take(ber.OID).content, fields.take(ber.SET)))
        return cls(members, tuple(values))

    def encodings(self) -> Iterator[bytes]:
        """The octets that may have been signed: as received, then as DER sorts them (CMS-10).

        Either way they are signed as a SET, not under the tag they travel with (RFC 5652 §5.4).
        """
        received = der.element(der.SET, *(member.raw for member in self._members))
        yield received
        # Some Java products send another order than the one they sign.
        ordered = signed_form(self._members)
        if ordered != received:
            yield ordered

    def check_content(self, content_type: str, digest: bytes) -> None:
        """Raise IntegrityCheckFailed unless they speak of this content (CMS-09, CMS-12)."""
        if self._one(_CONTENT_TYPE).oid() != content_type:
            raise IntegrityCheckFailed("the content-type attribute names another type of content")
        signed = self._one(_MESSAGE_DIGEST).expect(ber.OCTET_STRING).octets()
        if not hmac.compare_digest(signed, digest):
            raise IntegrityCheckFailed(
                f"the signer digested {signed.hex()}, what arrived digests to {digest.hex()}"
            )

    def check_algorithms(self, digest: Node, signature: Node) -> None:
        """Raise AuthenticationFailed if CMSAlgorithmProtection names others (RFC 6211)."""
        if not any(name == _ALGORITHM_PROTECTION for name, _ in self._values):
            return
        fields = self._one(_ALGORITHM_PROTECTION).expect(ber.SEQUENCE).fields()
        same = _same_algorithm(fields.take(ber.SEQUENCE), digest)
        if not same or not _same_algorithm(fields.take(ber.CONTEXT + 1), signature):
            raise AuthenticationFailed("the algorithms of the signature were exchanged (RFC 6211)")

    @property
    def signing_time(self) -> datetime | None:
        """When the signer says it signed; None if that cannot be read: never a fault (CMS-13)."""
        try:
            return self._one(_SIGNING_TIME).time()
        except (MalformedMessage, IntegrityCheckFailed):
            return None

    def _one(self, name: bytes) -> Node:
        found = [values.children for kind, values in self._values if kind == name]
        if len(found) != 1 or len(found[0]) != 1:
            raise IntegrityCheckFailed(
                f"the signed attribute {ber.dotted(name)} must be there once, with one value"
            )
        return found[0][0]


def signed_form(members: Iterable[Node]) -> bytes:
    """Attributes as they are signed or authenticated: a SET in DER (RFC 5652 §5.4, RFC 5083 §2.2).

    Raises MalformedMessage, LimitExceeded.
    """
    return der.set_of(_in_der(member) for member in members)


def _same_algorithm(one: Node, other: Node) -> bool:
    """Whether two AlgorithmIdentifiers are one: tags do not count, NULL is as good as absent."""
    return [member.raw for member in one.children if member.tag != ber.NULL] == [
        member.raw for member in other.children if member.tag != ber.NULL
    ]


def _in_der(node: Node, depth: int = 0) -> bytes:
    """Encode again by the rules of DER: definite lengths, sets in order."""
    if depth > ber.MAX_DEPTH:
        raise LimitExceeded(f"attributes nested more than {ber.MAX_DEPTH} deep")
    if not node.constructed:
        return der.element(node.tag, node.content)
    if node.tag == ber.OCTET_STRING:
        return der.octet_string(node.octets())
    members = [_in_der(member, depth + 1) for member in node.children]
    if node.tag == ber.SET:
        return der.set_of(members)
    return der.element(node.tag | der.CONSTRUCTED, *members)
