"""Properties: how many examples are tried, and what they are drawn from.

The default run tries the same examples each time, so that a red run is a change's fault.
``HYPOTHESIS_EXAMPLES=2000`` tries that many others.
"""

import os
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_ASKED = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))


def load_profile() -> None:
    """Set what holds for every property: no deadline, as the machine may be slow."""
    settings.register_profile(
        "steady",
        derandomize=not _ASKED,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("steady")


def examples(number: int) -> settings:
    """Try so many by default."""
    return settings(max_examples=_ASKED or number)


@dataclass(frozen=True, slots=True)
class Cut:
    """Cuts octets of any length into pieces, some of them empty."""

    #: parts of 65536 of the length
    places: tuple[int, ...]

    def __call__(self, data: bytes) -> list[bytes]:
        """The pieces."""
        ends = sorted(len(data) * place >> 16 for place in self.places)
        return [data[i:k] for i, k in zip([0, *ends], [*ends, len(data)], strict=True)]


#: ways to cut octets anywhere, not dependent on how many there will be
cuts = st.lists(st.integers(0, 1 << 16), max_size=12).map(lambda places: Cut(tuple(places)))

#: words that are hard on whoever takes octets for lines, for MIME or for ASN.1
_HARD = (
    b"\r\n", b"\n", b"\r", b"\n\r", b"\0", b"\x00\x00", b"\x1a", b"--", b"\r\n--", b"\r\n.\r\n",
    b"=", b"=3D", b"=\r\n", b" \r\n", b"\x85", b"\xef\xbb\xbf", b"ISA*00*~", b"UNB+'",
    b"Content-Type: text/plain\r\n\r\n", b"\x30\x80", b"--x\r\n", b"\r\n--x--\r\n",
)  # fmt: skip

#: documents: nothing, odd line ends, everything
payloads = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from(_HARD), st.binary(max_size=9)), max_size=40).map(b"".join),
    st.tuples(st.binary(min_size=1, max_size=7), st.integers(1, 20_000)).map(
        lambda drawn: drawn[0] * (drawn[1] // len(drawn[0]))
    ),
)

#: AS2 names, all that the grammar allows
as2_names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128)

#: what a field of one line can hold
lines = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80)

#: any file name that can be written down
file_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
