"""Who sees some connections only reaches nothing inside our network, and reads no secret."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.access.roles import Role
from partners.models import Connection, Scope
from tests import factories
from tests.config.access import world
from tests.config.access.shell import Ended, run
from tests.config.access.world import World
from tests.factories import identity
from tests.partners.onboarding.test_wizard import filled, post, texts
from tests.partners.test_admin import address, form_data

pytestmark = pytest.mark.django_db

INSIDE = ["http://127.0.0.1:8000/", "http://localhost/as2", "http://[::ffff:10.0.0.1]/as2"]
WORDS = "not an address of the public internet"


@pytest.fixture
def rows() -> World:
    return world.build()


@pytest.fixture
def provider(rows: World) -> User:
    """One who may also make connections, by a role of its own."""
    user = world.user(Role.PROVIDER, scope=rows.own)
    more = Permission.objects.filter(codename__in=("add_connection", "add_partner"))
    user.user_permissions.set(more)
    return user


def saved(client: Client, user: User, row: Connection, url: str) -> Any:
    client.force_login(user)
    return client.post(address(row), form_data(client, row) | {"url": url})


def applied(folder: Path, user: User, text: str, partner: str = "AMAZON company") -> Ended:
    path = folder / "own.yaml"
    path.write_text(
        f"partners: [{{name: {partner}, connections: [{{organization: VENDOR, as2_id: AMAZON, "
        f"environment: test, {text}}}]}}]"
    )
    return run("apply", str(path), user=user.username)


@pytest.mark.parametrize("url", INSIDE)
def test_by_the_page(client: Client, rows: World, provider: User, url: str) -> None:
    answer = saved(client, provider, rows.own, url)
    assert WORDS in str(answer.context["adminform"].form.errors["url"])
    assert saved(client, world.user(Role.OPERATOR), rows.own, url).status_code == 302


@pytest.mark.parametrize("hosts", ["127.0.0.1", "8.8.8.8, ::1", "localhost"])
def test_nor_an_mdn(
    client: Client, rows: World, provider: User, tmp_path: Path, hosts: str
) -> None:
    client.force_login(provider)
    data = form_data(client, rows.own) | {"mdn_hosts": hosts}
    answer = client.post(address(rows.own), data)
    assert WORDS in str(answer.context["adminform"].form.errors["mdn_hosts"])
    ended = applied(tmp_path, provider, f"url: '{rows.own.url}', mdn_hosts: '{hosts}'")
    assert (ended.code, WORDS in ended.text) == (1, True)
    Connection.objects.filter(pk=rows.own.pk).update(mdn_hosts=hosts)
    assert (
        client.post(address(rows.own), data | {"mdn_hosts": f"{hosts}, 8.8.4.4"}).status_code == 302
    )


@pytest.mark.parametrize("url", ["https://8.8.8.8/as2", "https://as2.nowhere.invalid/as2"])
def test_other_places_are_taken(client: Client, rows: World, provider: User, url: str) -> None:
    assert saved(client, provider, rows.own, url).status_code == 302


def test_a_host_that_somebody_else_has_set_stays(
    client: Client, rows: World, provider: User
) -> None:
    Connection.objects.filter(pk=rows.own.pk).update(url=INSIDE[0])
    assert saved(client, provider, rows.own, f"{INSIDE[0]}other").status_code == 302


def test_the_setting_for_private_networks_opens_it(
    client: Client, rows: World, provider: User, settings: Settings
) -> None:
    settings.AS2_TLS_PROBE_ALLOW_PRIVATE = True
    assert saved(client, provider, rows.own, INSIDE[0]).status_code == 302


def test_by_apply(rows: World, provider: User, tmp_path: Path) -> None:
    ended = applied(tmp_path, provider, f"url: '{INSIDE[0]}'")
    assert (ended.code, WORDS in ended.text) == (1, True)
    ended = applied(tmp_path, world.user(Role.OPERATOR), f"url: '{INSIDE[0]}'")
    assert ended.code == 0, ended.text


def test_by_the_wizard(client: Client, rows: World, provider: User) -> None:
    client.force_login(provider)
    data = filled(client, "amazon-vendor") | {"test-url": INSIDE[0]}
    assert WORDS in texts(post(client, data))


def test_by_promotion(client: Client, rows: World, provider: User) -> None:
    client.force_login(provider)
    page = reverse("admin:partners_connection_promote", args=(rows.own.pk,))
    answer = client.post(page, {"as2_id": "AMAZON-P", "url": INSIDE[0]})
    assert WORDS in texts(answer)
    assert Connection.objects.filter(as2_id="AMAZON-P").count() == 0


# ------------------------------------------------------------------------- files of apply


def test_a_file_moves_no_connection_to_another_partner(
    rows: World, provider: User, tmp_path: Path
) -> None:
    other = factories.partner("Another company")
    Scope.objects.get(user=provider).partners.add(other)
    url = f"url: '{rows.own.url}'"
    ended = applied(tmp_path, provider, url, other.name)
    assert (ended.code, "stays there" in ended.text) == (1, True)
    assert applied(tmp_path, world.user(Role.OPERATOR), url, other.name).code == 0
    rows.own.refresh_from_db()
    assert rows.own.partner == other


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to apply from, with a secret beside it and one in the environment."""
    monkeypatch.setenv("OF_THE_SERVICE", "of-the-service")
    (tmp_path / "secret.txt").write_text("of-the-service")
    (tmp_path / "here" / "keys").mkdir(parents=True)
    (tmp_path / "here" / "keys" / "own.txt").write_text("own")
    (tmp_path / "here" / "link.txt").symlink_to(tmp_path / "secret.txt")
    return tmp_path / "here"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("password_file: ../secret.txt", "put it beside this one"),
        ("password_file: link.txt", "put it beside this one"),
        ("password_file: /etc/passwd", "put it beside this one"),
        ("password_file: ../no-such-file", "put it beside this one"),
        ("password_env: OF_THE_SERVICE", "give password or password_file"),
    ],
)
def test_a_file_reads_no_secret_of_the_account(
    rows: World, provider: User, folder: Path, given: str, words: str
) -> None:
    text = f"url: '{rows.own.url}', url_user: me, {given}"
    ended = applied(folder, provider, text)
    assert (ended.code, words in ended.text) == (1, True)
    if "no-such" not in given:
        assert applied(folder, world.user(Role.OPERATOR), text).code == 0


def test_a_file_reads_what_lies_with_it(rows: World, provider: User, folder: Path) -> None:
    (folder / "amazon.pem").write_text(identity("AMAZON").certificate.pem())
    text = (
        f"url: '{rows.own.url}', url_user: me, password_file: keys/own.txt, "
        "certificates: [{file: amazon.pem, roles: [verify, encrypt]}]"
    )
    assert applied(folder, provider, text).code == 0
    rows.own.refresh_from_db()
    assert rows.own.credentials is not None
    assert rows.own.credentials.password == "own"
