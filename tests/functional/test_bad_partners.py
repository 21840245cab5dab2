"""Partners who are down, refuse, or prove nothing: what becomes of a message to them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from as2gateway.errors import DecryptionFailed
from tests import services
from tests.functional import client
from tests.functional.pair import PATIENCE, records_of
from tests.functional.records import Row
from tests.gateway_process import Gateway, wait_for
from tests.messages.partner import Partner, for_another_message, refusing, with_wrong_mic
from tests.messages.servers import Peer, Script, answer, serve

_PAGE = answer(b"<html><body>Welcome!</body></html>", "200 OK", "Content-Type: text/html")
_AWAY = answer(b"", "503 Away", "Retry-After: 60")


@dataclass(frozen=True, slots=True)
class Bad:
    """What a partner's server does, and what is to become of a message to it."""

    scripts: tuple[Script, ...]
    state: str
    code: str
    #: part of the text that tells the operator
    words: str


#: Queued messages are tried again by themselves; failed ones wait for an operator.
PARTNERS: Mapping[str, Bad] = {
    "CUT": Bad((b"",), "queued", "cut", "The attempt failed"),
    "BROKEN": Bad((answer(b"Oops", "500 No"),), "queued", "http-500", "said “Oops”"),
    "LOCKED": Bad((answer(b"", "401 Who?"),), "queued", "http-401", "check the connection's user"),
    "PICKY": Bad((answer(b"", "400 Bad"),), "failed", "http-400", "ask the partner"),
    "PAGE": Bad((_PAGE,), "queued", "mdn-missing", "said “Welcome!”"),
    "WRONG-MIC": Bad(
        (Partner(change=with_wrong_mic).answers,),
        "failed",
        "integrity-check-failed",
        "another content than we sent",
    ),
    "OTHER-MESSAGE": Bad(
        (Partner(change=for_another_message).answers,), "failed", "mdn-unproven", "proves nothing"
    ),
    "UNSIGNED": Bad((Partner(signs=False).answers,), "failed", "mdn-unproven", "proves nothing"),
    "MALLORY": Bad(
        (Partner(signer="MALLORY").answers,), "failed", "mdn-unproven", "proves nothing"
    ),
    "REFUSING": Bad(
        (Partner(change=refusing(DecryptionFailed)).answers,),
        "failed",
        "decryption-failed",
        "refused the message",
    ),
}


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, Peer]]:
    """A server for each of them, and for one who is away at first."""
    mended: tuple[Script, ...] = (_AWAY, b"", Partner().answers)
    with ExitStack() as stack:
        scripts = {name: bad.scripts for name, bad in PARTNERS.items()} | {"MENDED": mended}
        yield {name: stack.enter_context(serve(*each)) for name, each in scripts.items()}


@pytest.fixture(scope="module")
def vendor(
    tmp_path_factory: pytest.TempPathFactory, peers: Mapping[str, Peer]
) -> Iterator[Gateway]:
    """A gateway with a document for each of them in its outbox."""
    with Gateway(tmp_path_factory.mktemp("bad") / "vendor") as gateway:
        urls = {name: peer.url for name, peer in peers.items()}
        client.set_up(gateway, **urls, DOWN=f"http://127.0.0.1:{services.free_port()}/as2")
        for name in [*urls, "DOWN"]:
            folder = gateway.outbox / "VENDOR" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.edi").write_bytes(client.document())
        yield gateway


def verdict(gateway: Gateway, name: str) -> tuple[str, str]:
    """State and code of the message to a partner, as soon as one attempt has ended."""
    records = records_of(gateway)

    def ended() -> list[Row]:
        return [m for m in records.messages(f"{name}.edi") if m["failure_code"]]

    wait_for(ended, PATIENCE, f"an attempt to reach {name}")
    [message] = ended()
    return message["state"], message["failure_code"]


@pytest.mark.parametrize("name", PARTNERS)
def test_nothing_counts_as_delivered_and_the_operator_is_told_why(
    vendor: Gateway, name: str
) -> None:
    bad = PARTNERS[name]
    assert verdict(vendor, name) == (bad.state, bad.code)
    assert bad.words in records_of(vendor).message(f"{name}.edi", "outbound")["failure_text"]


def test_a_partner_who_is_down_is_tried_again_later(vendor: Gateway) -> None:
    assert verdict(vendor, "DOWN") == ("queued", "connect")


def test_an_mdn_that_proves_nothing_is_kept_for_the_operator(vendor: Gateway) -> None:
    verdict(vendor, "OTHER-MESSAGE")
    [mdn] = records_of(vendor).message("OTHER-MESSAGE.edi", "outbound")["mdns"]
    assert (mdn["state"], mdn["original_message_id"]) == ("unmatched", "<another@vendor>")


def wait_for_tries(peer: Peer, count: int) -> None:
    wait_for(lambda: len(peer.requests) >= count, PATIENCE, f"try {count}")


def test_a_partner_who_comes_back_gets_the_same_bytes_under_the_same_id(
    vendor: Gateway, peers: Mapping[str, Peer]
) -> None:
    records, peer = records_of(vendor), peers["MENDED"]
    verdict(vendor, "MENDED")
    for tries in (2, 3):
        records.turn_clock()
        wait_for_tries(peer, tries)

    def delivered() -> bool:
        state: str = records.message("MENDED.edi", "outbound")["state"]
        return state == "delivered"

    wait_for(delivered, PATIENCE, "the MDN")
    assert len(set(peer.requests)) == 1
    assert len(peer.requests) == 3
