"""The twelve permutations of RFC 4130 §2.4.2, and compression (RFC 5402) on some of them."""

from dataclasses import dataclass

from tests.functional.pair import Relation


@dataclass(frozen=True, slots=True)
class Permutation:
    """How documents are packed, and which MDN is asked for."""

    signed: bool
    encrypted: bool
    #: ``none``, ``unsigned`` or ``signed``
    receipt: str
    mdn: str
    compress: str = "none"
    sign: str = "sha-256"
    encrypt: str = "aes-128-cbc"

    @property
    def name(self) -> str:
        """A short name, fit for an AS2 id."""
        packed = f"{'s' if self.signed else ''}{'e' if self.encrypted else ''}" or "plain"
        more = [part for part in (self.compress, self.sign, self.encrypt) if part not in _USUAL]
        return ".".join([packed, self.receipt, self.mdn, *more])

    @property
    def relation(self) -> Relation:
        """As both gateways are told of it."""
        settings: dict[str, object] = {
            "sign": self.sign if self.signed else "none",
            "encrypt": self.encrypt if self.encrypted else "none",
            "compress": self.compress,
            "mdn": self.mdn,
            "mdn_signed": self.receipt == "signed",
            "require_signature": self.signed,
            "require_encryption": self.encrypted,
        }
        return Relation(self.name, settings)


_USUAL = ("none", "sha-256", "aes-128-cbc")
_PACKAGES = [(False, False), (True, False), (False, True), (True, True)]

#: Four packages by three receipts, those that ask for one both ways.
TWELVE = [
    Permutation(signed, encrypted, receipt, mdn)
    for signed, encrypted in _PACKAGES
    for receipt in ("none", "unsigned", "signed")
    for mdn in (["none"] if receipt == "none" else ["sync", "async"])
]

#: Compression before and after the signature, alone, and with other algorithms.
COMPRESSED = [
    Permutation(False, False, "signed", "sync", "before-signing"),
    Permutation(True, False, "signed", "sync", "before-signing"),
    Permutation(True, False, "signed", "async", "after-signing"),
    Permutation(False, True, "unsigned", "sync", "before-signing"),
    Permutation(True, True, "signed", "sync", "before-signing", "sha-384"),
    Permutation(True, True, "signed", "async", "after-signing", "sha-512", "aes-256-cbc"),
]

#: What everyday documents go by.
USUAL = next(p for p in TWELVE if p.name == "se.signed.sync")
ASYNC = next(p for p in TWELVE if p.name == "se.signed.async")

RELATIONS = [permutation.relation for permutation in (*TWELVE, *COMPRESSED)]
