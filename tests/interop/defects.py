"""Where the products deviate: which rows, why, and what is right to happen on our side then.

Nothing is left out for a defect. Its rows run like all others, with another outcome, and once more
with the setting of ours that helps, if there is one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.interop.matrix import Row, Way
from tests.interop.peer import Product


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect of one product: of what it answers to us, or of how it judges our answer."""

    product: Product
    way: Way
    reason: str
    where: Callable[[Row], bool]
    #: what our operator reads, of a message that we sent
    told: str = ""
    #: settings of the connection with which the exchange comes to a good end
    cure: Mapping[str, object] = field(default_factory=dict)


def _answered(row: Row) -> bool:
    return row.mdn != "none"


def _compressed_alone(row: Row) -> bool:
    return row.compress != "none" and (row.sign, row.encrypt) == ("none", "none")


DEFECTS = (
    Defect(
        Product.OPENAS2,
        Way.OUT,
        "of a message that is only compressed it takes the MIC over the document without its "
        "header fields, not with them (RFC 5402 §4.3)",
        lambda row: row.mdn_signed and _compressed_alone(row),
        told="the partner returned",
        cure={"quirks": {"mic_tolerances": ["body"]}},
    ),
    Defect(
        Product.OPENAS2,
        Way.IN,
        "of a message that is only compressed it expects the MIC without the header fields",
        lambda row: row.mdn_signed and _compressed_alone(row),
    ),
    Defect(
        Product.AS2_LIB,
        Way.OUT,
        "of a message compressed before it is signed it takes the MIC over the document, not over "
        "the compressed part that was signed (RFC 5402 §4.1)",
        lambda row: _answered(row) and row.compress == "before" and row.sign != "none",
        told="the partner returned",
        cure={"quirks": {"mic_tolerances": ["entity"]}},
    ),
    Defect(
        Product.AS2_LIB,
        Way.IN,
        "of a message that is compressed and not signed it expects the MIC over the compressed "
        "part, where RFC 5402 §4.2 and §4.3 say the document",
        lambda row: _answered(row) and row.compress == "before" and row.sign == "none",
    ),
    Defect(
        Product.DJANGO_PYAS2,
        Way.OUT,
        "its signed MDN for a message that is not signed has no MIC",
        lambda row: row.mdn_signed and row.sign == "none",
        told="carries no Received-content-MIC",
        cure={"mdn_signed": False},
    ),
)


def defect(product: Product, way: Way, row: Row) -> Defect | None:
    """Return what the product does wrong in this row; at most one thing."""
    for each in DEFECTS:
        if (each.product, each.way) == (product, way) and each.where(row):
            return each
    return None


def compares(product: Product, row: Row) -> bool:
    """Say whether the product holds the MIC that we return against its own at all.

    OpenAS2 looks at that of a signed MDN, as2-lib at every one. django-pyas2 1.2.3 has not kept
    what it sent, so it looks at none, and a wrong one passes.
    """
    match product:
        case Product.OPENAS2:
            return row.mdn_signed
        case Product.AS2_LIB:
            return True
        case Product.DJANGO_PYAS2:
            return False
