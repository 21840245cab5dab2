"""How CMS names a certificate: RecipientIdentifier, SignerIdentifier (RFC 5652 §5.3, §6.2.1)."""

from as2gateway import ber
from as2gateway.ber import Node
from as2gateway.certificates import Certificate


def means(identifier: Node, certificate: Certificate) -> bool:
    """Whether an identifier means that certificate (CMS-16, CMS-18). Raises MalformedMessage."""
    if identifier.tag == ber.CONTEXT:
        return identifier.octets() == certificate.subject_key_id
    if identifier.raw == certificate.issuer_and_serial:
        return True
    fields = identifier.fields()
    issuer = fields.take(ber.SEQUENCE)
    return certificate.issued_as(issuer.raw, fields.take(ber.INTEGER).integer())
