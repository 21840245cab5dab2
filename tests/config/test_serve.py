"""``manage.py serve``: the gateway as its operator runs it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import urllib3

from tests.gateway_process import Gateway, GatewayFailed, wait_for

#: One thread and a short patience, so that one stalled peer would be enough to stop everything.
NARROW = {"AS2_WEB_THREADS": "1", "AS2_READ_TIMEOUT": "1"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("serve") / "home", env=NARROW) as gateway:
        yield gateway


def test_background_work_is_done_over_the_embedded_broker(gateway: Gateway) -> None:
    wait_for(lambda: gateway.readiness()["status"] == "ready", 60, "a heartbeat")


def test_it_says_where_it_listens(gateway: Gateway) -> None:
    assert f"partners send to  {gateway.url}/as2" in gateway.output()


def test_pages_and_their_style_are_served(gateway: Gateway) -> None:
    page = urllib3.request("GET", f"{gateway.url}/admin/login/")
    style = urllib3.request("GET", f"{gateway.url}/static/unfold/css/styles.css")
    assert (page.status, style.status) == (200, 200)


def test_an_unknown_host_is_refused(gateway: Gateway) -> None:
    answer = urllib3.request("GET", f"{gateway.url}/healthz", headers={"Host": "evil.example"})
    assert answer.status == 400


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /admin/login/ HTTP/1.1\r\nHost: loc",
        (
            b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nhalf="
        ),
    ],
    ids=["in the header", "in the body"],
)
def test_a_peer_that_stops_sending_stops_nobody_else(gateway: Gateway, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            address = ("127.0.0.1", gateway.port)
            peer = stack.enter_context(closing(socket.create_connection(address)))
            peer.sendall(sent)
        answer = urllib3.request("GET", f"{gateway.url}/healthz", timeout=20, retries=False)
        assert answer.status == 200


def test_a_web_server_that_dies_comes_back(gateway: Gateway) -> None:
    before = gateway.pid("web")
    gateway.kill("web")
    wait_for(lambda: gateway.pid("web") != before, 30, "another web server")
    wait_for(lambda: _alive(gateway), 30, "an answer")


def _alive(gateway: Gateway) -> bool:
    try:
        return gateway.readiness()["status"] in {"ready", "degraded"}
    except urllib3.exceptions.HTTPError:
        return False


def test_a_second_gateway_in_the_same_home_is_refused(gateway: Gateway) -> None:
    with pytest.raises(GatewayFailed, match="already runs in"):
        gateway.manage("serve")


def test_an_address_in_use_is_refused_in_plain_words(gateway: Gateway, tmp_path: Path) -> None:
    other = Gateway(tmp_path / "other", port=gateway.port)
    with pytest.raises(GatewayFailed, match="choose another address with AS2_BIND"):
        other.manage("serve")


def test_a_failed_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatewayFailed, match="AS2_ENGINE must be one of"):
        Gateway(tmp_path / "home", env={"AS2_ENGINE": "steam"}).manage("serve")


@pytest.mark.parametrize("broker", ["redis_url", "postgres_url"])
def test_it_stops_in_order_and_starts_again(
    tmp_path: Path, request: pytest.FixtureRequest, broker: str
) -> None:
    name = {"redis_url": "REDIS_URL", "postgres_url": "DATABASE_URL"}[broker]
    gateway = Gateway(tmp_path / "home", env={name: request.getfixturevalue(broker)})
    with gateway:
        wait_for(lambda: gateway.readiness()["status"] == "ready", 60, "a heartbeat")
        assert gateway.stop() == 0
        gateway.start()


def test_a_crash_leaves_nothing_running_and_nothing_in_the_way(tmp_path: Path) -> None:
    with Gateway(tmp_path / "home") as gateway:
        gateway.crash()
        with pytest.raises(urllib3.exceptions.HTTPError):
            gateway.readiness()
        gateway.start()
