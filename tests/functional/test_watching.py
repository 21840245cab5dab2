"""Watching a whole gateway: figures of several web processes, and events of a real failure."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway_process import Gateway, wait_for
from tests.messages.servers import Peer, answer, serve

TOKEN = "let-me-in"
SWITCHED_ON = {"AS2_METRICS_TOKEN": TOKEN, "AS2_WEBHOOK_ALLOW_PRIVATE": "1", "AS2_WEB_WORKERS": "2"}

#: Sets a webhook up, and lets something happen of which it is told; no worker is woken by it.
_ARRANGE = """
from django.utils import timezone
from audit.recording import Subject, record
from audit.tags import Tag
from partners.models import Connection, Organization, Partner, Webhook
hook = Webhook(name="ERP", url={url!r}, events="connection.rate_exceeded")
hook.set_secret(b"s" * 32, timezone.now())
hook.save()
owner = Organization.objects.create(as2_id="VENDOR", name="Vendor")
company = Partner.objects.create(name="Amazon")
link = Connection.objects.create(
    organization=owner, partner=company, as2_id="AMAZON", url="http://127.0.0.1:9/"
)
record(Tag.CONNECTION_RATE_EXCEEDED, Subject.of(link), "Too many.")
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("watching") / "home", env=SWITCHED_ON) as gateway:
        yield gateway


@pytest.fixture
def receiver() -> Iterator[Peer]:
    with serve(answer(status="204 No Content")) as peer:
        yield peer


def figures(gateway: Gateway) -> dict[str, float]:
    fields = {"Authorization": f"Bearer {TOKEN}"}
    found = urllib3.request("GET", f"{gateway.url}/metrics", headers=fields)
    assert found.status == 200
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(found.data.decode())
        for sample in family.samples
        if sample.labels in ({}, {"status": "405"})
    }


def test_all_web_processes_count_together(gateway: Gateway) -> None:
    before = figures(gateway)
    for _ in range(20):
        # Each on a connection of its own, so that both processes have their share.
        fields = {"Connection": "close"}
        urllib3.request("GET", f"{gateway.url}/as2", headers=fields, retries=False)
    for _ in range(6):
        after = figures(gateway)
        assert after["as2_requests_total"] - before.get("as2_requests_total", 0) == 20
        assert after["as2_request_seconds_count"] - before["as2_request_seconds_count"] == 20
    assert after["as2_store_free_bytes"] > 0


def test_an_event_of_any_process_reaches_its_webhook(gateway: Gateway, receiver: Peer) -> None:
    gateway.manage("shell", "-c", _ARRANGE.format(url=receiver.url))
    wait_for(lambda: bool(receiver.requests), 60, "the event")
    told = json.loads(receiver.bodies[0])
    assert (told["type"], told["data"]["partner"]) == ("connection.rate_exceeded", "Amazon")
    assert told["id"] == receiver.header("webhook-id")


def test_the_folder_of_the_counters_is_that_of_the_gateway(gateway: Gateway) -> None:
    folder: Path = gateway.home / "run" / "metrics"
    assert folder.stat().st_mode & 0o077 == 0
    assert list(folder.glob("*.db"))
