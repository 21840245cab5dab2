"""Scraping: what Prometheus would read, by the library's own parser."""

from typing import Any, cast

from django.http import HttpResponse
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "let-me-in"


def ask(client: Client, **options: Any) -> HttpResponse:
    """Ask for the page."""
    return cast("HttpResponse", client.get("/metrics", **options))


def scrape(client: Client) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Values by the name of their sample, and by labels."""
    answer = ask(client, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def value(client: Client, name: str, **labels: str) -> float:
    """One value, by its name and some of its labels."""
    wanted = set(labels.items())
    [found] = [each for named, each in scrape(client)[name].items() if wanted <= set(named)]
    return found
