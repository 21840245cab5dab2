"""Ways to cut octets into pieces. What a parser makes of them must never depend on the cut."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from as2gateway.stream import Layer, Parser, Source

T = TypeVar("T")
R = TypeVar("R")

Split = Callable[[bytes], list[bytes]]


def one_byte(data: bytes) -> list[bytes]:
    """Each octet alone."""
    return [data[at : at + 1] for at in range(len(data))]


def at_random(data: bytes) -> list[bytes]:
    """Pieces of many sizes, the same for the same octets."""
    choose = random.Random(data)
    pieces = []
    at = 0
    while at < len(data):
        size = choose.choice((1, 2, 3, 7, 64, 1000, 65536))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def whole(data: bytes) -> list[bytes]:
    """All in one piece."""
    return [data]


#: for ``@pytest.mark.parametrize("split", SPLITS)``
SPLITS: tuple[Split, ...] = (one_byte, at_random, whole)


def splits(data: bytes) -> Iterator[list[bytes]]:
    """Every way of cutting these octets: ``for chunks in splits(data): ...``."""
    for split in SPLITS:
        yield split(data)


def run_chunks(
    parser: Callable[[Source], Parser[T, R]], chunks: Iterable[bytes]
) -> tuple[list[T], R]:
    """Run a parser over pieces: what it made, and what it returned."""
    layer: Layer[T, R] = Layer(parser)
    items: list[T] = []
    for chunk in chunks:
        items += layer.feed(chunk)
    items += layer.end()
    return items, layer.result
