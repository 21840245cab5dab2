"""Signed attributes of a SignerInfo: RFC 5652, sections 5.3, 5.4 and 11; RFC 6211."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Self

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


class SignedAttributes(NamedTuple):
    """The attributes that a signature covers. Those that are not known say nothing (CMS-14)."""

    node: Node
    #: by type, the SETs of values of those that have it
    values: Mapping[bytes, list[Node]]

    @classmethod
    def read(cls, attributes: Node) -> Self:
        """Read signedAttrs. Raises MalformedMessage."""
        values: dict[bytes, list[Node]] = {}
        for name, value in attributes.attributes:
            values.setdefault(name, []).append(value)
        return cls(attributes, values)

    @property
    def received(self) -> bytes:
        """The octets that were signed: a SET, not the tag they travel with (RFC 5652 §5.4)."""
        return der.element(der.SET, self.node.content)

    @property
    def ordered(self) -> bytes:
        """The same as DER sorts them: some Java products sign these and send others (CMS-10)."""
        return signed_form(self.node.children)

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
        if _ALGORITHM_PROTECTION not in self.values:
            return
        fields = self._one(_ALGORITHM_PROTECTION).fields()
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
        sets = self.values.get(name, ())
        values = sets[0].children if len(sets) == 1 else ()
        if len(values) != 1:
            raise IntegrityCheckFailed(
                f"the signed attribute {ber.dotted(name)} must be there once, with one value"
            )
        return values[0]


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
