"""Testing TLS by the pages: whoever may, not too often, and not what only this machine reaches."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from partners.models import Connection, TLSProbe
from partners.tls import history
from tests import factories
from tests.gateway.tls.answering import alert, record, server_hello
from tests.partners.tls.servers import LAX, STRICT, Credentials, s_server, scripted
from tests.services import free_port

pytestmark = pytest.mark.django_db
NEW = "/admin/partners/tlsprobe/add/"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture(autouse=True)
def private(settings: Settings) -> None:
    """A test's own server is on this machine."""
    settings.AS2_TLS_PROBE_ALLOW_PRIVATE = True


@contextmanager
def server(authority: trustme.CA, *options: str) -> Iterator[int]:
    leaf = authority.issue_cert("localhost", key_type=trustme.KeyType.RSA)
    with s_server(Credentials.issued(leaf), *options) as port:
        yield port


def page_of(row: Connection) -> str:
    return f"/admin/partners/connection/{row.pk}/test-tls/"


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def user_with(*names: str) -> Client:
    person = User.objects.create_user("person", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(person)
    return client


def test_a_connection_is_tested_as_messages_are_sent(
    admin_client: Client, authority: trustme.CA
) -> None:
    ca = authority.cert_pem.bytes().decode()
    with server(authority, *STRICT) as port:
        url = f"https://localhost:{port}/as2"
        row = factories.bare_connection(url=url, tls_trust="custom-ca", tls_ca=ca)
        answer = admin_client.post(page_of(row))
        assert answer.status_code == 302
    text = shown(admin_client, page_of(row))
    for words in (
        "TLSv1.1 refused",
        "TLSv1.2 accepted 2 suites",
        "Sent by this gateway works TLSv1.3",
        "Chain, by mozilla not trusted",
        "Chain, by custom-ca trusted",
        "Host name named by SAN",
        "google-otpc-tls 2024-12-03 warning",
        "openssl s_client -connect localhost:",
        "Tests so far",
    ):
        assert words in text
    event = AuditEvent.objects.get(tag="endpoint:tls:tested")
    assert (event.actor, event.subject_name) == ("admin", f"localhost:{port}")


def test_the_page_of_a_connection_leads_to_its_test(admin_client: Client) -> None:
    row = factories.bare_connection(url="https://as2.example.com/as2")
    page = admin_client.get(reverse("admin:partners_connection_change", args=(row.pk,)))
    assert page_of(row) in page.content.decode()
    assert "Test as2.example.com:443 now" in shown(admin_client, page_of(row))


def test_what_is_bad_is_marked(admin_client: Client, authority: trustme.CA) -> None:
    with server(authority, *LAX) as port:
        answer = admin_client.post(NEW, {"target": f"localhost:{port}"}, follow=True)
    page = re.sub(r"\s+", " ", answer.content.decode())
    assert '<dt>TLSv1</dt> <dd><span class="as2-badge as2-bad">accepted</span>' in page
    assert "TLS_RSA_WITH_NULL_SHA256 (broken)" in page
    assert "google-otpc-tls" in shown(admin_client, "/admin/partners/tlsprobe/")


def test_an_old_server_s_people_are_told_what_does_tls_1_2(
    admin_client: Client, authority: trustme.CA
) -> None:
    with server(authority, "-tls1", "-cipher", "ALL:@SECLEVEL=0") as port:
        answer = admin_client.post(NEW, {"target": f"localhost:{port}"}, follow=True)
    assert ".NET" in answer.content.decode()


def test_plain_http_has_no_tls_to_test(admin_client: Client) -> None:
    row = factories.bare_connection()
    answer = admin_client.get(page_of(row), follow=True)
    assert "has no TLS" in answer.content.decode()


def test_settings_that_cannot_be_used_are_said(admin_client: Client) -> None:
    row = factories.bare_connection(
        url="https://localhost/", tls_trust="pinned", tls_pins="nonsense"
    )
    answer = admin_client.post(page_of(row), follow=True)
    assert "cannot be read" in answer.content.decode()
    assert not TLSProbe.objects.exists()


def test_a_host_that_does_not_answer_is_kept_with_its_reason(admin_client: Client) -> None:
    answer = admin_client.post(NEW, {"target": f"localhost:{free_port()}"}, follow=True)
    assert "Nothing could be tested" in answer.content.decode()
    assert "could not be tested" in shown(admin_client, "/admin/partners/tlsprobe/")


@pytest.mark.parametrize("target", ["localhost", "127.0.0.1:443", "[::1]", "169.254.169.254:80"])
def test_what_only_this_machine_reaches_is_refused(
    admin_client: Client, settings: Settings, target: str
) -> None:
    settings.AS2_TLS_PROBE_ALLOW_PRIVATE = False
    answer = admin_client.post(NEW, {"target": target}, follow=True)
    assert "not an address of the public internet" in answer.content.decode()
    assert TLSProbe.objects.get().facts is None


def test_nonsense_is_refused_at_its_field(admin_client: Client) -> None:
    answer = admin_client.post(NEW, {"target": "a b"})
    assert "names no host that could be tested" in answer.content.decode()
    assert not TLSProbe.objects.exists()


def test_there_is_a_limit_to_tests_in_a_minute(admin_client: Client) -> None:
    for _ in range(history.PER_MINUTE):
        TLSProbe.objects.create(host="x.test", started_at=timezone.now(), requested_by="admin")
    answer = admin_client.post(NEW, {"target": "localhost"})
    assert "tests in the last minute" in answer.content.decode()
    assert TLSProbe.objects.count() == history.PER_MINUTE


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_only_look_may_not_test(method: str) -> None:
    row = factories.bare_connection(url="https://localhost/")
    client = user_with("view_connection", "view_tlsprobe", "see_everything")
    for address in (page_of(row), NEW):
        assert getattr(client, method)(address).status_code == 403
    assert not TLSProbe.objects.exists()


def test_who_may_not_see_a_connection_may_not_test_it() -> None:
    row = factories.bare_connection(url="https://localhost/")
    client = user_with("add_tlsprobe", "see_everything")
    assert client.get(page_of(row)).status_code == 404


def test_what_is_not_known_is_not_well(admin_client: Client) -> None:
    refusal, hello = alert(2, 40), record(22, server_hello(0x1301, chosen=0x0304))
    # Two handshakes by the library come first; then the server stops answering.
    with scripted(refusal, refusal, hello, refusal) as port:
        answer = admin_client.post(NEW, {"target": f"localhost:{port}"}, follow=True)
    page = re.sub(r"\s+", " ", answer.content.decode())
    assert '<dt>TLSv1</dt> <dd><span class="as2-badge as2-plain">not known</span>' in page


def test_who_may_not_see_tests_sees_none() -> None:
    row = TLSProbe.objects.create(host="x.test", started_at=timezone.now(), requested_by="admin")
    address = reverse("admin:partners_tlsprobe_change", args=(row.pk,))
    answer = user_with("view_connection").get(address)
    assert "x.test" not in answer.content.decode()


def test_nobody_changes_or_deletes_what_was_found(admin_client: Client) -> None:
    row = TLSProbe.objects.create(host="x.test", started_at=timezone.now(), requested_by="admin")
    for page in ("change", "delete"):
        address = reverse(f"admin:partners_tlsprobe_{page}", args=(row.pk,))
        admin_client.post(address, {"host": "y.test"})
    assert TLSProbe.objects.get().host == "x.test"


def test_the_rules_of_a_connection_see_its_last_test(
    admin_client: Client, authority: trustme.CA
) -> None:
    with server(authority, *STRICT) as port:
        admin_client.post(NEW, {"target": f"localhost:{port}"})
    found = history.last_facts(f"https://localhost:{port}/as2?x=1")
    assert found is not None
    assert found.versions == frozenset({"TLSv1.2", "TLSv1.3"})
    assert history.last_facts("https://localhost:1/") is history.last_facts("http://x/") is None
