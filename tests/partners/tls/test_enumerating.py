"""Asking a server until it refuses: by answers made by hand, odd ones too."""

import pytest

from as2gateway.tls.answers import NotTLS
from as2gateway.tls.report import Handshake
from as2gateway.tls.suites import suites_of
from as2gateway.tls.versions import Version
from partners.tls.asking import Budget, BudgetSpent, Endpoint, Limits, NoAnswer, Refused
from partners.tls.contexts import ClientPolicy
from partners.tls.enumerating import enumerate_versions
from partners.tls.handshaking import Seen, trust_of
from partners.tls.targets import ProbeError, Target
from tests.gateway.tls.answering import alert, record, server_hello
from tests.partners.tls.servers import scripted

REFUSAL = alert(2, 40)
TLS13 = tuple(
    record(22, server_hello(suite.code, chosen=Version.TLS13.value))
    for suite in suites_of(Version.TLS13)
)


def endpoint(port: int, **limits: float) -> Endpoint:
    options = {"answer": 2.0, "total": 30.0, **limits}
    return Endpoint(Target("localhost", port), ["127.0.0.1"], Budget(Limits(**options)))  # type: ignore[arg-type]  # numbers


def ask(*answers: bytes) -> str:
    """Ask for TLS 1.2; what came of it."""
    with scripted(*answers) as port:
        try:
            found = endpoint(port, answer=0.5).ask(Version.TLS12, suites_of(Version.TLS12))
        except (Refused, NoAnswer, NotTLS) as error:
            return f"{type(error).__name__}: {error}"
    return f"{found.suite:04x}"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (record(22, server_hello(0xC02F)), "c02f"),
        (REFUSAL, "Refused: alert: handshake failure"),
        (b"", "Refused: it closed the connection"),
        (record(22, server_hello())[:9], "Refused: it closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "NotTLS: it began with b'HTTP/1.1 400"),
    ],
)
def test_an_answer_is_a_choice_or_a_refusal(sent: bytes, found: str) -> None:
    assert ask(sent).startswith(found)


def test_an_answer_without_end_is_given_up() -> None:
    endless = record(21, bytes(16000)) * 20
    assert ask(endless) == "Refused: it closed the connection"


def test_a_server_that_takes_every_suite_is_asked_no_more() -> None:
    with scripted(*TLS13, REFUSAL) as port:
        found = enumerate_versions(endpoint(port))[-1]
    assert (found.name, found.accepted) == ("TLSv1.3", True)
    assert found.suites == tuple(suite.iana for suite in suites_of(Version.TLS13))


def test_a_server_that_answers_no_more_has_refused_nothing() -> None:
    with scripted(TLS13[0], REFUSAL) as port:
        found = enumerate_versions(endpoint(port))
    assert [version.accepted for version in found] == [None, None, None, None, True]
    assert not any(version.complete for version in found)
    assert "stopped answering" in found[0].note


def test_a_suite_that_was_not_offered_is_no_choice() -> None:
    with scripted(record(22, server_hello(0x002F, chosen=Version.TLS13.value))) as port:
        found = enumerate_versions(endpoint(port))[-1]
    assert found.accepted is False
    assert found.note == "it chose TLS_RSA_WITH_AES_128_CBC_SHA, which was not offered"


def test_another_version_is_a_refusal_of_this_one() -> None:
    with scripted(record(22, server_hello(0x002F, 0x0305))) as port:
        found = enumerate_versions(endpoint(port))[-1]
    assert (found.accepted, found.note) == (False, "it answers with version 0x0305")


def test_what_speaks_no_tls_accepts_no_version() -> None:
    with scripted(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        found = enumerate_versions(endpoint(port))
    assert {version.accepted for version in found} == {False}
    assert "SSH-2.0" in found[0].note


def test_a_connection_that_fails_is_a_refusal() -> None:
    with scripted(REFUSAL) as port:
        gone = endpoint(port)
    with pytest.raises(Refused, match="connection refused"):
        gone.ask(Version.TLS12, suites_of(Version.TLS12))


def test_a_chain_that_could_not_be_looked_at_is_neither_trusted_nor_distrusted() -> None:
    with scripted(REFUSAL) as port:
        found = list(trust_of(endpoint(port), ClientPolicy(), Seen(Handshake())))
    assert found == []


def test_without_any_connection_left_nothing_is_asked() -> None:
    with scripted(REFUSAL) as port:
        one = endpoint(port, connections=1)
        with pytest.raises(BudgetSpent):
            one.ask(Version.TLS12, suites_of(Version.TLS12))
        with pytest.raises(ProbeError, match="No connection"):
            endpoint(port, connections=0)
