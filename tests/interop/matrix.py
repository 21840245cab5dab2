"""The matrix: how a document is packed and answered, and which part of it a default run takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from itertools import combinations
from itertools import product as every_combination

from tests.interop.peer import Product

SIGN = ("none", "sha-1", "sha-256", "sha-384", "sha-512")
ENCRYPT = ("none", "aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des-ede3-cbc")
COMPRESS = ("none", "before", "after")
#: ``none``, or when it comes and whether it is signed
MDN = ("none", "sync", "sync-signed", "async", "async-signed")

#: Ours for the peers' words.
_COMPRESS = {"none": "none", "before": "before-signing", "after": "after-signing"}


class Way(StrEnum):
    """Who sends."""

    OUT = "to the peer"
    IN = "from the peer"


@dataclass(frozen=True, slots=True)
class Row:
    """One way to pack a document and to answer it; both sides are set up for it alike."""

    sign: str
    encrypt: str
    compress: str
    receipt: str

    @property
    def mdn(self) -> str:
        """``none``, ``sync`` or ``async``."""
        return self.receipt.removesuffix("-signed")

    @property
    def mdn_signed(self) -> bool:
        """Whether the MDN is to be signed."""
        return self.receipt.endswith("-signed")

    @property
    def wrapped(self) -> bool:
        """Whether anything is around the document."""
        return (self.sign, self.encrypt, self.compress) != ("none", "none", "none")

    @property
    def name(self) -> str:
        """A name fit for an AS2 id and a file."""
        return f"{self.sign}.{self.encrypt.removesuffix('-cbc')}.{self.compress}.{self.receipt}"

    def ours(self) -> Mapping[str, object]:
        """As ``manage.py apply`` is told of it."""
        return {
            "sign": self.sign,
            "encrypt": self.encrypt,
            "compress": _COMPRESS[self.compress],
            "mdn": self.mdn,
            "mdn_signed": self.mdn_signed,
            "require_signature": self.sign != "none",
            "require_encryption": self.encrypt != "none",
        }

    def theirs(self, product: Product) -> Mapping[str, object]:
        """As the peer is told of it."""
        return {
            "sign": self.sign,
            "encrypt": self.encrypt,
            "compress": self.compress if sends(product, self) else "none",
            "mdn": self.mdn,
            "mdn_signed": self.mdn_signed,
        }


#: All that there is: 375 rows.
ALL = tuple(Row(*values) for values in every_combination(SIGN, ENCRYPT, COMPRESS, MDN))

#: What most connections go by, and where products differ in what a MIC is taken over.
NOTABLE = (
    Row("sha-256", "aes-128-cbc", "none", "sync-signed"),
    Row("sha-256", "aes-128-cbc", "before", "async-signed"),
    Row("sha-256", "aes-256-cbc", "after", "sync-signed"),
    Row("none", "none", "none", "sync-signed"),
    Row("none", "none", "none", "async"),
    Row("none", "none", "before", "sync-signed"),
    Row("none", "none", "after", "async-signed"),
    Row("none", "aes-128-cbc", "none", "sync-signed"),
)


def sends(product: Product, row: Row) -> bool:
    """Say whether a product can send like this: django-pyas2 compresses before it signs, only."""
    return product is not Product.DJANGO_PYAS2 or row.compress != "after"


def spread(rows: Iterable[Row]) -> Sequence[Row]:
    """Add to the notable rows until every two values of two columns meet; always the same ones."""
    rows, chosen = list(rows), list(NOTABLE)
    open_pairs = {pair for row in rows for pair in _pairs(row)}
    open_pairs -= {pair for row in chosen for pair in _pairs(row)}
    while open_pairs:
        # The first of the best: max keeps the order of the list.
        best = max(rows, key=lambda row: len(_pairs(row) & open_pairs))
        chosen.append(best)
        open_pairs -= _pairs(best)
    return chosen


def _pairs(row: Row) -> set[tuple[tuple[int, str], ...]]:
    return set(combinations(enumerate(astuple(row)), 2))
