"""The interoperability matrix: one row for each run that two products can have with each other.

A test takes rows by ``run``: they become its parameter ``row``, and the row's number and fields its
id. ``tests/test_interop_matrix.py`` sees to it that no row is left out without a reason.
"""

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from as2gateway.policy import MDNMode

MATRIX = Path(__file__).resolve().parents[2] / "vectors" / "interop-matrix.csv"

_NOT_IN_IDS = re.compile(r"[^\w.+/-]+")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The MDN that is asked for."""

    mode: MDNMode
    signed: bool

    @property
    def asked(self) -> bool:
        """Whether there is to be one."""
        return self.mode is not MDNMode.NONE


#: R0 to R4; G15 is about both ways of the last
RECEIPTS: Mapping[str, Receipt] = {
    "R0": Receipt(MDNMode.NONE, signed=False),
    "R1": Receipt(MDNMode.SYNC, signed=False),
    "R2": Receipt(MDNMode.SYNC, signed=True),
    "R3": Receipt(MDNMode.ASYNC, signed=False),
    "R4": Receipt(MDNMode.ASYNC, signed=True),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One run."""

    number: int
    #: such as ``G4``, and what it is about
    group: str
    topic: str
    #: ``send`` or ``recv``, seen from here; ``both`` in what is optional
    direction: str
    #: P01 to P10
    packaging: str
    #: a key of RECEIPTS, or two of them
    receipt: str
    #: what is special; empty in the core
    variant: str

    def __str__(self) -> str:
        fields = (self.group, self.direction, self.packaging, self.receipt, self.variant)
        return _NOT_IN_IDS.sub("_", "-".join((f"{self.number:03}", *filter(None, fields))))

    @property
    def asks(self) -> Receipt:
        """The MDN that is asked for."""
        return RECEIPTS[self.receipt]


def _read() -> Iterator[Row]:
    with MATRIX.open(newline="", encoding="ascii") as file:
        for each in csv.DictReader(file):
            group, _, topic = each["group"].partition(" ")
            yield Row(
                int(each["no"]),
                group,
                topic,
                each["direction"],
                each["packaging"],
                each["receipt"],
                each["variant"],
            )


ROWS = tuple(_read())


def select(
    group: str,
    direction: str | None = None,
    *,
    only: Collection[str] | None = None,
    besides: Collection[str] = (),
) -> list[Row]:
    """The rows of a group; ``only`` and ``besides`` are variants."""
    return [
        row
        for row in ROWS
        if row.group == group
        and direction in {None, row.direction}
        and (only is None or row.variant in only)
        and row.variant not in besides
    ]


def run(
    group: str,
    direction: str | None = None,
    *,
    only: Collection[str] | None = None,
    besides: Collection[str] = (),
) -> pytest.MarkDecorator:
    """Run a test for these rows. Raises ValueError if a variant that is named is not there."""
    rows = select(group, direction, only=only, besides=besides)
    unknown = {*(only or ()), *besides} - {row.variant for row in ROWS if row.group == group}
    if unknown or not rows:
        raise ValueError(f"{group} {direction}: no rows, or none of {sorted(unknown)}")
    return pytest.mark.parametrize("row", rows, ids=str)
