"""One report of both directions, and public hosts that are tested by a button."""

import re

import pytest
import trustme
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from partners.models import Connection, TLSProbe
from partners.tls import history
from partners.tls.targets import ProbeError
from tests import factories
from tests.partners.tls.servers import LAX, STRICT, Credentials, s_server
from tests.partners.tls.test_commands import run

pytestmark = pytest.mark.django_db
NEW = "/admin/partners/tlsprobe/add/"
MULTISAFEPAY = "api.multisafepay.com:443"


@pytest.fixture(autouse=True)
def private(settings: Settings) -> None:
    settings.AS2_TLS_PROBE_ALLOW_PRIVATE = True


def page_of(row: Connection) -> str:
    return f"/admin/partners/connection/{row.pk}/test-tls/"


def report(client: Client, row: Connection) -> str:
    """The summary at the top, without its markup."""
    page = client.get(page_of(row)).content.decode()
    start = page.index('aria-label="Both directions"')
    return " ".join(re.sub(r"<[^>]+>", " ", page[start : page.index("</section>", start)]).split())


def test_both_directions_are_judged_in_one_report(admin_client: Client, settings: Settings) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = authority.issue_cert("localhost", key_type=trustme.KeyType.RSA)
    root = authority.cert_pem.bytes().decode()
    with (
        s_server(Credentials.issued(leaf), *STRICT) as theirs,
        s_server(Credentials.issued(leaf), *LAX) as ours,
    ):
        settings.AS2_BASE_URL = f"https://localhost:{ours}"
        row = factories.bare_connection(
            url=f"https://localhost:{theirs}/as2",
            profile="google-otpc-tls",
            tls_trust="custom-ca",
            tls_ca=root,
        )
        assert report(admin_client, row).count("not tested") == 2
        admin_client.post(page_of(row))
        admin_client.post(page_of(row), {"which": "own"})
    text = report(admin_client, row)
    assert re.search(rf"We send to them warning localhost:{theirs}, tested", text)
    assert re.search(rf"They send to us error localhost:{ours}, tested", text)


def test_a_direction_without_tls_says_so(admin_client: Client, settings: Settings) -> None:
    settings.AS2_BASE_URL = "http://as2.vendor.example"
    row = factories.bare_connection(url="https://as2.amazon.example/")
    assert "They send to us no TLS http://as2.vendor.example" in report(admin_client, row)
    page = admin_client.get(page_of(row)).content.decode()
    assert "Test our own address" not in page
    admin_client.post(page_of(row), {"which": "own"})
    assert not TLSProbe.objects.exists()


def test_without_a_profile_the_worst_counts(admin_client: Client) -> None:
    row = factories.bare_connection(url="https://as2.amazon.example/")
    judged = [{"profile": "a 1", "verdict": "ok"}, {"profile": "b 1", "verdict": "warning"}]
    moment = timezone.now()
    TLSProbe.objects.create(
        host="as2.amazon.example",
        started_at=moment,
        ended_at=moment,
        requested_by="x",
        verdicts=[{**each, "findings": []} for each in judged],
    )
    assert "We send to them warning" in report(admin_client, row)


def test_a_test_that_failed_is_neither_good_nor_bad(admin_client: Client) -> None:
    row = factories.bare_connection(url="https://as2.amazon.example/")
    moment = timezone.now()
    TLSProbe.objects.create(
        host="as2.amazon.example",
        started_at=moment,
        ended_at=moment,
        requested_by="x",
        error="it has no address",
    )
    assert "could not be tested as2.amazon.example:443" in report(admin_client, row)
    assert "it has no address" in report(admin_client, row)


def test_profiles_name_public_hosts() -> None:
    hosts = history.public_hosts()
    assert hosts[MULTISAFEPAY] == "MultiSafepay, TLS protocols"
    assert all(":" in host for host in hosts)


def test_a_public_host_is_tested_by_its_button(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(target: object, *_rest: object, **_more: object) -> None:
        asked.append(str(target))
        raise ProbeError("not from a test")

    monkeypatch.setattr(history, "probe", refuse)
    assert f'value="{MULTISAFEPAY}"' in admin_client.get(NEW).content.decode()
    answer = admin_client.post(NEW, {"target": "", "preset": MULTISAFEPAY}, follow=True)
    assert "not from a test" in answer.content.decode()
    assert asked == [MULTISAFEPAY]


def test_what_is_no_preset_is_not_tested(admin_client: Client) -> None:
    answer = admin_client.post(NEW, {"target": "", "preset": "localhost:1"})
    assert "This field is required" in answer.content.decode()
    assert not TLSProbe.objects.exists()


def test_the_command_takes_the_host_of_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(target: object, *_rest: object, **_more: object) -> None:
        raise ProbeError(f"asked for {target}")

    monkeypatch.setattr(history, "probe", refuse)
    assert run("--profile", "multisafepay-tls") == (2, f"asked for {MULTISAFEPAY}")


@pytest.mark.parametrize("options", [(), ("--profile", "as2-modern")])
def test_without_any_host_the_command_says_what_is_missing(options: tuple[str, ...]) -> None:
    assert run(*options) == (2, "Say which host to test, or a profile that names one.")


def test_tests_by_the_clock_keep_nobody_from_testing() -> None:
    for _ in range(history.PER_MINUTE):
        TLSProbe.objects.create(
            host="x.test", started_at=timezone.now(), requested_by=history.SCHEDULE
        )
    history.check_rate()
