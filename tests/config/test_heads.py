"""How much of a request has to be there before a thread begins with it."""

import pytest

from config.heads import Head

LIMIT, SMALL = 1000, 100


def fed(octets: bytes, step: int) -> Head:
    head = Head(LIMIT, SMALL)
    for start in range(0, len(octets), step):
        assert not head.complete
        head.feed(octets[start : start + step])
    return head


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("octets", "large"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\ncontent-length:100 \r\n\r\n" + bytes(100), False),
        (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", True),
    ],
)
def test_a_request_is_complete_with_its_last_octet(
    octets: bytes, step: int, *, large: bool
) -> None:
    head = fed(octets, step)
    assert (head.complete, head.large, bytes(head.data)) == (True, large, octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 50\r\n\r\n",
        b"\r\n\r\n",
        bytes(LIMIT + 1),
    ],
    ids=["no number", "two lengths", "no request line", "no end"],
)
def test_what_is_no_proper_request_is_the_parsers_at_once(octets: bytes) -> None:
    head = fed(octets, 10_000)
    assert (head.complete, head.large) == (True, False)


def test_what_comes_behind_a_request_stays_with_it() -> None:
    head = fed(b"GET / HTTP/1.1\r\n\r\nGET /next", 10_000)
    assert head.complete
    assert head.data.endswith(b"GET /next")
