"""Special needs and passwords of connections: by ``apply`` and by the page."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from partners.encryption import KeyRing
from partners.models import Connection
from partners.models.credentials import origin_of, sealed_password
from partners.rotation import sealed_values
from tests import factories
from tests.partners.applying import Folder
from tests.partners.test_admin import address, form_data

pytestmark = pytest.mark.django_db

SECRET = "s3cret-of-theirs"


def with_line(folder: Folder, *lines: str) -> None:
    """Write the good file with more settings of the connection."""
    more = "".join(f"        {line}\n" for line in lines)
    folder.change(("        mdn: sync\n", f"        mdn: sync\n{more}"))


def test_apply_sets_every_kind_of_special_need(folder: Folder) -> None:
    quirks = "quirks: {chunked: yes, empty_answer: 204, mic_tolerances: [lf, body], base64: no}"
    more = ("key_transport: rsa-oaep", "signature_scheme: rsa-pss", "max_size: 5000000")
    with_line(folder, quirks, *more, "announce_features: true")
    printed = folder.apply()
    assert "  quirks: chunked: true, empty_answer: 204, mic_tolerances: body, lf" in printed
    row = Connection.objects.get()
    assert row.quirks == {"chunked": True, "empty_answer": "204", "mic_tolerances": ["body", "lf"]}
    assert (row.key_transport, row.signature_scheme) == ("rsa-oaep", "rsa-pss")
    assert (row.max_size, row.announce_features) == (5_000_000, True)
    assert any("connection VENDOR → AMAZON-TEST: unchanged" in line for line in folder.apply())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("quirks: {chunkd: yes}", 'unknown quirk "chunkd"; did you mean "chunked"?'),
        ("quirks: {chunked: maybe}", '"maybe" is neither true nor false'),
        ("quirks: {empty_answer: 203}", "'203' is not one of 202, 204"),
        ("quirks: [chunked]", "names and values were expected here"),
        ("quirks: {chunked: yes, http_1_0: yes}", "exclude each other"),
        ("key_transport: rsa", '"rsa" is not one of rsa-pkcs1-v1.5, rsa-oaep'),
        ("max_size: 0", "greater than or equal to 1"),
        ("password: x", "A password needs a user name."),
        ("engine: pyas2lib\n        quirks: {base64: yes}", "does not know the quirk base64"),
        ("engine: pyas2lib\n        signature_scheme: rsa-pss", "signs by rsa-pkcs1-v1.5 only"),
    ],
)
def test_what_cannot_be_is_a_mistake_with_its_place(folder: Folder, line: str, words: str) -> None:
    with_line(folder, line)
    (mistake,) = folder.mistakes()
    assert words in mistake
    assert mistake.startswith("amazon.yaml:")


def test_apply_keeps_a_password_sealed_and_tells_it_to_nobody(folder: Folder) -> None:
    (folder.path / "pass.txt").write_text(f"{SECRET}\n")
    with_line(folder, "url_user: vendor", "password_file: pass.txt")
    printed = folder.apply()
    row = Connection.objects.get()
    assert row.credentials is not None
    assert (row.credentials.user, row.credentials.password) == ("vendor", SECRET)
    with database.cursor() as cursor:
        cursor.execute("SELECT url_password FROM partners_connection")
        assert SECRET.encode() not in bytes(cursor.fetchone()[0])
    told = f"{printed} {[*AuditEvent.objects.values()]} {row.url_password!r} {row.credentials!r}"
    assert SECRET not in told
    assert "url_password_for: http://127.0.0.1:8001" in told


def test_the_same_password_again_changes_nothing_and_another_one_is_an_event(
    folder: Folder,
) -> None:
    with_line(folder, "url_user: vendor", f"password: {SECRET}")
    folder.apply()
    assert any("connection VENDOR → AMAZON-TEST: unchanged" in line for line in folder.apply())
    with_line(folder, "url_user: vendor", "password: another")
    assert any("url_password_set_at" in line for line in folder.apply())
    with_line(folder, "url_user: vendor", 'password: ""')
    folder.apply()
    assert Connection.objects.get().url_password is None


def test_a_password_has_to_be_given_again_for_another_server(folder: Folder) -> None:
    with_line(folder, "url_user: vendor", f"password: {SECRET}")
    folder.apply()
    folder.change(("http://127.0.0.1:8001/as2", "http://127.0.0.1:8002/as2"))
    (mistake,) = folder.mistakes()
    assert "The password is for http://127.0.0.1:8001: give it again" in mistake


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://a.example:443/y?z", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://a.example:8443/x", False),
        ("https://a.example/x", "https://b.example/x", False),
        ("https://a.example/x", "https://a.example@b.example/x", False),
    ],
)
def test_a_server_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert (origin_of(one) == origin_of(other)) is same


def test_rows_are_read_while_the_key_of_a_password_is_missing(settings: Settings) -> None:
    row = factories.connection(url_user="vendor")
    Connection.objects.update(**sealed_password(SECRET, row.url, timezone.now()))
    first = settings.AS2_KEY_RING
    settings.AS2_KEY_RING = [KEY, *first]
    call_command("rotate_keys")
    assert all(value.is_current for value in sealed_values())
    read = Connection.objects.get()
    assert read.credentials is not None
    assert read.credentials.password == SECRET
    settings.AS2_KEY_RING = first
    assert Connection.objects.get().url_user == "vendor"


#: of Fernet, for tests alone
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_a_key_ring_takes_the_key_of_these_tests() -> None:
    assert KeyRing([KEY]).open(KeyRing([KEY]).seal(b"x")) == b"x"


def test_the_page_sets_special_needs_and_a_password(admin_client: Client) -> None:
    row = factories.connection()
    chosen = {"quirk_chunked": "on", "quirk_mic_tolerances": ["lf"], "quirk_empty_answer": "202"}
    password = {"url_user": "vendor", "new_password": SECRET}
    reply = admin_client.post(address(row), form_data(admin_client, row) | chosen | password)
    assert reply.status_code == 302
    row.refresh_from_db()
    assert row.quirks == {"chunked": True, "mic_tolerances": ["lf"], "empty_answer": "202"}
    assert row.credentials is not None
    assert row.credentials.password == SECRET
    page = admin_client.get(address(row)).content.decode()
    assert SECRET not in page
    assert "Special needs of the partner" in page
    assert SECRET not in str([*AuditEvent.objects.values()])
    admin_client.post(address(row), form_data(admin_client, row))
    row.refresh_from_db()
    assert row.quirks == {"chunked": True, "mic_tolerances": ["lf"], "empty_answer": "202"}
    assert row.url_password is not None


def test_the_page_refuses_needs_that_exclude_each_other(admin_client: Client) -> None:
    row = factories.connection()
    both = {"quirk_chunked": "on", "quirk_http_1_0": "on"}
    reply = admin_client.post(address(row), form_data(admin_client, row) | both)
    assert "chunked and http_1_0 exclude each other." in reply.content.decode()
    row.refresh_from_db()
    assert row.quirks == {}


def test_the_page_forgets_a_password(admin_client: Client) -> None:
    row = factories.connection(url_user="vendor")
    Connection.objects.update(**sealed_password(SECRET, row.url, timezone.now()))
    row.refresh_from_db()
    data = form_data(admin_client, row) | {"forget_password": "on"}
    assert admin_client.post(address(row), data).status_code == 302
    row.refresh_from_db()
    assert row.url_password is None


def test_quirks_that_do_not_exist_are_refused_by_the_row() -> None:
    row = factories.connection()
    row.quirks = {"unheard_of": True}
    with pytest.raises(ValidationError, match="unknown quirk"):
        row.full_clean()


@pytest.mark.parametrize("meant", [True, False])
def test_apply_takes_our_own_name_only_for_a_loop_back(folder: Folder, meant: bool) -> None:
    more = "        quirks: {own_name: yes}\n" if meant else ""
    folder.change(
        ("as2_id: AMAZON-TEST", "as2_id: VENDOR"),
        ("        mdn: sync\n", f"        mdn: sync\n{more}"),
    )
    if meant:
        folder.apply()
        assert Connection.objects.get().as2_id == "VENDOR"
    else:
        (mistake,) = folder.mistakes()
        assert "must differ from our own" in mistake
