"""Messages in the many styles in which products write them, made by openssl and by hand."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.gateway.properties import payloads
from tests.gateway.wrapping import (
    OURS,
    PACKAGINGS,
    THEIRS,
    Entity,
    compressed,
    encrypted,
    multipart,
    pkcs7,
)
from tests.openssl import cms_sign


@dataclass(frozen=True, slots=True)
class Style:
    """How a sender writes what the standards leave open."""

    digest: str
    #: what is said in ``micalg``; ``{}`` stands for the digest
    micalg: str
    cipher: str
    #: indefinite lengths
    ber: bool
    #: certificates named by their key
    by_key: bool
    #: every CMS body in base64
    encoded: bool
    #: before the first delimiter, and after the last
    preamble: bytes
    epilogue: bytes
    folded: bool

    def wrap(self, inside: Entity, packaging: str) -> Entity:
        """Put the layers of a packaging around an entity."""
        for layer in PACKAGINGS[packaging]:
            inside = _WRAPPERS[layer](self, inside)
        return inside

    @property
    def _options(self) -> tuple[str, ...]:
        return ("-stream",) * self.ber + ("-keyid",) * self.by_key

    def _signed(self, inside: Entity) -> Entity:
        der = cms_sign(inside.octets, [THEIRS], "-md", self.digest, *self._options)
        fields = ("Content-Type: application/pkcs7-signature; name=smime.p7s",)
        part = self._encoded(Entity(fields, der))
        whole = multipart(inside.octets, part.octets, self.micalg.format(self.digest))
        (field,) = whole.fields
        if self.folded:
            field = field.replace("; ", ";\r\n\t")
        return Entity((field,), self.preamble + whole.body + self.epilogue)

    def _opaque(self, inside: Entity) -> Entity:
        options = ("-nodetach", "-md", self.digest, *self._options)
        return self._encoded(pkcs7("signed-data", cms_sign(inside.octets, [THEIRS], *options)))

    def _compressed(self, inside: Entity) -> Entity:
        return self._encoded(compressed(inside))

    def _encrypted(self, inside: Entity) -> Entity:
        return self._encoded(encrypted(inside, OURS, self.cipher, *self._options))

    def _encoded(self, entity: Entity) -> Entity:
        if not self.encoded:
            return entity
        fields = (*entity.fields, "Content-Transfer-Encoding: base64")
        return Entity(fields, _base64(entity.body))


_WRAPPERS: Mapping[str, Callable[[Style, Entity], Entity]] = {
    "sign": Style._signed,
    "opaque": Style._opaque,
    "comp": Style._compressed,
    "enc": Style._encrypted,
}


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _quoted(octets: bytes) -> bytes:
    encoded = binascii.b2a_qp(octets, quotetabs=True, istext=False)
    return encoded.replace(b"=\n", b"=\r\n")


_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "binary": bytes,
    "7bit": bytes,
    "8bit": bytes,
    "base64": _base64,
    "quoted-printable": _quoted,
}
_TYPES = (
    "application/EDI-X12",
    "Application/edifact; charset=us-ascii",
    "application/octet-stream",
    'application/xml; name="a b.xml"',
    "text/plain; charset=utf-8",
    "text/plain",
    "image/tiff",
    "nonsense",
)

styles = st.builds(
    Style,
    digest=st.sampled_from(["sha1", "sha256", "sha384", "sha512"]),
    micalg=st.sampled_from(["{}", '"{}"', "", "unknown", "sha-256"]),
    cipher=st.sampled_from(["-aes128", "-aes192", "-aes256", "-des3"]),
    ber=st.booleans(),
    by_key=st.booleans(),
    encoded=st.booleans(),
    preamble=st.sampled_from([b"", b"This is S/MIME.\r\n", b"\r\n"]),
    epilogue=st.sampled_from([b"", b"\r\n", b"text\r\n", b"\0"]),
    folded=st.booleans(),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document, and the entity that it is in."""

    payload: bytes
    entity: Entity
    content_type: str
    encoding: str


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Innermost entities: any payload, in any transfer encoding, with fields in any order."""
    payload, encoding = draw(payloads), draw(st.sampled_from([*_ENCODERS]))
    content_type = draw(st.sampled_from(_TYPES))
    fields = [f"Content-Type: {content_type}"]
    if encoding:
        fields.append(f"Content-Transfer-Encoding: {encoding}")
    more = ['Content-Disposition: attachment; filename="po 850.edi"', "X-Vendor: 1"]
    fields += draw(st.lists(st.sampled_from(more), unique=True))
    entity = Entity(tuple(draw(st.permutations(fields))), _ENCODERS[encoding](payload))
    return Document(payload, entity, content_type, encoding)
