"""Seeds for fuzzing: what products really sent, and corners that were found before."""

from collections.abc import Iterator
from pathlib import Path

from tests.gateway.recordings import CASES, WIRE, read

#: inputs that once were findings or opened new ground; each target's in a folder of its name
CORPUS = Path(__file__).parent / "corpus"


def seeds(target: str) -> Iterator[bytes]:
    """The stored inputs of a target, and those that the recordings give."""
    folder = CORPUS / target
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        yield path.read_bytes()
    for block, body in _recorded():
        yield from _OF[target](block, body)


def _recorded() -> Iterator[tuple[bytes, bytes]]:
    for case in CASES:
        for path in sorted((WIRE / case).glob("*.re[qs]*")):
            head = path.read_bytes().partition(b"\r\n\r\n")[0]
            if path.stat().st_size > _LARGEST or b"\r\n" not in head:
                continue  # too slow to fuzz, or a bare status line
            recorded = read(case, path.name)
            fields = "".join(f"{name}: {value}\r\n" for name, value in recorded.headers)
            yield fields.encode("latin-1"), recorded.body


#: octets of a recording; larger ones only slow fuzzing down
_LARGEST = 64 * 1024


def _both(block: bytes, body: bytes) -> Iterator[bytes]:
    yield block + b"\r\n" + body


def _block(block: bytes, _body: bytes) -> Iterator[bytes]:
    yield block


def _body(_block: bytes, body: bytes) -> Iterator[bytes]:
    yield body


def _entity(block: bytes, body: bytes) -> Iterator[bytes]:
    kept = [line for line in block.split(b"\r\n") if line.lower().startswith(b"content-")]
    yield b"\r\n".join([*kept, b"", body])


def _octets(_block: bytes, body: bytes) -> Iterator[bytes]:
    if body.startswith(b"\x30"):
        yield body


_OF = {
    "ber": _octets,
    "mime": _entity,
    "headers": _block,
    "mdn": _both,
    "receive": _both,
    "edi": _body,
}
