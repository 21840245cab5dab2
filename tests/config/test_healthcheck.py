"""A container is well when its gateway is, whether that speaks TLS or not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from config.env import SCHEME
from tests.config.test_tls import Files
from tests.gateway_process import ROOT, Gateway, wait_for

COMMAND = [sys.executable, "-m", "config.healthcheck"]


def _ask(env: dict[str, str]) -> int:
    return subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, check=False).returncode


@pytest.fixture(params=["http", "https", "client certificates"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """The web server alone, on all addresses."""
    files = Files.within(tmp_path)
    tls = {"AS2_TLS_CERT": str(files.certificate), "AS2_TLS_KEY": str(files.key)}
    clients = {"AS2_TLS_CLIENT_CA": str(files.certificate)}
    forms: dict[str, dict[str, str]] = {
        "http": {},
        "https": tls,
        "client certificates": {**tls, **clients},
    }
    gateway = Gateway(tmp_path / "home", env=forms[request.param])
    gateway.manage("migrate")
    gateway.env["AS2_BIND"] = f"0.0.0.0:{gateway.port}"
    web = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"],
        cwd=ROOT,
        env=gateway.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _listens(gateway.port), 60, "the web server")
        yield gateway
    finally:
        web.terminate()
        web.wait()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_gateway_that_is_ready_is_healthy(gateway: Gateway) -> None:
    assert _ask(gateway.env) == 0


def test_one_that_does_not_listen_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _ask({**os.environ, "AS2_ENV_FILE": "", "AS2_BIND": f"127.0.0.1:{port}"}) != 0


def test_one_that_speaks_no_tls_where_it_should_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        env = {
            **os.environ,
            "AS2_ENV_FILE": "",
            "AS2_BIND": f"127.0.0.1:{listener.getsockname()[1]}",
            "AS2_TLS_CERT": "any.pem",
        }
        asked = subprocess.Popen(COMMAND, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
        peer, _ = listener.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        assert asked.wait(20) != 0


def test_the_image_asks_this_way() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert 'CMD ["python", "-m", "config.healthcheck"]' in text


def test_compose_lets_a_proxy_be_trusted() -> None:
    gateway = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["gateway"]
    default = SCHEME["AS2_TRUSTED_PROXIES"][1]
    assert gateway["environment"]["AS2_TRUSTED_PROXIES"] == f"${{AS2_TRUSTED_PROXIES:-{default}}}"
