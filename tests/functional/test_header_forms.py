"""Header fields as products really write them, at the door of a whole gateway."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.functional import client
from tests.functional.client import message, read_answer, request
from tests.gateway_process import Gateway
from tests.messages.sender import verify


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("forms") / "vendor") as gateway:
        client.set_up(gateway)
        yield gateway


def _folded(head: bytes) -> bytes:
    """Every parameter on a line of its own, after a space or a TAB."""
    return head.replace(b"; ", b";\r\n\t").replace(b", pkcs7", b",\r\n pkcs7")


def _with(*fields: bytes) -> Callable[[bytes], bytes]:
    lines = b"".join(field + b"\r\n" for field in fields)
    return lambda head: head + lines


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "lower case": lambda head: re.sub(rb"(?m)^[\w-]+(?=:)", lambda m: m[0].lower(), head),
    "upper case": lambda head: re.sub(rb"(?m)^[\w-]+(?=:)", lambda m: m[0].upper(), head),
    "blanks around values": lambda head: re.sub(rb"(?m): ([^\r]*)\r", rb":\t  \1 \t\r", head),
    "no blanks": lambda head: head.replace(b": ", b":"),
    "folded": _folded,
    "a date of Java": _with(b"Date: Tue Sep 29 10:18:18 EDT 2009"),
    "a date in another language": _with(b"Date: ti, 02 sep 2014 12:00:00 CEST"),
    "credentials": _with(b"Authorization: Basic dXNlcjpzZWNyZXQ="),
    "a proxy": _with(b"X-Forwarded-For: 203.0.113.9", b"Via: 1.1 proxy", b"TE: trailers"),
    "vendor's fields": _with(b"X-Vendor: 1", b"EDIINT-Features: CEM, x"),
    "other versions": _with(b"AS2-Product: other:1.0"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_header_fields_that_products_send(vendor: Gateway, form: str) -> None:
    payload = client.document()
    sent = message(payload).with_fields(Date=None)
    head, empty, body = request(sent).partition(b"\r\n\r\n")
    start, _, fields = head.partition(b"\r\n")
    changed = FORMS[form](fields + b"\r\n").removesuffix(b"\r\n")
    verify(client.send(vendor, start + b"\r\n" + changed + empty + body), sent)


@pytest.mark.parametrize("at", [-3, -2, -1, 1, 5])
def test_a_request_may_be_cut_anywhere(vendor: Gateway, at: int) -> None:
    sent = message(client.document())
    octets = request(sent)
    cut = octets.index(b"\r\n\r\n") + 4 + at
    with closing(client.connect(vendor)) as peer:
        for piece in (octets[:7], octets[7:cut], octets[cut:]):
            peer.sendall(piece)
        verify(read_answer(peer), sent)
