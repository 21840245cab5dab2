"""Alert rules, dashboard and documentation name metrics and labels that exist, and miss none."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from config.metrics import counting
from config.tasks import heartbeat
from messages.models import WebhookEvent
from tests import factories
from tests.config.metrics.scrape import TOKEN, ask
from tests.maps import ROOT
from tests.messages.webhooks.hooks import webhook

pytestmark = pytest.mark.django_db

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "as2gateway.json"
_NAME = re.compile(r"\bas2_\w+")
#: A metric with its selector: name and what stands in braces.
_SELECTED = re.compile(r"\b(as2_\w+)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
#: What each host tells of itself; all else is read from the database.
_OWN = {
    "as2_pulse_age_seconds",
    "as2_requests_total",
    "as2_request_seconds_bucket",
    "as2_store_free_bytes",
}
#: What Prometheus itself adds to each sample.
_ADDED = {"instance", "job"}


def alerts() -> list[dict[str, object]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (str(rule["expr"]) for rule in alerts())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def _taken(_environ: object, start: Any) -> list[bytes]:
    start("200 OK", [])
    return [b""]


@pytest.fixture
def families(client: Client, settings: Settings) -> dict[str, Metric]:
    """Every metric, by the names of its samples."""
    settings.AS2_METRICS_TOKEN = TOKEN
    factories.connection()
    webhook()
    heartbeat()
    assert not WebhookEvent.objects.exists()
    counting.Counted(_taken)({"PATH_INFO": "/as2"}, lambda *_args: lambda _data: None)
    text = ask(client, headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    found = text_string_to_metric_families(text)
    return {sample.name: family for family in found for sample in family.samples}


def test_files_name_no_metric_that_does_not_exist(families: dict[str, Metric]) -> None:
    named = {name for each in expressions() for name in _NAME.findall(each)}
    # On a machine that runs no programs nothing has a pulse.
    assert named - {*families, "as2_pulse_age_seconds"} == set()
    assert len(named) > 10


def test_files_name_no_label_that_does_not_exist(families: dict[str, Metric]) -> None:
    selected = [pair for each in expressions() for pair in _SELECTED.findall(each)]
    assert selected
    for name, selector in selected:
        if name in families:
            labels = {label for sample in families[name].samples for label in sample.labels}
            assert set(_LABEL.findall(selector)) <= labels | _ADDED, (name, selector)


@pytest.mark.parametrize("file", ["deploy/prometheus/rules.yml", "deploy/grafana/as2gateway.json"])
def test_a_file_is_named_in_the_documentation(file: str) -> None:
    assert file in (ROOT / "docs" / "operations.md").read_text()


def test_every_metric_is_on_the_dashboard_and_explained(families: dict[str, Metric]) -> None:
    shown, explained = DASHBOARD.read_text(), Path(ROOT / "docs" / "operations.md").read_text()
    names = {family.name for family in families.values()}
    assert {name for name in names if name not in shown} == set()
    assert {name for name in names if f"`{name}" not in explained} == set()


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    names = [str(rule["alert"]) for rule in alerts()]
    assert len(names) == len(set(names)) > 10
    for rule in alerts():
        labels, annotations = rule["labels"], rule["annotations"]
        assert isinstance(labels, dict)
        assert isinstance(annotations, dict)
        assert labels["severity"] in {"warning", "critical"}
        assert annotations["summary"]


def test_every_alert_has_its_row_of_what_to_do() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `(AS2\w+)` \| .+ \| .+ \|$", text, re.MULTILINE)
    assert rows == [rule["alert"] for rule in alerts()]


def test_what_several_hosts_tell_of_one_database_counts_once() -> None:
    shown = [each for each in expressions() for name in _NAME.findall(each) if name not in _OWN]
    assert len(shown) > 20
    for each in shown:
        once = re.sub(r"max without \(instance\) \(as2_\w+(\{[^}]*\})?\)", "", each)
        assert not _NAME.findall(once), each


def test_panels_have_places_of_their_own() -> None:
    places = [each["gridPos"] for each in json.loads(DASHBOARD.read_text())["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
