"""Endpoints are tested again by the clock: which, when, and what is told of a change."""

import datetime as dt
from typing import Any

import pytest
import trustme
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from partners import mailing, tasks
from partners.models import Connection, Notice, TLSProbe
from partners.tls import retesting
from partners.tls.targets import Target
from tests import factories
from tests.partners.tls.servers import LAX, STRICT, Credentials, s_server
from tests.services import free_port

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def private(settings: Settings) -> None:
    settings.AS2_TLS_PROBE_ALLOW_PRIVATE = True
    settings.AS2_BASE_URL = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


def issue(authority: trustme.CA) -> Credentials:
    return Credentials.issued(authority.issue_cert("localhost", key_type=trustme.KeyType.RSA))


def link(as2_id: str = "AMAZON", **fields: Any) -> Connection:
    owner = factories.organization(f"OUR-{as2_id}", email="edi@vendor.example")
    return factories.bare_connection(owner, factories.partner(as2_id), as2_id=as2_id, **fields)


def earlier(target: str, **ago: float) -> TLSProbe:
    """A test that ended without facts."""
    moment = timezone.now() - dt.timedelta(**ago)
    host, port = target.split(":")
    return TLSProbe.objects.create(
        host=host, port=int(port), started_at=moment, ended_at=moment, requested_by="x", error="no"
    )


def test_https_endpoints_of_active_connections_and_our_own_are_tested(settings: Settings) -> None:
    settings.AS2_BASE_URL = "https://as2.vendor.example"
    link(url="https://a.example/as2")
    link("B", url="https://a.example:443/other")
    link("C", url="http://c.example/")
    link("D", url="https://d.example/", state="paused")
    found = {str(target): len(links) for target, links in retesting.endpoints().items()}
    assert found == {"a.example:443": 2, "as2.vendor.example:443": 0}


@pytest.mark.parametrize(("hours", "due"), [(23, 0), (30, 1)])
def test_an_endpoint_is_due_after_the_interval_and_its_share(hours: float, due: int) -> None:
    link(url="https://localhost:1/")
    earlier("localhost:1", hours=hours)
    assert retesting.retest(timezone.now()) == due


def test_endpoints_are_spread() -> None:
    shares = {retesting._share(Target(f"h{number}.example", 443)) for number in range(50)}
    assert len(shares) > 30
    assert 0 <= min(shares) < 0.2
    assert 0.8 < max(shares) <= 1


def test_by_a_setting_nothing_is_tested(settings: Settings) -> None:
    settings.AS2_TLS_TEST_HOURS = 0
    link(url="https://localhost:1/")
    tasks.retest_endpoints()
    assert not TLSProbe.objects.exists()


def test_one_run_tests_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retesting, "AT_ONCE", 1)
    link(url=f"https://localhost:{free_port()}/")
    link("B", url=f"https://localhost:{free_port()}/")
    assert [retesting.retest(timezone.now()) for _ in range(3)] == [1, 1, 0]


def test_a_first_test_is_kept_and_is_no_news(authority: trustme.CA) -> None:
    with s_server(issue(authority), *STRICT) as port:
        row = link(url=f"https://localhost:{port}/", profile="as2-modern")
        tasks.retest_endpoints()
    probe = TLSProbe.objects.get()
    assert (probe.requested_by, probe.error, Notice.objects.count()) == ("schedule", "", 0)
    row.refresh_from_db()
    assert row.compliance.verdict  # judged with the new test


def test_a_change_is_told_with_what_became_worse(authority: trustme.CA, settings: Settings) -> None:
    settings.AS2_MAIL = True
    port = free_port()
    certificate = issue(authority)
    root = authority.cert_pem.bytes().decode()
    url = f"https://localhost:{port}/"
    link(url=url, profile="as2-modern", tls_trust="custom-ca", tls_ca=root)
    for options in (STRICT, LAX):
        with s_server(certificate, *options, port=port):
            retesting.retest(timezone.now() + 100 * HOUR)
            TLSProbe.objects.update(started_at=timezone.now() - 99 * HOUR)
    notice = Notice.objects.get()
    assert notice.title.startswith(f"URGENT: TLS of localhost:{port} (AMAZON) is worse")
    for line in ("TLSv1 is taken now.", "TLSv1.1 is taken now.", "Profile as2-modern"):
        assert line in notice.text
    assert mailing.mail_notices(timezone.now()) == 1
    assert mail.outbox[0].to == ["edi@vendor.example"]


def test_an_endpoint_that_went_away_is_told_once() -> None:
    row = link(url=f"https://localhost:{free_port()}/")
    target = row.url.removeprefix("https://").rstrip("/")
    earlier(target, hours=40)
    TLSProbe.objects.update(error="")
    for _ in range(2):
        retesting.retest(timezone.now())
        TLSProbe.objects.update(started_at=timezone.now() - 40 * HOUR)
    assert Notice.objects.get().urgent


def test_what_is_the_same_is_not_told(authority: trustme.CA) -> None:
    with s_server(issue(authority), *STRICT) as port:
        link(url=f"https://localhost:{port}/", profile="as2-modern")
        for _ in range(2):
            retesting.retest(timezone.now() + 100 * HOUR)
    assert (TLSProbe.objects.count(), Notice.objects.count()) == (2, 0)


def test_a_new_certificate_is_told_and_is_not_worse(authority: trustme.CA) -> None:
    port = free_port()
    link(url=f"https://localhost:{port}/", profile="as2-modern")
    for _ in range(2):
        with s_server(issue(authority), *STRICT, port=port):
            retesting.retest(timezone.now() + 100 * HOUR)
    notice = Notice.objects.get()
    assert "New TLS certificate" in notice.text
    assert not notice.urgent
